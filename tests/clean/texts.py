"""Texts for the tests of cleaning: hostile fragments, put together at random."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

FRAGMENTS = (
    *(
        "word",
        "naïve",
        "Ã¶",
        "â€™",
        "â€œ",
        "Ã ",
        " Ã ",
        "Â ",
        "Ã\xa0",
        "вЂ™",
        "ВЂ",
        "œ ",
        "œ",
        "É",
        "©",
        "×",
        "中文",
        "é",
    ),
    *("\u200b", "\u200c", "\u200d", "\ufeff", "\u2060", "\xad", "\u202e", "\u2066", "\x00", "\x1a", "\x07", "\x7f"),
    *("\x80", "\x85", "\x94", "\x9f", "\x0b", "\x0c", "\x1c", "\x1b[31m", "\x1b]0;t\x07", "\x1b[", "\x1b", "[0m"),
    *("\n", "\n\n", "\r\n", "\r", " ", "  ", "\t", "\xa0", "\u3000", "\u2028", "    x"),
    *("`", "``", "```", "~~~", "`x  `", "\n```\n", "\n```py\n", "\n~~~\n"),
    *("<|endoftext|>", "<|im_end|>", "</s>", "</s", ">", "[EOS]", "<|end|>"),
    *("👩\u200d💻", "❤\ufe0f\u200d🔥", "می\u200cخواهم", "क्\u200dष", "ភាសា\u200bខ្មែរ", "\u0301", "A\u0300", "�"),
)
texts = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join))

unhurried = settings(deadline=None)
"""For a busy machine, and for the compile on the first call."""
