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

from drawings import infer
from segarena.classes import ClassTable, name_classes
from segarena.data.encoding.mask_encoding import read_mask
from support import refuses


def save(path: Path, values: ArrayLike, dtype: type = np.uint8) -> Path:
    Image.fromarray(np.asarray(values, dtype=dtype)).save(path)
    return path


def save_png(path: Path, bits: int, color_type: int, row: bytes, width: int) -> Path:
    """A PNG of one row, of a kind that Pillow reads but does not write; color_type 0 is grey, 2 RGB."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, 1, bits, color_type, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def understood(
    path: Path, values: ArrayLike, dtype: type = np.uint8, classes: ClassTable | None = None
) -> tuple[str, ClassTable, list[list[int]]]:
    save(path, values, dtype)
    encoding = infer([path], classes).encoding
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
    encoding, pixels, void = infer(paths)
    assert encoding.kind == "two-level"
    assert pixels.tolist() == [[2, 0], [0, 2]]
    assert void.tolist() == [0, 0]


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


def test_1_bit_masks_among_index_masks_are_refused(tmp_path: Path) -> None:
    paths = [save(tmp_path / "bits.png", [[True, False]], np.bool_), save(tmp_path / "b.png", [[0, 1, 2]])]
    with refuses(where=tmp_path, value="(e.g. bits.png) has 1 bit"):
        infer(paths)


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
    encoding = infer([tmp_path / "a.png"]).encoding
    assert encoding.classes.num_classes == 3
    assert read_mask(tmp_path / "a.png", encoding).tolist() == [[0, 1, 2, 255]]


@pytest.mark.parametrize(("bits", "row", "values"), [(2, 0b00011011, [0, 1, 2, 3]), (4, 0x2F, [2, 15])])
def test_grey_of_2_and_4_bits_keeps_its_numbers(tmp_path: Path, bits: int, row: int, values: list[int]) -> None:
    path = save_png(tmp_path / "a.png", bits, 0, bytes([row]), len(values))
    with Image.open(path) as image:
        assert np.asarray(image).max() == 255
    encoding = infer([path]).encoding
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
    with refuses(where=bad, value="the value 7,"):
        infer([good, bad], table)


def test_a_mask_changed_after_the_scan_cannot_smuggle_in_a_value(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [[0, 1]])
    encoding = infer([path]).encoding
    save(path, [[0, 9]])
    with refuses(where=path, value="the value 9,"):
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
    with refuses(where=tmp_path / "b.png", value=[0, 254, 0]):
        infer([tmp_path / "b.png"], COLORS)


def test_declared_colours_also_read_palette_masks(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 0])
    image.save(tmp_path / "a.png", transparency=bytes([255, 0, 255]))
    encoding = infer([tmp_path / "a.png"], COLORS).encoding
    assert read_mask(tmp_path / "a.png", encoding).tolist() == [[1, 2, 0]]


def test_numbers_and_colours_in_one_table_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [[0, 1]])
    with refuses(value="both numbers and colours"):
        infer([path], name_classes((0, (1, 2, 3)), ("a", "b")))


# What is refused


def test_a_mask_folder_full_of_photographs_is_refused_at_the_first_one(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    paths = [save(tmp_path / f"{name}.png", noise[..., :channels].squeeze()) for name, channels in (("b", 3), ("a", 1))]
    with refuses(where=paths[0], value="different colours"):
        infer(paths)
    with refuses(where=paths[1], value="different grey levels"):
        infer(paths[1:])


@pytest.mark.parametrize(("values", "seen"), [([[0, 0]], "only the value 0"), ([[255]], "only the value 255")])
def test_masks_with_one_value_in_all_of_them_are_refused(tmp_path: Path, values: ArrayLike, seen: str) -> None:
    path = save(tmp_path / "a.png", values)
    with refuses(where=tmp_path, value=seen):
        infer([path])


@pytest.mark.parametrize(("values", "seen"), [([[1, 5]], "only the class 'b'"), ([[5]], "only void")])
def test_declared_classes_of_which_one_occurs_are_refused(tmp_path: Path, values: ArrayLike, seen: str) -> None:
    path = save(tmp_path / "a.png", values)
    with refuses(where=tmp_path, value=seen):
        infer([path], name_classes((0, 1), ("a", "b"), (5,)))


@pytest.mark.parametrize("quality", [95, 75, 40])
def test_class_numbers_in_a_jpeg_are_lost_and_refused_whatever_its_name(tmp_path: Path, quality: int) -> None:
    Image.fromarray(np.repeat(np.uint8([[0, 3, 7, 12]] * 40), 10, axis=1)).save(
        tmp_path / "a.png", format="JPEG", quality=quality
    )
    with refuses(where=tmp_path / "a.png", value="JPEG"):
        infer([tmp_path / "a.png"])


@pytest.mark.parametrize(("mode", "suffix"), [("CMYK", "tif"), ("LAB", "tif"), ("YCbCr", "tif")])
def test_pixel_formats_that_no_mask_has_are_refused(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new(mode, (2, 2)).save(path)
    with refuses(where=path, value=mode):
        infer([path])


def test_whole_floats_are_numbers_and_fractions_are_refused(tmp_path: Path) -> None:
    kind, _, labels = understood(tmp_path / "a.tif", [[0, 1, 4]], np.float32)
    assert (kind, labels) == ("index", [[0, 1, 2]])
    for values, seen in (
        ([[0, 0.5]], "fractions, e.g. 0.5"),
        ([[-2, 0]], "-2"),
        ([[np.nan, 0]], "1 pixel of 2 without a number (NaN)"),
    ):
        with refuses(where=tmp_path / "b.tif", value=seen):
            infer([save(tmp_path / "b.tif", values, np.float32)])


def test_colours_of_16_bits_are_refused(tmp_path: Path) -> None:
    path = save_png(tmp_path / "a.png", 16, 2, np.array([[0, 0, 0, 0, 1, 0]], dtype=">u2").tobytes(), 2)
    with refuses(where=path, value="16 bits"):
        infer([path])


@pytest.mark.parametrize("suffix", ["tif", "gif"])
def test_a_mask_of_several_pages_is_refused(tmp_path: Path, suffix: str) -> None:
    pages = [Image.fromarray(np.eye(4, dtype=np.uint8) * 255), Image.new("L", (4, 4), 255)]
    pages[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=pages[1:])
    with refuses(where=tmp_path / f"a.{suffix}", value="2 pages"):
        infer([tmp_path / f"a.{suffix}"])


@pytest.mark.parametrize("kept", [0, 0.5, 0.9])
def test_a_truncated_mask_is_an_error_that_names_it(tmp_path: Path, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 5, (50, 50))
    good, bad = save(tmp_path / "a.png", noise), save(tmp_path / "b.png", noise)
    encoding = infer([good]).encoding
    bad.write_bytes(good.read_bytes()[: int(good.stat().st_size * kept)])
    with refuses(where=bad):
        infer([good, bad])
    with refuses(where=bad):
        read_mask(bad, encoding)


# Counting, and everything together


def test_pixels_are_counted_per_mask_and_void_apart(tmp_path: Path) -> None:
    paths = [save(tmp_path / "a.png", [[0, 0, 1], [255, 2, 0]]), save(tmp_path / "b.png", [[2, 2, 2], [2, 255, 255]])]
    _, pixels, void = infer(paths)
    assert pixels.tolist() == [[3, 1, 1], [0, 0, 4]]
    assert void.tolist() == [1, 2]


def test_the_sentence_says_each_value_its_class_and_the_void(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [[0, 1, 11]])
    encoding = infer([path], name_classes((0, 1), ("sky", "road"), (11,))).encoding
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
        encoding, pixels, _ = infer([path], table)
        mask = read_mask(path, encoding)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, labels)
    np.testing.assert_array_equal(pixels[0], np.bincount(labels.ravel(), minlength=len(values)))
