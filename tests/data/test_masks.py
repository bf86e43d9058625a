"""What the values in mask files mean: guessed only where that is safe, refused with advice elsewhere."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from segarena.classes import ClassTable, name_classes
from segarena.data.masks import infer_encoding, read_mask
from segarena.errors import DataError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the real data sets are not on this machine")


def save(path: Path, values: ArrayLike, dtype: type = np.uint8) -> Path:
    Image.fromarray(np.asarray(values, dtype=dtype)).save(path)
    return path


def save_grey_png(path: Path, bits: int, row: bytes, width: int) -> Path:
    """A PNG with one row of `bits` per pixel, which Pillow reads but does not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, 1, bits, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def understood(
    path: Path, values: ArrayLike, dtype: type = np.uint8, classes: ClassTable | None = None
) -> tuple[str, ClassTable, list[list[int]]]:
    save(path, values, dtype)
    encoding, _ = infer_encoding([path], classes)
    return encoding.kind, encoding.classes, read_mask(path, encoding).tolist()


# Two levels


@pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 128), (0, 200), (127, 255)])
def test_a_0_255_mask_is_two_classes_and_not_255_of_them(tmp_path: Path, low: int, high: int) -> None:
    kind, classes, labels = understood(tmp_path / "a.png", [[low, high], [high, high]])
    assert kind == "two-level"
    assert classes.names == ("background", "foreground")
    assert [entry.value for entry in classes.classes] == [low, high]
    assert classes.background == 0
    assert labels == [[0, 1], [1, 1]]


def test_two_levels_of_16_bits_are_two_classes(tmp_path: Path) -> None:
    kind, _, labels = understood(tmp_path / "a.png", [[0, 65535]], np.uint16)
    assert (kind, labels) == ("two-level", [[0, 1]])


def test_the_levels_may_lie_in_different_masks(tmp_path: Path) -> None:
    paths = [save(tmp_path / "a.png", [[0, 0]]), save(tmp_path / "b.png", [[255, 255]])]
    encoding, pixels = infer_encoding(paths)
    assert encoding.kind == "two-level"
    assert pixels.tolist() == [[2, 0, 0], [0, 2, 0]]


def test_a_1_bit_mask_is_two_classes(tmp_path: Path) -> None:
    kind, classes, labels = understood(tmp_path / "a.png", [[True, False]], np.bool_)
    assert kind == "two-level"
    assert classes.names == ("background", "foreground")
    assert labels == [[1, 0]]


@pytest.mark.parametrize(("values", "ignore"), [((0, 1), (255,)), ((0, 255), ()), ((0, 1), ())])
def test_a_1_bit_mask_may_be_declared_by_the_bit_or_by_black_and_white(
    tmp_path: Path, values: tuple[int, int], ignore: tuple[int, ...]
) -> None:
    table = name_classes(values, ("soil", "plant"), ignore)
    _, classes, labels = understood(tmp_path / "a.png", [[True, False]], np.bool_, table)
    assert classes.names == ("soil", "plant")
    assert labels == [[1, 0]]


def test_1_bit_masks_among_index_masks_are_refused_since_255_could_be_void_or_foreground(tmp_path: Path) -> None:
    paths = [save(tmp_path / "bits.png", [[True, False]], np.bool_), save(tmp_path / "b.png", [[0, 1, 2]])]
    with pytest.raises(DataError, match=r"bits\.png: has 1 bit.*in the same way"):
        infer_encoding(paths)


# Class numbers


def test_class_numbers_with_255_as_void(tmp_path: Path) -> None:
    kind, classes, labels = understood(tmp_path / "a.png", [[0, 1, 2, 255]])
    assert kind == "index"
    assert classes.names == ("class_0", "class_1", "class_2")
    assert classes.ignore == (255,)
    assert labels == [[0, 1, 2, 255]]


def test_class_numbers_with_gaps_are_counted_through_in_order_of_value(tmp_path: Path) -> None:
    _, classes, labels = understood(tmp_path / "a.png", [[26, 7, 11]])
    assert classes.names == ("class_7", "class_11", "class_26")
    assert classes.ignore == ()
    assert labels == [[2, 0, 1]]


def test_0_and_1_are_class_numbers(tmp_path: Path) -> None:
    kind, classes, labels = understood(tmp_path / "a.png", [[1, 0]])
    assert (kind, classes.num_classes, labels) == ("index", 2, [[1, 0]])


def test_a_palette_mask_is_read_by_index_and_never_by_colour(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2, 255]], dtype=np.uint8))
    image.putpalette([255 - level for level in range(256) for _ in range(3)])
    image.save(tmp_path / "a.png")
    encoding, _ = infer_encoding([tmp_path / "a.png"])
    assert encoding.classes.num_classes == 3
    assert read_mask(tmp_path / "a.png", encoding).tolist() == [[0, 1, 2, 255]]


@pytest.mark.parametrize(("bits", "row", "values"), [(2, 0b00011011, [0, 1, 2, 3]), (4, 0x2F, [2, 15])])
def test_grey_of_2_and_4_bits_keeps_its_numbers_although_pillow_spreads_them(
    tmp_path: Path, bits: int, row: int, values: list[int]
) -> None:
    path = save_grey_png(tmp_path / "a.png", bits, bytes([row]), len(values))
    with Image.open(path) as image:
        assert np.asarray(image).max() == 255
    encoding, _ = infer_encoding([path])
    assert [entry.value for entry in encoding.classes.classes] == values
    assert read_mask(path, encoding).tolist() == [list(range(len(values)))]


def test_grey_saved_as_rgb_is_grey(tmp_path: Path) -> None:
    kind, _, labels = understood(tmp_path / "a.png", [[[0, 0, 0], [255, 255, 255]]])
    assert (kind, labels) == ("two-level", [[0, 1]])


# classes.yaml


def test_declared_values_and_void_are_the_only_ones_allowed(tmp_path: Path) -> None:
    table = name_classes((3, 0), ("road", "sky"), (11,))
    _, classes, labels = understood(tmp_path / "a.png", [[3, 0, 11]], classes=table)
    assert classes == table
    assert labels == [[0, 1, 255]]
    good, bad = tmp_path / "a.png", save(tmp_path / "b.png", [[3, 0, 7]])
    with pytest.raises(DataError, match=r"b\.png: holds the value 7, .*classes\.yaml"):
        infer_encoding([good, bad], table)


def test_a_mask_changed_after_the_scan_cannot_smuggle_in_a_value(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [[0, 1]])
    encoding, _ = infer_encoding([path])
    save(path, [[0, 9]])
    with pytest.raises(DataError, match=r"a\.png: holds the value 9, "):
        read_mask(path, encoding)


def test_16_bit_numbers_up_to_65535_can_be_declared(tmp_path: Path) -> None:
    table = name_classes((1000, 65535), ("a", "b"), (0,))
    _, _, labels = understood(tmp_path / "a.png", [[1000, 65535, 0]], np.uint16, table)
    assert labels == [[0, 1, 255]]


COLORS = name_classes(((0, 0, 0), (255, 0, 0), (0, 255, 0)), ("soil", "weed", "crop"), ((9, 9, 9),))


def test_declared_colours_are_matched_exactly(tmp_path: Path) -> None:
    pixels = [[[0, 255, 0], [0, 0, 0], [255, 0, 0], [9, 9, 9]]]
    kind, classes, labels = understood(tmp_path / "a.png", pixels, classes=COLORS)
    assert kind == "color"
    assert classes == COLORS
    assert labels == [[2, 0, 1, 255]]
    save(tmp_path / "b.png", [[[0, 254, 0]]])
    with pytest.raises(DataError, match=r"b\.png: holds the value \[0, 254, 0\], .*classes\.yaml"):
        infer_encoding([tmp_path / "b.png"], COLORS)


def test_declared_colours_also_read_palette_masks(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 0])
    image.save(tmp_path / "a.png", transparency=bytes([255, 0, 255]))
    encoding, _ = infer_encoding([tmp_path / "a.png"], COLORS)
    assert read_mask(tmp_path / "a.png", encoding).tolist() == [[1, 2, 0]]


def test_numbers_and_colours_in_one_table_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [[0, 1]])
    with pytest.raises(DataError, match=r"both numbers and colours.*one form"):
        infer_encoding([path], name_classes((0, (1, 2, 3)), ("a", "b")))


# What is refused


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (range(256), "256 different grey levels between 0 and 255"),
        ([0, 85, 170, 255], "4 different grey levels"),
        ([0, 1, 2, 253, 254, 255], "6 different grey levels"),
        (range(65), "65 different grey levels"),
    ],
)
def test_a_reader_that_takes_each_grey_value_for_a_class_would_find_far_too_many(
    tmp_path: Path, values: list[int], seen: str
) -> None:
    path = save(tmp_path / "a.png", [list(values)])
    with pytest.raises(DataError, match=rf"{tmp_path}.*a\.png.*{seen}.*threshold.*classes\.yaml"):
        infer_encoding([path])


def test_colours_without_a_declaration_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [[[0, 0, 0], [255, 0, 0], [0, 255, 0]]])
    with pytest.raises(DataError, match=r"a\.png: .*3 different colours.*classes\.yaml.*value: \["):
        infer_encoding([path])


@pytest.mark.parametrize(("values", "seen"), [([[0, 0]], "only the value 0"), ([[255]], "only the value 255")])
def test_masks_with_one_value_in_all_of_them_are_refused(tmp_path: Path, values: ArrayLike, seen: str) -> None:
    path = save(tmp_path / "a.png", values)
    with pytest.raises(DataError, match=rf"{tmp_path}: all 1 masks hold {seen}\. Check"):
        infer_encoding([path])


@pytest.mark.parametrize(("values", "seen"), [([[1, 5]], "only the class 'b'"), ([[5]], "only void")])
def test_declared_classes_of_which_one_occurs_are_refused(tmp_path: Path, values: ArrayLike, seen: str) -> None:
    path = save(tmp_path / "a.png", values)
    with pytest.raises(DataError, match=seen):
        infer_encoding([path], name_classes((0, 1), ("a", "b"), (5,)))


def test_a_jpeg_mask_is_refused_whatever_its_name(tmp_path: Path) -> None:
    Image.fromarray(np.uint8([[0, 255]])).save(tmp_path / "a.png", format="JPEG")
    with pytest.raises(DataError, match=r"a\.png: is a JPEG.*as PNG"):
        infer_encoding([tmp_path / "a.png"])


@pytest.mark.parametrize(("mode", "suffix"), [("RGBA", "png"), ("LA", "png"), ("F", "tif"), ("CMYK", "tif")])
def test_pixel_formats_that_no_mask_has_are_refused(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new(mode, (2, 2)).save(path)
    with pytest.raises(DataError, match=rf"a\.{suffix}: has the pixel format {mode}.*as PNG"):
        infer_encoding([path])


@pytest.mark.parametrize("kept", [0, 0.5, 0.9])
def test_a_truncated_mask_is_an_error_that_names_it(tmp_path: Path, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 5, (50, 50))
    good, bad = save(tmp_path / "a.png", noise), save(tmp_path / "b.png", noise)
    encoding, _ = infer_encoding([good])
    bad.write_bytes(good.read_bytes()[: int(good.stat().st_size * kept)])
    with pytest.raises(DataError, match=r"b\.png: "):
        infer_encoding([good, bad])
    with pytest.raises(DataError, match=r"b\.png: "):
        read_mask(bad, encoding)


# Counting, and everything together


def test_pixels_are_counted_per_mask_with_void_last(tmp_path: Path) -> None:
    paths = [save(tmp_path / "a.png", [[0, 0, 1], [255, 2, 0]]), save(tmp_path / "b.png", [[2, 2, 2], [2, 2, 255]])]
    seen: list[tuple[int, int]] = []
    _, pixels = infer_encoding(paths, on_progress=lambda done, total: seen.append((done, total)))
    assert pixels.tolist() == [[3, 1, 1, 1], [0, 0, 5, 1]]
    assert seen == [(1, 2), (2, 2)]


def test_the_sentence_says_each_value_its_class_and_the_void(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [[0, 1, 11]])
    encoding, _ = infer_encoding([path], name_classes((0, 1), ("sky", "road"), (11,)))
    assert encoding.sentence == "index masks: 0 = sky, 1 = road; void: 11"


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    values=st.lists(st.integers(0, 65535), min_size=2, max_size=255, unique=True),
    shape=array_shapes(min_dims=2, max_dims=2, max_side=12),
)
def test_any_label_map_comes_back_from_a_png(data: st.DataObject, values: list[int], shape: tuple[int, int]) -> None:
    labels: NDArray[np.int64] = data.draw(arrays(np.int64, shape, elements=st.integers(0, len(values) - 1)))
    labels = np.vstack([labels, np.arange(shape[1]) % 2])
    labels[-1, 0] = 1 if labels[0, 0] == 0 else 0
    table = name_classes(values, [f"c{i}" for i in range(len(values))])
    with TemporaryDirectory() as folder:
        path = save(Path(folder) / "a.png", np.asarray(values)[labels], np.uint16 if max(values) > 255 else np.uint8)
        encoding, pixels = infer_encoding([path], table)
        mask = read_mask(path, encoding)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, labels)
    np.testing.assert_array_equal(pixels[0, :-1], np.bincount(labels.ravel(), minlength=len(values)))


@needs_shared
def test_anti_aliased_roads_are_refused_and_not_read_as_238_classes() -> None:
    paths = sorted((SHARED / "epfl-roads" / "groundtruth").glob("*.png"))
    with pytest.raises(DataError, match=r"groundtruth.*238 different grey levels between 0 and 237.*threshold"):
        infer_encoding(paths)


@needs_shared
def test_the_colours_of_crop_and_weed_can_be_declared() -> None:
    paths = sorted((SHARED / "cwfid" / "annotations").glob("*.png"))[:6]
    _, pixels = infer_encoding(paths, ClassTable(COLORS.classes))
    assert np.argsort(pixels.sum(axis=0)).tolist() == [3, 2, 1, 0]
    with pytest.raises(DataError, match=r"001_annotation\.png: .*3 different colours"):
        infer_encoding(paths)
