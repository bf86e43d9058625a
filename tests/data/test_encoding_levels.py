"""Numbers in masks that nobody declared: two levels with soft edges, class numbers, and what is neither."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawings import infer, label_map, paint, save_all, soften, through_jpeg
from segarena.classes import name_classes
from segarena.data.encoding.mask_encoding import read_mask
from support import SHARED, needs_real_data, refuses

TWO = [label_map(seed, 2) for seed in range(3)]
FOUR = [label_map(seed, 4) for seed in range(3)]


# Two levels


@pytest.mark.parametrize("levels", [(0, 255), (20, 200), (0, 60)])
@pytest.mark.parametrize("quality", [95, 75, 40])
def test_a_jpeg_of_two_levels_is_cut_halfway(tmp_path: Path, levels: tuple[int, int], quality: int) -> None:
    paths = save_all(tmp_path, [paint(labels, levels) for labels in TWO], "jpg", quality=quality)
    encoding = infer(paths).encoding
    assert encoding.kind == "two-level"
    assert "cut halfway" in encoding.sentence
    assert encoding.classes.names == ("background", "foreground")
    same = [(read_mask(path, encoding) == labels).mean() for path, labels in zip(paths, TWO, strict=True)]
    assert min(same) > 0.999


def test_a_png_that_once_was_a_jpeg_is_cut_too(tmp_path: Path) -> None:
    paths = save_all(tmp_path, [through_jpeg(paint(labels, (0, 255))) for labels in TWO])
    encoding = infer(paths).encoding
    assert [entry.value for entry in encoding.classes.classes] == [0, 255]
    assert (read_mask(paths[0], encoding) == TWO[0]).mean() > 0.999


def test_anti_aliased_edges_go_to_the_nearer_level(tmp_path: Path) -> None:
    paths = save_all(tmp_path, [soften(paint(labels, (10, 230)), 1.5) for labels in TWO])
    encoding = infer(paths).encoding
    grey = np.asarray(Image.open(paths[0]))
    assert len(np.unique(grey)) > 10
    np.testing.assert_array_equal(read_mask(paths[0], encoding), grey >= 120)


@pytest.mark.parametrize("share", [0.002, 0.05])
def test_a_third_level_among_soft_edges_is_never_swallowed_by_the_cut(tmp_path: Path, share: float) -> None:
    image = np.asarray(soften(paint(label_map(0, 2, 400, 400), (0, 255)), 1.5)).copy()
    side = int((share * image.size) ** 0.5)
    image[:side, :side] = 128
    with refuses(where=tmp_path, value="neither two clear levels"):
        infer(save_all(tmp_path, [Image.fromarray(image)]))


def test_declared_levels_name_the_classes_of_soft_masks(tmp_path: Path) -> None:
    paths = save_all(tmp_path, [soften(paint(labels, (0, 237)), 1.5) for labels in TWO])
    table = name_classes((255, 0), ("road", "ground"))
    encoding, pixels, _ = infer(paths, table)
    assert encoding.classes == table
    np.testing.assert_array_equal(read_mask(paths[0], encoding), np.asarray(Image.open(paths[0])) < 118.5)
    assert pixels.sum() == 3 * 240 * 300
    with refuses(where=tmp_path / "0.png", value="has the value"):
        infer(paths, name_classes((0, 128), ("ground", "road")))


def test_one_stray_pixel_beside_declared_levels_is_an_error_and_not_cut(tmp_path: Path) -> None:
    grey = TWO[0] * 255
    grey[0, 0] = 7
    with refuses(where=tmp_path / "0.png", value="the value 7,"):
        infer(save_all(tmp_path, [Image.fromarray(grey)]), name_classes((0, 255), ("a", "b")))


# Class numbers


def test_a_value_first_met_in_the_last_mask_is_a_class_of_the_whole_set(tmp_path: Path) -> None:
    paths = save_all(tmp_path, [paint(labels % 2, (0, 1)) for labels in FOUR] + [paint(FOUR[0], (0, 1, 2, 9))])
    encoding = infer(paths).encoding
    assert encoding.classes.names == ("class_0", "class_1", "class_2", "class_9")
    assert set(np.unique(read_mask(paths[0], encoding))) <= {0, 1}


@pytest.mark.parametrize("values", [(0, 85, 170, 255), (0, 64, 128, 192), (10, 100, 101, 254)])
def test_widely_spread_greys_are_a_class_each_255_included(tmp_path: Path, values: tuple[int, ...]) -> None:
    paths = save_all(tmp_path, [paint(labels, values) for labels in FOUR])
    encoding = infer(paths).encoding
    assert [entry.value for entry in encoding.classes.classes] == list(values)
    assert encoding.classes.ignore == ()
    np.testing.assert_array_equal(read_mask(paths[2], encoding), FOUR[2])


def test_150_classes_with_void_are_class_numbers(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).permutation(np.append(np.arange(150), [255, 255])).reshape(8, 19)
    areas = np.kron(numbers, np.ones((20, 20))).astype(np.uint8)
    encoding = infer(save_all(tmp_path, [Image.fromarray(areas)])).encoding
    assert (encoding.classes.num_classes, encoding.classes.ignore) == (150, (255,))


def test_65535_is_the_void_of_16_bits(tmp_path: Path) -> None:
    labels = np.array([0, 1, 2, 65535], dtype=np.uint16)[FOUR[0]]
    encoding = infer(save_all(tmp_path, [Image.fromarray(labels)])).encoding
    assert (encoding.classes.num_classes, encoding.classes.ignore) == (3, (65535,))
    np.testing.assert_array_equal(read_mask(tmp_path / "0.png", encoding), np.where(FOUR[0] == 3, 255, FOUR[0]))


def test_a_class_of_thin_lines_is_no_stray(tmp_path: Path) -> None:
    labels = FOUR[0].copy()
    labels[:, 100] = labels[80, :] = 4
    encoding = infer(save_all(tmp_path, [Image.fromarray(labels)])).encoding
    assert encoding.classes.num_classes == 5


def test_bits_among_masks_of_0_and_1_are_0_and_1(tmp_path: Path) -> None:
    paths = save_all(tmp_path, [Image.fromarray(TWO[0]), Image.fromarray(TWO[1] > 0)])
    encoding = infer(paths).encoding
    assert [entry.value for entry in encoding.classes.classes] == [0, 1]
    for path, labels in zip(paths, TWO, strict=False):
        np.testing.assert_array_equal(read_mask(path, encoding), labels)


# What could mean two things


@pytest.mark.parametrize("values", [(0, 3, 7, 12), (0, 85, 170, 255), (0, 60, 120, 180), (0, 20, 40, 60)])
@pytest.mark.parametrize("spoil", [soften, through_jpeg])
def test_class_numbers_that_were_resized_or_compressed_are_refused(
    tmp_path: Path, values: tuple[int, ...], spoil: type[soften]
) -> None:
    paths = save_all(tmp_path / "masks", [spoil(paint(labels, values)) for labels in FOUR])
    with refuses(where=tmp_path / "masks", value="different grey levels"):
        infer(paths)


def test_a_depth_map_is_no_set_of_classes(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:400, :300]
    for levels in (40, 120):
        depth = (levels * (rows + columns / 3) / 500).astype(np.uint8)
        with refuses(where=tmp_path, value="different grey levels"):
            infer(save_all(tmp_path, [Image.fromarray(depth)]))


def test_masks_of_0_and_1_among_masks_of_0_and_255_are_refused(tmp_path: Path) -> None:
    """Either half alone is clear; together 255 would be void, and the objects of those files would count nowhere."""
    for highs in ((1, 255), (1, 1, 1, 255)):
        paths = save_all(tmp_path, [Image.fromarray(TWO[0] * np.uint8(high)) for high in highs])
        with refuses(where=tmp_path, value=f"1 of the masks (e.g. {len(highs) - 1}.png) have 255 and no 1"):
            infer(paths)


def test_255_in_one_mask_with_both_classes_is_void_in_all(tmp_path: Path) -> None:
    both = TWO[0].copy()
    both[:3] = 255
    lower = np.where(TWO[0] == 1, 255, 0).astype(np.uint8)
    encoding = infer(save_all(tmp_path, [Image.fromarray(a) for a in (both, lower, TWO[0])])).encoding
    assert ([entry.value for entry in encoding.classes.classes], encoding.classes.ignore) == ([0, 1], (255,))


def test_class_numbers_in_a_jpeg_are_refused_even_if_unchanged(tmp_path: Path) -> None:
    grey = np.kron(np.array([[0, 1], [1, 0]]), np.ones((16, 16))).astype(np.uint8)
    paths = save_all(tmp_path, [Image.fromarray(grey)], "jpg", quality=100)
    with refuses(where=tmp_path / "0.jpg", value="JPEG"):
        infer(paths)
    with refuses(where=tmp_path / "0.jpg", value="JPEG"):
        infer(save_all(tmp_path, [paint(FOUR[0], (0, 1, 2, 3))], "jpg"), name_classes((0, 1), ("a", "b")))


# The real sets


@needs_real_data
def test_anti_aliased_roads_are_two_classes_and_not_238() -> None:
    paths = sorted((SHARED / "data" / "epfl-roads" / "groundtruth").glob("*.png"))
    encoding, pixels, _ = infer(paths)
    assert encoding.kind == "two-level"
    assert "238 grey levels of soft edges are cut halfway, at 118.5" in encoding.sentence
    assert pixels[:, 1].sum() / pixels.sum() == pytest.approx(0.201, abs=0.001)


@needs_real_data
def test_electron_micrographs_given_for_masks_are_refused() -> None:
    paths = sorted((SHARED / "data" / "isbi" / "image").glob("*.png"))[:3]
    with refuses(where=paths[0], value="hardly an area"):
        infer(paths)
