"""Bad input through the real command, by the rows of the table in `docs/bad-input.md`: what it gets, from end to end.

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
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dataprep
from dataprep.errors import InputError
from dataprep.events import Event
from tests.bad_inputs import HOSTILE, Desk, bomb, good, is_harmless, is_root, lines, zstd
from tests.making import pair, pairs

PAIR = {"shape": "prompt_completion"}
HOSTILE_FILE = HOSTILE.replace("/", "")
ROOM = {"limits": {"rejects": {"rows": 100}}}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def parquet(rows: list[dict[str, Any]], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, **options)
    return sink.getvalue()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


CSV_ROWS = b"".join(b"what is the number %d there?,it is %d\n" % (n, n) for n in range(40))
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


@pytest.mark.parametrize("case", ["1 truncated gzip", "23 no footer", "23 a flipped byte", "3 a zip named jsonl"])
def test_quarantine_sets_the_file_aside_whole_and_the_run_goes_on(desk: Desk, case: str) -> None:
    name, make, message = WHOLE_FILES[case]
    bad = make()
    desk.write(f"bad/{name}", bad)
    desk.write("good.jsonl", good())
    sources = [
        {"name": "bad", "path": f"bad/{name}", "on_bad_file": "quarantine"},
        {"name": "good", "path": "good.jsonl"},
    ]
    desk.run(sources)
    (reject,) = desk.rejects()
    assert (reject["source"], reject["path"], reject["line"], reject["reason"]) == ("bad", f"bad/{name}", 0, "bad_file")
    assert message in reject["detail"]
    assert (reject["raw"], reject["length"]) == (bad[:65536], len(bad))
    assert reject["digest"] == sha256(bad).hexdigest()
    assert desk.manifest()["counts"] | {"splits": 0} == {
        "rows": 41, "records": 40, "rejects": 1, "kept": 40, "held": 0, "dropped": 0, "splits": 0,
    }  # fmt: skip
    strict = [source | {"on_bad_file": "fail"} for source in sources]
    done = desk.command("run", desk.pipeline(strict))
    assert (done.code, message in done.err) == (2, True), (
        "a source that does not quarantine must not find it in the cache"
    )


def test_quarantine_of_all_there_is_stops_with_the_reason_and_keeps_it_readable(desk: Desk) -> None:
    desk.write("a.jsonl.gz", gzip.compress(good(3000))[:-40])
    done = desk.run({"path": "a.jsonl.gz", "on_bad_file": "quarantine"}, code=1)
    assert "no row became a record" in done.err
    assert "bad_file" in done.err
    assert desk.rejects()[0]["reason"] == "bad_file"


JSON_ROWS: dict[str, tuple[bytes, str | None]] = {
    "7 invalid UTF-8": (b'{"prompt": "caf\xe9 au lait?", "completion": "Yes."}', "invalid_utf8"),
    "7 cp1252 quotes": (b'{"prompt": "\x93hi\x94 said who?", "completion": "Yes."}', "invalid_utf8"),
    "8 lone surrogate": (rb'{"prompt": "half \ud83d of it?", "completion": "Yes."}', "lone_surrogate"),
    "10 garbage": (b"<html>404</html>", "invalid_json"),
    "11 scalar": (b"3", "not_an_object"),
    "11 array": (b'["a", "b"]', "not_an_object"),
    "11 null": (b"null", "not_an_object"),
    "13 duplicate key": (b'{"prompt": "which of them?", "prompt": "this?", "completion": "No."}', "duplicate_key"),
    "14 NaN in meta": (b'{"prompt": "not a number, is it?", "completion": "No.", "n": NaN}', None),
    "14 big integer": (b'{"prompt": "how many are there?", "completion": "Many.", "n": 123456789012345678901}', None),
    "14 Infinity": (b'{"prompt": "how long will it take?", "completion": "Long.", "n": -Infinity}', None),
    "15 nested 5000 deep": (
        b'{"prompt": "how deep is it?", "completion": "So.", "n": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        "too_deep",
    ),
    "16 over the limit": (b'{"prompt": "' + b"long " * 30_000 + b'", "completion": "x"}', "too_long"),
    "17 wrong kind": (b'{"prompt": {"a": 1}, "completion": "x"}', "wrong_kind"),
    "17 meta of another kind": (b'{"prompt": "which kind is it?", "completion": "Other.", "n": {"a": [1]}}', None),
    "19 U+2028 and U+0085": ('{"prompt": "one\u2028line\u0085only, is it?", "completion": "Yes."}'.encode(), None),
    "10 cut off": (b'{"prompt": "where does it end', "truncated_row"),
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, dict[str, int]]:
    """All bad rows among good ones in one file, published; and the line of each."""
    desk = Desk(tmp_path_factory.mktemp("mixed"))
    rows = [*good(40).splitlines(), *(row for row, _ in JSON_ROWS.values())]
    desk.write("a.jsonl", b"\n".join(rows))
    limits = {"rejects": {"rows": 100}, "max_record_bytes": 100_000}
    desk.run({"name": "s", "path": "a.jsonl"}, limits=limits)
    return desk, {case: line for line, case in enumerate(JSON_ROWS, 41)}


@pytest.mark.parametrize("case", JSON_ROWS)
def test_a_bad_row_becomes_a_reject_with_its_place_and_bytes(mixed: tuple[Desk, dict[str, int]], case: str) -> None:
    desk, line_of = mixed
    raw, reason = JSON_ROWS[case]
    found = {row["line"]: row for row in desk.rejects()}
    if reason is None:
        assert line_of[case] not in found
        return
    reject = found[line_of[case]]
    content = (desk.folder / "a.jsonl").read_bytes()
    assert (reject["source"], reject["path"], reject["reason"]) == ("s", "a.jsonl", reason)
    assert content[reject["byte_offset"] :].startswith(raw[:65536])
    assert reject["raw"] == raw[:65536]
    assert reject["length"] == len(raw)
    assert reject["digest"] == sha256(raw).hexdigest()
    assert reject["detail"]


def test_numbers_that_json_has_no_room_for_are_kept_as_text(mixed: tuple[Desk, dict[str, int]]) -> None:
    desk, line_of = mixed
    values = dict(desk.sql("select line, meta_n from records where meta_n is not null").iter_rows())
    wanted = {"14 NaN in meta": "NaN", "14 Infinity": "-Infinity", "14 big integer": "123456789012345678901"}
    for case, value in wanted.items():
        assert value in values[line_of[case]]
    assert json.loads(values[line_of["17 meta of another kind"]]) == {"a": [1]}


def test_line_separators_inside_strings_are_data(desk: Desk) -> None:  # row 19
    prompt = "one\u2028line\u2029only,\u0085is it?"
    desk.write("a.jsonl", good() + json.dumps(pair(prompt, "Yes."), ensure_ascii=False).encode() + b"\n")
    desk.run({"path": "a.jsonl"}, clean={"cleaners": []})
    assert desk.texts()[-1][0] == prompt


def test_the_numbers_that_are_fields_are_rejects_where_they_are_none(desk: Desk) -> None:  # row 14
    rows = [row | {"at": n} for n, row in enumerate(pairs(40))]
    desk.write("a.jsonl", lines(rows) + b'{"prompt": "when was it, then?", "completion": "Never.", "at": NaN}\n')
    desk.run({"path": "a.jsonl", "time": "at"}, splits={"by": "time"})
    assert desk.reasons() == {41: "bad_time"}


@pytest.mark.parametrize("bad", [10, 11])
def test_the_reject_budget_is_ten_rows_of_a_small_source(desk: Desk, bad: int) -> None:
    desk.write("a.jsonl", good(100) + b"oops\n" * bad)
    done = desk.run({"name": "s", "path": "a.jsonl"}, code=0 if bad == 10 else 1)
    assert [row["raw"] for row in desk.rejects()] == [b"oops"] * bad
    assert {row["path"] for row in desk.rejects()} == {"a.jsonl"}
    if bad == 11:
        assert "11 of 111 rows of source 's' were rejected (invalid_json 11)" in done.err
        assert "the budget is 10" in done.err
        assert desk.sql("select exit_code from runs").to_series().to_list() == [1]
        desk.run({"name": "s", "path": "a.jsonl"}, **ROOM)
        assert desk.manifest()["counts"]["rejects"] == 11
        assert desk.sql("select count(*) filter (where version = 1), count(*) from rejects").row(0) == (11, 22)


def test_the_reject_budget_is_one_percent_of_a_large_source(desk: Desk) -> None:
    desk.write("a.jsonl", good(2000) + b"oops\n" * 20)
    desk.run({"path": "a.jsonl"})
    desk.write("a.jsonl", good(2000) + b"oops\n" * 21)
    assert desk.command("run", desk.pipeline({"path": "a.jsonl"})).code == 1


def test_nothing_but_rejects_within_the_budget_is_no_version(desk: Desk) -> None:
    desk.write("a.jsonl", b'{"prompt": "\\ud83d", "completion": "x"}\n' * 2)
    done = desk.run({"path": "a.jsonl"}, code=1)
    assert "no row became a record: all 2 were rejected (lone_surrogate 2)" in done.err
    assert desk.command("plan", desk.folder / "pipeline.yaml").code == 1
    assert desk.reasons() == {1: "lone_surrogate", 2: "lone_surrogate"}


@pytest.mark.parametrize("action", ["drop", "hold"])
def test_a_run_that_leaves_nothing_says_what_took_it_and_shows_why_in_sql(desk: Desk, action: str) -> None:
    desk.write("a.jsonl", good())
    rule = {"signal": "n_words", "op": ">", "threshold": 0, "action": action}
    done = desk.run({"path": "a.jsonl"}, code=1, rules={"all_of_them": rule})
    assert "no record is left to publish; taken by rules.all_of_them 40" in done.err
    (run,) = desk.sql("select run from runs").to_series()
    query = "select count(*) from ledger where rule = 'all_of_them' and decisive"
    assert desk.command("sql", query, "--data", run, "--json").out.split() == [
        "[",
        "{",
        '"count_star()":',
        "40",
        "}",
        "]",
    ]
    assert desk.sql("select distinct status from records").item() == {"drop": "dropped", "hold": "held"}[action]


class TestWhatIsNormalised:
    def notes(self, desk: Desk, name: str, data: bytes, rows: int = 40, **source: Any) -> dict[str, int]:
        desk.write(name, data)
        desk.run({"path": name, **source})
        assert desk.manifest()["counts"]["records"] == rows
        return desk.notes()

    def test_gzip_padding_and_members(self, desk: Desk) -> None:  # row 2
        data = gzip.compress(good(20)) + gzip.compress(good(20, start=20)) + b"\0" * 700
        assert self.notes(desk, "a.jsonl.gz", data) == {"trailing_gzip_padding": 1}

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("a.jsonl", parquet(pairs(40))),
            ("a.parquet", good()),
            ("a.csv", gzip.compress(b"prompt,completion\n" + CSV_ROWS)),
        ],
    )
    def test_another_format_than_the_name_says(self, desk: Desk, name: str, data: bytes) -> None:  # row 3
        assert self.notes(desk, name, data) == ({} if name == "a.csv" else {"wrong_extension": 1})

    def test_byte_order_mark_and_line_ends(self, desk: Desk) -> None:  # rows 5, 19
        data = b"\xef\xbb\xbf" + good().replace(b"\n", b"\r\n")
        assert self.notes(desk, "a.jsonl", data) == {"bom_removed": 1, "crlf": 40}

    def test_lone_cr(self, desk: Desk) -> None:  # row 19
        assert self.notes(desk, "a.jsonl", good().replace(b"\n", b"\r")) == {"cr_line_ends": 1}

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
    def test_wide_encodings(self, desk: Desk, encoding: str) -> None:  # row 6
        note = f"{encoding.replace('-', '')}_decoded"
        assert self.notes(desk, "a.jsonl", good().decode().encode(encoding)) == {"bom_removed": 1, note: 1}

    def test_a_declared_encoding(self, desk: Desk) -> None:  # row 6
        data = good().replace(b"please", b"s'il vous pla\xeet")
        assert self.notes(desk, "a.jsonl", data, encoding="latin-1") == {"iso88591_decoded": 1}
        assert "plaît" in desk.texts()[0][0]

    def test_nul_escaped_and_raw_in_text_and_in_names(self, desk: Desk) -> None:  # row 9
        rows = b'{"prompt": "a\\u0000b c d\\u0000?", "completion": "yes", "k\\u0000ey": "v\\u0000"}\n'
        rows += b'{"prompt": "raw\0 one here?", "completion": "no", "key": "w"}\n'
        notes = self.notes(desk, "a.jsonl", good() + rows, 42)
        assert notes["nul_removed"] >= 5
        prompts = [prompt for prompt, _ in desk.texts()]
        assert {"ab c d?", "raw one here?"} <= set(prompts)
        values = desk.sql("select meta_key from records where meta_key is not null order by 1").to_series()
        assert values.to_list() == ["v", "w"]
        assert b"\0" not in (desk.store / "versions" / desk.manifest()["version_id"] / "README.md").read_bytes()


class TestEmptiness:  # row 4
    @pytest.mark.parametrize("data", [b"", b"\n\n \n"])
    def test_an_empty_file_among_others_is_warned_of(self, desk: Desk, data: bytes) -> None:
        desk.write("empty.jsonl", data)
        desk.write("good.jsonl", good())
        done = desk.run({"path": "*.jsonl"})
        assert "warning: empty.jsonl has no rows" in done.err
        assert desk.manifest()["warnings"] == ["empty.jsonl has no rows"]

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


def test_a_line_of_forty_megabytes_is_rejected_by_the_command(desk: Desk) -> None:  # row 16
    desk.write("a.jsonl", good() + b'{"prompt": "' + b"x" * 40_000_000 + b'"}\n' + good(1, start=90))
    done = desk.shell("run", desk.folder / "a.jsonl")
    assert done.returncode == 0, done.stderr
    (reject,) = desk.rejects()
    assert reject["detail"] == "record of 40000014 bytes over the limit of 16000000"
    assert (reject["line"], len(reject["raw"]), reject["length"]) == (41, 65536, 40000014)
    desk.assert_conserved()


class TestColumns:  # row 17
    def test_a_file_without_the_mapped_column_stops_and_lists_both_schemas(self, desk: Desk) -> None:
        desk.write("a.jsonl", good())
        desk.write("b.jsonl", lines([{"question": "why is that so?", "answer": "because"}] * 3))
        done = desk.run({"path": "*.jsonl"}, code=2)
        for word in ("b.jsonl", "'prompt'", "completion", "question", "answer", "a.jsonl"):
            assert word in done.err
        done = desk.run({"path": "*.jsonl", "columns": {"prompt": "prompt", "completion": "completion"}}, code=2)
        for word in ("b.jsonl", "no row has a fitting value in column 'prompt'", "answer, question", "as in a.jsonl"):
            assert word in done.err

    def test_a_column_that_turns_up_or_changes_its_type_late_is_meta(self, desk: Desk) -> None:
        rows = [row | ({"n": n} if n < 5000 else {"n": {"x": n}, "late": True}) for n, row in enumerate(pairs(10_000))]
        desk.write("a.jsonl", lines(rows))
        desk.run({"path": "a.jsonl"})
        assert desk.manifest()["meta_columns"]["meta_n"]["type"] == "JSON"
        assert desk.sql("select count(*) from records where meta_late").item() == 5000


def test_missing_null_empty_and_blank_are_four_different_verdicts(desk: Desk) -> None:  # row 18
    bad: list[dict[str, Any]] = [
        {"prompt": "what is there for an answer?"},
        *({"prompt": "what is there for an answer?", "completion": value} for value in (None, "", " \t\u00a0")),
    ]
    desk.write("a.jsonl", good() + lines(bad))
    desk.run({"path": "a.jsonl"})
    rules = desk.sql("select line, rule from records where status = 'dropped' order by line").rows()
    assert [line for line, _ in rules] == [41, 42, 43, 44]
    names = [rule for _, rule in rules]
    assert len(set(names)) == 4
    for rule, word in zip(names, ("missing", "null", "empty", "white"), strict=True):
        assert word in rule


class TestCsv:  # rows 20 to 22
    def test_quoted_line_breaks_and_doubled_quotes(self, desk: Desk) -> None:
        desk.write("a.csv", b'prompt,completion\n"what is\nthis ""thing"" here?",x y z\n' + CSV_ROWS + b"one field\n")
        desk.run({"path": "a.csv"})
        assert desk.texts()[0] == ('what is\nthis "thing" here?', "x y z")
        assert desk.sql("select line from records order by row limit 2").to_series().to_list() == [2, 4]
        assert desk.reasons() == {44: "ragged_row"}
        assert desk.rejects()[0]["raw"] == b"one field"

    def test_a_quote_that_is_never_closed_names_the_line_where_it_opened(self, desk: Desk) -> None:
        desk.write("a.csv", b"prompt,completion\n" + CSV_ROWS + b'"never closed,x\n' + CSV_ROWS)
        desk.run({"path": "a.csv"})
        (reject,) = desk.rejects()
        assert (reject["line"], reject["reason"]) == (42, "unclosed_quote")

    @pytest.mark.parametrize("separator", [b";", b"\t"])
    def test_other_separators_are_detected(self, desk: Desk, separator: bytes) -> None:
        desk.write("a.csv", (b"prompt,completion\n" + CSV_ROWS).replace(b",", separator))
        desk.run({"path": "a.csv"})
        assert desk.manifest()["counts"]["kept"] == 40

    def test_no_header_says_which_option_to_set_or_reads_by_place(self, desk: Desk) -> None:
        desk.write("a.csv", CSV_ROWS)
        done = desk.command("run", desk.pipeline({"path": "a.csv"}))
        assert done.code == 2
        names = {"csv": {"header": False, "column_names": ["prompt", "completion"]}}
        desk.run({"path": "a.csv", **names})
        assert desk.manifest()["counts"]["kept"] == 40

    def test_two_header_rows(self, desk: Desk) -> None:
        desk.write("a.csv", b"Export of May,\nprompt,completion\n" + CSV_ROWS)
        done = desk.run({"path": "a.csv"}, code=2)
        assert "skip_rows" in done.err
        desk.run({"path": "a.csv", "csv": {"skip_rows": 1}})


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
    desk.run({"path": ["a.arrow", "b.parquet"], **PAIR})
    (reject,) = desk.rejects()
    assert (reject["path"], reject["line"], reject["byte_offset"]) == ("b.parquet", 41, None)
    assert reject["reason"] in ("binary_not_utf8", "invalid_utf8")
    assert desk.manifest()["counts"]["kept"] == 80


def turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def test_each_defect_of_a_conversation_has_its_own_reason(desk: Desk) -> None:  # row 25
    user, answer = turn("user", "what is it then, please?"), turn("assistant", "it is what it is")
    bad: dict[str, Any] = {
        "no_turns": [],
        "unknown_role": [user, turn("wizard", "abracadabra")],
        "only_system_turn": [turn("system", "be kind to all of them")],
        "too_many_turns": [user, answer] * 50_000,
        "missing_role": [{"content": "who says so, please?"}],
        "turn_not_an_object": ["what", "is"],
        "turns_not_a_list": "what is it?",
        "unsupported_content": [turn("user", [{"type": "image_url", "image_url": "x"}])],
    }
    fine = [{"messages": [turn("user", row["prompt"]), turn("assistant", row["completion"])]} for row in pairs(40)]
    twice = {"messages": [user, answer, answer]}
    desk.write("a.jsonl", lines([*fine, twice, *({"messages": turns} for turns in bad.values())]))
    desk.run({"path": "a.jsonl"})
    assert desk.reasons() == dict(enumerate(bad, 42))
    assert desk.sql("select status from records where line = 41").item() == "kept"


@pytest.mark.parametrize("content", [None, "", " "])
def test_a_turn_that_calls_a_tool_need_not_say_anything(desk: Desk, content: str | None) -> None:  # row 18
    call = {"type": "function", "function": {"name": "weather", "arguments": "{}"}}
    silent: list[dict[str, Any]] = [
        {"role": "assistant", "content": content, "tool_calls": [call]},
        {"role": "assistant", "content": content, "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "assistant", "content": content, "tool_calls": []},
        {"role": "assistant", "content": content, "note": 'said "tool_calls":[{ aloud'},
    ]
    answer = [turn("tool", "sunny and warm"), turn("assistant", "it is sunny and warm there")]
    desk.write(
        "a.jsonl",
        lines(
            [{"messages": [turn("user", f"weather in town {n}?"), quiet, *answer]} for n, quiet in enumerate(silent)]
        ),
    )
    desk.run({"path": "a.jsonl"})
    status = desk.sql("select status from records order by line").to_series().to_list()
    assert status == ["kept", "kept", "dropped", "dropped"]


def test_a_turn_without_its_content_is_missing_whatever_else_it_has(desk: Desk) -> None:  # row 18
    rows = [
        {"messages": [turn("user", "and who are you?"), {"role": "assistant", **more}]} for more in ({}, {"name": "x"})
    ]
    fine = [{"messages": [turn("user", row["prompt"]), turn("assistant", row["completion"])]} for row in pairs(5)]
    desk.write("a.jsonl", lines(fine + rows))
    desk.run({"path": "a.jsonl"})
    assert desk.sql("select rule from records where line > 5").to_series().to_list() == ["missing", "missing"]


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


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A dataset, a source, a file, a column, a label and a store that are all named to do harm."""
    desk = Desk(tmp_path_factory.mktemp("hostile"), store_name=f"{HOSTILE_FILE}store")
    rows = [row | {HOSTILE: f"value {n}", "l": HOSTILE} for n, row in enumerate(pairs(40))]
    desk.write(f"{HOSTILE_FILE}.jsonl", lines([*rows, pair("", "x"), b"oops"]))
    desk.run([{"name": HOSTILE, "path": f"{HOSTILE_FILE}.jsonl", "label": "l"}], name=HOSTILE)
    return desk


class TestHostileNames:  # row 28
    def test_the_data_is_intact(self, hostile: Desk) -> None:
        manifest = hostile.manifest()
        assert manifest["dataset"] == HOSTILE
        assert hostile.texts()[0] == (pairs(1)[0]["prompt"], pairs(1)[0]["completion"])
        column = next(name for name in manifest["meta_columns"])
        assert manifest["meta_columns"][column]["key"] == HOSTILE
        frame = dataprep.open(f"{HOSTILE}@latest", store=hostile.store).split("train")
        assert len(set(frame[column])) == frame.height
        assert set(frame["label"]) == {HOSTILE}

    @pytest.mark.parametrize(
        "command",
        [
            ("versions",),
            ("show", f"{HOSTILE}@latest", "-n", "50"),
            ("show", HOSTILE, "--dropped"),
            ("why", "What is the number after 3, please?"),
            ("why", "oops"),
            ("sql", "from records"),
            ("sql", "from rejects"),
            ("sql", "from versions"),
            ("sql", "from funnel", "--data", f"{HOSTILE}@1"),
            ("sql", "label_balance"),
            ("verify", HOSTILE),
            ("catalog",),
        ],
    )
    def test_no_command_lets_a_name_drive_the_terminal(self, hostile: Desk, command: tuple[str, ...]) -> None:
        done = hostile.command(*command)
        assert done.code == 0, done
        assert is_harmless(done.out + done.err)

    def test_run_plan_and_errors_are_harmless_and_names_stay_on_one_line(self, hostile: Desk) -> None:
        pipeline = hostile.folder / "pipeline.yaml"
        for command in (
            ("run", pipeline),
            ("plan", pipeline),
            ("show", f"{HOSTILE}@9"),
            ("run", hostile.folder / HOSTILE),
        ):
            done = hostile.command(*command)
            assert is_harmless(done.out + done.err)
            assert not [line for line in (done.out + done.err).splitlines() if line.startswith(("\\x1b", "'; drop"))]

    def test_the_card_holds_no_live_markup(self, hostile: Desk) -> None:
        manifest = hostile.manifest()
        card = (hostile.store / "versions" / manifest["version_id"] / "README.md").read_text(encoding="utf-8")
        body = card.split("---\n", 2)[2]
        assert is_harmless(card)
        assert "<script" not in body
        assert not [line for line in body.splitlines() if line.startswith("'; drop")]

    def test_exports_hold_the_data(self, hostile: Desk) -> None:
        for name in ("out.jsonl", "out.csv", "out.parquet", HOSTILE_FILE):
            done = hostile.command("export", HOSTILE, hostile.folder / "exports" / name)
            assert done.code == 0, done
            assert is_harmless(done.out)
        rows = [json.loads(line) for line in (hostile.folder / "exports" / "out.jsonl").read_bytes().splitlines()]
        assert len(rows) == 40
        assert {row["label"] for row in rows} == {HOSTILE}

    def test_the_catalog_still_has_its_tables(self, hostile: Desk) -> None:
        assert hostile.sql("select count(*) from records").item() == 41

    def test_names_of_255_bytes(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path)
        name = "é" * 124 + ".jsonl"
        desk.write(name, lines([row | {"ü" * 127: 1} for row in pairs(40)]))
        desk.run([{"name": "ß" * 127, "path": name}], name="ö" * 255)
        assert desk.manifest()["counts"]["kept"] == 40
        assert desk.command("show", f"{'ö' * 255}@1").code == 0

    def test_a_name_cannot_leave_the_store(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path / "inner")
        desk.write("a.jsonl", good())
        for name in ("../../x", "..", ".", "/etc/x", "a/b", "a@latest"):
            desk.pipeline({"path": "a.jsonl"}, name=name)
            assert desk.command("run", desk.folder / "pipeline.yaml").code == 0
            assert dataprep.open(f"{name}@latest", store=desk.store).split("train").height > 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["inner"]
        assert sorted(path.name for path in desk.folder.iterdir()) == ["a.jsonl", "pipeline.yaml", "store"]


def test_text_that_nobody_can_see_is_measured_quickly_and_shown(desk: Desk) -> None:  # row 30
    rows = [
        pair("\u200b" * 50, "invisible question"),
        pair("e" + "\u0301" * 100_000, "one letter and its marks"),
        pair("\u0301" * 50, "marks alone"),
        pair("what is \u202etxet desrever\u202c here?", "an override of direction"),
    ]
    desk.write("a.jsonl", good() + lines(rows))
    desk.run({"path": "a.jsonl"}, clean={"cleaners": []}, default_rules=False)
    assert desk.manifest()["counts"]["kept"] == 44
    (run,) = desk.store.glob("runs/*/run.json")
    prepare = json.loads(run.read_bytes())["seconds"]["prepare"]
    assert prepare < 5
    shown = desk.command("show", "bad", "-n", "50", "--where", "line > 40").out
    ids = desk.sql("select record_id from records where line > 40 order by line").to_series().to_list()
    whys = [desk.command("why", record_id).out for record_id in ids]
    for text, found in zip(("\\u200b", "combining marks]", "combining marks]", "\\u202e"), whys, strict=True):
        assert text in shown
        assert text in found
        assert is_harmless(found)
    assert is_harmless(shown)


class TestIds:  # row 31
    def test_two_rows_with_one_id_are_named(self, desk: Desk) -> None:
        desk.write("a.jsonl", lines([row | {"id": n} for n, row in enumerate(pairs(40))]))
        desk.write("b.jsonl", lines([pair("another question, is it?", "yes", id=7)]))
        done = desk.run({"path": "*.jsonl", "id": "id"}, code=2)
        assert "a.jsonl line 8" in done.err
        assert "b.jsonl line 1" in done.err
        assert "'7'" in done.err

    def test_a_suffix_is_given_with_a_verdict_whatever_the_order_of_files(self, desk: Desk) -> None:
        rows = [row | {"id": n // 4} for n, row in enumerate(pairs(40))]
        found = []
        for part in (rows, rows[::-1]):
            desk.write("a.jsonl", lines(part[:15]))
            desk.write("b.jsonl", lines(part[15:]))
            pipeline = desk.pipeline({"name": "s", "path": "*.jsonl", "id": "id", "on_duplicate_id": "suffix"})
            found.append(dataprep.run(pipeline, store=desk.store).version_id)
        assert found[0] == found[1]
        ids = desk.sql("select record_id from records").to_series().to_list()
        assert len(set(ids)) == 40
        assert {f"{n}" for n in range(10)} <= set(ids)
        verdicts = desk.sql("select * from ledger where rule = 'duplicate_id'")
        assert verdicts.height == 30
        assert set(verdicts["record_id"]) == set(ids) - {f"{n}" for n in range(10)}

    def test_a_suffix_never_meets_an_id_that_is_there(self, desk: Desk) -> None:
        rows = [row | {"id": "a"} for row in pairs(2)]
        desk.write("a.jsonl", lines(rows))
        source = {"path": "a.jsonl", "id": "id", "on_duplicate_id": "suffix"}
        desk.run(source)
        (taken,) = desk.sql("select record_id from records where record_id <> 'a'").to_series().to_list()
        desk.write("a.jsonl", lines([*rows, pairs(3)[2] | {"id": taken}]))
        done = desk.command("run", desk.pipeline(source))
        assert done.code in (0, 2), done
        counts = desk.sql("select count(*) - count(distinct record_id) from records where version = 2").item()
        assert counts == 0

    def test_ids_that_are_empty_long_or_of_several_lines(self, desk: Desk) -> None:
        ids = ["", None, "x" * 100_000, "a\nb\x1b[31m", " ", "'; drop table ids; --", "a%b", "support@latest"]
        desk.write("a.jsonl", good() and lines([row | {"id": value} for row, value in zip(pairs(8), ids, strict=True)]))
        desk.run({"path": "a.jsonl", "id": "id"})
        assert set(desk.reasons().values()) == {"missing_id"}
        kept = set(desk.sql("select record_id from records").to_series())
        assert set(ids[2:]) - {" "} <= kept
        assert is_harmless(desk.command("sql", "from records").out)
        assert desk.command("why", "a\nb\x1b[31m").code == 0
