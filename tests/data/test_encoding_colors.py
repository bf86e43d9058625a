"""Colours in masks: each clearly separate one is a class, what edges and compression add is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawings import infer, label_map, paint, save_all, soften, through_jpeg
from segarena.classes import ClassTable, name_classes
from segarena.data.encoding.mask_encoding import read_mask
from support import SHARED, needs_real_data, refuses

#: In the order in which they become classes.
WEEDS = [(0, 0, 0), (0, 255, 0), (255, 0, 0)]
VOC = [(0, 0, 0), (0, 0, 128), (0, 128, 0), (128, 0, 0), (128, 128, 0)]
STREET = [(0, 0, 70), (0, 0, 90), (0, 0, 142), (70, 70, 70), (128, 64, 128), (220, 20, 60), (244, 35, 232)]
Palette = list[tuple[int, int, int]]


def drawn(palette: Palette) -> list[np.ndarray]:
    return [label_map(seed, len(palette)) for seed in range(3)]


# Found


@pytest.mark.parametrize("palette", [WEEDS, VOC, STREET, [(0, 0, 0), (1, 0, 0), (2, 0, 0), (7, 0, 0)]])
def test_each_colour_of_a_clean_drawing_is_a_class(tmp_path: Path, palette: Palette) -> None:
    labels = drawn(palette)
    paths = save_all(tmp_path, [paint(one, palette) for one in labels])
    encoding, pixels, _ = infer(paths)
    assert encoding.kind == "color"
    assert [entry.value for entry in encoding.classes.classes] == palette
    assert list(encoding.classes.colors) == palette
    for path, one, counts in zip(paths, labels, pixels, strict=True):
        np.testing.assert_array_equal(read_mask(path, encoding), one)
        np.testing.assert_array_equal(counts, np.bincount(one.ravel(), minlength=len(palette)))


def test_colours_bear_the_names_that_people_give_them(tmp_path: Path) -> None:
    colors = [(0, 0, 0), (0, 255, 0), (255, 0, 0), (255, 0, 170)]
    encoding = infer(save_all(tmp_path, [paint(label_map(0, 4), colors)])).encoding
    assert encoding.classes.names == ("background", "green", "red", "color_ff00aa")
    assert encoding.classes.background == 0


def test_black_comes_first_but_is_background_only_where_it_prevails(tmp_path: Path) -> None:
    colors = [(0, 255, 0), (0, 0, 0), (0, 0, 255)]
    encoding = infer(save_all(tmp_path, [paint(label_map(0, 3), colors)])).encoding
    assert encoding.classes.names == ("black", "blue", "green")
    assert encoding.classes.background is None


def test_a_colour_first_met_in_the_last_mask_is_a_class_of_the_whole_set(tmp_path: Path) -> None:
    labels = drawn(VOC)
    paths = save_all(tmp_path, [paint(np.minimum(one, 1), VOC) for one in labels] + [paint(labels[0], VOC)])
    encoding = infer(paths).encoding
    assert encoding.classes.num_classes == 5
    np.testing.assert_array_equal(read_mask(paths[0], encoding), np.minimum(labels[0], 1))


def test_a_mask_without_colour_among_coloured_ones_is_read_by_colour(tmp_path: Path) -> None:
    whole = label_map(0, 3)
    empty = np.zeros_like(whole)
    images = [paint(whole, WEEDS), Image.fromarray(empty), Image.fromarray(empty > 0), paint(empty, WEEDS)]
    paths = save_all(tmp_path, images)
    encoding = infer(paths).encoding
    for path in paths[1:]:
        np.testing.assert_array_equal(read_mask(path, encoding), empty)


# Softened and compressed


@pytest.mark.parametrize("palette", [WEEDS, VOC])
@pytest.mark.parametrize(
    ("suffix", "options"), [("jpg", {"quality": 95}), ("jpg", {"quality": 50}), ("webp", {"quality": 80})]
)
def test_what_compression_does_to_colours_is_undone(
    tmp_path: Path, palette: Palette, suffix: str, options: dict[str, int]
) -> None:
    labels = drawn(palette)
    paths = save_all(tmp_path, [paint(one, palette) for one in labels], suffix, **options)
    encoding, _, void = infer(paths)
    assert [entry.value for entry in encoding.classes.classes] == palette
    assert "count as the nearest of these" in encoding.sentence
    same = [(read_mask(path, encoding) == one).mean() for path, one in zip(paths, labels, strict=True)]
    assert min(same) > 0.99
    assert void.sum() == 0


def test_a_png_that_once_was_a_jpeg_keeps_its_classes(tmp_path: Path) -> None:
    labels = drawn(WEEDS)
    paths = save_all(tmp_path, [through_jpeg(paint(one, WEEDS)) for one in labels])
    encoding = infer(paths).encoding
    assert [entry.value for entry in encoding.classes.classes] == WEEDS
    assert (read_mask(paths[0], encoding) == labels[0]).mean() > 0.99


def test_anti_aliased_edges_go_to_the_nearest_colour(tmp_path: Path) -> None:
    paths = save_all(tmp_path, [soften(paint(one, WEEDS), 1.5) for one in drawn(WEEDS)])
    encoding = infer(paths).encoding
    assert encoding.classes.num_classes == 3
    colors = np.asarray(Image.open(paths[0])).astype(int)
    nearest = ((colors[:, :, None] - np.array(WEEDS)) ** 2).sum(axis=-1).argmin(axis=-1)
    np.testing.assert_array_equal(read_mask(paths[0], encoding), nearest)


@pytest.mark.parametrize("spoil", [soften, through_jpeg])
def test_colours_too_close_to_survive_are_refused_and_not_merged(tmp_path: Path, spoil: type[soften]) -> None:
    paths = save_all(tmp_path, [spoil(paint(one, STREET)) for one in drawn(STREET)])
    with refuses(where=tmp_path, value="[0, 0, 70] and [0, 0, 90]"):
        infer(paths)


def test_thin_lines_of_a_class_among_soft_edges_are_refused(tmp_path: Path) -> None:
    image = np.asarray(soften(paint(label_map(0, 3), WEEDS), 1.5)).copy()
    image[::40] = (90, 90, 255)
    with refuses(where=tmp_path, value=[90, 90, 255]):
        infer(save_all(tmp_path, [Image.fromarray(image)]))


@pytest.mark.parametrize(
    ("color", "high", "wide", "said"),
    [
        ((192, 192, 128), 3, 160, "not a mixture"),
        ((64, 64, 0), 9, 9, "0.jpg has areas of none of the 3 colours"),  # half way between black and olive
    ],
)
@pytest.mark.parametrize("quality", [75, 90])
def test_a_small_class_in_compressed_masks_is_refused_and_not_swallowed(
    tmp_path: Path, color: tuple[int, int, int], high: int, wide: int, said: str, quality: int
) -> None:
    image = np.asarray(paint(label_map(0, 3), [(0, 0, 0), (128, 128, 0), (128, 0, 128)])).copy()
    for row in range(5, 150, 29):
        for column in range(3, 150, 37 if wide < 100 else 160):
            image[row : row + high, column : column + wide] = color
    with refuses(where=tmp_path, value=said):
        infer(save_all(tmp_path, [Image.fromarray(image)], "jpg", quality=quality))


def test_a_small_class_that_fills_an_area_survives_among_soft_edges(tmp_path: Path) -> None:
    image = np.asarray(soften(paint(label_map(0, 3), WEEDS), 1.5)).copy()
    image[5:11, 5:11] = (128, 0, 0)  # half way between black and red
    encoding = infer(save_all(tmp_path, [Image.fromarray(image)])).encoding
    assert encoding.classes.names == ("background", "green", "maroon", "red")


def test_drawings_with_too_many_colours_are_refused(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    image = np.kron(random.integers(0, 256, (20, 20, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    image[:, :, 0] |= np.arange(160, dtype=np.uint8) % 2  # enough colours that compression is suspected
    with refuses(where=tmp_path, value="different colours"):
        infer(save_all(tmp_path, [Image.fromarray(image)]))


# Transparency


def test_transparency_that_goes_with_its_own_colour_says_nothing(tmp_path: Path) -> None:
    labels = label_map(0, 3)
    image = paint(labels, WEEDS).convert("RGBA")
    image.putalpha(Image.fromarray(np.where(labels == 0, 0, 255).astype(np.uint8)))
    encoding = infer(save_all(tmp_path, [image])).encoding
    np.testing.assert_array_equal(read_mask(tmp_path / "0.png", encoding), labels)


@pytest.mark.parametrize("declared", [False, True])
def test_a_colour_both_transparent_and_opaque_is_refused(tmp_path: Path, declared: bool) -> None:
    image = paint(label_map(0, 3), WEEDS).convert("RGBA")
    alpha = np.full((image.height, image.width), 255, dtype=np.uint8)
    alpha[:80] = 0
    image.putalpha(Image.fromarray(alpha))
    table = name_classes(WEEDS, ("soil", "crop", "weed")) if declared else None
    with refuses(where=tmp_path / "0.png", value=[0, 0, 0]):
        infer(save_all(tmp_path, [image]), table)


# Declared


def test_compressed_colours_become_the_nearest_declared_one_or_void(tmp_path: Path) -> None:
    labels = drawn(VOC)
    table = name_classes((VOC[4], VOC[0], VOC[2]), ("c", "a", "b"), (VOC[1], VOC[3]))
    paths = save_all(tmp_path, [paint(one, VOC) for one in labels], "jpg", quality=75)
    encoding = infer(paths, table).encoding
    assert encoding.classes == table
    expected = np.array([1, 255, 2, 255, 0])[labels[0]]
    assert (read_mask(paths[0], encoding) == expected).mean() > 0.99


def test_an_undeclared_area_in_a_compressed_file_is_refused(tmp_path: Path) -> None:
    paths = save_all(tmp_path, [paint(one, VOC) for one in drawn(VOC)], "jpg", quality=75)
    with refuses(where=".jpg", value="has the value [12"):
        infer(paths, name_classes(VOC[:4], ("a", "b", "c", "d")))


def test_declared_numbers_do_not_read_colours(tmp_path: Path) -> None:
    with refuses(where=tmp_path / "0.png", value="colour"):
        infer(save_all(tmp_path, [paint(label_map(0, 3), WEEDS)]), name_classes((0, 1), ("a", "b")))


# The real set


@needs_real_data
def test_crop_and_weed_are_three_colours_and_their_vegetation_two_levels() -> None:
    folder = SHARED / "data" / "cwfid"
    paths = sorted((folder / "annotations").glob("*.png"))[:8]
    encoding, pixels, _ = infer(paths)
    assert encoding.classes.names == ("background", "green", "red")
    assert np.argsort(pixels.sum(axis=0)).tolist() == [1, 2, 0]
    declared = infer(paths, ClassTable(name_classes(WEEDS, ("soil", "crop", "weed")).classes)).pixels
    np.testing.assert_array_equal(declared, pixels)
    encoding = infer(sorted((folder / "masks").glob("*.png"))[:8]).encoding
    assert (encoding.kind, encoding.classes.num_classes) == ("two-level", 2)
