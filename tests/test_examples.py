"""The examples run as a reader would run them, with small data and few steps."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import matplotlib
import pytest
from PIL import Image
from torch import Tensor, nn

from support import write_pair

pytestmark = pytest.mark.long

EXAMPLES = Path(__file__).parents[1] / "examples"
QUICK = ("--epochs", "1", "--size", "32", "--weights", "none")


@pytest.fixture
def run_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run a script in `tmp_path` with these arguments; returns what it prints."""

    def run(name: str, *arguments: object) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        capsys.readouterr()
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(8):
        write_pair(tmp_path / "my_data", f"photo{number}", seed=number)
    return tmp_path / "my_data"


def test_own_data_and_its_counts_per_image(run_example: Callable[..., str], data: Path, tmp_path: Path) -> None:
    images, models = data / "images", ("--models", "fcn", "unet")
    printed = run_example("own_data.py", data, images, *models, *QUICK, "--out", "runs/mine")
    assert "8 pairs, 2 classes" in printed
    assert len(list((tmp_path / "runs" / "mine").glob("**/photo0.png"))) == 1

    ranking = json.loads((tmp_path / "runs" / "mine" / "comparison.json").read_text())["ranking"]
    assert [line.split(": ")[0] for line in printed.splitlines() if line[:2] in ("1.", "2.")] == [
        f"{place}. {entry['model']}" for place, entry in enumerate(ranking, start=1)
    ]
    printed = run_example("read_images_csv.py", "runs/mine", "--worst", 1)
    assert "worst images of unet, seed 0" in printed
    for entry in ranking:
        assert f"{entry['miou']:.4f}".rstrip("0") in printed


def test_a_training_loop_of_ones_own(run_example: Callable[..., str], data: Path) -> None:
    assert "epoch 1: loss " in run_example("training_loop.py", data, "--model", "pspnet", *QUICK)


def test_a_module_of_another_library(
    run_example: Callable[..., str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a small module in place of U-Net++, so that the library need not be installed."""

    class Small(nn.Module):
        def __init__(self, encoder: str, *, encoder_weights: str | None, classes: int) -> None:
            super().__init__()
            self.encoder, self.head = nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.Conv2d(8, classes, 1)

        def forward(self, image: Tensor) -> Tensor:
            logits: Tensor = self.head(self.encoder(image))
            return logits

    library = ModuleType("segmentation_models_pytorch")
    library.UnetPlusPlus = Small  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, library.__name__, library)
    image = data / "images" / "photo0.png"
    printed = run_example("own_module.py", data, image, *QUICK, "--encoder", "mobilenet_v2")
    assert "unet++" in printed
    with Image.open(tmp_path / "runs" / "own" / "new_mask.png") as mask:
        assert mask.size == (48, 48)


@pytest.mark.slow
def test_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    [parameters] = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", ())]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    with matplotlib.rc_context({"backend": "agg"}):
        for cell in cells:
            exec("".join(cell["source"]), names)
            if cell is parameters:
                names.update(EPOCHS=1)
    assert "mIoU" in capsys.readouterr().out
    assert (tmp_path / "tour" / "comparison" / "report.html").is_file()
    assert names["mask"].shape == (128, 128)  # type: ignore[attr-defined]
