"""docs/coming_from.md: every call of ours is run, and what is stated about other libraries' calls that are here."""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from PIL import Image

import segarena
from segarena import cli
from segarena.commands import compare, train
from segarena.config import CompareOptions
from segarena.experiment.networks import check_networks
from segarena.loading.transforms import normalize
from segarena.runs import open_folder
from segarena.training.costs import measure_latency
from support import QUICK, write_pair

PAGE = Path(__file__).parents[1] / "docs" / "coming_from.md"
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL))
pytestmark = [pytest.mark.long, pytest.mark.usefixtures("quick_runs", "blank_figures")]
#: Options of the trainings, so that each takes a second; those that a call has are checked, and then replaced.
FAST = {"epochs": 1, "size": 32, "batch_size": 4, "weights": "none", "device": "cpu", "precision": "fp32"}


def calls(section: str) -> list[str]:
    """The code in the second column of the tables; options and attributes that are named beside it are left out."""
    rows = re.findall(r"^\| .* \| (.*) \|$", SECTIONS[section], flags=re.MULTILINE)
    code = [words for row in rows for words in re.findall(r"`([^`]+)`", row)]
    return [words for words in code if re.match(r"segarena[ .]|\w+ = |\w+\[|from |model\(|\w+\.\w", words)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number in range(10):
        write_pair(tmp_path / "my_data", f"photo{number}", seed=number)
    Image.new("RGB", (50, 40)).save(tmp_path / "new.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(measure_latency.__kwdefaults__, "rounds", 1)
    for module in (compare, train):
        monkeypatch.setattr(module, "run", quickly(module.run))
    return tmp_path


#: The folders of what was trained, by the command and whether it had folds.
TRAINED: dict[tuple[str, bool], Path] = {}


def quickly(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A command that checks the options as they are given, and then trains small networks, two folds and two models.

    What is like something that was trained is a copy of it.
    """

    def call(options: Any) -> Any:
        check_networks(options)
        fast = {**FAST, "encoder": QUICK["encoder"], "track": "encoder", "folds": options.folds and 2}
        if isinstance(options, CompareOptions):
            fast["models"] = ("fcn", "unet")
        options = dataclasses.replace(options, **fast)
        if options.resume:
            return run(options)
        kind = (type(options).__name__, options.folds is not None)
        if kind not in TRAINED:
            TRAINED[kind] = run(options).absolute()
            return TRAINED[kind]
        folder = open_folder(options.out, "copy")
        shutil.copytree(TRAINED[kind], folder, dirs_exist_ok=True)
        return folder

    return call


@pytest.mark.parametrize("section", SECTIONS)
def test_our_calls_work_as_written(section: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    names: dict[str, Any] = {"segarena": segarena, "normalize": normalize, "pixels": pixels}
    names |= {"images": torch.zeros(1, 3, 64, 64), "model": segarena.build_model("fcn", 5).eval()}
    if section == "torchvision":
        names["run"] = segarena.train("my_data", model="fcn")
    code = calls(section)
    assert len(code) >= 4
    for words in code:
        if words.startswith("segarena "):
            monkeypatch.setattr(sys, "argv", shlex.split(words))
            assert cli.main() == 0, words
        else:
            exec(words, names)
    if "mask" in names:
        assert names["mask"].shape == (40, 50)
        assert names["mask"].dtype == np.uint8


def test_their_calls_exist() -> None:
    """Of the libraries that the tests have: smp and torchvision."""
    from torchvision.models import segmentation

    text = SECTIONS["segmentation-models-pytorch"]
    for name in set(re.findall(r"smp\.([\w.]+)", text)):
        found = smp
        for part in name.split("."):
            found = getattr(found, part)
    ours = segarena.build_model("deeplabv3", 5, encoder="resnet18").eval()
    theirs = smp.create_model("DeepLabV3", encoder_name="resnet18", encoder_weights=None, classes=5).eval()
    image = torch.zeros(1, 3, 64, 64)
    assert theirs(image).shape == ours(image).logits.shape
    assert set(re.findall(r"(\w+_resnet50)\(", SECTIONS["torchvision"])) <= set(dir(segmentation))


def test_what_is_stated_about_the_scores_of_smp() -> None:
    """`macro` on the counts of all images is mIoU, except for a class that occurs nowhere; `micro` is another score."""
    from segarena.scoring.scores import score

    random = np.random.default_rng(0)
    truth, labels = (torch.from_numpy(random.integers(0, 3, (4, 20, 20))) for _ in range(2))
    confusions = np.stack(
        [
            np.bincount(3 * t.ravel() + p.ravel(), minlength=9).reshape(3, 3)
            for t, p in zip(truth.numpy(), labels.numpy(), strict=True)
        ]
    )
    for classes in (3, 4):
        counts = smp.metrics.get_stats(labels, truth, mode="multiclass", num_classes=classes)
        macro = float(smp.metrics.iou_score(*counts, reduction="macro"))
        padded = np.pad(confusions, ((0, 0), (0, classes - 3), (0, classes - 3)))
        miou = score(padded).miou
        assert macro == pytest.approx(miou if classes == 3 else (3 * miou + 1) / 4)
