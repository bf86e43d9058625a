"""Files that unpack to far more than their size, or state a size that no memory has, are refused before that."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.io import savemat

from faults.measured import peak_memory
from segarena.image_files import arrays
from segarena.image_files.arrays import read_array
from segarena.image_files.bands import read_all_bands
from segarena.image_files.decoded_size import decoded_bytes
from support import refuses

MIB = 1 << 20


def tiff(strip: bytes, compression: str, shape: tuple[int, ...] = (40, 40)) -> bytes:
    """A TIFF with one strip, whatever is in it."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(
            iter([strip]),
            shape=shape,
            dtype=np.uint8,
            compression=compression,
            rowsperstrip=shape[0],
            photometric="minisblack",
            planarconfig="contig" if len(shape) == 3 else None,
            metadata=None,
        )
    return stream.getvalue()


def npz_header(shape: tuple[int, ...]) -> bytes:
    """An array of float64 in an .npz whose header states a shape, without its numbers."""
    header, stream = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mask.npy", header.getvalue())
    return stream.getvalue()


@pytest.mark.parametrize(
    ("compression", "pack"), [("zlib", lambda some: zlib.compress(some, 9)), ("lzma", lzma.compress)]
)
def test_a_strip_that_unpacks_to_more_than_its_pixels_is_refused(
    compression: str, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = tiff(pack(bytes(16 * MIB)), compression)
    assert len(content) < 100_000
    monkeypatch.setattr("segarena.image_files.tiff_bands._SMALL_PART", MIB)
    path = Path("bomb.tif")
    with peak_memory() as peak, refuses(where=path):
        read_all_bands(path, content)
    assert peak.grown < 8 * MIB
    usual = tiff(pack(np.full(1600, 7, np.uint8).tobytes()), compression)
    assert (read_all_bands(path, usual) == 7).all()


def test_bands_that_no_memory_holds_are_refused_by_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    content = tiff(zlib.compress(b""), "zlib", (9000, 9000, 51))
    assert decoded_bytes(Path("a.tif"), content) > 15 << 30
    with refuses(where=Path("a.tif"), value="4.1 GB"):
        read_all_bands(Path("a.tif"), content)


def test_an_array_that_no_memory_holds_is_refused_by_its_number() -> None:
    with refuses(where=Path("a.npz"), value="30.0 GB"):
        read_array(Path("a.npz"), npz_header((1000, 1500, 2500)))


def test_the_limit_of_bytes_is_that_of_matlabs_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of eight bytes were counted as one, so that a file of 2 MB became 2 GB in memory."""
    monkeypatch.setattr(arrays, "MOST_BYTES", 8 * 200 - 1)
    path = tmp_path / "a.mat"
    savemat(path, {"mask": np.zeros((10, 20), np.float32)})
    assert read_array(path).shape == (10, 20)
    savemat(path, {"mask": np.zeros((10, 20), np.float64)})
    with refuses(where=path, value="safe to read"):
        read_array(path)
