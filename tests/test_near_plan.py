"""What a plan says of near duplicates."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import dataprep
from dataprep.near_plan import Preamble, describe, shared_preambles
from dataprep.pairs.config import NearConfig
from dataprep.record import TURNS_TYPE, Turns
from tests.commands import command
from tests.making import pair, write_jsonl

HEAD = "Below is an instruction that describes a task. Write a response to it.\n\n### Instruction:\n"
OTHER = "Below is an instruction that describes a task, paired with an input that gives more to go on.\n\n### Task:\n"
ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def asked(number: int) -> str:
    return " ".join(f"{ONES[int(digit)]}s" for digit in f"{number * 7919 % 10_000:04}")


def conversations(users: list[str], system: str | None = None) -> Turns:
    rows = []
    for number, user in enumerate(users):
        turns = [("user", user), ("assistant", f"{asked(number)} is what {number} means")]
        turns = [("system", system), *turns] if system else turns
        rows.append([{"role": role, "content": content, "extra": None} for role, content in turns])
    return Turns(pa.array(rows, TURNS_TYPE))


def found(users: list[str], config: NearConfig | None = None, system: str | None = None) -> list[Preamble]:
    return list(shared_preambles(config or NearConfig(), "chat", conversations(users, system)))


def test_a_preamble_is_found_with_its_words_and_share() -> None:
    users = [(HEAD if number % 4 else "") + asked(number) for number in range(100)]
    (one,) = found(users)
    assert (one.source, one.role, one.text, one.words) == ("chat", "user", HEAD.strip(), 14)
    assert (one.turns, one.share) == (75, 0.75)


def test_two_preambles_that_begin_alike_are_both_found_the_longer_first() -> None:
    users = [(HEAD if number % 2 else OTHER) + asked(number) for number in range(100)]
    assert [one.text for one in found(users)] == [OTHER.strip(), HEAD.strip()]


def test_what_is_found_is_not_found_again_once_it_is_stripped() -> None:
    users = [(HEAD if number % 2 else OTHER) + asked(number) for number in range(100)]
    texts = tuple(one.text for one in found(users))
    assert found(users, NearConfig(strip=texts)) == []


def test_what_follows_a_stripped_preamble_is_found_alone() -> None:
    users = [HEAD + asked(number) for number in range(50)]
    (rest,) = found(users, NearConfig(strip=("Below is an instruction",)))
    assert rest.text == HEAD.removeprefix("Below is an instruction").strip()


@pytest.mark.parametrize(
    "users",
    [
        [asked(number) for number in range(100)],  # nothing shared
        ["Tell me this: " + asked(number) for number in range(100)],  # three words
        [(HEAD if number % 10 == 0 else "") + asked(number) for number in range(100)],  # a tenth of the turns
        [HEAD + asked(number) for number in range(5)],  # too few to tell
        [HEAD] * 100,  # said again and again, and nothing after it
    ],
)
def test_what_is_no_shared_preamble_is_not_shown(users: list[str]) -> None:
    assert found(users) == []


def test_system_prompts_count_only_where_they_are_compared() -> None:
    users = [asked(number) for number in range(50)]
    assert found(users, system=HEAD) == []
    (one,) = found(users, NearConfig(fields=("input", "answer", "system")), system=HEAD)
    assert (one.role, one.share) == ("system", 1.0)


def test_a_preamble_in_another_script_is_quoted_as_it_stands() -> None:
    head = "Übersetze den folgenden Satz bitte so genau wie möglich ins Französische: "
    (one,) = found([head + asked(number) for number in range(30)])
    assert one.text == head.strip()


def test_the_settings_are_told_in_words() -> None:
    words = list(describe(NearConfig(action="hold", threshold=0.9, bands=9, rows=13, fields=("answer",))))
    assert words[0].startswith("from similarity 0.9 on a record is held")
    assert words[1] == "compared: the answer"
    assert words[3] == "chance to find a pair, by 9 bands of 13: at 0.8 39.88 %, at 0.9 92.86 %"
    assert words[4] == "pairs below 0.8 are not looked for"


def test_a_plan_has_settings_and_preambles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATAPREP_STORE", raising=False)
    write_jsonl(tmp_path / "chat.jsonl", [pair(HEAD + asked(number), f"It is {number}.") for number in range(60)])
    near = dataprep.plan(tmp_path / "chat.jsonl", store=tmp_path / "store").near
    assert near is not None
    assert (near.least, [one.text for one in near.preambles]) == (0.7, [HEAD.strip()])
    assert near.recall[0.8] > 0.998
    told = command("plan", "chat.jsonl", folder=tmp_path).out
    assert "records under 5 words: exact key only; 5-19 words: runs of 3 words; 20 and more: runs of 5" in told
    assert "100% of the user turns of source1 begin with the same 14 words: Below is an instruction" in told
    assert "put such texts into dedup.near.strip" in told
    told = command("plan", "chat.jsonl", "--set", "dedup.near.action=none", folder=tmp_path).out
    assert "near duplicates are not looked for" in told
