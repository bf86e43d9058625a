"""Damaged images and masks, in every format that is read: refused, or read without an error, soon and in little memory.

`make test` tries some, `make test-faults` 10,000 and more.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faults.image_samples import DAMAGES, Sample, samples
from faults.killer import TIMES
from faults.measured import peak_memory
from segarena.errors import DataError
from segarena.image_files.bands import read_all_bands
from segarena.image_files.headers import image_size
from segarena.image_files.image_facts import read_image_facts
from segarena.image_files.image_io import open_image, shown_size
from segarena.image_files.mask_facts import count_values
from segarena.image_files.raw_masks import Plane, read_plane

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about tags that it ignores

#: No file may take longer, on a machine that does other things too.
MOST_SECONDS = 5.0
#: The most that a file of some hundred bytes may take, by a size in its header that is damaged and within the limit.
MOST_MEMORY = 1 << 30


def read_size(path: Path, content: bytes) -> tuple[int, int]:
    with open_image(path, content) as image:
        return shown_size(image)


READERS: tuple[Callable[[Path, bytes], Any], ...] = (read_image_facts, read_all_bands, read_size)


def shows(plane: Plane) -> tuple[Any, ...]:
    """The labels that a mask stands for, as far as the file says it."""
    palette = None if plane.palette is None else plane.palette[np.unique(plane.values)].tolist()
    clear = None if plane.clear is None else plane.clear.tolist()
    return plane.values.tolist(), plane.colored, palette, clear, plane.one_bit


def read_or_refuse(read: Callable[[Path, bytes], Any], path: Path, content: bytes) -> Any:
    """What a reader returns; None where it refuses the file, by name."""
    try:
        return read(path, content)
    except DataError as error:
        place = error.where
    assert place == path
    return None


def read_damaged(sample: Sample, content: bytes) -> str:
    """What becomes of a mask: refused, unchanged or changed. All readers of images must refuse or read it too."""
    path = Path(sample.name)
    begun = time.process_time()
    for read in READERS:
        read_or_refuse(read, path, content)
    plane = read_or_refuse(read_plane, path, content)
    if plane is not None:
        count_values(plane)
    assert time.process_time() - begun < MOST_SECONDS
    if plane is None:
        return "refused"
    original = read_or_refuse(read_plane, path, sample.content)
    return "unchanged" if original is not None and shows(plane) == shows(original) else "changed"


def try_many(name: str, number: int) -> Counter[str]:
    sample, found = samples()[name], Counter[str]()
    for place in range(number):
        chance = random.Random(f"{name} {place}")
        damage = chance.choice(DAMAGES)
        content = damage(sample.content, chance)
        with peak_memory() as peak:
            outcome = read_damaged(sample, content)
        assert peak.grown < MOST_MEMORY, (damage.__name__, place)
        assert not (sample.checked and outcome == "changed"), (damage.__name__, place)
        found[outcome] += 1
    return found


#: Those that are masks: of the others only that they are refused or read is of interest.
MASKS = [
    name
    for name in samples()
    if "CMYK" not in name
    and name
    not in (
        "TIFF 16 bits RGB",
        "TIFF five bands",
        "TIFF float64",
    )
]


@pytest.mark.parametrize("name", MASKS)
def test_an_undamaged_sample_is_read(name: str) -> None:
    sample = samples()[name]
    plane = read_plane(Path(sample.name), sample.content)
    assert plane.values.shape == ((24, 15) if "turned" in name else (15, 24))
    assert len(np.unique(plane.values)) >= 2


@pytest.mark.parametrize("name", samples())
def test_a_damaged_image_is_read_or_refused(name: str) -> None:
    assert try_many(name, 4).total() == 4


@pytest.mark.faults
@pytest.mark.parametrize("name", samples())
def test_many_damaged_images_are_read_or_refused(name: str) -> None:
    found = try_many(name, 3 * TIMES)
    print(f"{name}: {dict(found)}")


def moved(content: bytes, chunk: str, before: str | None) -> bytes:
    """A PNG whose chunk is in front of another one, or left out."""
    start = content.index(chunk.encode()) - 4
    end = start + 12 + int.from_bytes(content[start : start + 4])
    rest = content[:start] + content[end:]
    place = start if before is None else rest.index(before.encode()) - 4
    return rest[:place] + (b"" if before is None else content[start:end]) + rest[place:]


@pytest.mark.parametrize(("chunk", "before"), [("PLTE", "IEND"), ("PLTE", "IHDR"), ("PLTE", None), ("IDAT", "PLTE")])
def test_a_png_whose_palette_is_not_before_its_pixels_is_damaged(chunk: str, before: str | None) -> None:
    content = moved(samples()["PNG P"].content, chunk, before)
    for read in (read_plane, read_image_facts, read_all_bands):
        assert read_or_refuse(read, Path("mask.png"), content) is None


def test_a_tiff_without_some_of_its_strips_is_damaged(tmp_path: Path) -> None:
    content = bytearray(samples()["TIFF L raw"].content)
    path = tmp_path / "mask.tif"
    path.write_bytes(content)
    rows = (278).to_bytes(2, "little")
    entry = content.index(rows + b"\3\0") if rows + b"\3\0" in content else content.index(rows + b"\4\0")
    content[entry + 8 : entry + 12] = (5).to_bytes(4, "little")
    path.write_bytes(content)
    assert image_size(path) == (15, 24)
    with pytest.raises(DataError) as caught:
        read_plane(path)
    assert caught.value.where == path
    assert "1 of the 3 parts" in caught.value.what
