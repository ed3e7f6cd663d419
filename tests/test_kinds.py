"""Duplicates that are no copies: beginnings of longer conversations, conflicts, answers that are too common."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dataprep
from dataprep.budgets.page import BudgetError
from dataprep.cli.run import summary
from dataprep.errors import InputError
from dataprep.events import Event
from dataprep.flow import RunResult
from dataprep.kinds import remove_prefixes
from dataprep.pairs.config import DedupConfig
from dataprep.parts import key_part, part_file
from dataprep.record import Record, Turn, build_batch
from dataprep.splits.members import NONE, Members
from dataprep.sqlfiles import parquet_list, read_sql
from tests.making import pair, run_yaml, split, table, write_jsonl

CHAT = (
    "Which train goes to Lisbon tonight?",
    "The last one leaves at nine.",
    "And is there a sleeping car on it?",
    "There is, with four berths to a cabin.",
    "Book me a lower berth, please.",
    "Done; cabin six, lower left.",
)


def chat(*contents: str, **columns: Any) -> dict[str, Any]:
    """A conversation, the user first."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[n % 2], "content": text} for n, text in enumerate(contents)], **columns}


def others(count: int) -> list[dict[str, Any]]:
    """Conversations that have nothing to do with CHAT or each other."""
    return [
        chat(f"Tell me about the number {n * n + 7}.", f"It lies between {n} and other numbers.") for n in range(count)
    ]


def run(folder: Path, rows: Sequence[dict[str, Any]], text: str = "", source: str = "") -> RunResult:
    path = write_jsonl(folder / "a.jsonl", rows)
    return run_yaml(folder, f"name: x\nsources: [{{name: s, path: '{path}'{source}}}]\n{text}")


def fates(result: RunResult, rule: str) -> dict[int, tuple[str, int | None]]:
    """By line of the one source file: the action of a rule, and the partner's line."""
    line = dict(table(result, "records").select("record_id", "line").iter_rows())
    verdicts = table(result, "ledger").filter(pl.col("rule") == rule)
    found = verdicts.select("record_id", "action", "partner_id").iter_rows()
    return {line[record]: (action, line.get(partner)) for record, action, partner in found}


def pairs_of(result: RunResult, kind: str) -> list[tuple[int, int]]:
    line = dict(table(result, "records").select("record_id", "line").iter_rows())
    found = table(result, "pairs").filter(pl.col("kind") == kind)
    return sorted((line[a], line[b]) for a, b in found.select("a_id", "b_id").iter_rows())


# -- beginnings of longer conversations --


def test_a_conversation_that_a_longer_one_begins_with_goes_and_names_it(tmp_path):
    upper = chat(*(text.upper() for text in CHAT[:2]))
    result = run(tmp_path, [upper, chat(*CHAT), *others(3)])
    assert fates(result, "prefix_of_longer") == {1: ("drop", 2)}
    assert pairs_of(result, "prefix") == [(2, 1)]
    assert result.counts["dropped"] == 1
    line = result.funnel.filter(pl.col("rule") == "prefix_of_longer").row(0, named=True)
    assert (line["step"], line["action"], line["records"]) == ("dedup", "drop", 1)
    record = table(result, "pairs").filter(pl.col("kind") == "prefix").row(0, named=True)
    assert record["similarity"] is None
    assert record["cluster_id"] is None


def test_no_record_goes_because_of_one_that_goes_itself(tmp_path):
    result = run(tmp_path, [chat(*CHAT[:2]), chat(*CHAT[:4]), chat(*CHAT), *others(3)])
    assert fates(result, "prefix_of_longer") == {1: ("drop", 3), 2: ("drop", 3)}


def test_of_several_longer_ones_that_of_the_preferred_source_is_named(tmp_path):
    for name, contents in (("a", CHAT[:2]), ("b", (*CHAT[:3], "No.")), ("c", CHAT[:4])):
        write_jsonl(tmp_path / f"{name}.jsonl", [chat(*contents), *others(2)])
    sources = ", ".join(f"{{name: {name}, path: {name}.jsonl}}" for name in "abc")
    result = run_yaml(tmp_path, f"name: x\nsources: [{sources}]\ndedup: {{prefer: [c]}}\n")
    records = table(result, "records")
    source = dict(records.select("record_id", "source").iter_rows())
    gone = records.filter(pl.col("rule") == "prefix_of_longer")
    assert [(source[record], source[partner]) for record, partner in gone["record_id", "partner_id"].iter_rows()] == [
        ("a", "c")
    ]


def test_what_differs_in_a_turn_a_role_or_the_tools_is_no_beginning(tmp_path):
    shorter = [
        chat(*CHAT[:3]),  # ends with a question
        chat(CHAT[0], "The last one leaves at ten."),
        {"messages": [{"role": "system", "content": "Be brief."}, *chat(*CHAT[:2])["messages"]]},
        chat(*CHAT[:2], tools=[{"name": "timetable"}]),
        {"messages": [chat(CHAT[0])["messages"][0], {"role": "tool", "content": CHAT[1]}]},
    ]
    result = run(tmp_path, [*shorter, chat(*CHAT), *others(3)], "dedup: {near: {action: none}}\n")
    assert not fates(result, "prefix_of_longer")


def test_tool_calls_are_part_of_a_turn(tmp_path):
    def called(function: str) -> dict[str, Any]:
        call = {"type": "function", "function": {"name": function, "arguments": "{}"}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}

    asked = {"role": "user", "content": CHAT[0]}
    rows = [
        {"messages": [asked, called("search")]},
        {"messages": [asked, called("book")]},
        {
            "messages": [
                asked,
                called("search"),
                {"role": "tool", "content": "at nine"},
                chat("", CHAT[1])["messages"][1],
            ]
        },
    ]
    result = run(tmp_path, [*rows, *others(3)], "dedup: {near: {action: none}}\n")
    assert fates(result, "prefix_of_longer") == {1: ("drop", 3)}


def test_given_held_out_records_stay_and_train_gives_way_to_them(tmp_path):
    rows = [
        chat(*CHAT[:2], split="test"),  # stays: train's longer one leaks it
        chat(*CHAT, split="train"),
        chat("Do otters hold hands?", "They do, asleep.", split="train"),  # leaks: test begins with it
        chat("Do otters hold hands?", "They do, asleep.", "Why?", "Not to drift apart.", split="validation"),
    ]
    rows += [row | {"split": "train"} for row in others(4)]
    result = run(tmp_path, rows, source=", split_column: split")
    assert fates(result, "prefix_of_longer") == {1: ("flag", 2)}
    assert fates(result, "leaks_into_test") == {2: ("drop", 1)}
    assert fates(result, "leaks_into_validation") == {3: ("drop", 4)}
    details = table(result, "ledger").filter(pl.col("rule") == "leaks_into_test")["detail"].to_list()
    assert details == ["one conversation begins with the other"]


@pytest.mark.parametrize("action", ["flag", "none"])
def test_beginnings_that_stay_are_on_the_side_of_what_begins_with_them(tmp_path, action):
    rows = []
    for n in range(60):
        begun = (f"What do you know of the year {n * 37}?", f"Little: {n * 11} things happened.")
        rows += [chat(*begun), chat(*begun, "Go on.", f"They were {n}.")]
    text = (
        f"dedup: {{prefixes: {action}, near: {{action: none}}}}\nsplits: {{train: 0.5, validation: 0.3, test: 0.2}}\n"
    )
    result = run(tmp_path, rows, text)
    assert result.counts["kept"] == 120
    records = table(result, "records").sort("line")
    sides = records["split"].to_list()
    assert sides[::2] == sides[1::2]
    assert len(set(sides)) == 3
    assert len(fates(result, "prefix_of_longer")) == (60 if action == "flag" else 0)


LONG = " ".join(f"Stop {n} is the village of Upper Number {n * n}." for n in range(30))


def test_of_a_conversation_and_its_beginning_that_are_nearly_the_same_the_longer_stays(tmp_path):
    rows = []
    for n in range(6):
        begun = (f"Line {n * 31}: {LONG.replace('village', f'village{n} and town{n}')}", f"I see {n} of them.")
        rows += [chat(*begun), chat(*begun, "Is that so?", "So it is.")]
    result = run(tmp_path, [*rows, *others(3)])
    gone = table(result, "records").filter(pl.col("status") == "dropped")
    assert gone["line"].sort().to_list() == [1, 3, 5, 7, 9, 11]
    assert set(gone["rule"]) == {"prefix_of_longer"}


def test_a_beginning_that_stands_in_for_near_duplicates_stays(tmp_path):
    """Its near duplicate is in no longer conversation, so it would go through a chain."""
    talk = [("Name the stops.", LONG), ("Name the stops.", f"{LONG} All told.")]
    ends = [f"And {topic}?" for topic in ("the fares", "the drivers")]
    more = [" ".join(f"{topic}{n} follows" for n in range(400)) for topic in "ab"]
    rows = [chat(*begun, end, text) for begun, end, text in zip(talk, ends, more, strict=True)]
    result = run(tmp_path, [*(chat(*begun) for begun in talk), *rows, *others(3)])
    near = fates(result, "near_duplicate")
    [(gone, (_, stays))] = near.items()
    assert {gone, stays} == {1, 2}
    assert fates(result, "prefix_of_longer") == {stays: ("flag", stays + 2)}
    assert result.counts["dropped"] == 1


def test_what_if_brings_beginnings_back_without_reading_anything_again(tmp_path):
    run(tmp_path, [chat(*CHAT[:2]), chat(*CHAT), *others(3)])
    file, store = tmp_path / "pipeline.yaml", tmp_path / "store"
    asked = dataprep.whatif(file, overrides=["dedup.prefixes=none"], store=store)
    before, after = (
        asked.by_rule.filter(pl.col("rule") == "prefix_of_longer")[name].sum() for name in ("before", "after")
    )
    assert (before, after) == (1, 0)


def prefix_database(folder: Path, conversations: Sequence[Sequence[str]]) -> tuple[duckdb.DuckDBPyConnection, Members]:
    """What `decide` has when it looks for beginnings, made by the very steps of a run."""
    roles = ("user", "assistant")
    turns = [[Turn(roles[n % 2], text) for n, text in enumerate(contents)] for contents in conversations]
    folder.mkdir(exist_ok=True)
    key_part(build_batch("s", [Record(each, meta={}, line=1) for each in turns]), DedupConfig(), folder, 0)
    con = duckdb.connect()
    con.execute(read_sql("steps/verdicts"))
    con.execute("create table pairs (a bigint, b bigint, kind varchar, similarity double, cluster bigint)")
    count = len(conversations)
    con.execute(
        f"create table rows as select range as row, 'r' || range as record_id, null as label from range({count})"
    )
    file = part_file(folder, "keys", 0)
    con.register("parts", pa.table({"key_file": [str(file)], "base_row": pa.array([0], pa.int64())}))
    lines = read_sql("steps/gather_prefixes").replace("$key_files", parquet_list([file]))
    con.execute(f"create table prefixes as {lines}")
    rows = np.arange(count, dtype=np.int32)
    none = np.full(count, NONE, np.int32)
    no = np.zeros(count, np.bool_)
    members = Members(rows, rows, none, np.zeros(count, np.uint8), none.astype(np.int8), no, no, none, none, rows)
    return con, members


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "b"]), max_size=7), min_size=1, max_size=14), st.data())
def test_beginnings_are_those_that_brute_force_finds(tmp_path_factory, conversations, data):
    con, members = prefix_database(tmp_path_factory.mktemp("keys"), conversations)
    present = data.draw(st.lists(st.booleans(), min_size=len(conversations), max_size=len(conversations)))
    members.take(np.array(present))
    alike, gone = remove_prefixes(con, members, [0], "drop", 1)
    with con:
        verdicts = dict(con.sql("select row, partner from verdicts").fetchall())
    here = [row for row, is_in in enumerate(present) if is_in]

    def begins(short: int, long: int) -> bool:
        turns = conversations[short]
        return (
            len(turns) % 2 == 0
            and 0 < len(turns) < len(conversations[long])
            and (conversations[long][: len(turns)] == turns)
        )

    expected = {row for row in here if any(begins(row, other) for other in here)}
    assert verdicts.keys() == expected
    assert gone == len(expected)
    assert all(begins(row, partner) and partner not in expected for row, partner in verdicts.items())
    assert not len(alike.a)


def test_ten_thousand_conversations_that_begin_alike_cost_a_line_each(tmp_path):
    begun = [[*CHAT[:2], *(["more", "yes"] * (n % 5)), "then", f"answer {n}"] for n in range(5_000)]
    begun += [list(CHAT[:2])] * 5_000
    con, members = prefix_database(tmp_path / "keys", begun)
    alike, gone = remove_prefixes(con, members, [0], "flag", 1)
    with con:
        lines, verdicts, pairs = (
            con.sql(f"select count(*) from {name}").fetchall()[0][0] for name in ("prefixes", "verdicts", "pairs")
        )
    assert (gone, lines, verdicts, pairs, len(alike.a)) == (0, 10_000, 5_000, 5_000, 5_000)


# -- the same input, different answers --

QUESTION = "What is the capital of Australia?"
ANSWERS = ("Canberra.", "It is Sydney, the largest city there is.", "Melbourne, I think")


def conflict(*answers: str) -> list[dict[str, Any]]:
    return [pair(QUESTION, answer) for answer in answers]


def plain(count: int) -> list[dict[str, Any]]:
    return [pair(f"What is {n} times nine?", f"That makes {9 * n}.") for n in range(2, count + 2)]


def test_conflicts_are_flagged_and_each_names_one_that_says_otherwise(tmp_path):
    rows = [*conflict(ANSWERS[0], ANSWERS[0].upper(), *ANSWERS[1:]), *plain(4)]
    result = run(tmp_path, rows)
    assert fates(result, "exact_duplicate").keys() & {1, 2}
    found = fates(result, "conflicting_answer")
    stays = ({1, 2} - fates(result, "exact_duplicate").keys()).pop()
    assert found.keys() == {stays, 3, 4}
    assert all(action == "flag" and partner in found and partner != row for row, (action, partner) in found.items())
    assert len(pairs_of(result, "conflict")) == 2
    assert result.counts["kept"] == 7


def test_conflicts_can_be_held_all_of_them(tmp_path):
    result = run(tmp_path, [*conflict(*ANSWERS), *plain(4)], "dedup: {conflicts: {action: hold}}\n")
    assert {row: action for row, (action, _) in fates(result, "conflicting_answer").items()} == dict.fromkeys(
        (1, 2, 3), "hold"
    )
    assert result.counts["held"] == 3


@pytest.mark.parametrize(("prefer", "best"), [("highest", 2), ("lowest", 1)])
def test_the_best_of_a_conflict_stays_by_a_signal(tmp_path, prefer, best):
    text = f"dedup: {{conflicts: {{action: keep_best, by: answer_words, prefer: {prefer}}}}}\n"
    result = run(tmp_path, [*conflict(*ANSWERS), *plain(4)], text)
    assert fates(result, "conflicting_answer") == {row: ("drop", best) for row in (1, 2, 3) if row != best}
    verdict = table(result, "ledger").filter(pl.col("rule") == "conflicting_answer").sort("value").row(0, named=True)
    assert (verdict["value"], verdict["threshold"]) == ((1.0, 8.0) if prefer == "highest" else (3.0, 1.0))


def test_of_equally_good_ones_the_preferred_source_stays(tmp_path):
    for name, answer in zip("ab", ("Yes it is.", "No it isn't."), strict=True):
        write_jsonl(tmp_path / f"{name}.jsonl", [pair("Is the sea salt?", answer), *plain(2)])
    sources = "[{name: a, path: a.jsonl}, {name: b, path: b.jsonl}]"
    conflicts = "{action: keep_best, by: missing_parts}"
    text = f"name: x\nsources: {sources}\ndedup: {{prefer: [b], conflicts: {conflicts}}}\n"
    records = table(run_yaml(tmp_path, text), "records")
    assert records.filter(pl.col("rule") == "conflicting_answer")["source"].to_list() == ["a"]


def test_one_text_with_two_labels_is_a_conflict(tmp_path):
    rows = [{"text": "My card has not come yet", "label": label} for label in ("arrival", "ARRIVAL", "lost")]
    rows += [{"text": f"Something else, number {n}", "label": "arrival"} for n in range(4)]
    result = run(tmp_path, rows)
    assert len(fates(result, "conflicting_answer")) == 2
    details = table(result, "ledger").filter(pl.col("rule") == "conflicting_answer")["detail"].unique().to_list()
    assert details == ["the same input, another label"]


def test_another_set_of_tools_makes_another_prompt(tmp_path):
    rows = [
        chat("Order a pizza.", answer, tools=tools) for answer, tools in (("Done.", [{"name": "a"}]), ("I cannot.", []))
    ]
    assert not fates(run(tmp_path, [*rows, *others(4)]), "conflicting_answer")


def test_a_conflict_with_a_given_held_out_record_is_a_leak(tmp_path):
    rows = [pair(QUESTION, answer, split=side) for answer, side in zip(ANSWERS, ("train", "test", "test"), strict=True)]
    rows += [row | {"split": "train"} for row in plain(4)]
    text = "dedup: {conflicts: {action: keep_best, by: answer_words, prefer: lowest}}\n"
    result = run(tmp_path, rows, text, source=", split_column: split")
    assert {action for action, _ in fates(result, "conflicting_answer").values()} == {"flag"}
    assert fates(result, "leaks_into_test").keys() == {1}
    assert result.counts["splits"]["test"] == 2


@pytest.mark.parametrize("conflicts", ["{action: keep_best}", "{action: keep_best, by: answer_wrods}", "{by: n_cars}"])
def test_a_signal_that_there_is_none_of_is_found_before_anything_is_read(tmp_path, conflicts):
    with pytest.raises(InputError, match="by"):
        run(tmp_path, plain(3), f"dedup: {{conflicts: {conflicts}}}\n")
    assert not list((tmp_path / "store").glob("cache/prepare/*"))


# -- different prompts, one answer --

REFUSAL = "I am sorry, but I cannot help with that."


def refusals(count: int, answer: str = REFUSAL, **columns: Any) -> list[dict[str, Any]]:
    prompts = (
        "How do I open a lock without its key, quietly and in less than two minutes?",
        "Say what the weather in Minsk is going to be on Thursday, hour by hour.",
        "My neighbour has changed the password of her network; which one is it now?",
        "Name the horse that wins the third race tomorrow so that I can bet on it.",
        "Which stocks did the minister's wife buy a week before the law had passed?",
        "Write the ending of the novel that its author left unfinished in a drawer.",
    )
    return [pair(prompt, answer, **columns) for prompt in prompts[:count]]


def test_beyond_so_many_the_records_with_one_answer_go(tmp_path):
    rows = [*refusals(3), *refusals(6, REFUSAL.upper())[3:], *plain(4)]
    result = run(tmp_path, rows, "dedup: {answers: {most: 2}}\n")
    found = fates(result, "boilerplate_answer")
    assert len(found) == 4
    assert {action for action, _ in found.values()} == {"drop"}
    [partner] = {partner for _, partner in found.values()}
    assert partner in {1, 2, 3, 4, 5, 6} - found.keys()
    assert len(pairs_of(result, "answer")) == 4
    verdict = table(result, "ledger").filter(pl.col("rule") == "boilerplate_answer").row(0, named=True)
    assert (verdict["value"], verdict["threshold"]) == (6.0, 2.0)


@pytest.mark.parametrize(("answers", "count"), [("{}", 0), ("{most: 2, least_words: 10}", 0), ("{most: 2}", 2)])
def test_answers_are_capped_where_asked_and_only_long_ones(tmp_path, answers, count):
    result = run(tmp_path, [*refusals(4), *plain(4)], f"dedup: {{answers: {answers}}}\n")
    assert len(fates(result, "boilerplate_answer")) == count


def test_given_held_out_records_count_and_stay(tmp_path):
    rows = [row | {"split": "test" if n < 3 else "train"} for n, row in enumerate(refusals(6))]
    rows += [row | {"split": "train"} for row in plain(4)]
    result = run(tmp_path, rows, "dedup: {answers: {most: 2, action: hold}}\n", source=", split_column: split")
    actions = sorted(action for action, _ in fates(result, "boilerplate_answer").values())
    assert actions == ["flag", "hold", "hold", "hold"]
    assert result.counts["splits"]["test"] == 3


HOSTILE = "I am \x1b[2Jsorry\u202e, but\n  I do not know \x07<script>alert(1)</script> that." + " Really." * 40


def test_the_run_tells_the_commonest_answers_of_those_that_were_capped(tmp_path):
    rows = [*refusals(5, HOSTILE), *({**row, "prompt": f"{row['prompt']} Please."} for row in refusals(6)), *plain(4)]
    events: list[Event] = []
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    text = f"name: x\nsources: [{{path: '{path}'}}]\nclean: {{cleaners: []}}\ndefault_rules: false\n"
    text += "dedup: {near: {action: flag}, answers: {most: 2}}\n"
    result = run_yaml(tmp_path, text, on_event=events.append)
    answers = result.near.answers
    assert [answer.records for answer in answers] == [6, 5]
    assert answers[0].text == REFUSAL
    assert answers[1].text.startswith("I am \x1b[2Jsorry\u202e, but I do not know \x07<script>")
    assert len(answers[1].text) == 160
    kept = table(result, "records").filter(pl.col("status") == "kept")["record_id"]
    assert {answer.record_id for answer in answers} <= set(kept)
    shown = summary(result)
    assert f"      6  {answers[0].record_id[:12]}  {REFUSAL}" in shown
    assert "      5  " + answers[1].record_id[:12] + r"  I am \x1b[2Jsorry\u202e, but I do not" in shown
    assert not set(shown) & {"\x1b", "\x07", "\u202e"}
    assert "sorry" not in json.dumps([event.as_dict() for event in events])
    told = list(events[-1].data["near"]["answers"])
    assert told == [{"record_id": answer.record_id, "records": answer.records} for answer in answers]
    again = run_yaml(tmp_path, text)  # decided before
    assert (again.unchanged, again.near) == (True, result.near)


def test_no_more_than_five_answers_are_told_and_none_where_none_is_too_common(tmp_path):
    answers = [f"This is the answer number {n} of very many that are all the same." for n in range(7)]
    rows = [
        pair(f"{row['prompt']} {n}?", answer) for n, answer in enumerate(answers) for row in refusals(2 if n else 4)
    ]
    result = run(tmp_path, [*rows, *plain(4)], "dedup: {near: {action: flag}, answers: {most: 1, action: flag}}\n")
    assert [answer.records for answer in result.near.answers] == [4, 2, 2, 2, 2]
    ids = [answer.record_id for answer in result.near.answers[1:]]
    assert ids == sorted(ids)
    result = run(tmp_path, [*rows, *plain(4)], "dedup: {near: {action: flag}, answers: {most: 4}}\n")
    assert result.near.answers == ()
    assert "boilerplate answers" not in summary(result)


# -- what else knows them --


def test_a_budget_stops_a_kind(tmp_path):
    with pytest.raises(BudgetError, match="prefix_of_longer"):
        run(tmp_path, [chat(*CHAT[:2]), chat(*CHAT), *others(3)], "budgets: {rules: {prefix_of_longer: 0.1}}\n")


def test_plan_says_what_each_kind_is(tmp_path):
    rows = [chat(*CHAT[:2]), chat(*CHAT), *others(3), chat(CHAT[0], "I do not know.")]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    (tmp_path / "pipeline.yaml").write_text(f"name: x\nsources: [{{name: s, path: '{path}'}}]\n", encoding="utf-8")
    plan = dataprep.plan(tmp_path / "pipeline.yaml", store=tmp_path / "store")
    words = {rule.name: rule.description for rule in plan.rules}
    assert words["prefix_of_longer"] == "prefix_of_longer: conversations that a longer one begins with, turn by turn"


def test_the_result_does_not_depend_on_the_order_of_rows(tmp_path):
    rows = [chat(*CHAT[:2]), chat(*CHAT[:4]), chat(CHAT[0], "No."), chat(CHAT[0], "No.", "Why?", "So."), *others(5)]
    first = run(tmp_path / "one", rows, "dedup: {prefixes: flag}\n")
    second = run(tmp_path / "two", rows[::-1], "dedup: {prefixes: flag}\n")
    assert first.version_id == second.version_id
    assert json.dumps(first.counts) == json.dumps(second.counts)
    assert sorted(split(first, "train")["record_id"]) == sorted(split(second, "train")["record_id"])
