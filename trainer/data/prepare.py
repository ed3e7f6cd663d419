"""From a recipe's data to what training starts from, in one place: `check` counts what `train` trains on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.console import counted
from dataprep.errors import InputError
from trainer.data import cache as cached
from trainer.data.encode import ENCODED, LEARNT, OUTCOMES, Encoder
from trainer.data.holdout import hold_out
from trainer.data.limits import check_limits
from trainer.data.mixture import mix
from trainer.data.overlap import INPUTS, inputs_of, overlaps
from trainer.data.prepared import ABOUT, EXAMPLES, Prepared
from trainer.data.sources import Source, open_source
from trainer.recipe import Recipe

__all__ = ["Prepared", "check_limits", "prepare"]

CODE_VERSION: Final = 2
"""Raised whenever the same rows would give other tokens, labels or outcomes than before."""

Progress = Callable[[int, int], None]
"""Told how many records are done, and of how many (0 where that is not known)."""


def prepare(
    recipe: Recipe, base: Path, tokenizer: Any, *, cache: Path | None = None, on_progress: Progress | None = None
) -> Prepared:
    """Read, render, tokenise, mask, hold out and mix a recipe's data; or take all that from the cache.

    Args:
        recipe: what to train on, and how long examples may be.
        base: folder that the recipe's paths are relative to.
        tokenizer: a fast tokenizer of transformers, with the template to use.
        cache: folder to keep the result in; None keeps nothing.
        on_progress: told now and then.

    Raises:
        InputError: there are no such data, or none to train or validate on, or the template refuses a conversation.
    """
    source = open_source(recipe.data, base)
    keys = _digests(recipe, source, tokenizer)
    found = None if cache is None else cached.load(cache, keys["digest"])
    if found is not None:
        tables, counts = found
        return Prepared(**tables, description=source.description | counts | keys, digest=keys["digest"])
    encoder = Encoder(
        tokenizer,
        max_length=recipe.data.max_length,
        too_long=recipe.data.too_long,
        by="source" if recipe.data.mixture is None else recipe.data.mixture.by,
    )
    encoded, compared, labelled = _read(source, encoder, on_progress)
    encoded, held_out = _split(encoded, recipe)
    learnt = {split: _learnt(encoded, split) for split in ("train", "validation")}
    train = mix(learnt["train"], recipe.data.mixture)
    shared = overlaps(learnt | compared)
    files = source.files | ({"validation": source.files["train"]} if held_out and source.files else {})
    counts = {
        "held_out": recipe.data.validation if held_out else None,
        "outcomes": _counted(encoded),
        "records": {split: pc.count_distinct(table["record_id"]).as_py() for split, table in learnt.items()},
        "examples": {split: len(table) for split, table in learnt.items()},
        "tokens": {split: pc.sum(table["tokens"]).as_py() for split, table in learnt.items()},
        "trained_tokens": {split: pc.sum(table["trained_tokens"]).as_py() for split, table in learnt.items()},
        "seen_in_an_epoch": _seen(learnt["train"], train, recipe),
        "files": files,
        "compared": {split: len(table) for split, table in compared.items()},
        "overlap": _shared(shared),
        "notes": [
            *_label_notes(labelled, source),
            *source.notes,
            *_notes(encoder, tokenizer, recipe if held_out else None),
        ],
    }
    prepared = Prepared(
        train=train.select(EXAMPLES),
        validation=learnt["validation"].select(EXAMPLES),
        outcomes=encoded.select(ABOUT),
        overlap=shared,
        description=source.description | counts | keys,
        digest=keys["digest"],
    )
    if cache is not None:
        cached.save(cache, prepared, counts)
    return prepared


def _read(
    source: Source, encoder: Encoder, on_progress: Progress | None
) -> tuple[pa.Table, dict[str, pa.Table], Counter[str]]:
    """Examples of train and validation, what is asked in other held-out splits, and the labels of documents."""
    tables, records = [ENCODED.empty_table()], 0
    labelled: Counter[str] = Counter()
    compared: dict[str, pa.Table] = {}
    for conversations in source.read():
        split = conversations[0].split
        if split in ("train", "validation"):
            tables.append(encoder.encode(conversations))
            labelled.update(each.label for each in conversations if each.text is not None and each.label)
        else:
            asked = inputs_of(conversations)
            compared[split] = pa.concat_tables([compared.get(split, INPUTS.empty_table()), asked])
        records += len(conversations)
        if on_progress is not None:
            on_progress(records, source.rows)
    if encoder.not_rendered:
        first = encoder.not_rendered[0]
        others = f" ({len(encoder.not_rendered):,} answers in all)" if len(encoder.not_rendered) > 1 else ""
        hint = (
            "give a template that can (`model.chat_template: FILE`), or leave such rows out with a rule of `dataprep`"
        )
        message = f"answer {first.answer + 1}{others} cannot be rendered: {first.reason}"
        raise InputError(message, record_id=first.record_id, hint=hint)
    return pa.concat_tables(tables), compared, labelled


def _split(encoded: pa.Table, recipe: Recipe) -> tuple[pa.Table, bool]:
    """The examples with their final split, and whether validation had to be held out."""
    if pc.any(pc.equal(encoded["split"], "validation")).as_py():
        return encoded, False
    held = pa.array(hold_out(encoded["opening_key"], recipe.data.validation))
    place = encoded.schema.get_field_index("split")
    return encoded.set_column(place, "split", pc.if_else(held, "validation", "train")), True


def _learnt(encoded: pa.Table, split: str) -> pa.Table:
    of_split = encoded.filter(pc.equal(encoded["split"], split))
    learnt = of_split.filter(pc.is_in(of_split["outcome"], pa.array(LEARNT)))
    if not len(learnt):
        found = Counter(of_split["outcome"].to_pylist())
        why = ", ".join(f"{count:,} {outcome} ({OUTCOMES[outcome]})" for outcome, count in found.items())
        hint = "check the shape of the rows, and `data.max_length`"
        raise InputError(f"no example of {split} is left: {why or 'it has no rows'}", key="data", hint=hint)
    return learnt.combine_chunks()


def _counted(encoded: pa.Table) -> dict[str, dict[str, int]]:
    """Examples by split and outcome."""
    counts: dict[str, dict[str, int]] = {"train": {}, "validation": {}}
    grouped = encoded.group_by(["split", "outcome"]).aggregate([([], "count_all")])
    for row in sorted(grouped.to_pylist(), key=lambda row: (row["split"], list(OUTCOMES).index(row["outcome"]))):
        counts[row["split"]][row["outcome"]] = row["count_all"]
    return counts


def _shared(shared: pa.Table) -> dict[str, int]:
    """Examples of each held-out split whose input stands in an earlier one."""
    counts: Counter[str] = Counter()
    for split, examples in zip(shared["split"].to_pylist(), shared["examples"].to_pylist(), strict=True):
        counts[split] += examples
    return dict(counts)


def _seen(learnt: pa.Table, train: pa.Table, recipe: Recipe) -> dict[str, dict[str, float]] | None:
    """Examples of each group, before and after the mixture's weights."""
    if recipe.data.mixture is None:
        return None
    before, after = Counter(learnt["group"].to_pylist()), Counter(train["group"].to_pylist())
    weights = recipe.data.mixture.weights
    return {
        group: {"examples": before[group], "weight": weights.get(group, 1.0), "seen": after[group]}
        for group in sorted(before)
    }


def _label_notes(labelled: Counter[str], source: Source) -> list[str]:
    """That there are labels which nothing is learnt of: a text is trained on as it stands."""
    if not labelled:
        return []
    verb = "has" if labelled.total() == 1 else "have"
    found = f"{counted(labelled.total(), 'record')} {verb} a label ({len(labelled):,} different)"
    return [f"{found}, which is not trained on, only the text: to train on it, {source.to_learn_labels}"]


def _notes(encoder: Encoder, tokenizer: Any, holding_out: Recipe | None) -> list[str]:
    """What was decided that a person should know, a sentence each."""
    renderer, end = encoder.renderer, tokenizer.eos_token
    notes = []
    if holding_out is not None:
        share = holding_out.data.validation
        notes.append(f"no validation split: {share:.0%} of the conversations of train are held out, by how they begin")
    if not renderer.templated:
        notes.append("no chat template: an answer follows its prompt after a line feed, and ends with the end of text")
    elif renderer.end is None:
        added = f"{end} is added" if end else "there is none to add, so the model cannot learn to stop"
        notes.append(f"the template ends answers with no special token: {added}")
    elif renderer.end != end:
        notes.append(f"answers end with {renderer.end}, a text with {end}: generation must stop at both")
    if renderer.shows_tools is False:
        notes.append(
            "the rows have tools, and the template does not show them: the model cannot learn when to use which"
        )
    if renderer.with_special_tokens:
        count = counted(renderer.with_special_tokens, "answer")
        notes.append(f"special tokens are written out in {count}: an end of text there teaches to stop in the middle")
    if renderer.split_by_content:
        notes.append(
            f"{renderer.split_by_content:,} answers do not begin as the template's generation prompt does; what is "
            "trained on begins where their content does"
        )
    return notes


def _digests(recipe: Recipe, source: Source, tokenizer: Any) -> dict[str, str]:
    """`outcomes_digest`: of all that decides what becomes of an example. `digest`: with the mixture."""
    parts = {
        "code": CODE_VERSION,
        "data": source.digest,
        "tokenizer": tokenizer_digest(tokenizer),
        "max_length": recipe.data.max_length,
        "too_long": recipe.data.too_long,
        "validation": recipe.data.validation,
    }
    outcomes = sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()
    mixture = None if recipe.data.mixture is None else recipe.data.mixture.model_dump(mode="json")
    whole = sha256(orjson.dumps([outcomes, mixture], option=orjson.OPT_SORT_KEYS)).hexdigest()
    return {"outcomes_digest": outcomes, "digest": whole}


def tokenizer_digest(tokenizer: Any) -> str:
    """Equal for tokenizers and templates that give equal tokens; hex.

    Raises:
        InputError: it is not a fast tokenizer.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        hint = "save it with a tokenizer.json, or take another model"
        raise InputError("the tokenizer has no fast version", key="model.path", hint=hint)
    rules = orjson.loads(backend.to_str())
    rules["truncation"] = rules["padding"] = None  # what it was last called with
    tokens = [tokenizer.bos_token_id, tokenizer.eos_token_id]
    content = orjson.dumps([rules, tokens, tokenizer.chat_template], option=orjson.OPT_SORT_KEYS)
    return sha256(content).hexdigest()
