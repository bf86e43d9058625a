"""`compare --data-fractions`: what is trained on which images, resumed, added and written; `train --data-fraction`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

import segarena
from own_modules import Tiny
from segarena import cli
from segarena.config.own_models import own_models
from segarena.errors import ConfigError, RunError
from segarena.experiment.data_curve import DataCurve
from segarena.files import read_json
from segarena.records.config import Config
from segarena.records.options import OptionsRecord
from segarena.records.plan import PlanRecord
from segarena.records.run import Data
from support import QUICK, refuses, write_squares

pytestmark = pytest.mark.long
OWN = {name: value for name, value in QUICK.items() if name not in ("encoder", "weights")}
OPTIONS = {**OWN, "models": [("tiny", Tiny)], "learning_rate": 0.003, "threads": 1, "batch_size": 2, "seeds": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fractions") / "squares"
    return write_squares(folder, 20)


@pytest.fixture(scope="module")
def compared(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compared") / "out"
    return segarena.compare(data, out=out, data_fractions=(1, 0.25, 0.5), **OPTIONS).folder


def part(folder: Path, fraction: str) -> Path:
    return folder / "data-fractions" / fraction / "tiny-seed0"


def test_parts_are_nested_and_what_is_scored_is_the_same(compared: Path) -> None:
    whole = Data.read(compared / "tiny-seed0")
    quarter, half = (Data.read(part(compared, name)) for name in ("0.25", "0.5"))
    assert set(quarter.split.train) < set(half.split.train) < set(whole.split.train)
    assert [len(one.split.train) for one in (quarter, half, whole)] == [4, 8, 16]
    for one in (quarter, half):
        assert (one.split.val, one.split.test) == (whole.split.val, whole.split.test)
        assert set(one.split.train) | set(one.split.unused) == set(whole.split.train)
        assert one.fingerprint != whole.fingerprint
    assert whole.split.unused == ()


def test_all_parts_have_the_same_number_of_steps_and_epochs(compared: Path) -> None:
    lengths = {len(pd.read_csv(place / "history.csv")) for place in (compared / "tiny-seed0", part(compared, "0.25"))}
    assert lengths == {OPTIONS["epochs"]}
    curve = DataCurve.read(compared)
    assert (curve.steps, curve.epochs) == (8, OPTIONS["epochs"])  # 16 images in batches of 2
    assert [(one.fraction, one.images) for one in curve.parts] == [(0.25, 4), (0.5, 8), (1.0, 16)]


def test_the_scores_are_those_of_the_runs(compared: Path) -> None:
    [model] = DataCurve.read(compared).models
    shown = {entry.model: entry.miou for entry in model.statistics.models}
    for name, place in (
        ("0.25", part(compared, "0.25")),
        ("0.5", part(compared, "0.5")),
        ("1", compared / "tiny-seed0"),
    ):
        assert shown[name] == pytest.approx(json.loads((place / "metrics.json").read_text())["miou"])
    assert [entry.model for entry in segarena.Comparison(compared).record.ranking] == ["tiny"]
    assert len(pd.read_csv(compared / "models.csv")) == 1  # parts are in no ranking
    assert 'id="data_curve"' in (compared / "report.html").read_text()
    for kind in ("png", "svg", "csv"):
        assert (compared / "figures" / f"data_fractions.{kind}").stat().st_size
    rows = pd.read_csv(compared / "figures" / "data_fractions.csv")
    means = rows[rows["class"].isna()]
    assert dict(zip(means["fraction"], means["score"], strict=True))[0.5] == pytest.approx(shown["0.5"])


def test_a_part_is_trained_again_alone_with_the_same_bits(compared: Path, data: Path, tmp_path: Path) -> None:
    config = Config.read(part(compared, "0.5"))
    assert config.protocol.data_fraction == 0.5
    assert "data_fraction=0.5" in config.command  # of a module of a Python program it is the call
    own = {name: value for name, value in OPTIONS.items() if name not in ("models", "seeds")}
    alone = segarena.train(data, model=("tiny", Tiny), out=tmp_path / "run", data_fraction=0.5, **own)
    for name in ("best.safetensors", "images.csv", "data.json"):
        assert (Path(alone) / name).read_bytes() == (part(compared, "0.5") / name).read_bytes()


def test_runs_on_a_part_are_compared(data: Path, tmp_path: Path) -> None:
    own = {name: value for name, value in OPTIONS.items() if name not in ("models", "seeds")}
    for name in ("tiny", "other"):
        segarena.train(data, model=(name, Tiny), out=tmp_path / name, data_fraction=0.5, **own)
    builders = [(name, Tiny) for name in ("tiny", "other")]
    runs = [tmp_path / name for name in ("tiny", "other")]
    found = segarena.compare(runs=runs, models=builders, out=tmp_path / "both", quiet=True)
    assert {entry.model for entry in found.record.ranking} == {"tiny", "other"}
    segarena.train(data, model=("whole", Tiny), out=tmp_path / "whole", splits=tmp_path / "tiny", **own)
    assert Data.read(tmp_path / "whole").counts["train"] == 16
    with refuses(RunError, where=tmp_path / "whole", value="8") as raised:
        segarena.compare(runs=[tmp_path / "tiny", tmp_path / "whole"], models=builders, quiet=True)
    assert "data_fraction" in raised.value.remedy


def test_shares_are_added_and_nothing_is_trained_twice(data: Path, tmp_path: Path) -> None:
    first = segarena.compare(data, out=tmp_path / "out", **OPTIONS).folder
    before = (first / "tiny-seed0" / "history.csv").stat().st_mtime_ns
    assert not (first / "data_fractions.json").exists()
    again = segarena.compare(resume=first, models=OPTIONS["models"], data_fractions=0.5).folder
    half = part(again, "0.5") / "history.csv"
    written = half.stat().st_mtime_ns
    more = segarena.compare(resume=first, models=OPTIONS["models"], data_fractions=(0.25,)).folder
    assert [one.fraction for one in DataCurve.read(more).parts] == [0.25, 0.5, 1.0]
    assert tuple(OptionsRecord.read(more).options["data_fractions"]) == (0.25, 0.5)
    assert half.stat().st_mtime_ns == written
    assert (first / "tiny-seed0" / "history.csv").stat().st_mtime_ns == before


def test_the_plan_has_the_trainings_on_parts(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, names = tmp_path / "plan.json", ("epochs", "size", "encoder", "weights", "device")
    words = [f"--{name}={QUICK[name]}" for name in names if name in QUICK]
    words = ["compare", str(data), "--models", "fcn", *words, "--seeds", "1", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["segarena", *words, "--data-fractions", "0.5", "--dry-run", "--json", str(file)])
    assert cli.main() == 0
    plan = PlanRecord.from_json(read_json(file), file)
    assert [(run.model, run.data_fraction) for run in plan.runs] == [("fcn", None), ("fcn", 0.5)]
    assert plan.runs[0].epochs == plan.runs[1].epochs
    assert plan.runs[1].seconds == pytest.approx(plan.runs[0].seconds)


def test_folds_have_a_curve_over_all_images(data: Path, tmp_path: Path) -> None:
    found = segarena.compare(data, out=tmp_path / "out", data_fractions=(0.5,), folds=2, **OPTIONS).folder
    curve = DataCurve.read(found)
    assert curve.folds == 2
    assert (part(found, "0.5") / "fold2" / "metrics.json").exists()
    [model] = curve.models
    assert model.statistics.units == 20


def test_the_images_that_a_part_leaves_out_are_new_to_its_networks(compared: Path, data: Path, tmp_path: Path) -> None:
    place = part(compared, "0.5")
    with own_models({"tiny": Tiny}):
        segarena.evaluate(place, data, out=tmp_path / "again", split="all")
    uses = pd.read_csv(tmp_path / "again" / "images.csv").drop_duplicates("image").set_index("image")["part"]
    split = Data.read(place).split
    assert {uses[name] for name in split.unused} == {"new"}
    assert {uses[name] for name in split.train} == {"train"}
    assert {uses[name] for name in split.val} == {"val"}


@pytest.mark.parametrize(
    ("options", "value", "where"),
    [
        ({"data_fractions": (0.0, 1)}, "0", "--data-fractions"),
        ({"data_fractions": (0.5, 1.5)}, "1.5", "--data-fractions"),
        ({"data_fractions": (0.5, 0.5)}, "twice", "--data-fractions"),
        ({"data_fractions": (0.01,)}, "0.01 of 16", "data fraction 0.01"),
        ({"data_fractions": (0.5, 0.51)}, "both 8 images", "data fractions"),
        ({"data_fractions": (0.99,)}, "both 16 images", "data fractions"),
    ],
)
def test_shares_that_cannot_be_trained_are_refused(
    options: dict[str, object], value: str, where: str, data: Path, tmp_path: Path
) -> None:
    with refuses(ConfigError, value=value, where=where):
        segarena.compare(data, out=tmp_path / "out", **OPTIONS, **options)
    assert not (tmp_path / "out").exists()
