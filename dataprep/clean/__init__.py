"""Cleaning: everything that changes text, as edits that can be shown and undone.

`clean_batch` and `CLEANERS` are loaded when they are first asked for: the configuration beside them is imported by
every command, and must not wait for ftfy and numba (0.7 s).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataprep.clean.cleaner import CLEANERS, clean_batch
    from dataprep.clean.verdicts import CleanVerdicts

__all__ = ["CLEANERS", "CleanVerdicts", "clean_batch"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dataprep.clean import cleaner, verdicts

    return getattr(verdicts if name == "CleanVerdicts" else cleaner, name)
