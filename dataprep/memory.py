"""The memory that the SQL engine may use, as a user gives it, with a floor below which nothing works.

Measured with DuckDB 2.0: 60 rows need between 16 and 24 MB whatever the workers, 50,000 records between 32 and 64 MB
with one, two or four workers; every thread holds some blocks of its own. Below that a run ends without memory after it
has read all text, or, with a few megabytes, spills the same blocks again and again for minutes. So the floor stands at
the start of a run: what is refused there could not have ended well. More than the floor may still be too little for
much data; then the run says so (`dataprep.store.machine`) and goes on from there with more.
"""

from __future__ import annotations

import re
from typing import Final

from dataprep.errors import InputError

LEAST_BYTES: Final = 64_000_000
LEAST_BYTES_PER_WORKER: Final = 16_000_000

_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b\s*", re.IGNORECASE)


def memory_limit(text: str, workers: int) -> int:
    """Bytes that the SQL engine may use.

    Args:
        text: a number with a unit: `512MB`, `4GB`, `1.5 GiB`.
        workers: threads of the run.

    Raises:
        InputError: it is no size, or too little for so many workers.

    >>> memory_limit("4GB", 2), memory_limit("1 GiB", 2)
    (4000000000, 1073741824)
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise InputError(f"{text!r} is no size", key="--memory", hint="give a number with a unit, such as 4GB")
    number, unit, binary = found.groups()
    size = int(float(number) * (1024 if binary else 1000) ** " kmgt".index(unit.lower() or " "))
    least = max(LEAST_BYTES, LEAST_BYTES_PER_WORKER * workers)
    if size < least:
        needed = f"{least // 1_000_000}MB"
        raise InputError(
            f"{text} is too little for {workers} workers: the SQL engine needs at least {needed}",
            key="--memory",
            hint=f"give --memory {needed} or more" + (", or fewer --workers" if least > LEAST_BYTES else ""),
        )
    return size
