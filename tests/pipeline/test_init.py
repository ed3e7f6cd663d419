"""`dataprep init`: the file it writes runs as it is, whatever the data is called."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.ingest.discover import discover
from dataprep.ingest.shapes.vocabulary import LABEL_NAMES, PART_NAMES
from dataprep.pipeline.files import from_files
from dataprep.pipeline.init import write
from dataprep.pipeline.load import LoadedPipeline, load
from dataprep.pipeline.resolve import effective_rules
from dataprep.rules.defaults import DEFAULT_RULES

KNOWN = {name for names in PART_NAMES.values() for name in names} | set(LABEL_NAMES)
HOSTILE = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/\0"), min_size=1, max_size=20)
COLUMN = HOSTILE.filter(lambda name: name.strip().casefold() not in KNOWN)


def written(data: list[Path], folder: Path, **options: str) -> tuple[str, LoadedPipeline]:
    text = write(data, base=folder, **options)
    (folder / "pipeline.yaml").write_text(text, encoding="utf-8")
    return text, load(folder / "pipeline.yaml")


def put(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@settings(max_examples=25, deadline=None)
@given(HOSTILE.filter(lambda name: name not in (".", "..")), COLUMN, COLUMN, HOSTILE, HOSTILE)
def test_hostile_names_come_back_as_they_were(file: str, column: str, other: str, value: str, dataset: str) -> None:
    with TemporaryDirectory() as folder:
        rows = [{"text": value, column: value, other: value} for _ in range(30)]
        path = put(Path(folder, f"{file}.jsonl"), [dict(row) for row in rows])
        text, loaded = written([path], Path(folder), name=dataset)
        assert loaded.pipeline.name == dataset
        (source,) = loaded.pipeline.sources
        assert isinstance(source.path, str)
        assert discover((source.path,), base=loaded.base, key="path")[0][0].path == path.resolve()
        assert all(name in rows[0] for name in source.columns.values())
        assert all(line.isprintable() for line in text.split("\n"))


@settings(max_examples=15, deadline=None)
@given(HOSTILE.filter(lambda name: name.strip().casefold() != "text"))
def test_a_suggestion_with_a_hostile_name_works_when_taken_up(column: str) -> None:
    with TemporaryDirectory() as folder:
        rows = [{"text": f"t{i}", column: "ab"[i % 2]} for i in range(60)]
        text, loaded = written([put(Path(folder, "a.jsonl"), [dict(row) for row in rows])], Path(folder))
        if loaded.pipeline.sources[0].label is None:
            Path(folder, "pipeline.yaml").write_text(re.sub(r"(?m)^    # label:", "    label:", text), encoding="utf-8")
            loaded = load(Path(folder, "pipeline.yaml"))
        assert loaded.pipeline.sources[0].label == column


def test_it_gives_the_same_pipeline_as_running_the_files(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"instruction": "a", "input": "", "output": "b", "split": "train"}]
    files = [put(tmp_path / f"x_{word}.jsonl", rows) for word in ("train", "test")]
    _, loaded = written(files, tmp_path)
    direct = from_files(files)
    assert loaded.pipeline.name == direct.pipeline.name == "x"
    for one, other in zip(loaded.pipeline.sources, direct.pipeline.sources, strict=True):
        assert (one.name, one.split, one.split_column) == (other.name, other.split, other.split_column)
    assert effective_rules(loaded.pipeline) == effective_rules(direct.pipeline)
    for key in ("clean", "dedup", "limits", "output", "store"):
        assert getattr(loaded.pipeline, key) == getattr(direct.pipeline, key)


def test_every_commented_rule_may_be_taken_up(tmp_path: Path) -> None:
    text, _ = written([put(tmp_path / "a.jsonl", [{"text": "a"}])], tmp_path)
    taken_up = re.sub(r'(?m)^  # ("?\w+"?: (?:\{|off))', r"  \1", text)
    (tmp_path / "pipeline.yaml").write_text(taken_up)
    rules = load(tmp_path / "pipeline.yaml").pipeline.rules
    assert list(DEFAULT_RULES) == [name for name in rules if name in DEFAULT_RULES]
    assert all(rule is None or rule == DEFAULT_RULES[name] for name, rule in rules.items() if name in DEFAULT_RULES)
    assert len(rules) == len(DEFAULT_RULES) + 1


def test_it_says_what_it_saw_and_what_it_only_suspects(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "text": f"t{i}",
            "user_id": i // 5,
            "tweet_id": f"n{i}",
            "mood": "ab"[i % 2],
            "posted": f"2024-01-{i % 9 + 10}",
        }
        for i in range(100)
    ]
    text, loaded = written([put(tmp_path / "a.jsonl", rows)], tmp_path)
    assert '#   "text" (text), such as "t0"' in text
    assert '    # group: "user_id"  # 20 values in 100 rows: rows that share one stay together' in text
    assert '    # id: "tweet_id"  # different in each of 100 rows' in text
    assert '    # label: "mood"  # 2 values in 100 rows: "a", "b"' in text
    assert '    # time: "posted"  # dates such as "2024-01-10"' in text
    source = loaded.pipeline.sources[0]
    assert (source.group, source.id, source.label, source.time) == (None, None, None, None)


def test_paths_start_from_the_folder_of_the_pipeline_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("conf").mkdir()
    put(Path("data/a.jsonl"), [{"text": "a"}])
    _, loaded = written([Path("data/a.jsonl")], Path("conf"))
    assert loaded.pipeline.sources[0].path == os.path.join("..", "data", "a.jsonl")  # noqa: PTH118
    assert (loaded.base / loaded.pipeline.sources[0].path).exists()


def test_without_a_shape_the_error_shows_the_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no shape fits") as caught:
        write([put(tmp_path / "a.jsonl", [{"x": "a", "y": "b"}])])
    assert "columns: {prompt: <column>, completion: <column>}" in (caught.value.hint or "")
    assert "sources: [{path:" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("names", "shapes"),
    [
        (["instructions/t0_train_50k.jsonl.gz"], {"source1": "prompt_completion"}),
        (["intents/banking77_train.csv", "intents/banking77_test.csv"], {"train": "text_label", "test": "text_label"}),
        (["intents/bitext_*.csv"], {"train": "text", "validation": "text", "test": "text"}),
        (["chat/glaive_toolcall_en_demo_sharegpt.json.gz"], {"source1": "sharegpt"}),
        (["chat/sgd_train_dialogues_001.json.gz"], {"source1": "utterances"}),
        (["region/airline_tweets_2015.csv.gz"], {"source1": "text"}),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, list) else "",
)
def test_real_data_gets_a_file_that_loads(
    names: list[str], shapes: dict[str, str], shared_data: Path, tmp_path: Path
) -> None:
    _, loaded = written([shared_data / name for name in names], tmp_path)
    assert {source.name: source.shape for source in loaded.pipeline.sources} == shapes


def test_splits_are_left_as_a_run_without_a_pipeline_file_makes_them(tmp_path: Path) -> None:
    file = put(tmp_path / "a.jsonl", [{"text": "a"}])
    assert written([file], tmp_path)[1].pipeline.splits == from_files([file]).pipeline.splits
