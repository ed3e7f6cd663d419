"""Conversations of a dataset version, with the ids by which its ledger knows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from dataprep.store.names import display
from dataprep.store.reading import open_version
from dataprep.store.records import read_records
from dataprep.store.tombstones import tombstones
from trainer.data.conversations import Conversation, message, tool_list


class VersionSource:
    """A version of a store.

    Args:
        store: folder of the store.
        name: of the version: `support@latest`, `support@3`, or the start of an id.

    Raises:
        InputError: there is no such version, or nothing in its train split.
    """

    def __init__(self, store: Path, name: str) -> None:
        try:
            self.version = open_version(name, store=store)
        except InputError as error:
            error.key = error.key or "data.version"
            raise
        splits = self.version.splits
        if not splits.get("train"):
            there = ", ".join(f"{split} has {count:,}" for split, count in splits.items()) or "no split has rows"
            shown = display(self.version.reference)
            hint = f"dataprep sql funnel --data {shown}"
            raise InputError(f"{shown} has no rows in train: {there}", key="data.version", hint=hint)
        # A version's id stays when a record is forgotten, what can be read of it does not.
        gone = sorted(tombstones(self.version.manifest))
        self.digest = sha256("\n".join([self.version.id, *gone]).encode()).hexdigest()
        self.files: dict[str, list[str]] = {}
        self.notes: list[str] = []
        self.description: dict[str, Any] = {
            "kind": "version",
            "dataset": self.version.dataset,
            "version": self.version.number,
            "version_id": self.version.id,
            "store": str(store),
        }

    @property
    def splits(self) -> tuple[str, ...]:
        """Train, and those that are held out and have rows."""
        return ("train", *(split for split in ("validation", "test") if self.version.splits.get(split)))

    @property
    def rows(self) -> int:
        """Records in these splits."""
        return sum(self.version.splits[split] for split in self.splits)

    @property
    def to_learn_labels(self) -> str:
        """The lines of the pipeline file that make prompt and completion of text and label."""
        for source in self.version.manifest["sources"]:
            mapping = source["mapping"]
            if mapping.get("shape") == "text_label":
                text, label = quoted(mapping["columns"]["text"], None), quoted(mapping["label"], None)
                lines = f"`shape: prompt_completion` and `columns: {{prompt: {text}, completion: {label}}}`"
                return (
                    f"write {lines} under the source {quoted(source['name'])} of the pipeline file; then dataprep run"
                )
        return "make a version of rows with the columns prompt and completion (`shape: prompt_completion`)"

    def read(self) -> Iterator[list[Conversation]]:
        """All conversations in batches of one split, train first."""
        for split in self.splits:
            for batch in read_records(self.version.path, split=split, rows_per_batch=2_000):
                yield [self._conversation(row, split) for row in batch.to_pylist()]

    def _conversation(self, row: Mapping[str, Any], split: str) -> Conversation:
        about = (row["record_id"], split, row["source"] or "", row["label"] or "")
        turns = row["turns"]
        if len(turns) == 1 and turns[0]["role"] == "text":
            return Conversation(*about, text=turns[0]["content"] or "")
        extras = [orjson.loads(turn["extra"]) if turn["extra"] else {} for turn in turns]
        try:
            tools = tool_list(row["tools"])
        except ValueError:
            raise InputError(
                "its tools are no JSON list", file=self._shown, record_id=row["record_id"], key="tools"
            ) from None
        return Conversation(
            *about,
            messages=tuple(
                message("assistant" if turn["role"] == "text" else turn["role"], turn["content"], extra)
                for turn, extra in zip(turns, extras, strict=True)
            ),
            tools=tools,
            unlearnt=frozenset(index for index, extra in enumerate(extras) if extra.get("weight") == 0),
        )

    @cached_property
    def _shown(self) -> str:
        return display(self.version.reference)
