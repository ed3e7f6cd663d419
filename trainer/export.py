"""`trainer export`: the best weights of a run as a model that `transformers` loads alone, with a card that says how."""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from dataprep.console import one_line
from dataprep.errors import InputError
from dataprep.store.files import make_folder, publish_folder, remove_folder
from trainer.models.fingerprint import fingerprint
from trainer.runs.folder import RunFolder

_LIMITS: Final = (
    "Trained on one dataset version and judged by its validation loss alone: what else it says, how it does on other "
    "inputs, and whether it says harmful things was not measured here."
)


def export(run: Path, output: Path) -> list[Path]:
    """Write a run's best weights, adapters merged, with tokenizer and card.

    Args:
        run: a run folder.
        output: a folder that is not there, or empty.

    Returns:
        The files.

    Raises:
        InputError: the run has no weights yet, its base model has gone or changed, or the folder is not empty.
        MachineError: the disk is full or broken.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from trainer.models.quiet import quiet

    quiet()
    told = RunFolder.open(run).record
    best = run / "best"
    if not best.is_dir():
        hint = f"it is {told['state']}; weights are kept when a run ends"
        raise InputError("holds no weights yet", file=str(run), hint=hint)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError("is there already", file=str(output), key="-o", hint="name a new folder")
    if (best / "adapter_config.json").is_file():
        model = _merged(best, told)
    else:
        model = AutoModelForCausalLM.from_pretrained(best, local_files_only=True, dtype="auto")
    model.config.use_cache = True
    tokenizer = AutoTokenizer.from_pretrained(best, local_files_only=True)
    # a base model that merged adapters go into brings its own padding, which may be its end of text
    model.config.get_text_config().pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    with _unfinished(output) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(card(told), encoding="utf-8")
        if not publish_folder(folder, output):  # an empty folder of that name gives way
            raise InputError("is there already", file=str(output), key="-o", hint="name a new folder")
    return sorted(path for path in output.iterdir())


@contextmanager
def _unfinished(output: Path) -> Iterator[Path]:
    """A hidden folder beside `output` to write into, locked while this process lives; what dead ones left goes first.

    The lock is on the folder itself: one in a file would be exported with it.
    """
    make_folder(output.parent)
    for left in output.parent.glob(f"{glob.escape(f'.{output.name}.part')}*"):
        with suppress(BlockingIOError, FileNotFoundError), _held(left):
            remove_folder(left)
    folder = output.with_name(f".{output.name}.part-{secrets.token_hex(4)}")
    make_folder(folder)
    try:
        with _held(folder):
            yield folder
    finally:
        remove_folder(folder)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder alone; raises `BlockingIOError` where another process does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _merged(best: Path, told: Mapping[str, Any]) -> Any:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = Path(told["model"]["folder"])
    if not base.is_dir():
        hint = "adapters are merged into the model that they were trained beside: put it back there"
        raise InputError("the run's base model has gone", file=str(base), hint=hint)
    if told["model"].get("fingerprint") not in (None, fingerprint(base)):
        hint = "adapters are merged into the model that they were trained beside: put its weights back"
        raise InputError("the run's base model has changed since", file=str(base), hint=hint)
    remote = bool(told["recipe"]["model"]["remote_code"])
    model = AutoModelForCausalLM.from_pretrained(base, local_files_only=True, trust_remote_code=remote, dtype="auto")
    tokens = len(AutoTokenizer.from_pretrained(best, local_files_only=True))
    if tokens > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(tokens, mean_resizing=False)
    return PeftModel.from_pretrained(model, best).merge_and_unload()


def card(told: Mapping[str, Any]) -> str:
    """The model card of a run: what it was made from and how, what it reached, what nobody looked at."""
    return "\n".join(_card(told)) + "\n"


def _card(told: Mapping[str, Any]) -> Iterator[str]:
    recipe, data, results = told["recipe"], told["data"], told.get("results") or {}
    yield from ("---", "library_name: transformers", "pipeline_tag: text-generation", "---", "")
    yield from (f"# {_safe(recipe['name'])}", "")
    yield from (f"Fine-tuned from {_safe(recipe['model']['path'])} ({_safe(told['model']['family'])}).", "")
    yield from ("## Data", "")
    yield from (f"- {_safe(key)}: {_safe(value)}" for key, value in data.items() if not isinstance(value, dict | list))
    yield from ("", "## Results", "")
    yield from (f"- {_safe(key)}: {_safe(value)}" for key, value in results.items() if value is not None)
    yield from ("- losses are nats a token of the answers, on the validation split", "")
    yield from ("## Recipe", "", "| key | value |", "|---|---|")
    for section in ("model", "training", "data"):
        for key, value in recipe[section].items():
            yield f"| {section}.{_safe(key)} | {_safe(value)} |"
    yield from ("", "## Limits", "", _LIMITS)


def _safe(value: object) -> str:
    """A value in a line of Markdown: no line break, no cell, no markup of its own."""
    text = one_line(str(value))
    return "".join(f"\\{char}" if char in "|`*_<>[]\\" else char for char in text)
