"""Small data for the trainer's tests: folders of rows, recipes over them, and two templates."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trainer.recipe import Recipe

THINKING = (
    "{{ '<bos>' if false else '' }}{% for m in messages %}"
    "{% if m['role'] == 'assistant' %}{{ '<|im_start|>bot: ' + (m['content'].split('</think>')[-1] | trim) }}"
    "{{ '<|im_end|>' }}"
    "{% else %}{{ '<|im_start|>' + m['role'] + ': ' + m['content'] + '<|im_end|>\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>bot: <think>\n' }}{% endif %}"
)
"""Begins an answer with `<think>` when generating, and strips thoughts from every answer that it renders."""


def chat(*contents: str, system: str | None = None) -> dict[str, Any]:
    """A conversation, user first, turn by turn."""
    roles = ("user", "assistant")
    said = [{"role": roles[place % 2], "content": content} for place, content in enumerate(contents)]
    return {"messages": [*([{"role": "system", "content": system}] if system else []), *said]}


def write_rows(folder: Path, **splits: Iterable[Any]) -> Path:
    """One JSON Lines file for each split."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def recipe(**data: Any) -> Recipe:
    """A recipe over some data; the model is not looked at."""
    return Recipe.model_validate({"name": "test", "data": data, "model": {"path": "model"}})


def learnt(tokenizer: Any, example: dict[str, Any]) -> str:
    """The text that an example is trained on."""
    return str(tokenizer.decode([label for label in example["labels"] if label != -100]))
