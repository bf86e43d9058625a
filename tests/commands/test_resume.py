"""Going on: a comparison is resumed from anywhere by its folder alone, and repeated from the options that it saved."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import segarena
from segarena import cli
from segarena.errors import RunError
from segarena.experiment import run as experiment
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.options import OptionsRecord
from support import QUICK, refuses, write_pair

ONCE = {**QUICK, "epochs": 1}
#: Left open, so that a resumed comparison has to use what was chosen.
OPEN = {name: value for name, value in ONCE.items() if name not in ("device", "batch_size")}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a space in its name, which is the working directory, with data in it."""
    place = tmp_path / "my work"
    for number in range(8):
        write_pair(place / "data", f"square{number}", seed=number)
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place)
    return place


def stop(*arguments: Any, **options: Any) -> None:
    """Start a comparison that is stopped when its first epoch is validated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "evaluate_split", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            segarena.compare(*arguments, **options)


def ranked(folder: Path) -> dict[str, tuple[int, ...]]:
    return {entry.model: entry.seeds for entry in ComparisonRecord.read(folder).ranking}


def test_resuming_needs_only_the_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = place / "out"
    stop("data", models=["fcn"], out="out", **OPEN)
    first = OptionsRecord.read(folder)
    monkeypatch.chdir(place / "elsewhere")
    segarena.compare(resume="../out")
    assert ranked(folder) == {"fcn": (0,)}
    record = ComparisonRecord.read(folder)
    assert record.command == f"segarena compare {shlex.quote(str(place / 'data'))}" + (
        " --models fcn --seeds 1 --size 32 --epochs 1 --encoder mobilenet_v2 --weights none --precision fp32"
    )
    assert any(note.startswith("batch size") for note in record.notes)  # as chosen, with the reason
    again = OptionsRecord.read(folder)
    assert again.options == first.options
    assert {choice.name: choice.value for choice in again.choices} == {
        choice.name: choice.value for choice in first.choices
    }

    page = (folder / "report.html").read_bytes()
    stop(resume=folder, models=["pspnet"])  # while a model is added, what is there stays
    assert ((folder / "report.html").read_bytes(), ranked(folder)) == (page, {"fcn": (0,)})
    moved = (place / "data").rename(place / "moved data")
    with refuses(RunError, where=folder, value=str(place / "data")) as caught:
        segarena.compare(resume=folder)
    line = caught.value.remedy.partition(": ")[2].replace("NEW_FOLDER", shlex.quote(str(moved)))
    monkeypatch.setattr(sys, "argv", shlex.split(f"{line} --seeds 2"))
    assert cli.main() == 0
    assert OptionsRecord.read(folder).options["data"] == str(moved)
    assert ranked(folder) == {"fcn": (0, 1), "pspnet": (0, 1)}
    chosen = {choice.name for choice in Config.read(folder / "pspnet-seed1").choices}
    # with the stride, which no model had before, and without the seeds, whose number is typed now
    assert chosen == {choice.name for choice in first.choices} - {"seeds"} | {"output_stride"}


def test_other_data_is_refused_although_nothing_was_trained_yet(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop("data", models=["fcn"], out="out", **ONCE)
    for path in (place / "out" / "fcn-seed0").iterdir():
        path.unlink() if path.is_file() else None
    before = OptionsRecord.read(place / "out")
    write_pair(place / "other", "square0", seed=50)
    for number in range(1, 8):
        write_pair(place / "other", f"square{number}", seed=number)
    with refuses(RunError, where=place / "out", value="other data"):
        segarena.compare(place / "other", resume=place / "out")
    assert OptionsRecord.read(place / "out") == before


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a comparison on it."""
    place = tmp_path_factory.mktemp("saved")
    for number in range(8):
        write_pair(place / "data", f"square{number}", seed=number)
    segarena.compare(place / "data", models=["fcn"], out=place / "first", **OPEN)
    return place


def by_hand(place: Path) -> Path:
    """The options of the comparison as a person writes them."""
    content = {"data": "../../data", "models": "fcn", **{name.replace("_", "-"): OPEN[name] for name in OPEN}}
    path = place / "conf" / "mine.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("way", ["", "fcn-seed0/config.json", "by hand"])
def test_what_a_comparison_saved_repeats_it(saved: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    first = saved / "first"
    place = saved / (way.replace("/", " ") or "folder")
    place.mkdir()
    monkeypatch.chdir(place)
    file = by_hand(place) if way == "by hand" else first / way
    if file.name == "config.json":
        run = segarena.train(config=file, out="second").folder
    else:
        monkeypatch.setattr(sys, "argv", ["segarena", "compare", "--config", str(file), "--out", "second"])
        assert cli.main() == 0
        run = place / "second" / "fcn-seed0"
    protocols = (Config.read(folder).protocol for folder in (Path(run), first / "fcn-seed0"))
    one, other = (replace(protocol, cache_gib=0.0) for protocol in protocols)  # that of the memory that is free
    assert one == other
    assert Metrics.read(Path(run)) == Metrics.read(first / "fcn-seed0")
