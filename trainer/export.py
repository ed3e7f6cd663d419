"""`trainer export`: the best weights of a run as a model that `transformers` loads alone, with a card that says how."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataprep.beside import folder_beside
from dataprep.errors import InputError
from dataprep.store.files import make_folder, publish_folder
from trainer.card import card
from trainer.models.fingerprint import fingerprint
from trainer.models.save import save
from trainer.runs.folder import RunFolder


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
    record = RunFolder.open(run)
    told = record.record
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
    make_folder(output.parent)
    with folder_beside(output) as folder:
        save(model, tokenizer, folder)
        (folder / "README.md").write_text(card(told, record.metrics()), encoding="utf-8")
        if not publish_folder(folder, output):  # an empty folder of that name gives way
            raise InputError("is there already", file=str(output), key="-o", hint="name a new folder")
    return sorted(path for path in output.iterdir())


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
