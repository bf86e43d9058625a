"""Fourth channels and further bands: no information of an image is lost without a word.

- Alpha that is 0, or the same, in every pixel (renderers, screen grabs, masks of 0 and 1): the colours are read.
- A band of light in the place of alpha (red, green, blue and near infrared; marked as alpha or as premultiplied): the
  colours are read, and the band is reported.
- Bands beside red, green and blue: reported.
- Transparency with a shape, also with soft edges: on white, and reported if it hides a picture.
- Grey with alpha, in 8 and 16 bits: likewise.
- TIFF in which 0 is white: as displayed, in 8 and in 16 bits.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from image_zoo import take
from segarena.checks.channels import check_channels
from segarena.data.folder import FolderSource
from segarena.image_files.image_facts import ImageFacts, read_image_facts
from segarena.image_files.images import find_bits, read_image
from segarena.image_files.raw_masks import read_plane
from support import refuses, scene, write_pair
from tiff_files import save_tiff

RGB = take(0)
HEIGHT, WIDTH = RGB.shape[:2]
NIR = take(1)[..., 1].clip(30, 220)
GREY = np.repeat(RGB[..., 1:2], 3, axis=2)
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
DISC = np.clip(255 - 40 * (np.hypot(ROWS - 18, COLUMNS - 20) - 12), 0, 255).astype(np.uint8)  # a soft edge of 6 pixels


def save_grey_alpha_png(path: Path, values: NDArray[np.uint16]) -> Path:
    """Write grey and alpha of 16 bits, which Pillow does not."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 4, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def png(channels: NDArray[Any]) -> Callable[[Path], Path]:
    def save(folder: Path) -> Path:
        Image.fromarray(channels.astype(np.uint8)).save(folder / "a.png")
        return folder / "a.png"

    return save


def tiff(channels: NDArray[Any], **options: Any) -> Callable[[Path], Path]:
    return lambda folder: save_tiff(folder / "a.tif", channels, **options)


def with_alpha(alpha: NDArray[Any] | int, colors: NDArray[np.uint8] = RGB) -> NDArray[np.uint8]:
    return np.dstack([colors, np.broadcast_to(alpha, (HEIGHT, WIDTH))]).astype(np.uint8)


def deep(channels: NDArray[Any], top: int = 65535) -> NDArray[np.uint16]:
    return (channels.astype(np.uint32) * top // 255).astype(np.uint16)


def on_white(alpha: NDArray[np.uint8]) -> NDArray[np.float64]:
    share = alpha[..., None] / 255
    return RGB * share + 255 * (1 - share)


#: What is saved, what is to be read, the use of alpha and the number of bands that are left out.
KINDS: dict[str, tuple[Callable[[Path], Path], NDArray[Any], str, int]] = {
    "opaque": (png(with_alpha(255)), RGB, "", 0),
    "alpha 0": (png(with_alpha(0)), RGB, "shapeless", 0),
    "alpha 128": (png(with_alpha(128)), RGB, "shapeless", 0),
    "alpha of 0 and 1": (png(with_alpha(DISC > 0)), RGB, "shapeless", 0),
    "alpha 0, TIFF": (tiff(with_alpha(0), extra=2), RGB, "shapeless", 0),
    "alpha 0, premultiplied by its tag": (tiff(with_alpha(0), extra=1), RGB, "shapeless", 0),
    "alpha 0, 16 bits": (tiff(deep(with_alpha(0)), extra=2), RGB, "shapeless", 0),
    "near infrared": (png(with_alpha(NIR)), RGB, "band", 0),
    "near infrared, TIFF": (tiff(with_alpha(NIR), extra=2), RGB, "band", 0),
    "near infrared without a tag": (tiff(with_alpha(NIR)), RGB, "band", 0),
    "near infrared, premultiplied by its tag": (tiff(with_alpha(NIR), extra=1), RGB, "band", 0),
    "near infrared, 16 bits": (tiff(deep(with_alpha(NIR)), extra=1), RGB, "band", 0),
    "near infrared, unspecified": (tiff(with_alpha(NIR), extra=0), RGB, "", 1),
    "near infrared, unspecified, 16 bits": (tiff(deep(with_alpha(NIR)), extra=0), RGB, "", 1),
    "five bands": (tiff(np.dstack([RGB, NIR, NIR]), extra=0), RGB, "", 2),
    "cut out": (png(with_alpha(DISC) * (DISC > 0)[..., None]), on_white(DISC), "transparent", 0),
    "cut out above a picture": (png(with_alpha(DISC)), on_white(DISC), "hiding", 0),
    "premultiplied": (tiff(with_alpha(DISC, RGB * (DISC[..., None] / 255)), extra=1), on_white(DISC), "transparent", 0),
    "grey, alpha 0": (png(np.dstack([RGB[..., 1], 0 * NIR])), GREY, "shapeless", 0),
    "grey and a band": (png(np.dstack([RGB[..., 1], NIR])), GREY, "band", 0),
    "grey and a band, premultiplied by its tag": (
        tiff(np.dstack([RGB[..., 1], NIR]), photometric=1, extra=1),
        GREY,
        "band",
        0,
    ),
    "grey, 0 is white": (tiff(255 - RGB[..., 1], photometric=0), GREY, "", 0),
    "grey of 16 bits, 0 is white": (tiff(deep(255 - RGB[..., 1]), photometric=0), GREY, "", 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fourth_channel_destroys_nothing_without_a_word(kind: str, tmp_path: Path) -> None:
    save, expected, use, bands = KINDS[kind]
    path = save(tmp_path)
    image = read_image(path, find_bits(path))
    slack = 6 if kind == "premultiplied" else 1 if use in ("transparent", "hiding") else 0
    assert np.abs(image - expected).max() <= slack
    facts = read_image_facts(path, path.read_bytes())
    for found in (facts, ImageFacts.from_bytes(facts.to_bytes())):
        assert (found.alpha, found.extra_bands) == (use, bands)


def test_grey_with_alpha_of_16_bits_has_both_bytes(tmp_path: Path) -> None:
    """As a 12-bit camera with an alpha channel saves it: of its high bytes alone, 16 levels would be left."""
    grey = deep(RGB[..., 1], 4095)
    path = save_grey_alpha_png(tmp_path / "a.png", np.dstack([grey, np.full_like(grey, 65535)]))
    assert find_bits(path) == 12
    assert np.abs(read_image(path, 12).astype(int) - GREY).max() <= 1


def test_grey_of_12_bits_in_which_0_is_white_keeps_its_contrast(tmp_path: Path) -> None:
    path = save_tiff(tmp_path / "a.tif", deep(255 - RGB[..., 1], 4095), photometric=0)
    assert np.abs(read_image(path, find_bits(path)).astype(int) - GREY).max() <= 1


def test_separate_planes_of_16_bits_are_refused_and_not_garbled(tmp_path: Path) -> None:
    path = save_tiff(tmp_path / "a.tif", deep(RGB), planar=2)
    with refuses(where=path, value="16 bits"):
        read_image(path)
    path = save_tiff(tmp_path / "b.tif", RGB, planar=2)
    np.testing.assert_array_equal(read_image(path), RGB)


@pytest.mark.parametrize(
    ("tops", "odd"),
    [
        ((4095, 65535, 4095, 4095), (1,)),
        ((65535, 4000, 65535, 4095), (0, 2)),
        ((4095, 900, 4095, 3000), ()),
        ((0, 0, 0, 0), ()),
    ],
)
def test_images_of_another_scale_among_16_bit_images_are_reported(
    tops: tuple[int, ...], odd: tuple[int, ...], tmp_path: Path
) -> None:
    """As one image that was stretched to the whole range: on its scale, those of a 12-bit camera are nearly black."""
    for number, top in enumerate(tops):
        write_pair(tmp_path, f"{number}")
        Image.fromarray(DISC // 128 * 255).save(tmp_path / "masks" / f"{number}.png")
        Image.fromarray(deep(RGB[..., 1], top)).save(tmp_path / "images" / f"{number}.png")
    found = [problem.files for problem in check_channels(FolderSource(tmp_path)) if problem.code == "mixed-scales"]
    assert found == ([tuple(f"images/{number}.png" for number in odd)] if odd else [])


@pytest.mark.parametrize(("bits", "stretched"), [(8, True), (16, True), (8, False), (16, False), (24, False)])
def test_images_that_are_each_stretched_to_their_own_range_are_reported(
    bits: int, stretched: bool, tmp_path: Path
) -> None:
    for number in range(6):
        write_pair(tmp_path, f"{number}", size=200)
        grey = np.asarray(scene(number, 200).convert("L"), dtype=np.float64) * (0.5 + 0.08 * number) + 20 + number
        if stretched or bits == 24:
            grey = (grey - grey.min()) / (grey.max() - grey.min()) * 255
        values = grey.clip(0, 255).astype(np.uint8) if bits == 8 else (grey.clip(0, 255) * 257).astype(np.uint16)
        if bits == 24:  # a photograph in colour, whose noise is cut off at both ends
            values = np.dstack([grey, grey[::-1], grey]).astype(np.uint8)
        Image.fromarray(values).save(tmp_path / "images" / f"{number}.png")
    found = [problem for problem in check_channels(FolderSource(tmp_path)) if problem.code == "stretched-images"]
    assert len(found) == stretched


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (np.dstack([RGB, NIR, NIR]), "5 bands of 8-bit unsigned integers"),
        (np.dstack([RGB, RGB, NIR, NIR]), "8 bands of 8-bit"),
        (deep(np.dstack([RGB, NIR])), "4 bands of 16-bit"),
        (RGB[..., 1].astype(np.uint64), "1 band of 64-bit"),
    ],
)
def test_a_tiff_of_other_bands_is_refused_by_what_it_has(values: NDArray[Any], seen: str, tmp_path: Path) -> None:
    path = save_tiff(tmp_path / "a.tif", values, photometric=1)
    for read in (read_image, read_plane):
        with refuses(where=path, value=seen):
            read(path)


def test_check_reports_what_alpha_and_bands_were_taken_for(tmp_path: Path) -> None:
    pictures = [with_alpha(0), with_alpha(NIR), with_alpha(DISC), with_alpha(255), RGB, None]
    for number, channels in enumerate(pictures):
        write_pair(tmp_path, f"{number}")
        Image.fromarray(DISC // 128 * 255).save(tmp_path / "masks" / f"{number}.png")
        if channels is not None:
            Image.fromarray(channels).save(tmp_path / "images" / f"{number}.png")
    (tmp_path / "images" / "5.png").unlink()
    save_tiff(tmp_path / "images" / "5.tif", np.dstack([RGB, NIR, NIR]), extra=0)
    found = {(one.code, one.severity): one for one in check_channels(FolderSource(tmp_path))}
    assert {key: one.files for key, one in found.items()} == {
        ("alpha-left-out", "warning"): ("images/1.png",),
        ("alpha-left-out", "note"): ("images/0.png",),
        ("hidden-by-alpha", "warning"): ("images/2.png",),
        ("extra-bands", "warning"): ("images/5.tif",),
    }
    assert "in other images it is transparency" in found["alpha-left-out", "warning"].message
    assert "2 bands" in found["extra-bands", "warning"].message
