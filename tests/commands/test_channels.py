"""Images of any channels from `check` to `predict`: only the last channel of these images tells the classes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import segarena
from band_files import save_bands, write_bands
from segarena.errors import ConfigError, DataError
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.run import Data
from segarena.training import predictor as training_predictor
from segarena.training import together
from support import QUICK, refuses

OPTIONS: dict[str, Any] = {**QUICK, "model": "unet", "epochs": 12, "patience": 12, "size": 64, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on five channels of 16 bits; its data lies beside it in `data`."""
    folder = write_bands(tmp_path_factory.mktemp("five") / "data", 5, "uint16", images=10)
    return segarena.train(folder, channels="all", out=folder.parent / "run", **OPTIONS)


def first_image(run: Path) -> Path:
    return run.parent / "data" / "images" / "00.tif"


def test_the_network_uses_the_channel_that_tells_the_classes(five: Path, tmp_path: Path) -> None:
    without = segarena.train(five.parent / "data", channels="1,2,3", out=tmp_path / "run", **OPTIONS)
    assert Metrics.read(five).miou > 0.8
    assert Metrics.read(without).miou < 0.6
    assert Config.read(five).architecture["in_channels"] == 5


@pytest.mark.parametrize(
    ("channels", "dtype", "suffix"), [(1, "uint8", ".png"), (2, "float32", ".npy"), (16, "uint8", ".tif")]
)
@pytest.mark.long
def test_other_numbers_and_types_of_channels_are_learnt(tmp_path: Path, channels: int, dtype: str, suffix: str) -> None:
    data = write_bands(tmp_path / "data", channels, dtype, images=10, suffix=suffix)
    run = segarena.train(data, channels="all", out=tmp_path / "run", **OPTIONS)
    assert Metrics.read(run).miou > 0.75


def test_the_statistics_of_the_training_images_are_saved(five: Path) -> None:
    data = Data.read(five)
    images = [tifffile.imread(five.parent / "data" / "images" / f"{name}.tif") for name in data.split.train]
    pixels = np.concatenate([image.reshape(-1, 5) for image in images]).astype(np.float64)
    assert data.channels is not None
    assert data.channels.numbers == (1, 2, 3, 4, 5)
    np.testing.assert_allclose(data.channels.mean, pixels.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(data.channels.std, pixels.std(axis=0), rtol=1e-12)
    assert segarena.load(five).model.normalization == (data.channels.mean, data.channels.std)


def test_evaluate_gives_the_recorded_scores(five: Path, tmp_path: Path) -> None:
    assert segarena.evaluate(five, out=tmp_path / "own", device="cpu")["miou"] == Metrics.read(five).miou
    other = write_bands(tmp_path / "data", 4, "uint16")
    with refuses(DataError, value="4 channels"):
        segarena.evaluate(five, other, out=tmp_path / "other")


def test_files_arrays_and_tensors_get_the_same_labels(five: Path) -> None:
    predictor, path = segarena.load(five), first_image(five)
    image = tifffile.imread(path)
    expected = predictor.predict(path)
    same = [image, image.astype(np.int64), torch.from_numpy(image.astype(np.int32)).permute(2, 0, 1)]
    assert all(np.array_equal(mask, expected) for mask in predictor.predict(same))
    np.testing.assert_array_equal(predictor.probabilities(path).argmax(axis=0), expected)


@pytest.mark.parametrize(
    ("channels", "dtype", "value"),
    [(4, "uint16", "4 channels"), (6, "uint16", "6 channels"), (20, "uint16", "20 channels"), (5, "uint8", "8 bits")],
)
def test_predict_refuses_other_channels_by_name(
    five: Path, tmp_path: Path, channels: int, dtype: str, value: str
) -> None:
    path = save_bands(tmp_path / "a.tif", np.zeros((20, 20, channels), dtype))
    with refuses(DataError, where=path, value=value):
        segarena.predict(five, path, out=tmp_path / "out")
    with refuses(DataError, value=value):
        segarena.load(five).predict(np.zeros((20, 20, channels), dtype))


def test_predict_writes_masks_and_overlays(five: Path, tmp_path: Path) -> None:
    segarena.predict(five, first_image(five), out=tmp_path / "out", no_legend=True)
    mask = np.asarray(Image.open(tmp_path / "out" / "00.png"))
    np.testing.assert_array_equal(mask, segarena.load(five).predict(first_image(five)))
    with Image.open(tmp_path / "out" / "00_overlay.jpg") as overlay:
        assert overlay.size == (64, 64)


@pytest.mark.parametrize(("factor", "is_named"), [(1, False), (10, True)])
def test_other_units_are_reported(
    five: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: int, is_named: bool
) -> None:
    path = save_bands(tmp_path / "a.tif", np.minimum(tifffile.imread(first_image(five)) // factor, 65535))
    segarena.predict(five, path, out=tmp_path / "out")
    printed = capsys.readouterr()
    assert ("same units" in " ".join((printed.out + printed.err).split())) == is_named


@pytest.mark.parametrize(("factor", "is_named"), [(1, False), (10, True)])
def test_other_units_are_reported_when_other_data_is_scored(
    five: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: int, is_named: bool
) -> None:
    other = shutil.copytree(five.parent / "data", tmp_path / "data")
    for path in (other / "images").glob("*.tif"):
        save_bands(path, tifffile.imread(path) // factor)
    segarena.evaluate(five, other, out=tmp_path / "out", split="all", device="cpu")
    printed = capsys.readouterr()
    assert ("same units" in " ".join((printed.out + printed.err).split())) == is_named


def test_check_shows_the_channels(five: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segarena.check(five.parent / "data", channels="5,1,2", out=tmp_path / "out")
    printed = capsys.readouterr().out
    assert "channels 5, 1 and 2 as red, green and blue" in " ".join(printed.split())
    assert (tmp_path / "out" / "check.png").exists()


def test_resumed_with_the_recorded_channels(five: Path) -> None:
    assert segarena.train(resume=five, model="unet") == five


def test_a_comparison_of_four_channels(tmp_path: Path) -> None:
    data = write_bands(tmp_path / "data", 4, "uint8")
    own = segarena.compare(data, channels="all", models=["fcn", "pspnet"], seeds=1, out=tmp_path / "out", **QUICK)
    assert set(own.ranking["model"]) == {"fcn", "pspnet"}
    assert (tmp_path / "out" / "report.html").exists()
    [picture, *_] = sorted((tmp_path / "out" / "gallery").glob("*/image.png"))
    with Image.open(picture) as image:
        assert image.mode == "RGB"


def test_augmentation_that_warps_and_many_folds(tmp_path: Path) -> None:
    data = write_bands(tmp_path / "data", 2, "float32")
    options = {**QUICK, "model": "fcn", "rotation": 20.0, "elastic": 0.02, "folds": 2, "workers": 1}
    run = segarena.train(data, channels="all", out=tmp_path / "run", **options)
    means = [Data.read(run / fold).channels.mean for fold in ("fold1", "fold2")]  # type: ignore[union-attr]
    assert means[0] != means[1]


@pytest.mark.parametrize("options", [{"data": None}, {"crops": "batch"}])
def test_what_is_rgb_only_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    data = write_bands(tmp_path / "data", 4, "uint8")
    with refuses(ConfigError):
        segarena.train(**{"data": data, "channels": "all", "out": tmp_path / "run", **QUICK, "model": "fcn", **options})


def test_waiting_images_reach_the_network_as_one_does(five: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, inputs = segarena.load(five, device="cpu"), []
    image = tifffile.imread(first_image(five))[:50, :40]
    for module, images in ((together, [image, image]), (training_predictor, [image])):
        plain = module.predict_masks

        def predict_masks(model: Any, images: torch.Tensor, *args: Any, plain: Any = plain, **limits: Any) -> Any:
            inputs.append(images[0])
            return plain(model, images, *args, **limits)

        monkeypatch.setattr(module, "predict_masks", predict_masks)
        together.label_together(predictor, images)
    assert torch.equal(*inputs)
