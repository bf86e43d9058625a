"""What was drawn is what is written: the same objects, in the format of each labelling tool, become the same labels.

Each format is found by `--from auto`, classes keep their names, and an image without an object is all background.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drawn_annotations import NAMES, SIZE, WRITERS, draw_scene
from segarena.data.annotations.write import write_annotations
from segarena.data.converters.registry import FORMATS, choose_format
from segarena.data.folder import FolderSource


@pytest.mark.parametrize("title", WRITERS)
def test_what_was_drawn_is_what_is_written(title: str, tmp_path: Path) -> None:
    name, write, holes = WRITERS[title]
    drawn = {f"photo{seed}": draw_scene(seed, holes) for seed in range(3)}
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", {**{key: objects for key, (objects, _) in drawn.items()}, "nothing": []})
    assert choose_format(tmp_path / "in", tmp_path / "out")[0] == name
    annotations = FORMATS[name].read(tmp_path / "in")
    assert annotations.notes[:1] == ("1 image without an object: all background (nothing.png)",)
    write_annotations(tmp_path / "out", annotations)
    source = FolderSource(tmp_path / "out")
    assert source.classes.names == ("background", *NAMES)
    expected = {**{key: labels for key, (_, labels) in drawn.items()}, "nothing": np.zeros(SIZE)}
    assert {sample.name for sample in source.samples} == set(expected)
    for index, sample in enumerate(source.samples):
        np.testing.assert_array_equal(source.read(index)[1], expected[sample.name], err_msg=sample.name)
