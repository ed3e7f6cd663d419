"""Loading a pipeline file: what it accepts, and what a person is told who made a mistake."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dataprep.errors import InputError, ManyInputErrors
from dataprep.pipeline.load import LoadedPipeline, load
from dataprep.rules.defaults import DEFAULT_RULES

MINIMAL = "name: x\nsources:\n  - path: a.jsonl\n"
NUMERIC = next(name for name, rule in DEFAULT_RULES.items() if isinstance(rule.threshold, int))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(text: str | bytes, *overrides: str) -> LoadedPipeline:
    file = Path("pipeline.yaml")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(file, overrides)


def mistakes(text: str | bytes, *overrides: str) -> list[InputError]:
    with pytest.raises(InputError) as caught:
        loaded(text, *overrides)
    error = caught.value
    return error.errors if isinstance(error, ManyInputErrors) else [error]


@pytest.mark.usefixtures("here")
class TestAccepted:
    def test_two_keys_are_enough(self) -> None:
        result = loaded(MINIMAL)
        assert result.pipeline.sources[0].path == "a.jsonl"
        assert result.pipeline.source_names == ["source1"]
        assert result.base == Path()

    def test_a_section_with_everything_commented_out_is_left_at_its_defaults(self) -> None:
        result = loaded(MINIMAL + "clean:\n  # cleaners: []\nrules:\nlimits:\n  rejects:\n")
        assert result.pipeline == loaded(MINIMAL).pipeline

    @pytest.mark.parametrize("word", ["off", "no", "false", '"off"'])
    def test_off_switches_a_default_rule_off(self, word: str) -> None:
        assert loaded(MINIMAL + f"rules: {{{NUMERIC}: {word}}}\n").pipeline.rules == {NUMERIC: None}

    def test_a_default_rule_may_be_changed_in_one_key(self) -> None:
        rule = loaded(MINIMAL + f"rules: {{{NUMERIC}: {{threshold: 77}}}}\n").pipeline.rules[NUMERIC]
        assert rule == DEFAULT_RULES[NUMERIC].model_copy(update={"threshold": 77})

    def test_a_byte_order_mark_is_no_part_of_the_first_key(self) -> None:
        assert loaded(b"\xef\xbb\xbf" + MINIMAL.encode()).pipeline.name == "x"

    def test_json_is_yaml(self) -> None:
        assert loaded('{"name": "x", "sources": [{"path": ["a", "b"]}]}').pipeline.sources[0].path == ("a", "b")

    def test_a_store_is_taken_from_the_folder_of_the_file(self, here: Path) -> None:
        (here / "sub").mkdir()
        (here / "sub/p.yaml").write_text(MINIMAL + "store: ../kept\n")
        assert load(Path("sub/p.yaml")).store == Path("sub/../kept")


@pytest.mark.usefixtures("here")
class TestMistakes:
    def test_an_unknown_key_is_answered_with_the_nearest(self) -> None:
        (mistake,) = mistakes(MINIMAL + "dedupe: {}\n")
        assert str(mistake) == 'unknown key "dedupe" in pipeline.yaml line 4; did you mean "dedup"?'
        assert (mistake.file, mistake.line, mistake.key) == ("pipeline.yaml", 4, "dedupe")

    def test_an_unknown_key_like_no_other_gets_the_list(self) -> None:
        (mistake,) = mistakes(MINIMAL + "limits:\n  zzz: 1\n")
        assert mistake.line == 5
        assert mistake.key == "limits.zzz"
        assert "max_record_bytes" in (mistake.hint or "")

    def test_all_mistakes_are_told_at_once_in_order_of_lines(self) -> None:
        text = MINIMAL + (
            "splits: {by: tmie}\nlimits:\n  max_turns: many\n  rejects: {share: 2}\nname: y\nrules:\n"
            '  a: {signal: n_words, op: "<", threshold: 5, action: dorp}\n  Bad: {when: "n_words < 1"}\n'
            "  b: {threshold: 5}\nclean: []\n"
        )
        assert [(mistake.line, mistake.key) for mistake in mistakes(text)] == [
            (4, "splits.by"),
            (6, "limits.max_turns"),
            (7, "limits.rejects.share"),
            (8, None),
            (10, "rules.a.action"),
            (11, "rules.Bad"),
            (12, "rules.b"),
            (13, "clean"),
        ]

    @pytest.mark.parametrize(
        ("line", "message", "hint"),
        [
            (
                "splits: {by: tmie}",
                'expected one of auto, group, time, source, given, got "tmie"',
                "did you mean time?",
            ),
            ("limits: {max_turns: 0}", "expected a whole number of at least 1, got the number 0", None),
            ("limits: {max_turns: '5'}", 'expected a whole number of at least 1, got "5"', "write the number without"),
            ("limits: {max_turns: 2e3}", "expected a whole number of at least 1, got the number 2e3", "write 2000"),
            ("limits: {rejects: {share: 1.5}}", "expected a number from 0 to 1, got the number 1.5", None),
            ("splits: {train: yes}", "expected a number from 0 to 1, got yes", None),
            ("dedup: {exact: 'yes'}", 'expected true or false, got "yes"', "write it without quotes"),
            ("dedup: {fields: []}", "expected a non-empty list of", None),
            ("dedup: {fields: [labl]}", '"labl" is none of record, input,', None),
            ("clean: {cleaners: encoding}", "expected a list of these: encoding", 'cleaners: ["encoding"]'),
            ("clean: [encoding]", "expected a mapping, got a list", "cleaners, end_of_text_markers"),
            ("splits: {train: 0.5}", "train + validation + test must be 1, not 0.6", None),
            ("dedup: {prefer: [tickets]}", '"tickets" is not a source; sources: "source1"', None),
            ("splits: {by: given}", "`splits.by: given` needs `split` or `split_column`", None),
        ],
    )
    def test_a_wrong_value_says_what_is_allowed(self, line: str, message: str, hint: str | None) -> None:
        (mistake,) = mistakes(MINIMAL + line + "\n")
        assert message in mistake.message
        assert (hint or "") in (mistake.hint or "")

    @pytest.mark.parametrize(
        ("word", "read_as"), [("no", "truth value false"), ("on", "truth value true"), ("5", "number")]
    )
    def test_a_bare_word_that_yaml_reads_otherwise_is_to_be_quoted(self, word: str, read_as: str) -> None:
        (mistake,) = mistakes(MINIMAL + f"    label: {word}\n")
        assert (mistake.line, mistake.key) == (4, "sources.0.label")
        assert read_as in (mistake.hint or "")
        assert f'label: "{word}"' in (mistake.hint or "")

    def test_a_template_in_bare_braces_is_to_be_quoted(self) -> None:
        (mistake,) = mistakes("name: x\nsources:\n  - path: a\n    template:\n      prompt: {body}\n")
        assert mistake.line == 5
        assert "must be quoted" in (mistake.hint or "")

    def test_a_mistake_in_one_section_does_not_hide_one_between_others(self) -> None:
        found = mistakes(MINIMAL + "limits: 3\ndedup: {prefer: [q]}\n")
        assert [mistake.key for mistake in found] == ["limits", "dedup.prefer.0"]

    @pytest.mark.parametrize(
        ("rule", "hint"),
        [
            (f"{NUMERIC}x: off", f'did you mean "{NUMERIC}"?'),
            (f"{NUMERIC}x: {{threshold: 4}}", f'did you mean "{NUMERIC}"?'),
            (f"{NUMERIC}:", f"write `{NUMERIC}: off`"),
            (f"{NUMERIC}: on", "default rules apply by themselves"),
            (f"{NUMERIC}: 5", "signal: n_words"),
            (f"{NUMERIC}: n_words > 3", 'when: "n_words > 3"'),
        ],
    )
    def test_a_rule_that_is_none(self, rule: str, hint: str) -> None:
        (mistake,) = mistakes(MINIMAL + f"rules:\n  {rule}\n")
        assert mistake.line == 5
        assert hint in (mistake.hint or "")

    def test_an_unknown_key_is_told_before_a_name_that_is_no_default_rule(self) -> None:
        (mistake,) = mistakes(MINIMAL + f"rules:\n  {NUMERIC}x: {{where: n_words < 3}}\n")
        assert 'unknown key "where"' in str(mistake)
        assert 'did you mean "when"?' in str(mistake)

    def test_pydantic_does_not_speak(self) -> None:
        text = (
            "name: 5\nsources: {}\nlimits: x\nclean: {cleaners: [a, 3]}\nrules: [1]\nstore: [1]\nsplits: {seed: -1}\n"
        )
        for mistake in mistakes(text):
            told = str(mistake)
            assert not any(
                word in told for word in ("pydantic", "Input should", "valid", "Value error", "dict", "str ")
            )

    def test_values_cannot_drive_a_terminal(self) -> None:
        (mistake,) = mistakes(MINIMAL + 'splits: {by: "\\e[2J"}\n')
        assert "\x1b" not in str(mistake)

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "empty"),
            (b"# nothing\n", "empty"),
            (b"- a\n", "not a mapping"),
            (b"name: x\nb: \xff\n", "the byte 0xff is not UTF-8"),
            ("name: x".encode("utf-16"), "UTF-16"),
            (b"PAR1\x00\x00", "a data file"),
            (b"a: " + b"x" * 1_000_001, "larger than"),
        ],
    )
    def test_a_file_that_is_no_pipeline_file(self, data: bytes, words: str) -> None:
        (mistake,) = mistakes(data)
        assert words in mistake.message
        assert mistake.file == "pipeline.yaml"

    def test_a_file_that_is_not_there(self) -> None:
        with pytest.raises(InputError, match="no such file"):
            load(Path("nowhere.yaml"))

    def test_a_pipe_or_folder_never_hangs(self) -> None:
        os.mkfifo("pipe.yaml")
        for path in (Path("pipe.yaml"), Path()):
            with pytest.raises(InputError, match="not a file"):
                load(path)


@pytest.mark.usefixtures("here")
def test_later_steps_can_point_into_the_file() -> None:
    result = loaded(MINIMAL + 'rules:\n  x: {when: "nword < 1"}\n', "splits.seed=3")
    error = result.mistake(("rules", "x", "when"), "there is no signal nword", hint="n_words")
    assert (error.file, error.line, error.key) == ("pipeline.yaml", 5, "rules.x.when")
    assert "splits.seed=3" in str(result.mistake(("splits", "seed"), "too small"))


@pytest.mark.usefixtures("here")
class TestLaterMistakes:
    """What only later steps can find, told with the line of the pipeline file."""

    @pytest.mark.parametrize(
        ("key", "line"),
        [("rules.short.signal", 6), ("sources.q.path", 4), ("sources.q.columns.text", 3), ("splits.by", 1)],
    )
    def test_a_key_becomes_a_line(self, key: str, line: int) -> None:
        text = "name: x\nsources:\n  - name: q\n    path: a.jsonl\nrules:\n  short: {signal: n, op: <, threshold: 1}\n"
        pipeline = loaded(text)
        with pytest.raises(InputError) as caught, pipeline.locating():
            raise InputError("is wrong", key=key)
        assert (caught.value.file, caught.value.line) == ("pipeline.yaml", line)

    def test_the_data_file_stays_in_the_message(self) -> None:
        with pytest.raises(InputError) as caught, loaded(MINIMAL).locating():
            raise InputError("no such file", key="sources.source1.path", file="a.jsonl")
        assert str(caught.value) == "pipeline.yaml line 3, sources.source1.path: a.jsonl: no such file"

    def test_every_one_of_several_gets_its_line(self) -> None:
        several = ManyInputErrors([InputError("a", key="name"), InputError("b", key="sources.source1.path")])
        with pytest.raises(ManyInputErrors) as caught, loaded(MINIMAL).locating():
            raise several
        assert [error.line for error in caught.value.errors] == [1, 3]

    def test_a_line_of_data_is_not_replaced(self) -> None:
        with pytest.raises(InputError) as caught, loaded(MINIMAL).locating():
            raise InputError("broken", key="sources.source1.path", file="a.jsonl", line=9)
        assert str(caught.value).startswith("a.jsonl line 9")
