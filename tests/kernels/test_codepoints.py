"""The stored classes of code points are those of `unicodedata`."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from dataprep.kernels.codepoint_table import UNICODE_VERSION
from dataprep.kernels.codepoints import (
    BLANK,
    CLASSES,
    LETTER,
    LOWERS,
    MARK,
    NUMBER,
    SOLO,
    SYMBOL,
    UPPER,
    UPPERS,
    classify,
)


def test_the_stored_table_is_what_unicodedata_gives() -> None:
    if unicodedata.unidata_version != UNICODE_VERSION:
        pytest.skip(f"this Python knows Unicode {unicodedata.unidata_version}, the table {UNICODE_VERSION}")
    expected = np.array([classify(code) for code in range(0x110000)], np.uint8)
    assert (CLASSES[:0x110000] == expected).all()


@pytest.mark.parametrize(
    ("chars", "expected"),
    [
        ("aéßªжאعहん"[:-1], LETTER),
        ("AÉЖǅ", UPPER),
        ("09٣²½Ⅷ", NUMBER),
        ("\u0301\u093f\ufe0f", MARK),
        ("漢字かカーｶไลກកမ々〇", SOLO),
        (" \t\n\r\u00a0\u2028\u3000\u200b\u200d\u202e\ufeff\u00ad\u3164\u2800", BLANK),
        ("!_€🙂\x00\x7f\ufffd\ue000", SYMBOL),
    ],
)
def test_classes_of_well_known_characters(chars: str, expected: int) -> None:
    assert {char: int(CLASSES[ord(char)]) for char in chars} == dict.fromkeys(chars, expected)


def test_lower_case_forms_stand_beside_their_capitals() -> None:
    lowered = {chr(upper): chr(lower) for upper, lower in zip(UPPERS, LOWERS, strict=True)}
    assert (lowered["A"], lowered["Ж"], lowered["Σ"], lowered["ǅ"]) == ("a", "ж", "σ", "ǆ")
    assert all(CLASSES[ord(upper)] == UPPER for upper in lowered)
