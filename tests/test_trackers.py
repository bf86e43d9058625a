"""Trackers, read back with the packages' own readers: each epoch once, parameters, final scores; also after a stop."""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from segarena.config.training import TrackerName
from segarena.errors import ConfigError
from segarena.tracking.callback import TrackedRun
from segarena.tracking.choose import check_trackers, make_trackers
from support import refuses

CLASS = "sky (蓝) a.b"
FINAL = {"test_miou": 0.5, f"test_iou/{CLASS}": 0.25, "epochs": 4.0}


def metrics(epoch: int) -> dict[str, float]:
    return {"train_loss": 1 / epoch, "val_miou": epoch / 8, f"val_iou/{CLASS}": epoch / 16}


def run_in(folder: Path, epochs: int = 0) -> TrackedRun:
    """A training of which some epochs are in its history."""
    place = folder / "unet-seed0"
    place.mkdir(exist_ok=True)
    history = {epoch: metrics(epoch) for epoch in range(1, epochs + 1)}
    parameters = {"model": "unet", "size": 64, "loss": "ce+dice", "output_stride": None}
    return TrackedRun("unet-seed0", "unet", 0, None, 4, place, folder, parameters, history)


Found = tuple[list[dict[int, float]], dict[str, str], dict[str, float]]


def read_tensorboard(folder: Path) -> Found:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tracking" / "tensorboard" / "unet-seed0")).Reload()
    scores = [(event.step, event.value) for event in events.Scalars("val_miou")]
    assert len(scores) == len(dict(scores)), "a step is there twice"
    assert len(events.Scalars(f"val_iou/{CLASS}")) == len(scores)
    final = {"test_miou": events.Scalars("test_miou")[-1].value} if "test_miou" in events.Tags()["scalars"] else {}
    text = events.Tensors("parameters/text_summary")[-1].tensor_proto.string_val[0].decode()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines()[2:]]
    return [dict(scores)], dict(rows), final


def read_mlflow(folder: Path) -> Found:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/tracking/mlflow.db")
    experiment = client.get_experiment_by_name(folder.name)
    found = sorted(client.search_runs([experiment.experiment_id]), key=lambda run: run.info.start_time)
    scores = [[(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "val_miou")] for run in found]
    assert all(len(one) == len(dict(one)) for one in scores), "a step is there twice"
    assert "val_iou/sky _蓝_ a_b" in found[-1].data.metrics
    final = {name: value for name, value in found[-1].data.metrics.items() if name.startswith("test_")}
    return [dict(one) for one in scores], found[-1].data.params, final


def log_records(content: bytes) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format, behind a head of seven bytes: blocks of 32 KiB, with parts."""
    place, whole = 7, b""
    while place + 7 <= len(content):
        if (left := -place % 32768) and left < 7:
            place += left
            continue
        length, kind = struct.unpack_from("<HB", content, place + 4)
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield whole
            whole = b""


def wandb_records(path: Path) -> list[Any]:
    """The records of a run, once its last one is there: the service writes them, and may do so after `finish`."""
    from wandb.proto import wandb_internal_pb2

    for _ in range(200):
        records = [wandb_internal_pb2.Record.FromString(data) for data in log_records(path.read_bytes())]
        if any(record.HasField("exit") for record in records):
            return records
        time.sleep(0.1)
    raise AssertionError(f"{path} has no end")


def read_wandb(folder: Path) -> Found:
    scores: dict[str, list[tuple[int, float]]] = {}
    parameters, final = {}, {}
    runs = (folder / "tracking" / "wandb").glob("offline-run-*/*.wandb")
    began = {path: (path.parent.name.rpartition("-")[0], path.stat().st_mtime) for path in runs}
    for path in sorted(began, key=lambda path: began[path]):
        own = scores.setdefault(path.stem, [])
        for record in wandb_records(path):
            items = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            if "val_miou" in items:
                own.append((items["_step"], items["val_miou"]))
            parameters |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            final |= {i.key or ".".join(i.nested_key): json.loads(i.value_json) for i in record.summary.update}
    assert all(len(one) == len(dict(one)) for one in scores.values()), "a step is there twice"
    return [dict(one) for one in scores.values()], {k: str(v) for k, v in parameters.items()}, final


READERS: Mapping[str, Any] = {"tensorboard": read_tensorboard, "mlflow": read_mlflow, "wandb": read_wandb}


@pytest.fixture(params=list(READERS))
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> TrackerName:
    """A tracker whose package is installed, with no service in the environment."""
    pytest.importorskip(request.param, exc_type=ImportError)
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(variable, raising=False)
    return request.param


@pytest.mark.filterwarnings("ignore")
def test_each_epoch_is_logged_once_also_after_a_stop(
    name: TrackerName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three epochs, of which the third was not saved and is trained again after resuming."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "comparison"
    folder.mkdir()
    [first] = make_trackers([name], folder)
    first.on_run_start(run_in(folder))
    for epoch in (1, 2, 3):
        first.on_epoch_end(run_in(folder), epoch, metrics(epoch))
    first.close()
    assert not first.has_all(folder / "unet-seed0")
    [second] = make_trackers([name], folder)
    second.on_run_start(run_in(folder, epochs=2))
    for epoch in (3, 4):
        second.on_epoch_end(run_in(folder), epoch, metrics(epoch))
    second.on_run_end(run_in(folder), FINAL, None)
    second.close()
    assert second.has_all(folder / "unet-seed0")
    scores, parameters, final = READERS[name](folder)
    assert scores == [{epoch: epoch / 8 for epoch in range(1, 5)}]
    assert parameters["size"] == "64"
    assert parameters["loss"] == "ce+dice"
    assert "output_stride" not in parameters
    assert final["test_miou"] == 0.5
    assert [path.name for path in tmp_path.iterdir()] == ["comparison"]  # nothing beside the folder


@pytest.mark.filterwarnings("ignore")
def test_a_training_that_begins_again_elsewhere_leaves_nothing_open(name: TrackerName, tmp_path: Path) -> None:
    """Its machine was lost after two epochs, of which the second one was not saved."""
    folder = tmp_path / "comparison"
    folder.mkdir()
    [tracker] = make_trackers([name], folder)
    ended: list[str] = []
    finish = tracker.finish
    tracker.finish = lambda run, status: (ended.append(status), finish(run, status))[1]  # type: ignore[method-assign, func-returns-value]
    tracker.on_run_start(run_in(folder))
    for epoch in (1, 2):
        tracker.on_epoch_end(run_in(folder), epoch, metrics(epoch))
    tracker.on_run_start(run_in(folder, epochs=1))
    for epoch in (2, 3, 4):
        tracker.on_epoch_end(run_in(folder), epoch, metrics(epoch))
    tracker.on_run_end(run_in(folder), FINAL, None)
    tracker.close()
    assert ended == ["stopped", "finished"]
    scores, _, final = READERS[name](folder)
    assert scores == [{epoch: epoch / 8 for epoch in range(1, 5)}]
    assert final["test_miou"] == 0.5


@pytest.mark.filterwarnings("ignore")
def test_a_restarted_training_begins_again_with_epoch_1(name: TrackerName, tmp_path: Path) -> None:
    [tracker] = make_trackers([name], tmp_path)
    run = run_in(tmp_path)
    tracker.on_run_start(run)
    tracker.on_epoch_end(run, 1, {**metrics(1), "val_miou": 0.75})
    tracker.on_epoch_end(run, 2, metrics(2))
    tracker.on_restart(run, "diverged")
    tracker.on_epoch_end(run, 1, metrics(1))
    tracker.close()
    scores, _, final = READERS[name](tmp_path)
    assert scores[-1] == {1: 0.125}
    assert len(scores) == (1 if name == "tensorboard" else 2)  # there, what is void is left out when it is read
    assert "test_miou" not in final


def test_epochs_before_a_tracker_was_asked_for_are_logged_too(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    [tracker] = make_trackers(["tensorboard"], tmp_path)
    tracker.on_run_start(run_in(tmp_path, epochs=3))
    tracker.on_run_end(run_in(tmp_path), FINAL, None)
    scores, _, final = read_tensorboard(tmp_path)
    assert list(scores[0]) == [1, 2, 3]
    assert final == {"test_miou": 0.5}


@pytest.mark.parametrize("missing", READERS)
def test_a_package_that_is_not_installed_is_named(missing: TrackerName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with refuses(ConfigError, value=missing) as caught:
        check_trackers([missing])
    assert f'"segarena[{missing}]"' in caught.value.remedy
