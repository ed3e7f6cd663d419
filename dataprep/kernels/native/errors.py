"""What goes wrong between a kernel's source and its machine code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dataprep.console import one_line
from dataprep.errors import MachineError

_CAUSE_SHOWN: Final = 200
"""Characters of what the compiler said; numba's own errors take pages."""


class CompileError(MachineError):
    """A kernel cannot be compiled or loaded here: numba or its compiler is absent, broken, or not for this machine."""


class KernelError(TypeError):
    """A kernel that can be compiled nowhere, for these types: a fault of who wrote it or calls it."""


@contextmanager
def compiling() -> Iterator[None]:
    """Make one error of all that a compiler which does not work may raise.

    Raises:
        CompileError: for anything but a lack of memory and faults of a kernel: a part that is not there gives
            ImportError or OSError, LLVM RuntimeError, numba errors of its own, and versions that do not fit whatever
            they run into.
    """
    try:
        yield
    except (CompileError, KernelError, MemoryError):
        raise
    except Exception as error:  # see above; data is not looked at here, so this hides no fault of a kernel's work
        lines = str(error).strip().splitlines() or [""]
        message = f"kernels cannot be compiled here: {type(error).__name__}: {one_line(lines[0][:_CAUSE_SHOWN])}"
        raise CompileError(message, hint="mend the installation of numba and llvmlite, then run again") from error
