"""Training crops per second, without a network: `python benchmarks/input.py FOLDER --size 512 --json input.json`.

Crops that are computed one by one, by 0 to N worker processes, beside those of a batch computed together on the
device: from images on the computer and, on a GPU, from images in its memory. Without a folder the images are noise of
720 x 960 pixels. `decoded each time` and `on disk` are what a folder costs that does not fit into memory.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

os.environ["GOMP_SPINCOUNT"] = os.environ.get("GOMP_SPINCOUNT", "10000")  # before torch, as the commands do

import torch

from segarena.config.devices import device_type
from segarena.cores import count_cores
from segarena.experiment.inputs import open_source
from segarena.loading.dataset import TrainingBatches, TrainingLoader, TrainingSet
from segarena.loading.decoded import DecodedImages
from segarena.loading.device_batches import DeviceLoader
from segarena.loading.disk_cache import DiskCache
from segarena.loading.pixel_store import HostPixels, ResidentPixels
from segarena.loading.sizes import crop_size
from segarena.loading.transforms import Augmentation
from segarena.threads import thread_pool
from segarena.training.machine import describe_environment


class Noise:
    """Images of noise of a usual size."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.image = random.integers(0, 256, (720, 960, 3), dtype=np.uint8)
        self.mask = random.integers(0, 12, (720, 960), dtype=np.uint8)
        self.samples = range(64)
        self.decoding_digest = ""

    def digest(self, index: int) -> str:
        """Return a name of its own for each image."""
        return str(index)

    def read(self, index: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return a copy, as decoding would."""
        return self.image.copy(), self.mask.copy()


@dataclass(frozen=True)
class Row:
    """One way to make batches."""

    crops: str
    images: str
    workers: int
    images_per_second: float
    milliseconds_per_batch: float


def measure(loader: TrainingBatches, seconds: float, device: str) -> tuple[float, float]:
    """Return images per second, and milliseconds per batch, of at least some seconds after the first batches."""
    done, start, epoch = 0, 0.0, 0
    warm_up = loader.ahead + 2
    while True:
        epoch += 1
        for images, masks in loader.epoch(epoch):
            images.to(device, non_blocking=True), masks.to(device, non_blocking=True)
            done += 1
            if done == warm_up or (done > warm_up + 3 and time.perf_counter() - start >= seconds):
                if device_type(device) == "cuda":
                    torch.cuda.synchronize(device)
                now = time.perf_counter()
                if done == warm_up:
                    start = now
                else:
                    batch = (now - start) / (done - warm_up)
                    return loader.batch_size / batch, 1000 * batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--images", type=int, default=200, help="at most this many images")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--workers", type=int, nargs="*")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    source: Any = Noise() if given.folder is None else open_source(given.folder)
    indices = list(range(min(given.images, len(source.samples))))
    cores = count_cores()
    workers = given.workers or sorted({0, *(2**power for power in range(6) if 2**power < cores), max(1, cores - 2)})
    kept = DecodedImages(source, indices, limit_bytes=float("inf"))
    unkept, on_disk = (DecodedImages(source, indices, limit_bytes=0) for _ in range(2))
    height, width = kept.size(indices[0])
    augmentation = Augmentation(given.size, crop_size(height, width, given.size), 0)

    def each(images: DecodedImages, number: int) -> Callable[[], TrainingBatches]:
        dataset, pin = TrainingSet(images, indices, augmentation), device_type(given.device) == "cuda"
        return lambda: TrainingLoader(dataset, batch_size=given.batch, seed=0, workers=number, pin_memory=pin)

    def together(images: DecodedImages, resident: bool) -> Callable[[], TrainingBatches]:
        def make() -> TrainingBatches:
            pin = device_type(given.device) == "cuda"
            store = ResidentPixels(images, indices, given.device) if resident else HostPixels(images, pin_memory=pin)
            return DeviceLoader(
                images, indices, augmentation, store, batch_size=given.batch, seed=0, device=given.device
            )

        return make

    ways: list[tuple[str, str, int, Callable[[], TrainingBatches]]] = [
        *(("each", "in memory", number, each(kept, number)) for number in workers),
        ("each", "decoded each time", workers[-1], each(unkept, workers[-1])),
        ("each", "on disk", workers[-1], each(on_disk, workers[-1])),
        ("batch", "decoded each time", 0, together(unkept, resident=False)),
        ("batch", "on disk", 0, together(on_disk, resident=False)),
        ("batch", "in memory", 0, together(kept, resident=False)),
        ("batch", f"on the device ({given.device})", 0, together(kept, resident=True)),
    ]
    crop = " x ".join(map(str, augmentation.crop))
    print(f"{len(indices)} images of {height} x {width}, crops of {crop}, batches of {given.batch}, {cores} cores")
    print("crops | images | workers | images/s | ms per batch")
    rows = []
    folder = TemporaryDirectory()
    on_disk.disk = DiskCache(Path(folder.name), float("inf"))
    with thread_pool() as threads:
        list(threads.map(on_disk.pair, indices))  # the first time they are decoded
    for crops, images, number, make in ways:
        row = Row(crops, images, number, *measure(make(), given.seconds, given.device))
        rows.append(row)
        print(
            f"{crops} | {images} | {number} | {row.images_per_second:.0f} | {row.milliseconds_per_batch:.1f}",
            flush=True,
        )
    folder.cleanup()
    if given.json is not None:
        facts = {"size": given.size, "batch_size": given.batch, "image": [height, width], "cores": cores}
        machine = {"device": given.device, "gpu": describe_environment(given.device).gpu}
        content = [{**asdict(row), **facts, **machine} for row in rows]
        given.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
