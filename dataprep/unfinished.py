"""Parts of a file under construction: where they are written, which of them are complete, and what a killed run left.

Each step of a file is written into a hidden folder of its own, named after the run, and renamed when the whole file is
done. A file may be a million rows long, so what a killed run had completed of it is taken over, part by part: the mark
of a part is written after all its tables, and a part without a mark is made again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from dataprep.parts import PartSummary
from dataprep.store.files import remove_file, remove_folder, take_place, temporary_folder, write_file
from dataprep.store.layout import Store
from dataprep.store.locks import is_alive

_MARK: Final = "part-{:05d}.json"


@dataclass(slots=True)
class Unfinished:
    """The folders of the steps that are made of one file.

    Attributes:
        folders: for each step the folder that its parts are written into.
        cut: how the file is cut into parts; parts that were cut otherwise are of no use.
        finished: complete parts, by number, with their counts.
    """

    folders: dict[str, Path]
    cut: str
    finished: dict[int, PartSummary] = field(default_factory=dict)

    @classmethod
    def begin(cls, store: Store, finals: Mapping[str, Path], cut: str, owner: str | None) -> Unfinished:
        """Make the folders, or take over those of a run that was killed while it made the same steps of the file.

        Args:
            store: says which runs are alive.
            finals: for each step its place in the cache.
            cut: how the file is cut into parts.
            owner: the run; None for a store that is thrown away, where nobody was before.
        """
        if owner is not None:
            for left in _left_behind(store, finals):
                taken = cls(_take_over(left, finals, owner), cut)
                if taken.folders and taken._read_marks():
                    return taken
                taken.remove()
        return cls({name: temporary_folder(final, owner or "sample") for name, final in finals.items()}, cut)

    def ready(self, index: int) -> Future[PartSummary] | None:
        """The counts of a part that is complete already; None for one that must be made."""
        summary = self.finished.get(index)
        if summary is None:
            return None
        done: Future[PartSummary] = Future()
        done.set_result(summary)
        return done

    def mark(self, index: int, summary: PartSummary) -> None:
        """Say that all tables of a part are written."""
        mark = {"cut": self.cut, "parsed": summary.parsed, "summary": summary.to_json()}
        write_file(self._marks / _MARK.format(index), orjson.dumps(mark))

    def unmark(self) -> None:
        """Take the marks away: the folders are about to be published."""
        for mark in self._marks.glob("part-*.json"):
            remove_file(mark)

    def remove(self) -> None:
        """Take away what is left of the folders."""
        for folder in self.folders.values():
            remove_folder(folder)

    @property
    def _marks(self) -> Path:
        """Marks lie in the folder that is written last."""
        return list(self.folders.values())[-1]

    def _read_marks(self) -> bool:
        for path in self._marks.glob("part-*.json"):
            with suppress(orjson.JSONDecodeError, KeyError):  # the kill came while it was written
                mark = orjson.loads(path.read_bytes())
                if mark["cut"] == self.cut:
                    summary = PartSummary.from_json(mark["summary"])
                    summary.parsed = mark["parsed"]
                    self.finished[int(path.stem.removeprefix("part-"))] = summary
        return bool(self.finished)


def _left_behind(store: Store, finals: Mapping[str, Path]) -> list[dict[str, Path]]:
    """Sets of folders that dead runs left of exactly these steps, the newest first."""
    by_run: dict[str, dict[str, Path]] = {}
    for name, final in finals.items():
        pattern = re.compile(rf"\.{re.escape(final.name)}-(\d{{8}}-\d{{6}}-[0-9a-f]{{8}})-[^-]+")
        with suppress(FileNotFoundError):
            for path in sorted(final.parent.iterdir()):
                if found := pattern.fullmatch(path.name):
                    by_run.setdefault(found[1], {})[name] = path
    complete = [run for run, folders in by_run.items() if folders.keys() == finals.keys()]
    return [by_run[run] for run in sorted(complete, reverse=True) if not is_alive(store, run)]


def _take_over(left: Mapping[str, Path], finals: Mapping[str, Path], owner: str) -> dict[str, Path]:
    """Rename folders of a dead run to this run's names; empty where another run was faster with one of them."""
    taken: dict[str, Path] = {}
    for name, folder in left.items():
        place = temporary_folder(finals[name], owner)  # an empty folder gives way to the one renamed to its name
        taken[name] = place
        try:
            moved = take_place(folder, place)
        except FileNotFoundError:
            moved = False
        if not moved:
            for path in taken.values():
                remove_folder(path)
            return {}
    return taken
