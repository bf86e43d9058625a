"""What was drawn is what is written: the same objects, in the format of each labelling tool, become the same labels.

Each format is found by `--from auto`, classes keep their names, and an image without an object is all background.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_annotations import NAMES, SIZE, WRITERS, draw_scene
from segarena.annotations.write import write_annotations
from segarena.converters.registry import FORMATS, choose_format
from segarena.data.folder import FolderSource


def save_images_as(folder: Path, suffix: str) -> None:
    """Save all images with another ending, which the annotations have, too."""
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as image:
            image.save(path.with_suffix(suffix))
        path.unlink()
    for path in [path for path in folder.rglob("*") if path.suffix in (".json", ".csv")]:
        path.write_text(path.read_text().replace(".png", suffix))
        path.rename(path.with_name(path.name.replace(".png", suffix)))


@pytest.mark.parametrize("suffix", [".png", ".jp2"])
@pytest.mark.parametrize("title", WRITERS)
def test_what_was_drawn_is_what_is_written(title: str, suffix: str, tmp_path: Path) -> None:
    name, write, holes = WRITERS[title]
    drawn = {f"photo{seed}": draw_scene(seed, holes) for seed in range(3)}
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", {**{key: objects for key, (objects, _) in drawn.items()}, "nothing": []})
    if suffix != ".png":
        save_images_as(tmp_path / "in", suffix)
    assert choose_format(tmp_path / "in", tmp_path / "out")[0] == name
    annotations = FORMATS[name].read(tmp_path / "in")
    assert annotations.notes[:1] == (f"1 image without an object: all background (nothing{suffix})",)
    write_annotations(tmp_path / "out", annotations)
    source = FolderSource(tmp_path / "out")
    assert source.classes.names == ("background", *NAMES)
    expected = {**{key: labels for key, (_, labels) in drawn.items()}, "nothing": np.zeros(SIZE)}
    assert {sample.name for sample in source.samples} == set(expected)
    for index, sample in enumerate(source.samples):
        np.testing.assert_array_equal(source.read(index)[1], expected[sample.name], err_msg=sample.name)
