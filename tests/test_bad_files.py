"""Files that are damaged, odd or change while they are read, through the real command,
by the rows of the table in `docs/bad-input.md`.

Details of reading are tested in `tests/ingest`; here is what a user meets: exit code, message, what is published, the
rejects in SQL, the notes in the manifest, and that the numbers add up.
"""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dataprep
from dataprep.errors import InputError
from dataprep.events import Event
from tests.bad_inputs import Desk, bomb, good, is_root, zstd
from tests.making import pairs


def parquet(rows: list[dict[str, Any]], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, **options)
    return sink.getvalue()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


CHECKED_PAGES = parquet(pairs(300), write_page_checksum=True, compression="none")

WHOLE_FILES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "1 truncated gzip": ("a.jsonl.gz", lambda: gzip.compress(good(3000))[:-40], "gzip ended early after 2"),
    "1 truncated zstd": ("a.jsonl.zst", lambda: zstd(good(3000))[:-40], "zstd ended early after"),
    "3 a zip named jsonl": ("a.jsonl", lambda: b"PK\x03\x04\x14\0\0\0", "looks like a zip archive"),
    "3 JSON named parquet": ("a.parquet", lambda: b"prompt,completion\nx,y\n", "named as parquet, but holds text"),
    "6 UTF-16 without a mark": ("a.jsonl", lambda: good().decode().encode("utf-16-le"), "looks like UTF-16"),
    "22 duplicate header names": ("a.csv", lambda: b"prompt,prompt\na,b\n", "prompt"),
    "22 empty header names": ("a.csv", lambda: b"prompt,,\na,b,c\n", "header"),
    "23 no footer": ("a.parquet", lambda: CHECKED_PAGES[:-8], "not a readable Parquet file"),
    "23 truncated": ("a.parquet", lambda: CHECKED_PAGES[: len(CHECKED_PAGES) // 2], "not a readable Parquet file"),
    "23 zero bytes": ("a.parquet", lambda: b"", "the file is empty"),
    "23 a flipped byte": ("a.parquet", lambda: flipped(CHECKED_PAGES, 2000), "not a readable Parquet file"),
    "29 bomb": ("a.jsonl.gz", bomb, "decompression bomb"),
}


@pytest.mark.parametrize("case", WHOLE_FILES)
def test_a_file_that_cannot_be_read_is_named_and_nothing_is_published(desk: Desk, case: str) -> None:
    name, make, message = WHOLE_FILES[case]
    desk.write(name, make())
    done = desk.run({"path": name}, code=2)
    assert message in done.err
    assert name in done.err


QUARANTINED = ["1 truncated gzip", "23 no footer", "23 a flipped byte", "3 a zip named jsonl"]


def quarantine(desk: Desk, **more: Any) -> list[dict[str, Any]]:
    """Write a file of each kind of damage beside a good one; returns the sources that set them aside."""
    sources: list[dict[str, Any]] = [{"name": "good", "path": desk.write("good.jsonl", good()).name}]
    for case in QUARANTINED:
        name, make, _ = WHOLE_FILES[case]
        desk.write(f"{case}/{name}", make())
        sources.append({"name": case, "path": f"{case}/{name}", "on_bad_file": "quarantine"})
    return sources


@pytest.fixture(scope="module")
def quarantined(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A version of one good file, and all others set aside."""
    desk = Desk(tmp_path_factory.mktemp("quarantined"))
    desk.run(quarantine(desk))
    return desk


@pytest.mark.parametrize("case", QUARANTINED)
def test_quarantine_sets_the_file_aside_whole_and_the_run_goes_on(quarantined: Desk, case: str) -> None:
    name, _, message = WHOLE_FILES[case]
    bad = (quarantined.folder / case / name).read_bytes()
    (reject,) = (reject for reject in quarantined.rejects() if reject["source"] == case)
    assert (reject["path"], reject["line"], reject["reason"]) == (f"{case}/{name}", 0, "bad_file")
    assert message in reject["detail"]
    assert (reject["raw"], reject["length"]) == (bad[:65536], len(bad))
    assert reject["digest"] == sha256(bad).hexdigest()


def test_files_that_are_set_aside_count_as_one_rejected_row_each(quarantined: Desk) -> None:
    assert quarantined.manifest()["counts"] | {"splits": 0} == {
        "rows": 44, "records": 40, "rejects": 4, "kept": 40, "held": 0, "dropped": 0, "splits": 0,
    }  # fmt: skip


@pytest.mark.parametrize("case", QUARANTINED)
def test_a_source_that_does_not_quarantine_does_not_find_the_file_in_the_cache(quarantined: Desk, case: str) -> None:
    path, message = f"{case}/{WHOLE_FILES[case][0]}", WHOLE_FILES[case][2]
    strict = [{"name": "good", "path": "good.jsonl"}, {"name": case, "path": path, "on_bad_file": "fail"}]
    done = quarantined.command("run", quarantined.pipeline(strict))
    assert (done.code, message in done.err) == (2, True)


def test_quarantine_of_all_there_is_stops_with_the_reason_and_keeps_it_readable(desk: Desk) -> None:
    desk.write("a.jsonl.gz", gzip.compress(good(3000))[:-40])
    done = desk.run({"path": "a.jsonl.gz", "on_bad_file": "quarantine"}, code=1)
    assert "no row became a record" in done.err
    assert "bad_file" in done.err
    assert desk.rejects()[0]["reason"] == "bad_file"


CSV = b"prompt,completion\n" + b"".join(b"what is the number %d there?,it is %d\n" % (n, n) for n in range(40))

NORMALISED: dict[str, tuple[str, bytes, dict[str, int]]] = {
    "2 gzip padding and members": (
        "a.jsonl.gz",
        gzip.compress(good(20)) + gzip.compress(good(20, start=20)) + b"\0" * 700,
        {"trailing_gzip_padding": 1},
    ),
    "3 Parquet named jsonl": ("a.jsonl", parquet(pairs(40)), {"wrong_extension": 1}),
    "3 JSON Lines named parquet": ("a.parquet", good(), {"wrong_extension": 1}),
    "3 gzip named csv": ("a.csv", gzip.compress(CSV), {}),
    "5, 19 byte order mark and CRLF": (
        "a.jsonl",
        b"\xef\xbb\xbf" + good().replace(b"\n", b"\r\n"),
        {"bom_removed": 1, "crlf": 40},
    ),
    "19 lone CR": ("a.jsonl", good().replace(b"\n", b"\r"), {"cr_line_ends": 1}),
    "6 UTF-16": ("a.jsonl", good().decode().encode("utf-16"), {"bom_removed": 1, "utf16_decoded": 1}),
    "6 UTF-32": ("a.jsonl", good().decode().encode("utf-32"), {"bom_removed": 1, "utf32_decoded": 1}),
    "6 a declared encoding": (
        "latin.jsonl",
        good().replace(b"please", b"s'il vous pla\xeet"),
        {"iso88591_decoded": 1},
    ),
}
"""By row of the table: a file of 40 rows that is put in order as it is read, and the notes about it."""


@pytest.fixture(scope="module")
def normalised(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A version of all these files, each a source of its own."""
    desk = Desk(tmp_path_factory.mktemp("normalised"))
    sources: list[dict[str, Any]] = []
    for case, (name, data, _) in NORMALISED.items():
        desk.write(f"{case}/{name}", data)
        declared = {"encoding": "latin-1"} if name.startswith("latin") else {}
        sources.append({"name": case, "path": f"{case}/{name}", **declared})
    desk.run(sources)
    return desk


@pytest.mark.parametrize("case", NORMALISED)
def test_what_is_normalised_is_noted_with_its_file_and_costs_no_row(normalised: Desk, case: str) -> None:
    files = {source["name"]: source["files"] for source in normalised.manifest()["sources"]}
    (file,) = files[case]
    assert file["records"] == 40
    assert {note: count for note, count in file["notes"].items() if count} == NORMALISED[case][2]


def test_a_declared_encoding_gives_the_text(normalised: Desk) -> None:  # row 6
    assert any("plaît" in prompt for prompt, _ in normalised.texts())


class TestEmptiness:  # row 4
    def test_an_empty_file_among_others_is_warned_of(self, desk: Desk) -> None:
        desk.write("blank.jsonl", b"\n\n \n")
        desk.write("empty.jsonl", b"")
        desk.write("good.jsonl", good())
        done = desk.run({"path": "*.jsonl"})
        for name in ("blank", "empty"):
            assert f"warning: {name}.jsonl has no rows" in done.err
        assert desk.manifest()["warnings"] == ["blank.jsonl has no rows", "empty.jsonl has no rows"]

    def test_an_empty_source_among_others_is_warned_of(self, desk: Desk) -> None:
        desk.write("empty.jsonl", b"")
        desk.write("good.jsonl", good())
        assert "empty.jsonl has no rows" in desk.run([{"path": "empty.jsonl"}, {"path": "good.jsonl"}]).err

    def test_nothing_but_empty_files_stops(self, desk: Desk) -> None:
        desk.write("a.jsonl", b"")
        desk.write("b.jsonl", b"\n\n")
        assert "all inputs are empty" in desk.run({"path": "*.jsonl"}, code=2).err
        done = desk.command("run", desk.folder / "a.jsonl")
        assert (done.code, "a.jsonl" in done.err) == (2, True)


def test_json_arrays_and_pretty_printed_objects_are_read(desk: Desk) -> None:  # row 12
    desk.write("array.jsonl", json.dumps(pairs(20), indent=1).encode())
    desk.write("pretty.jsonl", "\n".join(json.dumps(row, indent=2) for row in pairs(20, start=20)).encode())
    desk.run({"path": ["array.jsonl", "pretty.jsonl"]})
    assert desk.manifest()["counts"]["kept"] == 40


def test_arrow_types_are_read_and_binary_that_is_no_text_is_rejected(desk: Desk) -> None:  # row 24
    prompts, completions = ([row[name] for row in pairs(40)] for name in ("prompt", "completion"))
    table = pa.table(
        {
            "prompt": pa.array(prompts).dictionary_encode(),
            "completion": pa.array(completions, pa.large_string()),
            "view": pa.array(["v"] * 40, pa.string_view()),
            "nested": pa.array([{"a": {"b": "deep"}}] * 40),
        }
    )
    with pa.ipc.new_file(str(desk.folder / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    raw = pa.array([row["prompt"].encode() for row in pairs(40, start=40)] + [b"\xff\xfe what is this?"])
    pq.write_table(pa.table({"prompt": raw, "completion": ["binary prompts are text"] * 41}), desk.folder / "b.parquet")
    desk.run({"path": ["a.arrow", "b.parquet"], "shape": "prompt_completion"})
    (reject,) = desk.rejects()
    assert (reject["path"], reject["line"], reject["byte_offset"]) == ("b.parquet", 41, None)
    assert reject["reason"] in ("binary_not_utf8", "invalid_utf8")
    assert desk.manifest()["counts"]["kept"] == 80


class TestFiles:  # row 26
    def test_a_file_named_by_two_patterns_is_read_once(self, desk: Desk) -> None:
        desk.write("a.jsonl", good())
        (desk.folder / "b.jsonl").symlink_to("a.jsonl")
        done = desk.run({"path": ["a.jsonl", "*.jsonl", "./a.*"]})
        assert "named twice, read once" in done.err
        assert desk.manifest()["counts"]["rows"] == 40
        assert desk.manifest()["warnings"]

    @pytest.mark.parametrize("case", ["fifo", "loop", "self", "dangling", "directory", "no permission", "absent"])
    def test_what_is_no_file_is_named_and_never_waited_for(self, desk: Desk, case: str) -> None:
        desk.write("data/good.jsonl", good())
        odd = desk.folder / "data" / "odd.jsonl"
        if case == "fifo":
            os.mkfifo(odd)
        elif case == "loop":
            (desk.folder / "data" / "odd").symlink_to(".")
        elif case == "self":
            odd.symlink_to(odd)
        elif case == "dangling":
            odd.symlink_to("nowhere")
        elif case == "directory":
            odd.mkdir()
        elif case == "no permission":
            if is_root():
                pytest.skip("root may read everything")
            odd.write_bytes(good())
            odd.chmod(0)
        for path in ("data", "data/**", *(["data/odd.jsonl"] if case != "loop" else [])):
            if case == "absent" and path != "data/odd.jsonl":
                continue
            assert "data/odd" in desk.run({"path": path}, code=2).err


def at_step(step: str, act: Callable[[], object]) -> Callable[[Event], None]:
    """A listener that does something when a step starts."""

    def listen(event: Event) -> None:
        if (event.kind, event.step) == ("step", step):
            act()

    return listen


class TestFilesThatChange:  # row 27
    def change(self, desk: Desk, at: str, change: Callable[[], object], **source: Any) -> InputError:
        pipeline = desk.pipeline({"path": "*.jsonl", **source})
        with pytest.raises(InputError) as caught:
            dataprep.run(pipeline, store=desk.store, on_event=at_step(at, change))
        desk.assert_nothing_published()
        return caught.value

    def test_growing(self, desk: Desk) -> None:
        path = desk.write("a.jsonl", good())
        error = self.change(desk, "prepare", lambda: path.write_bytes(good(41)))
        assert (error.file, "changed" in error.message) == ("a.jsonl", True)

    def test_vanishing(self, desk: Desk) -> None:
        path = desk.write("a.jsonl", good())
        error = self.change(desk, "prepare", path.unlink)
        assert (error.file, "any more" in error.message) == ("a.jsonl", True)

    def test_replaced_by_a_folder(self, desk: Desk) -> None:
        path = desk.write("a.jsonl", good())
        assert self.change(desk, "prepare", lambda: (path.unlink(), path.mkdir())).file == "a.jsonl"

    def test_a_file_that_vanishes_is_set_aside_by_quarantine_and_read_again_once_it_is_back(self, desk: Desk) -> None:
        path = desk.write("a.jsonl", good())
        desk.write("b.jsonl", good(40, start=40))
        pipeline = desk.pipeline({"path": "*.jsonl", "on_bad_file": "quarantine"})
        first = dataprep.run(pipeline, store=desk.store, on_event=at_step("prepare", path.unlink))
        assert (first.counts["kept"], first.counts["rejects"]) == (40, 1)
        desk.write("a.jsonl", good())
        second = dataprep.run(pipeline, store=desk.store)
        assert (second.counts["kept"], second.counts["rejects"]) == (80, 0)

    def test_a_file_that_grows_is_set_aside_by_quarantine_and_not_remembered(self, desk: Desk) -> None:
        path = desk.write("a.jsonl", good())
        desk.write("b.jsonl", good(40, start=40))
        pipeline = desk.pipeline({"path": "*.jsonl", "on_bad_file": "quarantine"})
        grow = at_step("prepare", lambda: path.write_bytes(good(41)))
        first = dataprep.run(pipeline, store=desk.store, on_event=grow)
        assert (first.counts["kept"], first.counts["rejects"]) == (40, 1)
        assert dataprep.run(pipeline, store=desk.store).counts["rejects"] == 0
