"""Support conversations that nobody wrote: drawn from a small grammar, the same ones every time.

What an answer is about follows from the question, so there is something to learn. How it is worded, by whom and with
which ticket number is chance, so a model that gets these right has learnt the rows by heart: overfitting on purpose.
Order numbers keep questions apart: `trainer check` refuses validation rows that ask what train asks.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

SEED = 7
TRAIN, VALIDATION = 120, 80

PRODUCTS = ("the lamp", "the kettle", "the headset", "the desk", "the router", "the backpack", "the scale", "the fan")
AGENTS = ("Ana", "Bela", "Chidi", "Dana", "Emre", "Femi")
GREETINGS = ("Hello", "Good morning", "Hi there", "Thank you for writing", "I am sorry to hear that")
ENDINGS = ("All the best", "Have a good day", "Write again at any time", "Thank you for your patience")
TOPICS = {
    "refund": (
        ("I want my money back for {product}.", "How do I get a refund for {product}?"),
        (
            "send {product} back within 30 days and the money is with you a week later",
            "a refund for {product} takes 7 days once the parcel has reached us",
            "open the order of {product}, choose return, and print the label",
        ),
    ),
    "delivery": (
        ("Where is {product}?", "{product} should have come yesterday."),
        (
            "the parcel with {product} left our house this morning",
            "the carrier brings {product} tomorrow before noon",
            "{product} waits at the depot; a new attempt is made on Friday",
        ),
    ),
    "broken": (
        ("{product} does not work.", "{product} broke on the first day."),
        (
            "please unplug {product} for a minute and try again",
            "we send another of {product} today; keep the broken one",
            "a photo of the damage is enough, and we replace {product}",
        ),
    ),
    "address": (
        ("Please send {product} to another address.", "I have moved; does {product} still reach me?"),
        (
            "the new address for {product} can be set until the parcel leaves",
            "tell us street and town, and we change the label of {product}",
            "{product} is on its way already; the carrier can still redirect it",
        ),
    ),
    "invoice": (
        ("I need an invoice for {product}.", "The bill for {product} is wrong."),
        (
            "the invoice for {product} is in your account under documents",
            "we have corrected the bill for {product} and sent it again",
            "write us the tax number, and the invoice for {product} is made anew",
        ),
    ),
}


def conversation(draw: random.Random) -> dict[str, list[dict[str, str]]]:
    """A question and its answer, one in four with a second round."""
    product = draw.choice(PRODUCTS)
    questions, answers = TOPICS[draw.choice(sorted(TOPICS))]
    said = [f"{draw.choice(questions)} Order {draw.randrange(10**5, 10**6)}.", _answer(draw, draw.choice(answers))]
    if draw.random() < 0.25:
        said += ["And what if that does not help?", _answer(draw, "then call us and name the ticket of {product}")]
    roles = ("user", "assistant")
    turns = [text.format(product=product) for text in said]
    return {"messages": [{"role": roles[place % 2], "content": _sentence(text)} for place, text in enumerate(turns)]}


def _answer(draw: random.Random, advice: str) -> str:
    ticket = f"Your ticket is {draw.randrange(1000, 9999)}."
    return f"{draw.choice(GREETINGS)}, {advice}. {ticket} {draw.choice(ENDINGS)}, {draw.choice(AGENTS)}."


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def write(folder: Path) -> list[str]:
    """Write `train.jsonl` and `validation.jsonl`; returns their texts, for a tokenizer."""
    draw = random.Random(SEED)
    rows = [conversation(draw) for _ in range(TRAIN + VALIDATION)]
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", rows[:TRAIN]), ("validation", rows[TRAIN:])):
        lines = "".join(json.dumps(row) + "\n" for row in part)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return [turn["content"] for row in rows[:TRAIN] for turn in row["messages"]]
