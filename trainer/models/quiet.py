"""Libraries below that say on their own what this program says in its own words, or not at all."""

from __future__ import annotations

import warnings


def quiet() -> None:
    """Errors only, no progress bars of loading, no deprecations of one library by another."""
    import datasets
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    for module in ("transformers", "trl", "peft", "accelerate", "torch"):
        warnings.filterwarnings("ignore", module=module)
