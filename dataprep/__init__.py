"""From raw rows to a dataset version that can be defended.

>>> import dataprep
>>> sorted(dataprep.__all__)
['accept_budget', 'diff', 'drop', 'forget', 'gc', 'held', 'init', 'open', 'plan', 'release', 'run', 'whatif']
"""

from __future__ import annotations

from dataprep.api import (
    accept_budget,
    diff,
    drop,
    forget,
    gc,
    held,
    init,
    open,  # noqa: A004 - `dataprep.open` is the name users know
    plan,
    release,
    run,
    whatif,
)

__all__ = ["accept_budget", "diff", "drop", "forget", "gc", "held", "init", "open", "plan", "release", "run", "whatif"]
