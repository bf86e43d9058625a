"""Names of images with less usual endings are understood wherever the usual ones are: in lists, tables, other names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotated import write_voc
from segarena.annotations.write import write_annotations
from segarena.converters.voc import read_voc
from segarena.data.folder import FolderSource
from segarena.data.layout.lists.entries import has_image_suffix
from segarena.data.splitting.groups import find_groups
from segarena.image_files.arrays import ARRAY_SUFFIXES
from segarena.image_files.images import IMAGE_SUFFIXES, READABLE_SUFFIXES
from support import write_pair

NAMES = tuple("abcdefgh")


def write_lists(root: Path) -> None:
    for part, names in (("train", NAMES[:6]), ("val", NAMES[6:])):
        (root / f"{part}.txt").write_text("".join(f"images/{name} 1.jp2\n" for name in names))


def write_pairs(root: Path) -> None:
    for name in NAMES:
        (root / "masks" / f"{name} 1.png").rename(root / "masks" / f"{ord(name)}.png")
    (root / "pairs.txt").write_text("".join(f"images/{name} 1.jp2 masks/{ord(name)}.png\n" for name in NAMES))


def append_endings(root: Path) -> None:
    for name in NAMES:
        (root / "masks" / f"{name} 1.png").rename(root / "masks" / f"{name} 1.jp2.png")


@pytest.mark.parametrize("change", [write_lists, write_pairs, append_endings])
def test_a_folder_of_jpeg_2000_images_is_paired_as_one_of_png(change: Callable[[Path], None], tmp_path: Path) -> None:
    for seed, name in enumerate(NAMES):
        write_pair(tmp_path, f"{name} 1", seed=seed, size=32)
        image = tmp_path / "images" / f"{name} 1.png"
        with Image.open(image) as opened:
            opened.save(image.with_suffix(".jp2"))
        image.unlink()
    drawn = {f"{name} 1": np.asarray(Image.open(tmp_path / "masks" / f"{name} 1.png")) // 255 for name in NAMES}
    change(tmp_path)
    source = FolderSource(tmp_path)
    assert [sample.name for sample in source.samples] == list(drawn)
    for index, labels in enumerate(drawn.values()):
        np.testing.assert_array_equal(source.read(index)[1], labels)
    parts = {sample.name: sample.split for sample in source.samples}
    assert (parts["g 1"], parts["a 1"]) == (("val", "train") if change is write_lists else (None, None))


@pytest.mark.parametrize("suffix", sorted(READABLE_SUFFIXES - IMAGE_SUFFIXES))
def test_a_name_in_a_table_may_have_any_ending_that_is_read(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "groups.csv").write_text(f"a{suffix},one\nb{suffix.upper()},two\n")
    assert find_groups(["a", "b"], str(tmp_path / "groups.csv")) == ("one", "two")
    assert has_image_suffix(f"a{suffix}") == (suffix not in ARRAY_SUFFIXES)  # a list of arrays has depths, or the like


def test_images_of_voc_may_be_jpeg_2000(tmp_path: Path) -> None:
    write_voc(tmp_path / "in", *"ab", rows=["0011", "0011"])
    for path in sorted((tmp_path / "in" / "JPEGImages").iterdir()):
        with Image.open(path) as image:
            image.save(path.with_suffix(".jp2"))
        path.unlink()
    write_annotations(tmp_path / "out", read_voc(tmp_path / "in"))
    assert [sample.name for sample in FolderSource(tmp_path / "out").samples] == ["a", "b"]
