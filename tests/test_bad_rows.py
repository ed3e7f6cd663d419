"""Rows that cannot become records, or nearly so, through the real command,
by the rows of the table in `docs/bad-input.md`.

Details of reading are tested in `tests/ingest`; here is what a user meets: exit code, message, what is published, the
rejects in SQL, the notes in the manifest, and that the numbers add up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest

from tests.bad_inputs import Desk, good, is_harmless, lines
from tests.making import pair, pairs

ROOM = {"limits": {"rejects": {"rows": 100}}}
CSV_ROWS = b"".join(b"what is the number %d there?,it is %d\n" % (n, n) for n in range(40))

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


@dataclass(frozen=True)
class Mixed:
    """A version, the line of each case in its file, and the rejects by line."""

    desk: Desk
    line_of: dict[str, int]
    rejects: dict[int, dict[str, Any]]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    """All bad rows among good ones in one file, published."""
    desk = Desk(tmp_path_factory.mktemp("mixed"))
    rows = [*good(40).splitlines(), *(row for row, _ in JSON_ROWS.values())]
    desk.write("a.jsonl", b"\n".join(rows))
    limits = {"rejects": {"rows": 100}, "max_record_bytes": 100_000}
    desk.run({"name": "s", "path": "a.jsonl"}, limits=limits)
    rejects = {row["line"]: row for row in desk.rejects()}
    return Mixed(desk, {case: line for line, case in enumerate(JSON_ROWS, 41)}, rejects)


@pytest.mark.parametrize("case", JSON_ROWS)
def test_a_bad_row_becomes_a_reject_with_its_place_and_bytes(mixed: Mixed, case: str) -> None:
    raw, reason = JSON_ROWS[case]
    if reason is None:
        assert mixed.line_of[case] not in mixed.rejects
        return
    reject = mixed.rejects[mixed.line_of[case]]
    content = (mixed.desk.folder / "a.jsonl").read_bytes()
    assert (reject["source"], reject["path"], reject["reason"]) == ("s", "a.jsonl", reason)
    assert content[reject["byte_offset"] :].startswith(raw[:65536])
    assert reject["raw"] == raw[:65536]
    assert reject["length"] == len(raw)
    assert reject["digest"] == sha256(raw).hexdigest()
    assert reject["detail"]


def test_numbers_that_json_has_no_room_for_are_kept_as_text(mixed: Mixed) -> None:
    values = dict(mixed.desk.sql("select line, meta_n from records where meta_n is not null").iter_rows())
    wanted = {"14 NaN in meta": "NaN", "14 Infinity": "-Infinity", "14 big integer": "123456789012345678901"}
    for case, value in wanted.items():
        assert value in values[mixed.line_of[case]]
    assert json.loads(values[mixed.line_of["17 meta of another kind"]]) == {"a": [1]}


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


def test_nul_escaped_and_raw_in_text_and_in_names(desk: Desk) -> None:  # row 9
    rows = b'{"prompt": "a\\u0000b c d\\u0000?", "completion": "yes", "k\\u0000ey": "v\\u0000"}\n'
    rows += b'{"prompt": "raw\0 one here?", "completion": "no", "key": "w"}\n'
    desk.write("a.jsonl", good() + rows)
    desk.run({"path": "a.jsonl"})
    assert desk.manifest()["counts"]["records"] == 42
    assert desk.notes()["nul_removed"] >= 5
    prompts = [prompt for prompt, _ in desk.texts()]
    assert {"ab c d?", "raw one here?"} <= set(prompts)
    values = desk.sql("select meta_key from records where meta_key is not null order by 1").to_series()
    assert values.to_list() == ["v", "w"]
    assert b"\0" not in (desk.store / "versions" / desk.manifest()["version_id"] / "README.md").read_bytes()


def test_a_line_of_forty_megabytes_is_rejected_by_the_command(desk: Desk) -> None:  # row 16
    desk.write("a.jsonl", good() + b'{"prompt": "' + b"x" * 40_000_000 + b'"}\n' + good(1, start=90))
    done = desk.command("run", desk.folder / "a.jsonl")
    assert done.code == 0, done
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

    def test_other_separators_are_detected(self, desk: Desk) -> None:
        desk.write("a.csv", (b"prompt,completion\n" + CSV_ROWS).replace(b",", b";"))
        desk.write("b.csv", (b"prompt,completion\n" + CSV_ROWS.replace(b"what", b"which")).replace(b",", b"\t"))
        desk.run([{"path": "a.csv"}, {"path": "b.csv"}])
        assert desk.manifest()["counts"]["kept"] == 80

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


def test_a_turn_that_calls_a_tool_need_not_say_anything(desk: Desk) -> None:  # row 18
    call = {"type": "function", "function": {"name": "weather", "arguments": "{}"}}
    calls: list[dict[str, Any]] = [
        {"tool_calls": [call]},
        {"function_call": {"name": "weather", "arguments": "{}"}},
        {"tool_calls": []},
        {"note": 'said "tool_calls":[{ aloud'},
    ]
    answer = [turn("tool", "sunny and warm"), turn("assistant", "it is sunny and warm there")]
    silent = [turn("assistant", content) | more for content in (None, "", " ") for more in calls]
    desk.write(
        "a.jsonl",
        lines(
            [{"messages": [turn("user", f"weather in town {n}?"), quiet, *answer]} for n, quiet in enumerate(silent)]
        ),
    )
    desk.run({"path": "a.jsonl"})
    status = desk.sql("select status from records order by line").to_series().to_list()
    assert status == ["kept", "kept", "dropped", "dropped"] * 3


def test_a_turn_without_its_content_is_missing_whatever_else_it_has(desk: Desk) -> None:  # row 18
    rows = [
        {"messages": [turn("user", "and who are you?"), {"role": "assistant", **more}]} for more in ({}, {"name": "x"})
    ]
    fine = [{"messages": [turn("user", row["prompt"]), turn("assistant", row["completion"])]} for row in pairs(5)]
    desk.write("a.jsonl", lines(fine + rows))
    desk.run({"path": "a.jsonl"})
    assert desk.sql("select rule from records where line > 5").to_series().to_list() == ["missing", "missing"]


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
