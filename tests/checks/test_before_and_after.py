"""Masks of another time than their image's, and numbers that mean one thing before an event and another after it."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawings import label_map
from segarena.checks.before_after import check_times
from segarena.data.folder import FolderSource
from support import scene

COUNT = 4


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def photograph(path: Path, number: int) -> None:
    save(path, np.asarray(scene(number, 60))[:48])


def labels(number: int, time: str) -> np.ndarray:
    """1 to 4 for damage; before, 1 for any building."""
    drawn = label_map(number, 5, 48, 60)
    return np.minimum(drawn, 1) if time in ("pre", "before") else drawn


@pytest.mark.parametrize("times", [("pre", "post"), ("before", "after")])
def test_values_of_one_time_are_reported_with_options_that_work(times: tuple[str, str], tmp_path: Path) -> None:
    """xBD: 1 is a building before the disaster, and a building without damage after it."""
    for number in range(COUNT):
        for place, time in enumerate(times):
            stem = f"hurricane-harvey_{number:08}_{time}_disaster"
            photograph(tmp_path / "train/images" / f"{stem}.png", 2 * number + place)
            save(tmp_path / "train/targets" / f"{stem}_target.png", labels(number, time))
    [problem] = check_times(FolderSource(tmp_path))
    assert problem.code == "before-and-after"
    assert {Path(file).name for file in problem.files} == {
        f"hurricane-harvey_{number:08}_{times[0]}_disaster_target.png" for number in range(COUNT)
    }
    options = shlex.split(problem.remedy.partition(": ")[2].partition(";")[0])
    assert options[::2] == ["--images", "--masks"]
    source = FolderSource(tmp_path, images=Path(options[1]), masks=Path(options[3]))
    assert list(check_times(source)) == []
    assert len(source.samples) == COUNT
    for index in range(COUNT):
        np.testing.assert_array_equal(source.read(index)[1], labels(index, times[1]))


def test_images_of_one_time_with_masks_of_the_other_are_reported(tmp_path: Path) -> None:
    for number in range(COUNT):
        photograph(tmp_path / "images" / f"{number}_pre_disaster.png", number)
        save(tmp_path / "masks" / f"{number}_post_disaster.png", labels(number, "post"))
    [problem] = check_times(FolderSource(tmp_path))
    assert problem.files == tuple(f"images/{number}_pre_disaster.png" for number in range(COUNT))


@pytest.mark.parametrize("names", ["{n}_post", "{n}_preview", "{n}", "pre_{n}_post"])
def test_other_names_are_not_reported(names: str, tmp_path: Path) -> None:
    for number in range(COUNT):
        photograph(tmp_path / "images" / f"{names.format(n=number)}.png", number)
        save(tmp_path / "masks" / f"{names.format(n=number)}.png", labels(number, "post"))
    assert list(check_times(FolderSource(tmp_path))) == []


def test_two_times_with_the_same_values_are_not_reported(tmp_path: Path) -> None:
    for number in range(COUNT):
        for place, time in enumerate(("before", "after")):
            photograph(tmp_path / "images" / f"{number}_{time}.png", 2 * number + place)
            save(tmp_path / "masks" / f"{number}_{time}.png", labels(number, "after"))
    assert list(check_times(FolderSource(tmp_path))) == []
