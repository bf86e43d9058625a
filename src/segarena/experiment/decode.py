"""Decode the images of a split once, and keep them in memory or on disk."""

from __future__ import annotations

from segarena.config import ProtocolOptions, defaults
from segarena.data.source import Source
from segarena.data.splitting.splits import Splits
from segarena.experiment.progress import Reporter
from segarena.free_disk import free_disk, nearest_folder
from segarena.free_memory import free_memory
from segarena.image_files.cache import cache_folder
from segarena.launched import local_processes
from segarena.loading.decoded import DecodedImages
from segarena.loading.disk_cache import DiskCache
from segarena.units import GIB


def decode(source: Source, splits: Splits, options: ProtocolOptions, reporter: Reporter) -> DecodedImages:
    """Decode the images of a split, and keep them: in memory, and what does not fit on disk.

    Args:
        source: All images with masks.
        splits: Which of them are used.
        options: The options as typed: the limits of both caches, in GiB.
        reporter: Receives the progress, and where images are kept on disk.

    Raises:
        DataError: A file cannot be read.
    """
    cache_gib = _usual_cache_gib() if options.cache_gib is None else options.cache_gib
    indices = [*splits.train, *splits.val, *splits.test]
    with reporter.progress("decoding images") as on_progress:
        images = DecodedImages(source, indices, limit_bytes=cache_gib * GIB, on_progress=on_progress)
    _keep_on_disk(images, options.disk_cache_gib, reporter)
    return images


def _usual_cache_gib() -> float:
    """The memory for decoded images; each process of a training has its own."""
    free = free_memory()
    return defaults.cache_gib(None if free is None else free // local_processes())


def _keep_on_disk(images: DecodedImages, typed_gib: float | None, reporter: Reporter) -> None:
    """Keep images that memory does not hold on disk. Scenes that are drawn are drawn again."""
    beyond = len(images.indices) - len(images.kept)
    if not beyond or images.source.samples[images.indices[0]].image is None:
        return
    try:
        folder = cache_folder() / "decoded"
    except RuntimeError:  # the user has no home folder
        return
    place = nearest_folder(folder)
    free = None if place is None else free_disk(place)
    if free is None:
        return
    gib = defaults.disk_cache_gib(free) if typed_gib is None else typed_gib
    if not gib:
        return
    images.disk = DiskCache(folder, gib * GIB)
    reporter.say(
        f"  memory: {beyond} of {len(images.indices)} images do not fit; decoded ones are kept in {folder}, "
        f"up to {gib:g} GiB (--disk-cache-gib 0: none)"
    )
