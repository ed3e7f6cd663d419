from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.random_rows import documents, packed, single
from trainer.models.load import load
from trainer.recipe import Recipe
from trainer.sft import IGNORED, Collator, Sft, sft_config
from trainer.steps import Steps, plan_steps

DOCUMENTS = documents(40)


def recipe(**training: Any) -> Recipe:
    values = {"name": "a", "data": {"folder": "d"}, "model": {"path": "m", "method": "full"}, "training": training}
    return Recipe.model_validate(values)


def trainer_for(tiny: Path, folder: Path, made: Recipe, rows: Any, *, is_packed: bool = False) -> Sft:
    loaded = load(tiny, made.model, tiny, made.training.seed)
    settings = sft_config(made, folder=folder, steps=plan_steps(len(rows), made), bfloat16=False)
    l1 = made.training.l1
    return Sft(loaded.model, loaded.tokenizer, settings, train=rows, validation=rows, packed=is_packed, l1=l1)


def weights(trainer: Sft) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in trainer.model.parameters()])


def test_the_names_that_we_give_trl_are_still_its_own() -> None:
    """If this fails, a library below renamed an argument: change trainer/sft.py, and nothing else."""
    from trl import SFTConfig

    import trainer.sft as ours

    known = {field.name for field in fields(SFTConfig)}
    source = Path(str(ours.__file__)).read_text(encoding="utf-8")
    call = source[source.index("return SFTConfig(") : source.index("@dataclass\nclass Collator")]
    named = [line.strip().split("=")[0] for line in call.splitlines() if line.startswith("        ") and "=" in line]
    assert [name for name in named if name not in known] == []
    assert len(named) > 30


def test_no_default_that_surprises_is_left_to_the_libraries(tmp_path: Path) -> None:
    made = sft_config(recipe(), folder=tmp_path, steps=Steps(10, 1), bfloat16=False)
    assert (made.bf16, made.fp16) == (False, False)  # TRL's is bfloat16, on a processor too
    assert made.logging_nan_inf_filter is False  # the default logs NaN as 0.0
    assert made.max_length is None  # the default cuts at 1024 without a word
    assert made.eval_strategy == "steps"
    assert made.load_best_model_at_end
    assert made.report_to == []
    assert made.weight_decay == 0.01


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_warm_up_begins_above_zero_and_leads_to_the_highest_rate(tiny: Path, tmp_path: Path, schedule: str) -> None:
    made = recipe(max_steps=20, warmup=0.2, schedule=schedule, learning_rate=1.0)
    trainer = trainer_for(tiny, tmp_path, made, packed(DOCUMENTS), is_packed=True)
    trainer.create_optimizer()
    rate = trainer.create_scheduler(20).lr_lambdas[0]
    assert [rate(step) for step in range(5)] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert [group["lr"] for group in trainer.optimizer.param_groups] == [0.2] * len(trainer.optimizer.param_groups)
    assert rate(12) == {"cosine": pytest.approx(0.5), "linear": 0.5, "constant": 1.0}[schedule]


def test_without_warm_up_the_schedule_is_the_usual_one(tiny: Path, tmp_path: Path) -> None:
    trainer = trainer_for(tiny, tmp_path, recipe(max_steps=20, warmup=0), packed(DOCUMENTS), is_packed=True)
    trainer.create_optimizer()
    rate = trainer.create_scheduler(20).lr_lambdas[0]
    assert (rate(0), rate(10)) == (1.0, pytest.approx(0.5))


def test_steps_are_those_of_whole_epochs() -> None:
    assert plan_steps(10, recipe(epochs=1, batch_size=4)).total == 3
    assert plan_steps(10, recipe(epochs=2, batch_size=4, accumulation=2), processes=2).total == 2
    assert plan_steps(10, recipe(max_steps=7)).total == 7
    assert plan_steps(1, recipe(epochs=0.1)).total == 1


def test_validation_of_a_short_run_takes_no_more_than_its_share() -> None:
    many = recipe(epochs=100, batch_size=8)
    assert plan_steps(800, many, validation_rows=40).validate_every == 500  # as asked: 20 of 10,000 steps
    short = recipe(max_steps=200, batch_size=8)
    planned = plan_steps(800, short, validation_rows=48)
    assert planned.validate_every == 10  # as asked: the time of 2 steps, in 10
    planned = plan_steps(800, short, validation_rows=240)
    assert (planned.validation_cost, planned.validate_every) == (10, 50)  # 4 times 10 steps, a fifth of 200
    assert plan_steps(800, short, processes=4, validation_rows=960).validate_every == 50


def test_adapters_make_a_validation_dearer_beside_a_step() -> None:
    lora = Recipe.model_validate(recipe(max_steps=200).model_dump() | {"model": {"path": "m", "method": "lora"}})
    assert plan_steps(800, lora, validation_rows=240).validation_cost == 15


def test_the_shortest_run_is_validated_in_the_middle_and_at_the_end() -> None:
    assert plan_steps(800, recipe(max_steps=20), validation_rows=400).validate_every == 10
    assert plan_steps(800, recipe(max_steps=20, validations=1), validation_rows=400).validate_every == 20
    assert plan_steps(800, recipe(max_steps=1), validation_rows=400).validate_every == 1


def test_validation_may_be_allowed_to_cost_more() -> None:
    assert plan_steps(800, recipe(max_steps=20, validation_cost=1000), validation_rows=400).validate_every == 1


def test_a_packed_batch_begins_anew_with_each_document_and_trains_on_no_first_token() -> None:
    batch = Collator(pad=1, packed=True)([packed(DOCUMENTS[:3])[0], single(DOCUMENTS[:1])[0]])
    sizes = [len(ids) for ids, _ in DOCUMENTS[:3]]
    positions = batch["position_ids"][0]
    assert positions.tolist() == [place for size in sizes for place in range(size)]
    starts = [0, sizes[0], sizes[0] + sizes[1]]
    assert batch["labels"][0][starts].tolist() == [IGNORED] * 3
    assert (batch["labels"][1][sizes[0] :] == IGNORED).all()
    assert "attention_mask" not in batch


def test_packed_and_unpacked_rows_have_the_same_loss_by_token_whatever_the_batch(tiny: Path, tmp_path: Path) -> None:
    found = []
    for batch_size, rows, is_packed in ((1, single(DOCUMENTS), False), (8, single(DOCUMENTS), False),
                                        (1, packed(DOCUMENTS), True), (4, packed(DOCUMENTS), True)):  # fmt: skip
        made = trainer_for(tiny, tmp_path, recipe(batch_size=batch_size), rows, is_packed=is_packed)
        found.append(made.validation_loss(rows))
    losses, tokens = zip(*found, strict=True)
    assert losses == pytest.approx([losses[0]] * 4, abs=1e-6)
    assert set(tokens) == {sum(label != IGNORED for _, labels in DOCUMENTS for label in labels)}


def test_the_validation_loss_is_the_models_own_by_hand(tiny: Path, tmp_path: Path) -> None:
    made = trainer_for(tiny, tmp_path, recipe(), single(DOCUMENTS))
    total = count = 0.0
    for ids, labels in DOCUMENTS:
        logits = made.model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1).detach()
        for place, label in enumerate(labels[1:]):
            if label != IGNORED:
                total -= float(logits[place, label])
                count += 1
    assert made.validation_loss(single(DOCUMENTS))[0] == pytest.approx(total / count, abs=1e-5)


def test_accumulated_batches_are_one_large_batch(tiny: Path, tmp_path: Path) -> None:
    found = []
    for batch_size, accumulation in ((8, 1), (4, 2), (1, 8)):
        made = recipe(batch_size=batch_size, accumulation=accumulation, max_steps=4, learning_rate=1e-3)
        trainer = trainer_for(tiny, tmp_path / str(batch_size), made, packed(DOCUMENTS * 4), is_packed=True)
        trainer.train()
        found.append(weights(trainer))
    assert torch.allclose(found[0], found[1], atol=2e-5)
    assert torch.allclose(found[0], found[2], atol=2e-5)


def test_l1_pulls_weights_to_zero_and_leaves_the_validation_loss_alone(tiny: Path, tmp_path: Path) -> None:
    sizes, losses = [], []
    for l1 in (0.0, 1e-3):
        made = recipe(l1=l1, max_steps=10, learning_rate=1e-3, weight_decay=0)
        trainer = trainer_for(tiny, tmp_path / str(l1), made, single(DOCUMENTS))
        losses.append(trainer.validation_loss(single(DOCUMENTS))[0])
        trainer.train()
        sizes.append(float(weights(trainer).abs().sum()))
    assert sizes[1] < 0.97 * sizes[0]
    assert losses[0] == losses[1]


def test_tokens_are_counted_without_padding(tiny: Path, tmp_path: Path) -> None:
    trainer = trainer_for(tiny, tmp_path, recipe(epochs=1, batch_size=4), single(DOCUMENTS))
    trainer.train()
    assert trainer.take_tokens() == sum(len(ids) for ids, _ in DOCUMENTS)
    assert trainer.take_tokens() == 0
