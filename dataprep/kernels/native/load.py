"""Machine code in this process: object code linked by LLVM's just-in-time linker, and called."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import Any, Final

from llvmlite import binding  # type: ignore[import-untyped]  # llvmlite ships no types

from dataprep.kernels.native.crossing import packing, reader, unpacking
from dataprep.kernels.native.store import ObjectCode

ENTRY: Final = "entry"
GIVE_BACK: Final = "give_back"
_WORD_BYTES: Final = 8
_ENTRY: Final = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
"""Where its own result goes, and what went wrong; where the words taken are, and where those given go."""
_GIVE_BACK: Final = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_ENGINES: Final[list[Any]] = []
"""What holds machine code, to the end of the process: arrays in its memory need it longer than the kernel."""
_FINE: Final = (0, -2)
"""What numba's functions return when they end; -2 for those that give None."""


class _Failure(ctypes.Structure):
    """How numba's functions begin to say what they raise: its pickled type and arguments, which are only searched."""

    _fields_ = (("pickled", ctypes.c_void_p), ("size", ctypes.c_int32))


def target_machine() -> Any:
    """What LLVM makes code for: this processor."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    features = binding.get_host_cpu_features().flatten()
    model = "static" if target.name.startswith("x86") else "default"  # as numba has it
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features, opt=3, reloc=model, codemodel="jitdefault", jit=True
    )


class MachineCode:
    """A kernel for one signature.

    Args:
        name: of the kernel, for errors.
        made: its object code.
        arguments: some that it may be called with.
    """

    def __init__(self, name: str, made: ObjectCode, arguments: Sequence[Any]) -> None:
        self._name = name
        binding.check_jit_execution()  # a hardened system may forbid it, and LLVM would end the process
        engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target_machine())
        engine.add_object_file(binding.ObjectFileRef.from_data(made.code))
        engine.finalize_object()
        self._entry = _ENTRY(engine.get_function_address(ENTRY))
        give_back = _GIVE_BACK(engine.get_function_address(GIVE_BACK))
        _ENGINES.append(engine)
        self._pack = struct.Struct(f"={packing(arguments)}").pack
        given = struct.Struct(f"={unpacking(made.layout)}")
        self._unpack = given.unpack_from
        self._room = ctypes.c_char * (2 * _WORD_BYTES + given.size)
        self._read = reader(made.layout, give_back)

    def call(self, words: Sequence[Any], arguments: Sequence[Any]) -> Any:
        """The result for arguments and their words.

        Raises:
            MemoryError: there is not enough for what the kernel makes.
        """
        room = self._room()
        at = ctypes.addressof(room)
        status = self._entry(at, at + _WORD_BYTES, self._pack(*words), at + 2 * _WORD_BYTES)
        if status not in _FINE:
            raise self._error(room)
        return self._read(iter(self._unpack(room, 2 * _WORD_BYTES)), arguments)

    def _error(self, room: Any) -> Exception:
        failure = ctypes.cast(ctypes.c_void_p.from_buffer(room, _WORD_BYTES), ctypes.POINTER(_Failure)).contents
        said = ctypes.string_at(failure.pickled, failure.size)
        if b"MemoryError" in said:
            return MemoryError(f"not enough for what the kernel {self._name} makes")
        return RuntimeError(f"the kernel {self._name} failed: {said!r}")
