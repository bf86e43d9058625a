"""Raw files of cameras are TIFFs that begin with a small preview, which is not the photograph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from segarena.image_files.bands import read_all_bands
from segarena.image_files.images import read_image
from support import refuses

PREVIEW, PHOTOGRAPH = (np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (8, 64))


def write_tiff(path: Path, first: np.ndarray, second: np.ndarray | None, kind: int) -> Path:
    """A page of that type, tag 254, and one below it."""
    with tifffile.TiffWriter(path) as writer:
        below = 0 if second is None else 1
        writer.write(first, photometric="rgb", subfiletype=kind, subifds=below, metadata=None)
        if second is not None:
            writer.write(second, photometric="rgb", subfiletype=1 - kind, metadata=None)
    return path


@pytest.mark.parametrize("read", [read_image, read_all_bands])
@pytest.mark.parametrize(
    ("name", "second", "kind"),
    [("a.dng", PHOTOGRAPH, 1), ("a.tif", PHOTOGRAPH, 1), ("a.cr2", None, 0)],
    ids=["a preview", "whatever the ending", "by its ending"],
)
def test_the_preview_of_a_raw_file_is_not_read(
    read: Callable[[Path], Any], name: str, second: np.ndarray | None, kind: int, tmp_path: Path
) -> None:
    """The labels of a preview of 160 x 120 pixels were written as those of the photograph."""
    path = write_tiff(tmp_path / name, PREVIEW, second, kind)
    with refuses(where=path, value="raw"):
        read(path)


@pytest.mark.parametrize("read", [read_image, read_all_bands])
def test_a_tiff_with_smaller_copies_below_its_page_is_read(read: Callable[[Path], Any], tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", PHOTOGRAPH, PREVIEW, 0)
    np.testing.assert_array_equal(read(path), PHOTOGRAPH)
