"""What a user gets wrong before a training: exit status 2, one message with file and remedy, no traceback.

Everything that can be wrong with the data themselves is in commands/test_wrong_data.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segarena import cli
from support import write_pair

Break = Callable[[Path], None]


def nothing(folder: Path) -> None:
    """Leave the folder as it is."""


def remove_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def empty_folder(folder: Path) -> None:
    remove_folder(folder)
    folder.mkdir()


def remove_masks(folder: Path) -> None:
    (folder / "masks").rename(folder.parent / "masks-elsewhere")


def resize_a_mask(folder: Path) -> None:
    mask = folder / "masks" / "photo3.png"
    with Image.open(mask) as picture:
        smaller = picture.resize((20, 31), Image.Resampling.NEAREST)
    smaller.save(mask)


def truncate(kind: str) -> Break:
    def cut(folder: Path) -> None:
        file = folder / kind / "photo4.png"
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    return cut


def use_an_undeclared_value(folder: Path) -> None:
    (folder / "classes.yaml").write_text("classes: [{name: ground, value: 0}, {name: thing, value: 255}]\n")
    mask = folder / "masks" / "photo5.png"
    with Image.open(mask) as picture:
        pixels = np.array(picture)
    pixels[0, 0] = 7
    Image.fromarray(pixels).save(mask)


def leave_one_class(folder: Path) -> None:
    for mask in (folder / "masks").iterdir():
        Image.new("L", (48, 48), 0).save(mask)


def leave_two_images(folder: Path) -> None:
    for image in sorted((folder / "images").iterdir())[2:]:
        image.unlink()


def write_other_weights(folder: Path) -> None:
    torch.save({"stem.weight": torch.zeros(3, 3)}, folder.parent / "other.pth")


def write_damaged_weights(folder: Path) -> None:
    (folder.parent / "other.pth").write_bytes(b"no weights at all")


@pytest.mark.parametrize(
    ("spoil", "options", "words"),
    [
        (remove_folder, [], ["data"]),
        (empty_folder, [], ["data"]),
        (remove_masks, [], ["data", "mask"]),
        (resize_a_mask, [], ["photo3.png", "20 x 31", "48 x 48"]),
        (truncate("images"), [], ["images/photo4.png"]),
        (truncate("masks"), [], ["masks/photo4.png"]),
        (use_an_undeclared_value, [], ["photo5.png", "7", "classes.yaml"]),
        (leave_one_class, [], ["masks", "only the value 0", "two classes"]),
        (leave_two_images, [], ["data", "Add labelled images"]),
        (write_other_weights, ["--weights", "other.pth"], ["other.pth"]),
        (write_damaged_weights, ["--weights", "other.pth"], ["other.pth"]),
        (nothing, ["--weights", "gone.pth"], ["gone.pth"]),
        (nothing, ["--out", "data/images/photo1.png/run"], ["photo1.png", "--out"]),
        (nothing, ["--out", "data/images/photo1.png"], ["photo1.png", "--out"]),
        (nothing, ["--out", "data"], ["data", "not empty", "--out"]),
        (nothing, ["--size", "8"], ["--size", "8"]),
    ],
)
@pytest.mark.parametrize("verb", ["train", "compare"])
def test_one_message_that_names_the_file(
    verb: str,
    spoil: Break,
    options: list[str],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(6):
        write_pair(tmp_path / "data", f"photo{number}", seed=number)
    spoil(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    model = ["--model", "fcn"] if verb == "train" else ["--models", "fcn"]
    weights = [] if "--weights" in options else ["--weights", "none"]
    quick = ["--epochs", "1", "--device", "cpu", "--encoder", "resnet18"]
    monkeypatch.setattr(sys, "argv", ["segarena", verb, "data", *model, *quick, *weights, *options])
    assert cli.main() == 2
    message = capsys.readouterr().err
    assert message.startswith("segarena: ")
    assert message.count("\n") == 1, "more than one message"
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--weights", "gone.pth"], ["gone.pth", "is not a file"]),
        (["--weights", "coco"], ["no COCO weights for an encoder alone"]),
        (["--model", "pspnet", "--encoder", "swin_t"], ["swin_t cannot", "fcn, unet"]),
        (["--model", "fcn8s", "--track", "paper", "--encoder", "swin_t"], ["--encoder", "swin_t", "fcn8s"]),
        (["--model", "pspnet", "--track", "paper", "--output-stride", "16", "--weights", "gone.pth"], ["gone.pth"]),
    ],
)
def test_what_cannot_be_whatever_the_data_is_is_told_before_they_are_read(
    options: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The data do not even exist here; a folder of a hundred thousand images would be read for minutes."""
    own = [] if "--model" in options else ["--model", "fcn"]
    monkeypatch.setattr(sys, "argv", ["segarena", "train", "no-such-data", *own, *options])
    assert cli.main() == 2
    message = capsys.readouterr().err
    assert "no-such-data" not in message
    for word in words:
        assert word in message


def test_weights_that_cannot_be_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError("network is unreachable")

    for number in range(6):
        write_pair(tmp_path / "data", f"photo{number}", seed=number)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    monkeypatch.setattr(sys, "argv", ["segarena", "train", "data", "--model", "fcn", "--device", "cpu"])
    assert cli.main() == 2
    message = capsys.readouterr().err
    assert "--weights none" in message
    assert "--weights FILE" in message


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    for number in range(6):
        write_pair(tmp_path / "data", f"photo{number}", seed=number)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    arguments = ["train", "data", "--model", "fcn", "--weights", "none", "--device", "cpu", "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", ["segarena", *arguments])
    assert cli.main() == 2
    message = capsys.readouterr().err
    assert "No space left on device" in message
    assert "Free some space" in message
