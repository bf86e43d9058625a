"""Images are read and written by several threads beside the network: in their order, and few at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segarena.data.layout.new_images import find_new_images
from segarena.errors import RunError
from segarena.image_files.images import read_image
from segarena.outputs import labelling
from segarena.outputs.ahead import map_ahead
from segarena.outputs.labelling import Labelling
from segarena.outputs.manifest import Journal
from segarena.outputs.result import Result
from segarena.outputs.writer import Writer


class Counter:
    """How many threads are in a block at once, at most."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self.now -= 1


@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_order_is_that_of_the_items_whichever_is_ready_first(count: int) -> None:
    def compute(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return 10 * number

    assert list(map_ahead(compute, range(40), 4, lambda: count)) == list(range(0, 400, 10))


def test_as_many_are_begun_before_they_are_needed_as_are_allowed_then() -> None:
    begun: list[int] = []
    done: list[int] = []
    ahead: list[int] = []

    def items() -> Iterator[int]:
        for number in range(9):
            begun.append(number)
            yield number

    allowed = [3, 3, 3, 1, 1, 2, 2, 2, 2]
    for number in map_ahead(abs, items(), 2, lambda: allowed[len(done)]):
        ahead.append(len(begun) - number - 1)
        done.append(number)
    assert ahead == [3, 3, 3, 2, 1, 2, 2, 1, 0]


def test_an_error_comes_in_the_place_of_its_item() -> None:
    quotients = map_ahead(lambda number: 6 // number, [3, 2, 0, 1], 3, lambda: 4)
    assert [next(quotients), next(quotients)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(quotients)
    assert list(quotients) == []


class Brightness:
    """A network that labels by brightness."""

    channels = None

    def __init__(self) -> None:
        self.reading = Counter()

    def read_file(self, path: Path, bits: int, content: bytes | None = None) -> Any:
        with self.reading:
            time.sleep(0.01)
            return read_image(path)

    def shown(self, image: Any) -> Any:
        return image

    def predict(self, image: Any) -> Any:
        return (image[..., 0] > 127).astype(np.uint8)


class SlowWriter(Writer):
    """Files are written when this number of threads is writing."""

    def __init__(self, together: int = 1, fails_at: str = "") -> None:
        self.writing, self.names, self.fails_at = Counter(), [], fails_at
        self.barrier = threading.Barrier(together, timeout=60)

    def write(self, result: Result, folder: Path) -> list[Path]:
        with self.writing:
            self.barrier.wait()
            if result.name == self.fails_at:
                raise RunError("no space", where=folder, remedy="Free some")
            self.names.append(result.name)
        return [folder / f"{result.name}.png"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(12):
        Image.new("RGB", (8, 6), (20 * number,) * 3).save(folder / f"{number:02}.png")
    return folder


def label(images: Path, out: Path, network: Brightness, writer: SlowWriter) -> list[int]:
    """Returns the brightest label of each image, in the order in which they were labelled."""
    labels: list[int] = []
    out.mkdir()
    with Journal(out, "0-of-1") as journal:
        Labelling(network, out, journal, 8, [writer], []).run(  # type: ignore[arg-type]  # no large images
            find_new_images([images]).images,
            on_progress=lambda done, total: None,
            on_image=lambda image, size: None,
            on_labelled=lambda image, mask: labels.append(int(mask.max())),
            is_stopped=lambda: False,
        )
    return labels


@pytest.mark.parametrize(("at_once", "together"), [(4, 4), (1, 2)])
def test_small_images_are_read_and_written_by_several_threads(
    at_once: int, together: int, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large ones by fewer: four at once would not fit into the memory."""
    monkeypatch.setattr(labelling, "at_a_time", lambda pixels, most: min(at_once, most))
    network, writer = Brightness(), SlowWriter(together)
    assert label(images, tmp_path / "out", network, writer) == [0] * 7 + [1] * 5
    assert sorted(writer.names) == [f"{number:02}" for number in range(12)]
    assert writer.writing.most == together  # the one that is waited for, and those that may wait
    assert network.reading.most <= max(2, at_once)


def test_a_file_that_cannot_be_written_ends_the_work_with_its_message(images: Path, tmp_path: Path) -> None:
    writer = SlowWriter(fails_at="02")
    with pytest.raises(RunError):
        label(images, tmp_path / "out", Brightness(), writer)
    assert "02" not in writer.names
    assert len(writer.names) < 12
