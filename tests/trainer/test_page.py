"""The report: one file that needs nothing else, shows any text as text, and gives every chart as a table too."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dataprep.errors import InputError
from trainer.cli import report as report_command
from trainer.cli import runs as runs_command
from trainer.page.curves import MAX_ROWS, curves, gap
from trainer.page.report import render
from trainer.recipe import Recipe
from trainer.runs.folder import RunFolder

app = typer.Typer(pretty_exceptions_enable=False)
report_command.register(app)
runs_command.register(app)

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}\u202e\x1b[31m"


def make(
    folder: Path, steps: int = 40, *, overfits: bool = False, data: dict[str, Any] | None = None, **recipe: Any
) -> RunFolder:
    """A run of some steps, validated every tenth."""
    values = {"name": "support", "data": {"version": "support@3"}, "model": {"path": "base"}} | recipe
    described = data or {"dataset": "support", "version": 3, "version_id": "ab" * 32, "digest": "cd" * 32}
    run = RunFolder.create(folder / "runs", Recipe.model_validate(values), described, base=folder)
    for step in range(1, steps + 1):
        loss = 1 + 2 * math.exp(-step / 10)
        run.log(step=step, tokens=512 * step, seconds=0.5 * step, loss=loss, learning_rate=1e-4, grad_norm=0.5,
                tokens_per_second=1024.0, memory_mb=300.0)  # fmt: skip
        if step % 10 == 0:
            run.log(step=step, validation_loss=loss + (step / 100 if overfits else 0.05), validation_tokens=99)
    return run


class Elements(HTMLParser):
    """Every element with its attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def finished(run: RunFolder, **results: Any) -> Path:
    run.finish("finished", **results)
    return run.path


def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    page = render(finished(make(tmp_path)))
    elements = Elements(page)
    for tag, attributes in elements.tags:
        assert tag not in ("script", "link", "img", "iframe", "object", "embed", "form", "base", "use", "image")
        assert not {"src", "href", "xlink:href", "action", "srcset"} & attributes.keys(), tag
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"url\(|@import|javascript:", page)
    assert set(re.findall(r"https?://[^\"' <]+", page)) <= {"http://www.w3.org/2000/svg"}  # a name, not an address
    policy = next(attributes for tag, attributes in elements.tags if "http-equiv" in attributes)
    assert str(policy["content"]).startswith("default-src 'none'")


def test_text_of_any_origin_stays_text(tmp_path: Path) -> None:
    data = {"dataset": SCRIPT, "version": 3, "digest": SCRIPT, "counts": {SCRIPT: 1}}
    model = {"path": SCRIPT}
    mixture = {"version": "a@1", "mixture": {"weights": {SCRIPT: 2.0}}}
    run = make(tmp_path, data=data, model=model)
    run.update(recipe={"data": mixture}, code={"branch": SCRIPT}, packages={SCRIPT: SCRIPT})
    run.log(step=40, alert=SCRIPT, message=SCRIPT)
    (run.path / "code.diff").write_text(f"+{SCRIPT}\n", encoding="utf-8")
    page = render(finished(run, stopped_because=SCRIPT))
    elements = Elements(page)
    assert not {"script", "img"} & {tag for tag, _ in elements.tags}
    assert "<script>alert(1)</script>" in elements.text
    assert "{{ 7 * 7 }}" in elements.text
    assert "49\\u202e" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page


@given(st.text(max_size=40))
def test_any_label_leaves_the_page_whole(label: str) -> None:
    lines = [{"step": 1, "loss": 1.0}, {"step": 1, "alert": label, "message": label}]
    (curve,) = curves(lines)
    assert Elements(curve.svg).count("svg") == Elements(curves(lines[:1])[0].svg).count("svg")


def test_every_chart_is_a_table_too(tmp_path: Path) -> None:
    elements = Elements(render(finished(make(tmp_path))))
    assert elements.count("figure") == elements.count("details") == elements.count("figcaption") == 6
    for title in ("Loss", "Gap", "Learning rate", "Gradient norm", "Throughput", "Memory"):
        assert f"{title} as a table" in elements.text


def test_a_long_run_has_short_tables_with_every_validation(tmp_path: Path) -> None:
    with make(tmp_path, 200) as run:
        loss, _, rate, *_ = curves(run.metrics())
    assert [row[0] for row in loss.rows] == list(range(10, 201, 10))
    assert loss.left_out == 180
    assert rate.title == "Learning rate"
    assert len(rate.rows) == MAX_ROWS
    assert (rate.rows[0][0], rate.rows[-1][0]) == (1, 200)


def test_what_is_shown_is_what_was_measured(tmp_path: Path) -> None:
    path = finished(make(tmp_path, training={"learning_rate": 3e-4}), best_step=40, stopped_because="no new best")
    text = Elements(render(path)).text
    for expected in ("support@3", "cd" * 32, "1.0866", "20,480 tokens", "20 s", "1024 tokens/s", "no new best"):
        assert expected in text, expected


def test_what_a_recipe_changes_stands_out_from_the_defaults(tmp_path: Path) -> None:
    page = render(finished(make(tmp_path, training={"learning_rate": 3e-4})))
    given_keys = re.findall(r'<tr class="given"><th scope="row">(.*?)</th>', page)
    assert given_keys == ["name", "data.version", "model.path", "training.learning_rate"]


def test_a_run_that_overfits_is_said_to(tmp_path: Path) -> None:
    text = Elements(render(finished(make(tmp_path, 120, overfits=True)))).text
    assert "verfit" in text.split("Curves")[0]


def test_a_run_without_a_single_number_has_a_report(tmp_path: Path) -> None:
    text = Elements(render(finished(make(tmp_path, 0)))).text
    assert "No curves yet." in text


def test_numbers_that_are_none_leave_a_gap(tmp_path: Path) -> None:
    run = make(tmp_path, 20)
    run.log(step=21, loss=math.nan, grad_norm=math.inf)
    run.log(step=21, validation_loss=math.nan)
    assert "nan" in render(finished(run))


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.integers(1, 7))
def test_the_gap_of_a_loss_to_itself_is_small_where_it_is_flat(losses: list[float], every: int) -> None:
    flat = [(float(step), losses[0]) for step, _ in enumerate(losses, 1)]
    assert all(abs(value) < 1e-9 for _, value in gap(flat, flat[every - 1 :: every]))


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    path = finished(make(tmp_path))
    assert render(path) == render(path)


def test_the_command_writes_beside_the_run_or_where_it_is_told(tmp_path: Path) -> None:
    path = finished(make(tmp_path))
    done = CliRunner().invoke(app, ["report", str(path)], catch_exceptions=False)
    assert done.stdout.strip() == str(path / "report.html")
    assert (path / "report.html").read_text(encoding="utf-8") == render(path)
    other = tmp_path / "other.html"
    for _ in range(2):
        done = CliRunner().invoke(app, ["report", "latest", "--runs", str(path.parent), "-o", str(other)])
    assert isinstance(done.exception, InputError)
    assert "is there already" in str(done.exception)
    assert other.is_file()
