"""The report of a training run: one HTML file that needs no network, no script and no other file.

Everything shown is from the run's folder. A recipe, a path or a data set's name may hold any text: Jinja escapes it,
`printable` shows what is invisible, and a policy in the page forbids it to load or run anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dataprep.console import file_size, printable
from trainer.page.curves import Curve, curves
from trainer.recipe import Recipe
from trainer.runs.folder import DIFF, RunFolder
from trainer.runs.listing import RunSummary, flatten, summary
from trainer.watch.alerts import loss_text
from trainer.watch.remarks import remarks

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_DIFF_CHARACTERS: Final = 40_000
Rows = Sequence[tuple[str, Any]]


def render(path: Path) -> str:
    """The report of the run in a folder, as HTML.

    Raises:
        InputError: there is no run in this folder.
    """
    run = RunFolder.open(path)
    metrics = run.metrics()
    found = summary(path)
    record = run.record
    page = {
        "run": found,
        "figures": _figures(found),
        "remarks": _remarks(record, metrics),
        "alerts": [line for line in metrics if "alert" in line],
        "curves": [_drawn(curve) for curve in curves(metrics, _resumed(record))],
        "recipe": _recipe(record.get("recipe") or {}),
        "parts": [
            ("Data", _rows(record.get("data"))),
            ("Model", _rows(record.get("model"))),
            ("Results", _rows({**_times(record), **(record.get("results") or {})})),
            ("Code", _rows(record.get("code"))),
            ("Packages", _rows(record.get("packages"))),
            ("Hardware", _rows(_hardware(record.get("hardware") or {}))),
            ("Seeds", _rows(record.get("seeds"))),
        ],
        "diff": _diff(path),
    }
    return _environment().get_template("report.html").render(page)


def _remarks(record: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the numbers say, with what the record knows of the run."""
    results, training = record.get("results") or {}, (record.get("recipe") or {}).get("training") or {}
    said = remarks(
        metrics,
        planned_steps=results.get("planned_steps"),
        stopped_early=results.get("stopped_because") == "early_stopping",
        max_grad_norm=training.get("max_grad_norm"),
        least_gain=(training.get("early_stopping") or {}).get("least_gain") or 0.0,
    )
    return said or ["Nothing stands out: the loss fell, validation followed it, and the run did all its steps."]


def value_text(value: Any) -> str:
    """A value as people read it; nothing is a dash.

    >>> value_text(0.00020000001), value_text(12345), value_text(None), value_text([])
    ('0.0002', '12,345', '—', '—')
    """
    if value is None or value in ([], {}, ()):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.5g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {value_text(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(value_text(inner) for inner in value)
    return printable(str(value))


def duration_text(seconds: float | None) -> str:
    """Seconds as people say them.

    >>> duration_text(42.4), duration_text(135), duration_text(7_400), duration_text(None)
    ('42 s', '2 min 15 s', '2 h 3 min', '—')
    """
    if seconds is None:
        return "—"
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    def load(name: str) -> str:
        return files("trainer.page").joinpath(name).read_text(encoding="utf-8")

    def shown(value: Any) -> Any:
        return value if isinstance(value, Markup) else value_text(value)

    environment = Environment(
        loader=FunctionLoader(load), autoescape=True, undefined=StrictUndefined, finalize=shown, trim_blocks=True
    )
    environment.globals["css"] = Markup(load("report.css"))  # noqa: S704 - our own file
    return environment


def _drawn(curve: Curve) -> dict[str, Any]:
    """A curve for the template; its SVG has escaped what it shows."""
    from markupsafe import Markup

    return {
        "title": curve.title,
        "note": curve.note,
        "svg": Markup(curve.svg),  # noqa: S704 - made by line_chart, which escapes
        "columns": curve.columns,
        "rows": curve.rows,
        "left_out": curve.left_out,
    }


def _figures(run: RunSummary) -> list[tuple[str, str, str]]:
    """The figures at the top: what, the number, and what to know of it."""
    out = run.outcome
    at = "" if out.best_step is None else f"nats a token, at step {value_text(out.best_step)}"
    if at and out.base_validation_loss is not None:
        at += f"; {_loss(out.base_validation_loss)} before training"
    return [
        ("Best validation loss", _loss(out.best_validation_loss), at),
        ("Last validation loss", _loss(out.last_validation_loss), "nats a token"),
        ("Last training loss", _loss(out.loss), "nats a token"),
        ("Steps", value_text(out.steps), f"{value_text(out.tokens)} tokens"),
        (
            "Time",
            duration_text(out.seconds),
            f"{value_text(out.tokens_per_second and round(out.tokens_per_second))} tokens/s",
        ),
    ]


def _loss(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}" if abs(value) < 1e4 else loss_text(value)


def _recipe(recipe: Mapping[str, Any]) -> list[tuple[str, Any, bool]]:
    """Keys, values, and whether the value is another than the default."""
    bare = Recipe(name="a", data={"folder": "a"}, model={"path": "a"}).model_dump(mode="json")  # type: ignore[arg-type]
    defaults = flatten(bare)
    required = ("name", "data.version", "data.folder", "model.path")
    return [
        (key, value, key in required or key not in defaults or value != defaults[key])
        for key, value in flatten(recipe).items()
        if not (key in required and value is None)
    ]


def _rows(part: Mapping[str, Any] | None) -> Rows:
    return list(flatten(part or {}).items())


def _times(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": record.get("state"), "started": _time(record.get("started")), "ended": _time(record.get("ended"))}


def _time(text: Any) -> str | None:
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC" if text else None
    except (TypeError, ValueError):
        return str(text)


def _hardware(hardware: Mapping[str, Any]) -> dict[str, Any]:
    """The machine, with memory in a unit that people read."""
    gpus = [f"{gpu.get('name')}, {_bytes(gpu.get('memory_bytes'))}" for gpu in hardware.get("gpus") or []]
    shown = {key: value for key, value in hardware.items() if key not in ("memory_bytes", "gpus")}
    return {**shown, "memory": _bytes(hardware.get("memory_bytes")), "gpus": gpus or "none"}


def _bytes(size: Any) -> str:
    return file_size(size) if isinstance(size, int) else "—"


def _resumed(record: Mapping[str, Any]) -> list[int]:
    return [each["step"] for each in record.get("resumed") or []]


def _diff(path: Path) -> str | None:
    """What was not committed, at most as much as one reads."""
    if not (path / DIFF).is_file():
        return None
    text = (path / DIFF).read_bytes().decode("utf-8", errors="replace")
    if len(text) <= MAX_DIFF_CHARACTERS:
        return printable(text)
    return printable(text[:MAX_DIFF_CHARACTERS]) + f"\n… {len(text) - MAX_DIFF_CHARACTERS:,} more characters in {DIFF}"
