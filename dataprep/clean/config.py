"""Configuration of the cleaners."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dataprep.pipeline.base import Config

CleanerName = Literal["encoding", "control_characters", "whitespace", "end_of_text"]


class CleanConfig(Config):
    """What may change text. Cleaners run in the order given, again where one gave another more to do;
    those that could harm code leave fenced blocks and inline code alone."""

    cleaners: tuple[CleanerName, ...] = ("encoding", "control_characters", "whitespace", "end_of_text")
    """`encoding` repairs text decoded with the wrong encoding (mojibake); `control_characters` removes control and
    zero-width characters; `whitespace` turns CRLF and CR into LF and trims space at line ends and around the text;
    `end_of_text` removes tokenizer markers such as `<|endoftext|>` from the end."""
    end_of_text_markers: tuple[Annotated[str, Field(pattern=r"\S$")], ...] = (
        "<|endoftext|>",
        "<|im_end|>",
        "<|eot_id|>",
        "<|end_of_text|>",
        "<|end|>",
        "</s>",
        "<eos>",
        "<end_of_turn>",
        "[EOS]",
    )
    """Markers that `end_of_text` removes when a text ends in them."""
