"""The study of training recipes: each training is run once, kills lose nothing, gains are of equal seeds and data."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segarena.config import TrainOptions, make_options
from segarena.errors import ConfigError
from segarena.records.run import Data
from segarena.scenes.synthetic import SyntheticSource

pytestmark = pytest.mark.long

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("fcntl", reason="the study locks its files, which Windows does in another way")
    monkeypatch.syspath_prepend(FOLDER)
    module = import_module("recipes")
    small = replace(module.SETS["built-in"], size=64, epochs=1, encoder="mobilenet_v2", options={"device": "cpu"})
    monkeypatch.setattr(module, "SETS", {**module.SETS, "built-in": small})
    yield module
    for name in ("recipes", "recipe_tables"):
        sys.modules.pop(name, None)


def words(place: Path, *more: str) -> list[str]:
    return ["run", "--results", str(place / "r.csv"), "--work", str(place / "work"), "--models", "unet", *more]


def test_the_options_of_every_variant_are_understood(study: Any) -> None:
    """No option of a score is left to its default, so that a new default changes no line of the study."""
    chosen = {
        "size",
        "epochs",
        "batch_size",
        "patience",
        "learning_rate",
        "decoder_factor",
        "clip_norm",
        "scale_jitter",
        "loss",
        "encoder",
    }
    for place in study.SETS:
        for variant in study.VARIANTS:
            run = study.Run(place, variant, "pspnet", 0, pretrained=False)
            assert make_options(TrainOptions, data=".", model="pspnet", **run.settings).output_stride == 8
            assert chosen <= set(run.settings)


def test_a_finished_training_is_not_repeated_and_no_test_image_is_used(
    study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = SyntheticSource(size=64, counts={"train": 4, "val": 2})
    monkeypatch.setattr(study, "SyntheticSource", lambda counts: few)
    parts = []
    measure = study.measure
    monkeypatch.setattr(study, "measure", lambda folder: parts.append(Data.read(folder).counts) or measure(folder))
    again = words(tmp_path, "--seeds", "0", "--variants", "baseline")
    study.main(again)
    with (tmp_path / "r.csv").open("a") as file:
        file.write("built-in,loss: ce,unet,1,0.")  # a line that a kill cut off
    study.main(again)
    assert parts == [{"train": 4, "val": 2, "test": 0}]
    (row,) = study.read(tmp_path / "r.csv")
    assert (row["variant"], row["seed"]) == ("baseline", "0")
    assert 0 <= float(row["lowest_iou"]) <= float(row["val_miou"]) <= 1
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["data"]  # the runs are removed
    given = {"results": tmp_path / "r.csv", "variants": ["loss: ce"], "models": ["unet"], "weights": None}
    left = study.plan(SimpleNamespace(seeds=[0, 1], **given), ["built-in"])
    both = ["clip norm: 1", "loss: ce"]
    assert [(run.variant, run.seed) for run in left] == [*((name, 0) for name in both), *((name, 1) for name in both)]


def test_a_training_that_fails_has_its_line(study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise ConfigError("the loss became nan in epoch 2", where="unet", remedy="Train at a lower --learning-rate")

    monkeypatch.setattr(study, "train_all", fail)
    one = study.Run("built-in", "baseline", "unet", 0, False)
    folder = study.make_folder("built-in", Path(), tmp_path / "w")
    study.append(study.train(one, folder, None, tmp_path / "w"), tmp_path / "r.csv")
    (row,) = study.read(tmp_path / "r.csv")
    assert (row["val_miou"], "nan in epoch 2" in row["error"]) == ("", True)


def test_a_training_is_claimed_by_one_process(study: Any, tmp_path: Path) -> None:
    one, other = (study.Run("built-in", "baseline", "unet", seed, False) for seed in (0, 1))
    with (
        study.claim(one, tmp_path) as first,
        study.claim(one, tmp_path) as second,
        study.claim(other, tmp_path) as third,
    ):
        assert (first, second, third) == (True, False, True)
    with study.claim(one, tmp_path) as again:
        assert again


def line(
    variant: str, seed: int, miou: float, lowest: float, data: str = "d", model: str = "unet", device: str = "AMD EPYC"
) -> dict[str, str]:
    values = {"set": "isbi", "variant": variant, "model": model, "seed": seed, "val_miou": miou, "lowest_iou": lowest}
    rest = {"lowest_class": "boat", "train_seconds": "9", "data": data, "options": "x", "device": device}
    return {name: str(value) for name, value in {**values, **rest}.items()}


def test_gains_are_of_the_same_seed_and_data(study: Any) -> None:
    rows = [line("baseline", 0, 0.5, 0.1), line("baseline", 1, 0.6, 0.2), line("baseline", 2, 0.6, 0.2)]
    rows += [line("loss: ce", 0, 0.4, 0.1), line("loss: ce", 1, 0.58, 0.0), line("loss: ce", 2, 0.1, 0.1, data="other")]
    rows += [line("loss: ce", 0, 0.9, 0.9, device="NVIDIA H100")]  # no baseline of this device
    rows += [line("schedule: poly", 0, 0.9, 0.9, model="fcn")]  # no baseline of this model
    rows += [line("EMA: 0.98", 0, 0.65, 0.9)]
    over = {"baseline": "baseline", "loss: ce": "baseline", "schedule: poly": "baseline", "EMA: 0.98": "loss: ce"}
    tables = study.make_tables(rows, over, list(study.SETS))
    assert "| isbi | unet | baseline | 56.7% (50.0% to 60.0%) | 16.7%, boat | 9 | CPU | 3 |" in tables["study-baseline"]
    assert "| loss: ce | not measured | -6.0 (-10.0 to -2.0), worst class -10.0 |" in tables["study"]
    assert "| loss: ce | 0 | 1 | 1 | -6.0 |" in tables["study"]
    assert "| EMA: 0.98 | not measured | +25.0, worst class +80.0 |" in tables["study"]
    assert "schedule: poly" in tables["study"].partition("Not measured:")[2]
