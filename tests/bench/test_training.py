"""What the trainer's benchmarks compute themselves: scores, shares, and that both sides do the same work."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from bench.training.models import Shape, tokenizer_of
from bench.training.required import Figure
from bench.training.scores import macro_f1
from bench.training.texts import made, short_rows, write_rows

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

TINY = Shape(hidden=32, layers=1, heads=2, key_heads=1, feed_forward=64)


def test_macro_f1_is_the_mean_over_labels_however_rare() -> None:
    wanted = ["a"] * 8 + ["b"] * 2
    assert macro_f1(wanted, wanted) == 1.0
    assert macro_f1(wanted, ["a"] * 10) == pytest.approx((2 * 8 / (8 + 10)) / 2)


def test_an_answer_that_is_no_label_lowers_recall_and_adds_no_label() -> None:
    assert macro_f1(["a", "a", "b"], ["a", "nonsense", "b"]) == pytest.approx((2 / 3 + 1) / 2)


def test_answers_and_labels_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="2 labels for 1 answers"):
        macro_f1(["a", "b"], ["a"])


def test_macro_f1_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    draw = random.Random(3)
    wanted = draw.choices("abcd", k=200)
    found = [draw.choice([each, *"abcdx"]) for each in wanted]
    theirs = metrics.f1_score(wanted, found, labels=sorted(set(wanted)), average="macro", zero_division=0)
    assert macro_f1(wanted, found) == pytest.approx(theirs)


def test_a_figure_says_whether_it_is_what_it_must_be() -> None:
    assert Figure("a", 2.0, "at least", 2.0, "times").met
    assert not Figure("a", 2.01, "at most", 2.0, "%").met
    assert str(Figure("a", 1.0, "at least", 2.0, "times")).startswith("MISSED")


def test_short_rows_are_the_same_each_time_and_no_two_alike() -> None:
    rows = short_rows(25_000)
    assert rows == short_rows(25_000)
    assert len({row.prompt for row in rows}) > 24_000  # banking77 repeats a few questions itself


def test_made_rows_are_as_long_as_those_of_banking77() -> None:
    draw = random.Random(0)
    lengths = [len(made(draw).prompt.split()) for _ in range(5000)]
    assert 10 < sum(lengths) / len(lengths) < 14
    assert max(lengths) <= 60


def test_rows_are_written_as_the_trainer_reads_them(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "new" / "train.jsonl", short_rows(2))
    assert path.read_text(encoding="utf-8").count('"completion"') == 2


def test_the_peak_of_a_device_is_found_by_its_name_and_a_share_by_hand() -> None:
    from bench.training.gpu import peak_of, share_of_peak
    from bench.training.speed import Speed

    assert peak_of("NVIDIA A100-SXM4-80GB") == 312.0
    assert peak_of("some other device") is None
    assert share_of_peak(Speed(2000, 0, 1.0, 1), 10**9, 24.0) == pytest.approx(0.5)


def test_the_gpu_script_leaves_with_one_line_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    from bench.training.gpu import main

    assert main([])
    assert capsys.readouterr().out.count("\n") == 1


def test_the_gpu_script_measures_a_tiny_model_on_a_processor(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from bench.training.gpu import measure

    measure(TINY, 500, device="cpu", peak=1.0, rows=16, steps=2, batch=1, length=256)
    shown = capsys.readouterr().out
    assert "packed rows of 256 tokens" in shown
    assert "share of the GPU's peak" in shown
    assert "over TRL's defaults" in shown


def test_both_sides_train_on_the_same_tokens_but_for_the_line_feed_after_an_answer(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from bench.training.speed import examples_of, ours, trls

    rows = short_rows(24)
    tokenizer = tokenizer_of([row.prompt for row in rows], 400)
    mine = ours(TINY, tokenizer, examples_of(rows, tokenizer, tmp_path))
    theirs = trls(TINY, tokenizer, rows)
    assert (mine.tokens + 24, mine.trained_tokens + 24) == (theirs.tokens, theirs.trained_tokens)
    assert theirs.steps == 3
