"""Large images are read band by band: nothing differs from reading them at once, and less memory is taken."""

from __future__ import annotations

import io
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from faults.image_samples import samples
from faults.measured import peak_memory
from segarena.errors import DataError
from segarena.image_files.band_facts import read_band_facts
from segarena.image_files.image_facts import read_image_facts
from segarena.image_files.images import read_picture
from segarena.image_files.mask_facts import count_values, read_mask_facts
from segarena.image_files.raw_masks import Plane, read_plane
from segarena.image_files.row_bands import BAND, row_bands, to_array
from segarena.image_files.sample_files import read_samples
from segarena.threads import Room

SET_BAND = "segarena.image_files.row_bands.BAND"


def flattened(value: Any) -> Any:
    """Facts, planes and pictures as what can be compared."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.tolist()
    fields = vars(value) if hasattr(value, "__dict__") else value._asdict()
    return {name: flattened(one) if isinstance(one, np.ndarray) else one for name, one in fields.items()}


def read_all(name: str) -> list[Any]:
    found = []
    readers = (read_plane, read_mask_facts, read_image_facts, read_band_facts)
    for read in (*readers, lambda path, content: read_picture(path, 16, content)):
        try:
            found.append(flattened(read(Path(samples()[name].name), samples()[name].content)))
        except DataError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize("name", samples())
def test_bands_change_nothing_that_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_all(name)
    monkeypatch.setattr(SET_BAND, 60)
    assert read_all(name) == whole


NOISE = np.random.default_rng(0)
MASKS: dict[str, tuple[NDArray[Any], bool]] = {
    "noise of two": (NOISE.integers(0, 2, (31, 17), dtype=np.uint8), False),
    "noise of many": (NOISE.integers(0, 256, (31, 17), dtype=np.uint8), False),
    "deep": (NOISE.integers(0, 1000, (31, 17)).astype(np.uint16), False),
    "colours": (NOISE.integers(0, 1 << 24, (31, 17)).astype(np.int32), True),
    "soft": (np.add.outer(np.arange(31), np.arange(17)).astype(np.uint8) // 3, False),
    "one row": (NOISE.integers(0, 3, (1, 17), dtype=np.uint8), False),
    "one column": (NOISE.integers(0, 3, (31, 1), dtype=np.uint8), False),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("band", [1, 17, 40, 200])
def test_a_mask_is_counted_in_bands_as_in_one(name: str, band: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values, colored = MASKS[name]
    plane = Plane(values, colored, clear=values % 3 == 1)
    whole = count_values(plane)
    monkeypatch.setattr(SET_BAND, band)
    assert flattened(count_values(plane)) == flattened(whole)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "F"])
def test_an_image_of_any_mode_becomes_the_same_array(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = NOISE.integers(0, 255, (9, 7), dtype=np.uint8)
    image = Image.fromarray(pixels.astype(np.uint16)) if mode == "I;16" else Image.fromarray(pixels).convert(mode)
    monkeypatch.setattr(SET_BAND, 15)
    assert np.array_equal(to_array(image), np.asarray(image))
    assert to_array(image).dtype == np.asarray(image).dtype


def tall_tiff() -> bytes:
    """40 x 2,097,200 pixels, some kB."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        strip = zlib.compress(bytes(40 * 2_097_200), 9)
        writer.write(
            iter([strip]),
            shape=(2_097_200, 40),
            dtype=np.uint8,
            compression="zlib",
            rowsperstrip=2_097_200,
            metadata=None,
        )
    return stream.getvalue()


@pytest.mark.long
@pytest.mark.parametrize(("read", "most"), [(read_mask_facts, 400), (read_image_facts, 600), (read_band_facts, 800)])
def test_a_small_file_of_84_million_pixels_takes_little_memory(read: Callable[[Path, bytes], Any], most: int) -> None:
    content = tall_tiff()
    assert len(content) < 100_000
    read(Path("small.png"), samples()["PNG L"].content)  # what is imported and kept does not count
    with peak_memory() as peak:
        assert read(Path("tall.tif"), content).size == (2_097_200, 40)
    assert peak.grown < most << 20


def test_files_that_are_decoded_at_the_same_time_share_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight pairs, eight threads, room for one and a half images: never are two decoded at once."""
    (tmp_path / "a.png").write_bytes(samples()["PNG RGB"].content)
    monkeypatch.setattr("segarena.image_files.sample_files._ROOM", Room(15 * 24 * 18))
    monkeypatch.setattr("segarena.image_files.sample_files._CHUNK", 1)
    monkeypatch.setattr("segarena.threads.count_cores", lambda: 8)
    at_once, most, lock = 0, 0, threading.Lock()

    def decode(path: Path, content: bytes) -> Any:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        found = read_image_facts(path, content)
        threading.Event().wait(0.005)
        with lock:
            at_once -= 1
        return found

    from segarena.image_files import sample_files

    monkeypatch.setattr(sample_files, "_IMAGES", sample_files._IMAGES._replace(kind="of this test", decode=decode))
    pairs = []
    for number in range(8):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.full((15, 24, 3), number, np.uint8)).save(path)
        pairs.append((path, path))
    assert all(one.image.fault is None for one in read_samples(pairs))
    assert most == 1


def test_a_band_has_at_most_its_number_of_pixels() -> None:
    bands = list(row_bands(2_097_200, 40))
    assert max(rows.stop - rows.start for rows in bands) * 40 <= BAND
    assert bands[0].start == 0
    assert bands[-1].stop == 2_097_200
