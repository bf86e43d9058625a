"""`segarena check DATA --write-classes`: a classes.yaml to edit, with which each pixel has the label that it had.

For each way of saving masks; with names of a tool's file; for layers; never over an existing file; edited.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segarena
from encoding_zoo import ENCODINGS, Encoding, draw
from segarena.data.folder import FolderSource
from segarena.errors import ConfigError
from segarena.experiment.check_report import classes_text
from support import refuses

UNDECLARED = [encoding for encoding in ENCODINGS if not encoding.declared]


def write_images(folder: Path, count: int = 4) -> None:
    (folder / "images").mkdir(parents=True)
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 255, (36, 48, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "images" / f"{number}.png")


def write_zoo(folder: Path, encoding: Encoding, count: int = 4) -> None:
    write_images(folder, count)
    for number in range(count):
        encoding.save(folder / "masks" / f"{number}.{encoding.suffix}", number)


def labels(folder: Path) -> list[np.ndarray]:
    source = FolderSource(folder)
    return [source.read(number)[1] for number in range(len(source.samples))]


def check_alike(folder: Path) -> None:
    """The content of the file declares what is read without it."""
    before, text = FolderSource(folder), classes_text(FolderSource(folder))
    expected = labels(folder)
    (folder / "classes.yaml").write_text(text, encoding="utf-8")
    again = FolderSource(folder).classes
    assert (again.digest, again.colors) == (before.classes.digest, before.classes.colors)
    marked = [index for index, entry in enumerate(again.classes) if entry.is_background]
    assert marked == ([] if before.classes.background is None else [before.classes.background])
    for old, new in zip(expected, labels(folder), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("encoding", UNDECLARED, ids=lambda encoding: encoding.title)
def test_labels_are_the_same_with_the_file(encoding: Encoding, tmp_path: Path) -> None:
    write_zoo(tmp_path, encoding)
    check_alike(tmp_path)


def test_soft_colours_are_the_same_with_the_file(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "masks").mkdir()
    colors = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255)])
    for number in range(4):
        fine = draw(number, 3)[0]
        pixels = colors[fine].reshape(36, 5, 48, 5, 3).mean(axis=(1, 3)).round().astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "masks" / f"{number}.png")
    check_alike(tmp_path)


def test_layers_are_the_same_with_the_file(tmp_path: Path) -> None:
    write_images(tmp_path)
    for number in range(4):
        for label, name in enumerate(("rest", "crack", "rust")):
            (tmp_path / "masks" / name).mkdir(parents=True, exist_ok=True)
            mask = 255 * (draw(number, 3)[1] == label)
            Image.fromarray(mask.astype(np.uint8)).save(tmp_path / "masks" / name / f"{number}.png")
    assert FolderSource(tmp_path).layout.layers
    check_alike(tmp_path)


def test_names_of_any_kind_are_the_same_with_the_file(tmp_path: Path) -> None:
    write_zoo(tmp_path, UNDECLARED[0])
    names = ["no", 'a, "b": [c]', "🚗 Straße #1", "null"]
    lines = "".join('{},"{}"\n'.format(number, name.replace('"', '""')) for number, name in enumerate(names))
    (tmp_path / "_classes.csv").write_text(f"Pixel Value, Class\n{lines}", encoding="utf-8")
    assert FolderSource(tmp_path).classes.names == tuple(names)
    check_alike(tmp_path)


def test_the_file_is_written_once_and_can_be_edited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "my data"
    write_zoo(data, next(encoding for encoding in UNDECLARED if encoding.title == "numbers, 255 is void"))
    before = labels(data)
    segarena.check(data, out=tmp_path / "out", write_classes=True)
    path = data / "classes.yaml"
    assert str(path) in capsys.readouterr().out
    text = path.read_text()
    assert "# " in text
    assert "ignore: [255]" in text
    with refuses(ConfigError, where=path):
        segarena.check(data, out=tmp_path / "out2", write_classes=True)
    assert not (tmp_path / "out2").exists()
    assert path.read_text() == text
    kept = [line for line in text.splitlines() if "class_2" not in line]
    path.write_text("\n".join(kept).replace("value: 1,", "value: [1, 2],").replace("class_1", "on"))
    assert FolderSource(data).classes.names == ("class_0", "on")
    for old, new in zip(before, labels(data), strict=True):
        np.testing.assert_array_equal(np.where(old == 2, 1, old), new)
    segarena.check(data, out=tmp_path / "out3")


def test_a_file_in_the_folder_of_masks_is_not_contradicted(tmp_path: Path) -> None:
    write_zoo(tmp_path, UNDECLARED[0])
    path = tmp_path / "masks" / "classes.yaml"
    path.write_text(classes_text(FolderSource(tmp_path)))
    with refuses(ConfigError, where=path):
        segarena.check(tmp_path, out=tmp_path / "out", write_classes=True)
    assert not (tmp_path / "classes.yaml").exists()


def test_the_command_for_a_file_that_does_not_fit_works(tmp_path: Path) -> None:
    """The remedy of the warning, executed on the folder that provoked it; the warning is gone afterwards."""
    data = tmp_path / "my data"
    write_zoo(data, UNDECLARED[0])
    (data / "_classes.csv").write_text("Pixel Value, Class\n0, a\n1, b\n")
    found = segarena.check(data, out=tmp_path / "out")
    [problem] = [one for one in found["problems"] if one["code"] == "unused-class-file"]
    [line] = re.findall("`(.*)`", problem["remedy"])
    command = [sys.executable, "-m", *shlex.split(line)]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    found = segarena.check(data, out=tmp_path / "out2")
    assert "unused-class-file" not in {one["code"] for one in found["problems"]}
