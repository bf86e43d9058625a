"""Palette files: by index while one palette serves all of them, by what it shows where each file has its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from drawings import infer, save_all
from segarena.classes import name_classes
from segarena.data.encoding.mask_encoding import read_mask
from support import refuses


def indexed(indices: ArrayLike, *colors: tuple[int, int, int]) -> Image.Image:
    image = Image.fromarray(np.kron(np.asarray(indices), np.ones((8, 8))).astype(np.uint8))
    image.putpalette([channel for color in colors for channel in color])
    return image


def greys(*levels: int) -> list[tuple[int, int, int]]:
    return [(level, level, level) for level in levels]


BLACK, RED, GREEN, BLUE = (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)


def corners(paths: list[Path], classes: object = None) -> list[list[int]]:
    """The labels of each file, one for each block of 8 x 8."""
    encoding = infer(paths, classes).encoding  # type: ignore[arg-type]
    return [read_mask(path, encoding)[0, ::8].tolist() for path in paths]


def test_one_palette_for_all_gives_the_numbers_their_colours(tmp_path: Path) -> None:
    paths = save_all(tmp_path, [indexed([[2, 1, 0]], GREEN, BLUE, RED), indexed([[0, 0, 2]], GREEN, BLUE, RED)])
    encoding = infer(paths).encoding
    assert encoding.kind == "index"
    assert encoding.classes.names == ("class_0", "class_1", "class_2")
    assert encoding.classes.colors == (GREEN, BLUE, RED)
    assert corners(paths) == [[2, 1, 0], [0, 0, 2]]


def test_a_palette_of_its_own_in_each_file_makes_the_colours_count(tmp_path: Path) -> None:
    images = [indexed([[0, 1]], BLACK, RED), indexed([[0, 1, 2]], RED, BLACK, GREEN), indexed([[1, 0]], BLACK, GREEN)]
    paths = save_all(tmp_path, images)
    encoding = infer(paths).encoding
    assert encoding.classes.names == ("background", "green", "red")
    assert corners(paths) == [[0, 2], [2, 0, 1], [1, 0]]


def test_grey_palettes_that_differ_make_the_greys_the_numbers(tmp_path: Path) -> None:
    images = [indexed([[0, 1]], *greys(0, 7)), indexed([[0, 1, 2]], *greys(7, 0, 255)), indexed([[1, 0]], *greys(0, 7))]
    paths = save_all(tmp_path, images)
    encoding = infer(paths).encoding
    assert [entry.value for entry in encoding.classes.classes] == [0, 7]
    assert encoding.classes.ignore == (255,)
    assert corners(paths) == [[0, 1], [1, 0, 255], [1, 0]]
    assert corners(paths, name_classes((7, 0), ("a", "b"), (255,))) == [[1, 0], [0, 1, 255], [0, 1]]


def test_palettes_that_never_agree_are_refused(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = [indexed([[0, 1, 2]], *map(tuple, random.integers(0, 256, (3, 3)).tolist())) for _ in range(4)]
    paths = save_all(tmp_path, images)
    with refuses(where=tmp_path, value="3 numbers have 12 colours"):
        infer(paths)
    assert corners(paths, name_classes((0, 1, 2), ("a", "b", "c"))) == [[0, 1, 2]] * 4


def test_a_grey_file_among_palette_files_follows_what_it_fits(tmp_path: Path) -> None:
    same = indexed([[0, 1, 2]], BLACK, (255, 255, 255), RED)
    numbers = save_all(tmp_path / "numbers", [same, Image.fromarray(np.full((8, 8), 2, dtype=np.uint8))])
    assert corners(numbers) == [[0, 1, 2], [2]]
    white = save_all(tmp_path / "white", [same, Image.fromarray(np.full((8, 8), 255, dtype=np.uint8))])
    encoding = infer(white).encoding
    assert encoding.classes.names == ("black", "red", "white")
    assert corners(white) == [[0, 2, 1], [2]]


def test_a_gif_keeps_grey_numbers_in_its_palette(tmp_path: Path) -> None:
    values = np.kron([[0, 5, 255]], np.ones((8, 8))).astype(np.uint8)
    paths = save_all(tmp_path, [Image.fromarray(values), Image.fromarray(values[:, 8:])], "gif")
    encoding = infer(paths).encoding
    assert encoding.classes.ignore == (255,)
    assert corners(paths) == [[0, 1, 255], [1, 255]]
