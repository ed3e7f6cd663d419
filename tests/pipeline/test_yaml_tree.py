"""YAML as people write it: lines, surprises of YAML, and files that are not YAML at all."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from dataprep.pipeline.yaml_tree import Node, parse

PLAIN_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | PLAIN_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN_TEXT, inner, max_size=3),
    max_leaves=10,
)


def read(text: str) -> Node:
    tree, mistakes = parse(text, file="p.yaml")
    assert mistakes == []
    return tree


def flow(value: object) -> str:
    """A value as YAML in brackets, all text quoted by ours."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key, None)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return quoted(value, None) if isinstance(value, str) else json.dumps(value)


@given(VALUES)
def test_what_was_quoted_is_read_back(value: object) -> None:
    assert read(flow(value)).plain() == value


@given(st.text(max_size=30))
def test_quoted_text_has_nothing_that_moves_a_cursor(text: str) -> None:
    assert quoted(text).isprintable()


def test_every_value_knows_its_line() -> None:
    tree = read("a: 1\n\nb:\n  # comment\n  c: x\n  d: [1,\n      2]\n")
    inner = tree.value["b"]
    assert tree.key_lines == {"a": 1, "b": 3}
    assert inner.key_lines == {"c": 5, "d": 6}
    assert [item.line for item in inner.value["d"].value] == [6, 7]


@pytest.mark.parametrize(
    ("text", "value"),
    [("012", 12), ("1e-3", 0.001), ("16_000_000", 16_000_000), ("12:30", "12:30"), ("2024-01-01", "2024-01-01")],
)
def test_numbers_and_dates_are_read_as_they_look(text: str, value: object) -> None:
    assert read(f"k: {text}").plain() == {"k": value}


def test_an_equals_sign_is_text() -> None:
    assert read("op: =").plain() == {"op": "="}


def test_a_merged_mapping_gives_way_to_own_keys() -> None:
    tree = read("- &a {x: 1, y: 2}\n- {<<: *a, y: 3}\n")
    assert tree.plain() == [{"x": 1, "y": 2}, {"x": 1, "y": 3}]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb:\n\tc: 1\n", 3, "a tab where YAML allows only spaces"),
        ("prompt: Summarize: x\n", 1, 'a second ": " in one value'),
        ("a: 1\nrule: {op: >, signal: n}\n", 2, "this operator"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: 1\nb: 'open\n", 3, "the quote opened in line 2 is never closed"),
        ("a: [1, 2\nb: 3\n", 2, "the bracket opened in line 1"),
        ("a: @x\n", 1, "a value cannot begin with `@`"),
        ("a: *x\n", 1, "an anchor that is not defined"),
        ("a: \x07\n", 1, "control character"),
        ("a: &a [*a]\n", 1, "contains itself"),
        ("[" * 200_000, 1, "nested more than 32 levels deep"),
        ('a: "\\q"\n', 1, "unknown escape"),
    ],
)
def test_what_is_not_yaml_is_told_in_plain_words_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, file="p.yaml")
    assert (caught.value.file, caught.value.line) == ("p.yaml", line)
    assert words in caught.value.message


def test_aliases_that_multiply_are_refused_before_they_fill_memory() -> None:
    levels = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(InputError, match="once aliases"):
        parse("\n".join(levels), file="p.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2\n", 'the key "a" stands here and in line 1'),
        ("x: 0\non: 2\n", "YAML does not read the key on as text"),
        ("x: 0\n? [a]\n: 2\n", "a key must be a word"),
        ("x: 0\na: !!python/object:os.system x\n", 'the tag "!!python/object:os.system" means nothing here'),
        ("x: 0\na: .nan\n", "is not a number of 64 bits"),
        ("x: 0\na: 99999999999999999999\n", "is not a number of 64 bits"),
        ('x: 0\na: "\\ud83d"\n', "half of a surrogate pair"),
    ],
)
def test_mistakes_that_leave_the_rest_readable_are_collected(text: str, words: str) -> None:
    _, mistakes = parse(text, file="p.yaml")
    assert [mistake.line for mistake in mistakes] == [2]
    assert words in mistakes[0].message


@given(st.text(max_size=60))
def test_any_text_gives_a_tree_or_an_input_error(text: str) -> None:
    with suppress(InputError):
        parse(text, file="p.yaml")
