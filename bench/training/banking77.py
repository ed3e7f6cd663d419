"""Whether what is trained is of use: banking77 as instruction -> intent, beside TF-IDF and logistic regression.

A Llama from a configuration, which has read nothing before, is trained by the same function as `trainer train`, and
answers the test file's questions by greedy generation. An answer that is no intent is a wrong one.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from bench.training.models import Shape, model_folder
from bench.training.required import Figure
from bench.training.scores import macro_f1
from bench.training.texts import Row, banking77, has_banking77, write_rows

REQUIRED: Final = 0.5
_SHAPE: Final = Shape(hidden=128, layers=3, heads=4, key_heads=4, feed_forward=384)
_VOCABULARY: Final = 2000
_LONGEST_ANSWER: Final = 16
_BATCH: Final = 64
_SETTINGS: Final = (
    "training.learning_rate=3e-3",
    "training.batch_size=4",
    "training.validations=8",
    "data.validation=0.05",
)


def main(arguments: Sequence[str]) -> bool:
    """Train, answer, and compare; whether what is required was met. Argument: epochs, 6 by default."""
    if not has_banking77():
        print("skipped: banking77 is not at hand (intents/banking77_{train,test}.csv in $DATAPREP_SHARED_DATA)")
        return True
    epochs = float(arguments[0]) if arguments else 6.0
    train, test = banking77("train"), banking77("test")
    with tempfile.TemporaryDirectory(prefix="bench-banking77-") as folder:
        best = trained(Path(folder), train, epochs)
        start = time.perf_counter()
        answers = generated(best, [row.prompt for row in test])
        print(f"{len(test):,} answers in {time.perf_counter() - start:.0f} s")
    wanted = [row.completion for row in test]
    known = set(wanted)
    ours = macro_f1(wanted, answers)
    print(f"macro-F1 {ours:.3f}; {sum(each not in known for each in answers):,} answers are no intent")
    theirs = logistic_regression(train, test)
    if theirs is None:
        print("no comparison: scikit-learn is not installed; `pip install scikit-learn`, and run this again")
        return True
    print(f"TF-IDF and logistic regression: macro-F1 {theirs:.3f}")
    figure = Figure("macro-F1 over that of the baseline", ours / theirs, "at least", REQUIRED, "times")
    print(figure)
    return figure.met


def trained(folder: Path, rows: Sequence[Row], epochs: float) -> Path:
    """Train a small model on some rows; returns the folder of the best weights.

    Args:
        folder: where everything goes.
        rows: to learn.
        epochs: at most; early stopping may end before.
    """
    from trainer.recipe_file import load
    from trainer.start import start
    from trainer.train import train

    shuffled = list(rows)  # the file has one intent after the other
    random.Random(0).shuffle(shuffled)
    data = write_rows(folder / "train.jsonl", shuffled)
    texts = [text for row in rows for text in (row.prompt, row.completion)]
    model = model_folder(folder / "base", _SHAPE, texts, _VOCABULARY)
    recipe = folder / "recipe.yaml"
    start(str(data), str(model), recipe, store="store", method="full")
    began = time.perf_counter()
    done = train(load(recipe, [*_SETTINGS, f"training.epochs={epochs:g}"]), on_note=print, on_values=_show)
    fitted = done.fitted
    print(
        f"trained for {time.perf_counter() - began:.0f} s: {fitted.steps:,} steps, best validation loss "
        f"{fitted.best_validation_loss:.3f} at step {fitted.best_step}"
    )
    return done.run / "best"


def _show(values: Any) -> None:
    if "validation_loss" in values:
        print(
            f"  step {values['step']}: validation loss {values['validation_loss']:.3f} after {values['seconds']:.0f} s"
        )


def generated(folder: Path, prompts: Sequence[str]) -> list[str]:
    """What a model answers, greedily, without white space around it.

    Prompts of like length share a batch, so that little is padded; padding stands on the left, as generation needs.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    texts = [
        tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    answers = [""] * len(texts)
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(order), _BATCH):
        taken = order[start : start + _BATCH]
        batch = tokenizer(
            [texts[index] for index in taken], return_tensors="pt", padding=True, add_special_tokens=False
        )
        batch.pop("token_type_ids", None)
        with torch.inference_mode():
            out = model.generate(**batch, max_new_tokens=_LONGEST_ANSWER, do_sample=False, use_cache=True)
        new = out[:, batch["input_ids"].shape[1] :]
        for index, text in zip(taken, tokenizer.batch_decode(new, skip_special_tokens=True), strict=True):
            answers[index] = text.strip()
    return answers


def logistic_regression(train: Sequence[Row], test: Sequence[Row]) -> float | None:
    """Macro-F1 of TF-IDF of words and pairs of words with logistic regression; None without scikit-learn."""
    try:
        text, linear = import_module("sklearn.feature_extraction.text"), import_module("sklearn.linear_model")
    except ImportError:
        return None
    features = text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = linear.LogisticRegression(C=10, max_iter=1000)
    model.fit(features.fit_transform([row.prompt for row in train]), [row.completion for row in train])
    found = model.predict(features.transform([row.prompt for row in test]))
    return macro_f1([row.completion for row in test], [str(label) for label in found])
