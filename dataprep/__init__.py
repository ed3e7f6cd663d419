"""From raw rows to a dataset version that can be defended.

>>> import dataprep
>>> sorted(dataprep.__all__)
['init', 'open', 'plan', 'run']
"""

from __future__ import annotations

from dataprep.api import init, open, plan, run  # noqa: A004 - `dataprep.open` is the name users know

__all__ = ["init", "open", "plan", "run"]
