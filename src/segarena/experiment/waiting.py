"""Advice where a network waits for its images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from segarena.config.devices import device_type
from segarena.cores import count_cores
from segarena.experiment.plan import Training
from segarena.formats import percent
from segarena.free_memory import free_memory
from segarena.loading.dataset import crop_workers
from segarena.units import GIB

#: The share of the training time from which there is advice.
MOST = 0.1


def advise_on_waiting(training: Training, history: Sequence[Mapping[str, Any]]) -> str | None:
    """Return how long the network waited and what helps; None where it did not wait long, or nothing helps.

    Args:
        training: The training.
        history: The rows of history.csv. The first epoch, in which the processes start, counts only if it is the last.
    """
    shares = [row["waiting_share"] for row in history if row.get("waiting_share") is not None]
    if not shares or median(shares[1:] or shares) < MOST:
        return None
    remedy = _find_remedy(training)
    return remedy and f"the network waited for images in {percent(median(shares[1:] or shares))} of the time: {remedy}"


def _find_remedy(training: Training) -> str | None:
    protocol, images, indices = training.protocol, training.split.images, training.split.splits.train
    open_ones = sum(index not in images.kept for index in indices)
    if open_ones:
        pixels = sum(height * width for height, width in map(images.size, images.indices))
        needed = 1.05 * (images.pixel_bytes + 1) * pixels  # with its mask, and some room
        free = free_memory()
        if free is None or needed < free:
            return (
                f"{open_ones} of {len(indices)} training images are not kept in memory; "
                f"--cache-gib {math.ceil(needed / GIB)} keeps all images there"
            )
    if device_type(protocol.device) == "cpu" or protocol.crops == "batch":
        return None
    is_rgb = training.split.normalization is None
    if device_type(protocol.device) == "cuda" and is_rgb and not (protocol.rotation or protocol.elastic):
        return "--crops batch computes the crops on the GPU"
    more = crop_workers(images, protocol.crop, protocol.batch_size, max(1, min(16, count_cores() - 2)))
    return f"--workers {more} loads more images at a time" if more > protocol.workers else None
