"""The rules that apply unless a pipeline file changes them or switches them off.

They remove what is broken whatever a dataset is for, and nothing that might be meant: a rule that drops one good row
in a thousand teaches people to switch rules off. Each threshold was set by reading the rows it meets in real data
(`docs/rules.md` has the counts), not taken over from filters for web pages, which would drop every tenth row of code
and of school mathematics: an answer quotes its question, and code repeats its lines.

Order matters where several rules meet one record: the first that drops decides, so what is wrong with a part comes
before what is wrong with the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dataprep.rules.config import RuleConfig
from dataprep.rules.tree import show_constant

_MEASURED: Final = "the rows it meets in twelve public sets (docs/rules.md)"


@dataclass(frozen=True, slots=True)
class DefaultRule:
    """A default rule with its origin: who uses the same rule, and where its threshold comes from."""

    name: str
    config: RuleConfig
    source: str


@dataclass(frozen=True, slots=True)
class RuleDescription:
    """A default rule in words, as `dataprep rules` and the documentation show it."""

    name: str
    action: str
    condition: str
    why: str
    source: str


def _counting(name: str, signal: str, why: str, source: str) -> DefaultRule:
    """A rule that any occurrence meets."""
    return DefaultRule(name, RuleConfig(signal=signal, op=">", threshold=0, because=why), source)


_RULES: Final = (
    _counting(
        "missing",
        "missing_parts",
        "the row does not have a field that it needs, as after a renamed column",
        "`required` of JSON Schema",
    ),
    _counting(
        "null",
        "null_parts",
        "a field that must have text is null, as after a failed join",
        "dbt's `not_null` test",
    ),
    _counting(
        "empty",
        "empty_parts",
        "a turn has no text: an empty answer teaches a model to stop at once",
        "1,400 rows of T0 whose answer is nothing but an end marker",
    ),
    _counting(
        "white_space",
        "blank_parts",
        "a turn shows nothing but white space or zero-width characters",
        "as `empty`, apart because the cause differs",
    ),
    _counting(
        "placeholder",
        "placeholder_parts",
        "a turn is a stand-in such as n/a, null or lorem ipsum instead of text",
        "the `na_values` of pandas; C4 drops pages with lorem ipsum (Raffel et al. 2020, arXiv 1910.10683)",
    ),
    DefaultRule(
        "too_short",
        RuleConfig(
            signal="n_words",
            op="<",
            threshold=1,
            because="fewer words than this teach nothing; by default only records without any word go",
        ),
        "Gopher drops documents under 50 words (Rae et al. 2021, arXiv 2112.11446); in intents and answers one word is "
        "often all there should be (`register`, `Yes`)",
    ),
    DefaultRule(
        "answer_echoes_input",
        RuleConfig(
            signal="answer_echoes_input",
            op="=",
            threshold=True,
            because="the answer repeats the question and teaches a model to do the same",
        ),
        "filter of Self-Instruct (Wang et al. 2022, arXiv 2212.10560, section 2.2)",
    ),
    _counting(
        "end_of_text_debris",
        "end_of_text_markers",
        "a tokenizer's marker stands inside the text, where cleaning does not remove it: several samples run together, "
        "and a model learns to write the marker",
        "markers of the GPT, Llama, ChatML and Gemma templates (`clean.end_of_text_markers`)",
    ),
    DefaultRule(
        "mostly_symbols",
        RuleConfig(
            when="symbol_share > $threshold and n_chars >= 10",
            value="symbol_share",
            threshold=0.6,
            because="most of the text is neither letters nor digits: separators, drawings, remains of markup",
        ),
        "special-character filter of ROOTS (Laurençon et al. 2022, arXiv 2303.03915); the threshold from "
        f"{_MEASURED}: code reaches 0.31, tweets full of emoji 0.48, short Chinese in quotes 0.55",
    ),
    DefaultRule(
        "repeated_lines",
        RuleConfig(
            when="duplicate_line_char_share > $threshold and n_lines >= 10 and n_turns <= 3",
            value="duplicate_line_char_share",
            threshold=0.6,
            because="most of the text is lines that stood there before; long conversations may return to a text, "
            "one answer may quote its question once, and more is a loop",
        ),
        "Gopher's share of characters in duplicate lines (arXiv 2112.11446, table A1: 0.20, for web pages); the "
        f"threshold from {_MEASURED}: bug fixes that quote the code reach 0.42",
    ),
    DefaultRule(
        "repeated_phrases",
        RuleConfig(
            when="duplicate_10gram_char_share > $threshold and n_words >= 50 and n_turns <= 3",
            value="duplicate_10gram_char_share",
            threshold=0.6,
            because="most of the text is runs of ten words that stood there before, the mark of a generator in a loop",
        ),
        "Gopher's share of characters in duplicate 10-grams (arXiv 2112.11446, table A1: 0.10, for web pages); the "
        f"threshold from {_MEASURED}: school mathematics, code and news reach 0.44",
    ),
    DefaultRule(
        "endless_word",
        RuleConfig(
            signal="max_word_chars",
            op=">",
            threshold=1000,
            action="hold",
            because="a word of more than a thousand characters is encoded data or a generator in a loop; held, because "
            "encoded data can be meant",
        ),
        "maximum word length of C4's published code (`c4_utils.py` in TensorFlow Datasets)",
    ),
)

DEFAULT_RULES: Final[Mapping[str, RuleConfig]] = MappingProxyType({rule.name: rule.config for rule in _RULES})
"""Default rules by name, in the order in which they decide."""


def describe() -> list[RuleDescription]:
    """Every default rule in words, in order.

    >>> describe()[0].condition
    'missing_parts > 0'
    """
    return [
        RuleDescription(
            name=rule.name,
            action=rule.config.action,
            condition=_condition(rule.config),
            why=rule.config.because or "",
            source=rule.source,
        )
        for rule in _RULES
    ]


def _condition(rule: RuleConfig) -> str:
    threshold = show_constant(rule.threshold)
    if rule.when is not None:
        return rule.when.replace("$threshold", threshold)
    return f"{rule.signal} {rule.op} {threshold}"
