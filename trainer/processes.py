"""The processes of a run: one, or several that `accelerate launch` started with the same command."""

from __future__ import annotations

from typing import Any


class Processes:
    """Who this process is among those of the run.

    Attributes:
        count: how many there are.
        first: whether this one writes and speaks.
    """

    def __init__(self) -> None:
        import torch
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available())
        self._state = state
        self.count: int = state.num_processes
        self.first: bool = state.is_main_process

    def from_first(self, value: Any) -> Any:
        """What the first process has, in all of them."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]

    def first_goes_first(self) -> Any:
        """A context in which the first process is done before the others begin: it fills caches."""
        return self._state.main_process_first()
