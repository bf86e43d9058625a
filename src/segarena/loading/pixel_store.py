"""Where the decoded pixels are that the crops of a batch are cut from: on the GPU, or on the host, batch by batch."""

from __future__ import annotations

import gc
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from segarena.config.devices import device_type
from segarena.cores import count_cores
from segarena.formats import mebibytes
from segarena.loading.crop_tables import PlannedCrop
from segarena.loading.decoded import DecodedImages
from segarena.loading.transforms import AxisCut, CropPlan
from segarena.threads import at_a_time, thread_pool
from segarena.units import MIB

#: The share of a GPU's free memory that the training images may take.
SHARE = 0.4
#: Images that are decoded, or are open files of the disk cache, at a time until they are on the device.
CHUNK = 64
#: Bytes of a pixel: red, green, blue and the label.
PIXEL_BYTES = 4


class Pixels(NamedTuple):
    """What a batch of crops is cut from, before or after it is on the device."""

    images: Tensor
    """uint8 (P, 3), pixel after pixel."""
    masks: Tensor
    """uint8 (P,), in the same order."""
    crops: list[PlannedCrop]


class PixelStore(Protocol):
    """The decoded training images, from which the crops of a batch are cut."""

    def gather(self, indices: Sequence[int], plans: Sequence[CropPlan]) -> Pixels:
        """Return what the crops are cut from. Called in a thread, ahead of time.

        Args:
            indices: The image of each crop.
            plans: Where each crop is in its image.

        Raises:
            DataError: A file cannot be read.
        """

    def describe(self) -> str:
        """Return where the pixels are, in words."""


class ResidentPixels:
    """All images and masks in one flat buffer each, on the device: nothing is decoded or copied in a step.

    Args:
        images: The decoded images.
        indices: Those to be kept.
        device: The device.

    Raises:
        DataError: A file cannot be read.
    """

    def __init__(self, images: DecodedImages, indices: Sequence[int], device: str) -> None:
        sizes = {index: images.size(index) for index in indices}
        total = sum(height * width for height, width in sizes.values())
        self.images = torch.empty((total, 3), dtype=torch.uint8, device=device)
        self.masks = torch.empty(total, dtype=torch.uint8, device=device)
        self.places: dict[int, tuple[int, int]] = {}
        start = 0
        largest = images.most_pixels(indices)
        step = at_a_time(largest, CHUNK)
        with thread_pool(largest) as threads:
            for first in range(0, len(indices), step):
                chunk = indices[first : first + step]
                for index, (image, mask) in zip(chunk, threads.map(images.pair, chunk), strict=True):
                    self.places[index] = (start, mask.shape[1])
                    part = slice(start, start + mask.size)
                    self.images[part].copy_(torch.from_numpy(np.ascontiguousarray(image)).view(-1, 3))
                    self.masks[part].copy_(torch.from_numpy(np.ascontiguousarray(mask)).view(-1))
                    start += mask.size

    def gather(self, indices: Sequence[int], plans: Sequence[CropPlan]) -> Pixels:
        """Return the buffers: see `PixelStore`."""
        crops = [PlannedCrop(*self.places[index], plan) for index, plan in zip(indices, plans, strict=True)]
        return Pixels(self.images, self.masks, crops)

    def describe(self) -> str:
        """Return where the pixels are, in words."""
        return (
            f"computed together; the training images are on the GPU ({mebibytes(len(self.masks) * PIXEL_BYTES / MIB)})"
        )


class HostPixels:
    """Images on the host, decoded in advance or for each batch; only what the crops show is copied to the device.

    Args:
        images: The decoded images.
        indices: Those that crops are cut from.
        pin_memory: Whether a batch is put into page-locked memory, from which a GPU copies without being waited for.
    """

    def __init__(self, images: DecodedImages, indices: Sequence[int], *, pin_memory: bool) -> None:
        self._images, self._pin = images, pin_memory
        threads = at_a_time(images.most_pixels(indices), min(16, count_cores()))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pixels")

    def gather(self, indices: Sequence[int], plans: Sequence[CropPlan]) -> Pixels:
        """Return copies of what the crops show: see `PixelStore`."""
        sizes = [plan.rows.source * plan.columns.source for plan in plans]
        starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        images = torch.empty((starts[-1], 3), dtype=torch.uint8, pin_memory=self._pin)
        masks = torch.empty(starts[-1], dtype=torch.uint8, pin_memory=self._pin)
        flat_images, flat_masks = images.numpy(), masks.numpy()

        def copy(number: int) -> PlannedCrop:
            plan, start, size = plans[number], starts[number], sizes[number]
            (top, rows, *_), (left, columns, *_) = plan.rows, plan.columns
            image, mask = self._images.pair(indices[number])
            shown = slice(top, top + rows), slice(left, left + columns)
            flat_images[start : start + size].reshape(rows, columns, 3)[:] = image[shown]
            flat_masks[start : start + size].reshape(rows, columns)[:] = mask[shown]
            moved = plan._replace(rows=_from_start(plan.rows), columns=_from_start(plan.columns))
            return PlannedCrop(start, columns, moved)

        return Pixels(images, masks, list(self._threads.map(copy, range(len(plans)))))

    def describe(self) -> str:
        """Return where the pixels are, in words."""
        return "computed together; what the crops of a batch show is copied to the device for it"


def _from_start(cut: AxisCut) -> AxisCut:
    return cut._replace(first=0)


def store_pixels(images: DecodedImages, indices: Sequence[int], device: str) -> PixelStore:
    """Put the training images where the crops are cut out fastest: on the GPU if they leave most of its memory free.

    They are put there once. Those of another fold take their place.

    Args:
        images: The decoded images.
        indices: The training images.
        device: Where the crops are computed.

    Raises:
        DataError: A file cannot be read.
    """
    key = (tuple(indices), device)
    found: tuple[Hashable, PixelStore] | None = images.stores.get("training")
    if found is None or found[0] != key:
        images.stores.pop("training", None)  # before the memory is measured
        images.stores["training"] = found = (key, _place(images, indices, device))
    return found[1]


def _place(images: DecodedImages, indices: Sequence[int], device: str) -> PixelStore:
    on_gpu = device_type(device) == "cuda"
    if on_gpu and fits(sum(height * width for height, width in map(images.size, indices)) * PIXEL_BYTES, device):
        return ResidentPixels(images, indices, device)
    return HostPixels(images, indices, pin_memory=on_gpu)


def fits(size: int, device: str) -> bool:
    """Whether a number of bytes is at most `SHARE` of what is free on a GPU."""
    return size <= SHARE * free_bytes(device)


def free_bytes(device: str) -> int:
    """Return how many bytes of a GPU are free, after PyTorch has returned what it kept of earlier trainings."""
    gc.collect()
    torch.cuda.empty_cache()
    return torch.cuda.mem_get_info(device)[0]
