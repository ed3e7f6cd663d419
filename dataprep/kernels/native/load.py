"""Machine code in this process: object code linked by LLVM's just-in-time linker, and called."""

from __future__ import annotations

import ctypes
import pickletools
import struct
from collections.abc import Sequence
from typing import Any, Final

from llvmlite import binding  # type: ignore[import-untyped]  # llvmlite ships no types

from dataprep.kernels.native.crossing import WORD_BYTES, packing, reader, room_for, unpacking
from dataprep.kernels.native.store import ObjectCode

ENTRY: Final = "entry"
GIVE_BACK: Final = "give_back"
_ENTRY: Final = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
"""Where its own result goes, and what went wrong; where the words taken are, and where those given go."""
_BEFORE: Final = 2
"""Words in the room for the first two."""
_GIVE_BACK: Final = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_ENGINES: Final[list[Any]] = []
"""What holds machine code, to the end of the process: arrays in its memory need it longer than the kernel."""
_FINE: Final = (0, -2)
"""What numba's functions return when they end; -2 for those that give None."""


class _Failure(ctypes.Structure):
    """How numba's functions begin to say what they raise: its pickled type and arguments, which are only looked at."""

    _fields_ = (("pickled", ctypes.c_void_p), ("size", ctypes.c_int32))


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
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        machine = binding.Target.from_triple(binding.get_process_triple()).create_target_machine(jit=True)
        engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
        engine.add_object_file(binding.ObjectFileRef.from_data(made.code))
        engine.finalize_object()
        self._entry = _ENTRY(engine.get_function_address(ENTRY))
        give_back = _GIVE_BACK(engine.get_function_address(GIVE_BACK))
        _ENGINES.append(engine)
        self._pack = struct.Struct(f"={packing(arguments)}").pack
        self._unpack = struct.Struct(f"={unpacking(made.layout)}").unpack_from
        self._room = room_for(made.layout, _BEFORE, give_back)
        self._read = reader(made.layout, _BEFORE, give_back)

    def call(self, words: Sequence[Any], arguments: Sequence[Any]) -> Any:
        """The result for arguments and their words.

        Raises:
            MemoryError: there is not enough for what the kernel makes; what it had made by then is not given back.
            OverflowError: an integer takes more than 64 bits.
        """
        try:
            taken = self._pack(*words)
        except struct.error as error:
            raise OverflowError(f"an argument of the kernel {self._name}: {error}") from None
        room = self._room()
        at = ctypes.addressof(room)
        status = self._entry(at, at + WORD_BYTES, taken, at + _BEFORE * WORD_BYTES)
        if status not in _FINE:
            raise self._error(room[1])
        return self._read(self._unpack(room, _BEFORE * WORD_BYTES), room, arguments)

    def _error(self, address: int) -> Exception:
        failure = _Failure.from_address(address)
        pickled = ctypes.string_at(failure.pickled, failure.size)
        _, kind, *said = [text for _, text, _ in pickletools.genops(pickled) if isinstance(text, str)]
        if kind == "MemoryError":
            return MemoryError(f"not enough for what the kernel {self._name} makes")
        return RuntimeError(f"the kernel {self._name} failed: {': '.join([kind, *said])}")
