"""From a kernel's source to object code, by numba and LLVM.

What numba compiles is followed by an entry that takes words and gives words (`crossing`), and by the few functions of
numba's runtime that kernels use, which are those that get and count memory. So the code needs nothing of numba when it
runs, and a process that finds it made does not import numba (0.2 s).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numba
import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]  # llvmlite ships no types
from numba.core import config
from numba.core.errors import ForceLiteralArg, TypingError, UnsupportedBytecodeError, UnsupportedError
from numba.extending import intrinsic
from numba.np import arrayobj

from dataprep.kernels.native.crossing import Layout
from dataprep.kernels.native.errors import CompileError, KernelError, compiling
from dataprep.kernels.native.load import ENTRY
from dataprep.kernels.native.store import ObjectCode

types: Any = numba.types  # which its own annotations know little of
_WORD: Final = ir.IntType(64)
_NUMBERS: Final = {"bool": types.int64, "int": types.int64, "unsigned": types.uint64, "float": types.float64}
_OF_NUMBA: Final = ("NRT_", "numba_")
"""How what numba brings along begins; it is there while numba is, and for no process that loads the code later."""
_BY_ADDRESS: Final = "numba.dynamic.globals"
"""In the names of what it refers to by its address."""
_RUNTIME: Final = """
declare ptr @malloc(i64)
declare void @free(ptr)

; The memory of an array: how many use it, a destructor and what it is told (never any), the address and size of the
; data, an allocator (never any); then the data.
define private ptr @get(i64 %size, i64 %align) {
  %more = add i64 %size, %align
  %whole = add i64 %more, 48
  %memory = call ptr @malloc(i64 %whole)
  %failed = icmp eq ptr %memory, null
  br i1 %failed, label %end, label %fill
fill:
  %address = ptrtoint ptr %memory to i64
  %after = add i64 %address, 48
  %reached = add i64 %after, %align
  %last = sub i64 %reached, 1
  %mask = sub i64 0, %align
  %begin = and i64 %last, %mask
  %data = inttoptr i64 %begin to ptr
  store i64 1, ptr %memory
  %at1 = getelementptr i64, ptr %memory, i64 1
  store ptr null, ptr %at1
  %at2 = getelementptr i64, ptr %memory, i64 2
  store ptr null, ptr %at2
  %at3 = getelementptr i64, ptr %memory, i64 3
  store ptr %data, ptr %at3
  %at4 = getelementptr i64, ptr %memory, i64 4
  store i64 %size, ptr %at4
  %at5 = getelementptr i64, ptr %memory, i64 5
  store ptr null, ptr %at5
  br label %end
end:
  ret ptr %memory
}

define ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %align) {
  %wide = zext i32 %align to i64
  %memory = call ptr @get(i64 %size, i64 %wide)
  ret ptr %memory
}

define ptr @NRT_MemInfo_alloc(i64 %size) {
  %memory = call ptr @get(i64 %size, i64 16)
  ret ptr %memory
}

define void @NRT_MemInfo_call_dtor(ptr %memory) {
  call void @free(ptr %memory)
  ret void
}

define ptr @NRT_Allocate(i64 %size) {
  %memory = call ptr @malloc(i64 %size)
  ret ptr %memory
}

define void @NRT_Free(ptr %memory) {
  call void @free(ptr %memory)
  ret void
}

define void @give_back(ptr %memory) {
  %users = atomicrmw sub ptr %memory, i64 1 acq_rel
  %last = icmp eq i64 %users, 1
  br i1 %last, label %drop, label %end
drop:
  call void @free(ptr %memory)
  br label %end
end:
  ret void
}
"""
"""What numba's runtime has for arrays (numba/core/runtime/nrt.cpp), and what Python gives arrays back with."""


def build(function: Callable[..., Any], arguments: Sequence[Any]) -> ObjectCode:
    """Compile a kernel, given with what it calls made (`dispatcher`), for arguments like these.

    Raises:
        CompileError: it cannot be compiled here.
        KernelError: it can be compiled nowhere.
    """
    settings: Any = config  # its names are made at run time, from the environment
    if settings.DISABLE_JIT:
        raise CompileError("kernels cannot be compiled here: NUMBA_DISABLE_JIT is set", hint="unset it, then run again")
    with compiling():
        try:
            return _built(dispatcher(function), tuple(map(_type_of, arguments)))
        except (ForceLiteralArg, TypingError, UnsupportedBytecodeError, UnsupportedError) as error:
            raise KernelError(str(error)) from error


def dispatcher(function: Callable[..., Any]) -> Any:
    """What compiles a function: without the interpreter lock, division unchecked as in numpy, no way in from Python."""
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return numba.njit(nogil=True, error_model="numpy", **options)(function)


def _built(kernel: Any, kinds: tuple[Any, ...]) -> ObjectCode:
    kernel.compile(kinds)
    compiled = kernel.overloads[kinds]
    given = compiled.signature.return_type

    def call(_typing_context: Any, taken_at: Any, given_at: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, addresses: Any) -> Any:
            taken, put = (_Words(context, builder, address) for address in addresses)
            values = [taken.read(kind) for kind in kinds]
            context.active_code_library.add_linking_library(compiled.library)
            result = context.call_internal(builder, compiled.fndesc, compiled.signature, values)
            put.write(given, result)
            return context.get_dummy_value()

        return types.void(taken_at, given_at), generate

    called: Any = intrinsic(call)

    @dispatcher
    def entry(taken_at: int, given_at: int) -> None:
        called(taken_at, given_at)

    signature = (types.intp, types.intp)
    entry.compile(signature)
    module = binding.parse_assembly(entry.inspect_llvm(signature))
    module.get_function(entry.overloads[signature].fndesc.llvm_func_name).name = ENTRY
    module.link_in(binding.parse_assembly(_RUNTIME))
    module.verify()
    _check_complete(module)
    return ObjectCode(compiled.library.codegen._tm.emit_object(module), _layout(given))


def _type_of(argument: Any) -> Any:
    """The type of an argument: of numbers by their type alone, where numba's own looks at their value."""
    if isinstance(argument, tuple):
        parts = tuple(map(_type_of, argument))
        if hasattr(argument, "_fields"):
            return types.BaseTuple.from_types(parts, type(argument))
        return types.BaseTuple.from_types(parts)
    if isinstance(argument, np.ndarray):
        type_of_array: Any = numba.typeof
        return type_of_array(argument)
    if isinstance(argument, np.generic):
        type_of_scalar: Any = numba.from_dtype
        return type_of_scalar(argument.dtype)
    return {bool: types.boolean, int: types.int64, float: types.float64}[type(argument)]


class _Words:
    """Instructions that read words from somewhere, or write them there, one after the other."""

    def __init__(self, context: Any, builder: Any, address: Any) -> None:
        self._context = context
        self._builder = builder
        self._begin = builder.inttoptr(address, _WORD.as_pointer())
        self._count = 0

    def read(self, kind: Any) -> Any:
        """A value of this type."""
        context, builder = self._context, self._builder
        if isinstance(kind, types.BaseTuple):
            return context.make_tuple(builder, kind, [self.read(part) for part in kind])
        if isinstance(kind, types.Array):
            array = context.make_array(kind)(context, builder)
            data = builder.inttoptr(self._next(), array.data.type)
            shape, strides = ([self._next() for _ in range(kind.ndim)] for _ in range(2))
            itemsize = context.get_constant(types.intp, context.get_abi_sizeof(array.data.type.pointee))
            populate: Any = arrayobj.populate_array
            populate(array, data=data, shape=shape, strides=strides, itemsize=itemsize, meminfo=None)
            return array._getvalue()
        carrier = _NUMBERS[_number(kind)]
        word = builder.bitcast(self._next(), context.get_value_type(carrier))
        return context.cast(builder, word, carrier, kind)

    def write(self, kind: Any, value: Any) -> None:
        """Write a value of this type."""
        context, builder = self._context, self._builder
        if isinstance(kind, types.BaseTuple):
            for place, part in enumerate(kind):
                self.write(part, builder.extract_value(value, place))
        elif isinstance(kind, types.Array):
            array = context.make_array(kind)(context, builder, value)
            for pointer in (array.meminfo, array.data):
                self._put(builder.ptrtoint(pointer, _WORD))
            for numbers in (array.shape, array.strides):
                for dimension in range(kind.ndim):
                    self._put(builder.extract_value(numbers, dimension))
        elif kind != types.none:
            self._put(builder.bitcast(context.cast(builder, value, kind, _NUMBERS[_number(kind)]), _WORD))

    def _next(self) -> Any:
        return self._builder.load(self._place())

    def _put(self, word: Any) -> None:
        self._builder.store(word, self._place())

    def _place(self) -> Any:
        self._count += 1
        return self._builder.gep(self._begin, [ir.Constant(_WORD, self._count - 1)])


def _layout(kind: Any) -> Layout:
    if isinstance(kind, types.BaseTuple):
        made = getattr(kind, "instance_class", None)
        if made and "<locals>" in made.__qualname__:
            raise KernelError(f"the class of a result must be found by its name, not inside a function: {made}")
        name = made and f"{made.__module__}:{made.__qualname__}"
        return {"tuple": [_layout(part) for part in kind], "class": name}
    if isinstance(kind, types.Array):
        dtype = numba.np.numpy_support.as_dtype(kind.dtype)
        return {"array": dtype.str, "dims": kind.ndim, "readonly": not kind.mutable}
    return {} if kind == types.none else {"number": _number(kind)}


def _number(kind: Any) -> str:
    if isinstance(kind, types.Boolean):
        return "bool"
    if isinstance(kind, types.Integer):
        return "int" if kind.signed else "unsigned"
    if isinstance(kind, types.Float):
        return "float"
    raise KernelError(f"kernels take and give arrays, numbers and tuples of them, not {kind}")


def _check_complete(module: Any) -> None:
    """See to it that all that the code needs will be there in the process that loads it.

    Raises:
        KernelError: a kernel uses more of numba's runtime than arrays do, or what numba refers to by its address in
            this process: large arrays among the names of its module, functions of C.
        CompileError: something that the system should provide is not there, and LLVM would end the process.
    """
    addresses = [each.name for each in module.global_variables if _BY_ADDRESS in each.name]
    outside = {each.name for each in (*module.functions, *module.global_variables) if each.is_declaration}
    of_numba = sorted(name for name in outside if name.startswith(_OF_NUMBA))
    if addresses or of_numba:
        raise KernelError(f"kernels cannot use {', '.join([*addresses, *of_numba])}: it is there only where numba is")
    absent = [name for name in outside if not name.startswith("llvm.") and not binding.address_of_symbol(name)]
    if absent:
        raise CompileError(
            f"kernels cannot be compiled here: nothing provides {', '.join(sorted(absent))}",
            hint="mend the installation of numba and llvmlite, then run again",
        )
