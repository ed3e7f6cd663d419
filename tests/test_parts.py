"""One block becomes one part: every row a record or a reject, with what is counted beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from dataprep.clean.config import CleanConfig
from dataprep.ingest.config import IngestLimits, SourceConfig
from dataprep.ingest.formats import open_blocks
from dataprep.ingest.shapes import Mapping
from dataprep.pairs.config import DedupConfig
from dataprep.parts import PartSettings, PartSummary, part_file, prepare_block

CHAT = Mapping("prompt_completion", {"prompt": "p", "completion": "c"}, label="kind")


def prepared(folder: Path, rows: list[Any], mapping: Mapping = CHAT, split: str | None = None) -> PartSummary:
    path = folder / "rows.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    source = SourceConfig(path=str(path))
    limits = IngestLimits()
    settings = PartSettings("s", source, mapping, limits, CleanConfig(), DedupConfig(), split)
    blocks = open_blocks(path, format="jsonl", source=source, limits=limits, block_bytes=1_000_000, shown="rows.jsonl")
    summary = PartSummary()
    for index, block in enumerate(blocks):
        summary.add(prepare_block(block, settings, folder, index)[1])
    return summary


def written(folder: Path, table: str) -> list[dict[str, Any]]:
    return pq.read_table(part_file(folder, table, 0)).to_pylist()


def test_every_row_is_a_record_or_a_reject_in_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [{"p": "a", "c": "1"}, {"p": 3, "c": ""}, {"p": "b"}, {"p": "d", "c": "2", "kind": []}, {"p": "e", "c": "3"}]
    summary = prepared(tmp_path, rows)
    assert (summary.rows, summary.records, summary.rejects) == (5, 3, 2)
    assert [row["line"] for row in written(tmp_path, "rows")] == [1, 3, 5]
    assert [(row["line"], row["reason"]) for row in written(tmp_path, "rejects")] == [
        (2, "wrong_kind"),
        (4, "wrong_kind"),
    ]
    assert written(tmp_path, "rejects")[0]["raw"] == orjson.dumps(rows[1])


def test_kinds_in_meta_are_those_of_records_not_of_rejects(tmp_path: Path) -> None:
    rows = [{"p": "a", "c": "1", "n": 1}, {"p": "a", "c": "1", "n": None, "m": "x"}, {"p": 3, "c": "", "n": [], "z": 1}]
    assert prepared(tmp_path, rows).meta_kinds == {"n": {"int", "NoneType"}, "m": {"str"}}


def test_the_split_of_a_file_holds_for_all_its_rows(tmp_path: Path) -> None:
    prepared(tmp_path, [{"p": "a", "c": "1"}, {"p": None, "c": [{"role": "assistant", "content": "1"}]}], split="test")
    assert [row["given_split"] for row in written(tmp_path, "rows")] == ["test", "test"]


def test_a_layout_is_the_plainest_that_holds_the_turns(tmp_path: Path) -> None:
    user, assistant = {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}
    chats = [[user, assistant], [user, assistant, user], [user, assistant | {"name": "Ann"}]]
    prepared(tmp_path, [{"m": chat} for chat in chats], Mapping("messages", {"messages": "m"}))
    found = written(tmp_path, "rows")
    assert [row["layout"] for row in found] == ["pair", "chat", "pair"]
    assert [row["extras_json"] for row in found] == [None, None, r'[null,"{\"name\":\"Ann\"}"]']


def test_only_columns_with_a_fitting_value_count_as_found(tmp_path: Path) -> None:
    assert prepared(tmp_path, [{"p": "a", "c": 1}, {"p": "b", "c": 2}]).columns_found == {"p"}
