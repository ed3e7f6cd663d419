"""Services that are told how a run goes: each is read back from what it wrote without a network."""

from __future__ import annotations

import json
import math
import struct
import sys
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dataprep.errors import InputError
from trainer.monitors.base import PACKAGES, Guarded, Monitor, open_monitors

RUN = "support-20261123T120000Z-1a2b"
PARAMS = {"name": "support", "training": {"learning_rate": 2e-4}, "data": {"mixture": {"<b>*": 2.0}}, "runs": None}
MODULES = {"comet": "comet_ml"}
# These services' own code warns of what their dependencies will drop.
theirs = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / RUN
    path.mkdir(parents=True)
    return path


def needs(name: str) -> Any:
    absent = find_spec(MODULES.get(name, name)) is None
    return pytest.mark.skipif(absent, reason=f"{name} is optional and not installed: pip install {PACKAGES[name]}")


def tell(name: str, folder: Path) -> None:
    """A short run, as training tells it."""
    (monitor,) = open_monitors([name], project="support", run_id=RUN, folder=folder, warn=pytest.fail)
    monitor.params(PARAMS)
    monitor.log(1, {"loss": 2.5, "tokens": 512})
    monitor.log(1, {"validation_loss": 2.25})
    monitor.log(2, {"loss": 2.0, "tokens": 1024})
    monitor.close("finished")


class Refusing:
    """A service that is down from the first number on."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def params(self, values: Mapping[str, object]) -> None:
        self.heard.append("params")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.heard.append("log")
        raise ConnectionError("no route\x1b[31m to host")

    def close(self, status: str) -> None:
        self.heard.append("close")


def test_a_service_that_fails_is_switched_off_with_one_warning() -> None:
    service, warnings = Refusing(), list[str]()
    monitor: Monitor = Guarded("wandb", service, warnings.append)
    monitor.params({"a": 1})
    monitor.log(1, {"loss": 1.0})
    monitor.log(2, {"loss": 1.0})
    monitor.close("finished")
    assert service.heard == ["params", "log"]
    assert warnings == ["wandb failed and is switched off for this run: no route\\x1b[31m to host"]


def test_services_are_told_numbers_alone() -> None:
    told: list[Mapping[str, float]] = []

    class Listening(Refusing):
        def log(self, step: int, values: Mapping[str, float]) -> None:
            told.append(values)

    monitor = Guarded("wandb", Listening(), pytest.fail)
    monitor.log(1, {"step": 1, "loss": 1, "alert": "diverged", "message": "words"})
    monitor.log(2, {"alert": "diverged"})
    assert told == [{"loss": 1.0}]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_service_that_is_not_installed_says_what_to_install(name: str, folder: Path) -> None:
    if find_spec(MODULES.get(name, name)) is not None:
        pytest.skip(f"{name} is installed")
    with pytest.raises(InputError) as refused:
        open_monitors([name], project="support", run_id=RUN, folder=folder)
    assert refused.value.hint == f"pip install {PACKAGES[name]}, or leave it out"


@theirs
@needs("wandb")
def test_wandb_offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}.items():
        monkeypatch.setenv(name, value)
    tell("wandb", folder)
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()  # the process that writes for it may still be at it

    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    config: dict[str, Any] = {}
    history: dict[tuple[int, str], float] = {}
    finished = []
    for data in leveldb_records(path.read_bytes()[7:]):
        record = Record.FromString(data)
        for item in [*record.config.update, *record.run.config.update]:
            config[item.key or item.nested_key[0]] = json.loads(item.value_json)
        row = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
        history |= {(record.history.step.num, key): value for key, value in row.items() if not key.startswith("_")}
        assert record.run.host == ""
        finished += [record.exit.exit_code] if record.HasField("exit") else []
    assert config.items() >= {"name": "support", "training.learning_rate": 2e-4, "data.mixture.<b>*": 2.0}.items()
    assert history == {
        (1, "loss"): 2.5, (1, "tokens"): 512, (1, "validation_loss"): 2.25, (2, "loss"): 2.0, (2, "tokens"): 1024
    }  # fmt: skip
    assert finished == [0]


def leveldb_records(data: bytes) -> list[bytes]:
    """Records of LevelDB's log format: blocks of 32 kB with pieces of (checksum, length, kind), W&B's header gone."""
    found, place, header = [b""], 7, struct.Struct("<IHB")
    data = bytes(7) + data
    while place + header.size <= len(data):
        if 32768 - place % 32768 < header.size:
            place += 32768 - place % 32768
            continue
        _, length, kind = header.unpack_from(data, place)
        found[-1] += data[place + header.size : place + header.size + length]
        place += header.size + length
        if kind in (1, 4):  # whole, or the last piece
            found.append(b"")
    return found[:-1]


@theirs
@needs("comet")
def test_comet_offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_START_ONLINE", "0")
    tell("comet", folder)
    (path,) = folder.glob("comet/*.zip")
    with zipfile.ZipFile(path) as archive:
        lines = [json.loads(line) for line in archive.read("messages.json").splitlines()]
        assert not [name for name in archive.namelist() if "git" in name or name.endswith(".py")]
    told = [line["payload"]["metric"] for line in lines if line["type"] == "metric_msg"]
    metrics = {(each["step"], each["metricName"]): each["metricValue"] for each in told}
    assert metrics.items() >= {(1, "loss"): 2.5, (1, "validation_loss"): 2.25, (2, "loss"): 2.0}.items()
    assert "training.learning_rate" in json.dumps([line for line in lines if line["type"] == "parameter_msg"])


@theirs
@needs("mlflow")
def test_mlflow_with_a_file_and_again_after_a_resume(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("sqlalchemy") is None:
        pytest.skip("mlflow is here without its database: pip install mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tell("mlflow", folder)
    (again,) = open_monitors(["mlflow"], project="support", run_id=RUN, folder=folder, warn=pytest.fail)
    again.log(3, {"loss": math.nan})
    again.close("failed")
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder.parent / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("support")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == RUN
    assert run.info.status == "FAILED"
    assert run.data.params == {"name": "support", "training.learning_rate": "0.0002", "data.mixture._b__": "2.0"}
    points = [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "loss")]
    assert points[:2] == [(1, 2.5), (2, 2.0)]
    assert [step for step, _ in points] == [1, 2, 3]


@theirs
@needs("tensorboard")
def test_tensorboard_event_files(folder: Path) -> None:
    tell("tensorboard", folder)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 2.5), (2, 2.0)]
    assert [(event.step, event.value) for event in events.Scalars("validation_loss")] == [(1, 2.25)]
    (text,) = events.Tensors("recipe/text_summary")
    assert b"    training.learning_rate: 0.0002" in text.tensor_proto.string_val[0]


@theirs
@needs("trackio")
def test_trackio_local_and_again_after_a_resume(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from trackio.sqlite_storage import SQLiteStorage

    for name, module in list(sys.modules.items()):  # each has read the environment when it was imported
        if name.split(".")[0] == "trackio" and hasattr(module, "TRACKIO_DIR"):
            monkeypatch.setattr(module, "TRACKIO_DIR", folder.parent / "trackio")
    tell("trackio", folder)
    (again,) = open_monitors(["trackio"], project="support", run_id=RUN, folder=folder, warn=pytest.fail)
    again.params(PARAMS)
    again.log(3, {"loss": 1.5})
    again.close("finished")
    logs = SQLiteStorage.get_logs("support", RUN)
    told = {(row["step"], key): row[key] for row in logs for key in ("loss", "validation_loss") if key in row}
    assert told == {(1, "loss"): 2.5, (1, "validation_loss"): 2.25, (2, "loss"): 2.0, (3, "loss"): 1.5}
    config = SQLiteStorage.get_run_config("support", RUN)
    assert config is not None
    assert config["training.learning_rate"] == 2e-4
    assert list((folder.parent / "trackio").glob("support*"))
    assert capsys.readouterr().out == ""
