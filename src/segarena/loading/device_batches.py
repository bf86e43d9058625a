"""Training batches whose crops are computed together, on the device of the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import NamedTuple

import torch
from torch import Tensor

from segarena.classes import IGNORE_INDEX
from segarena.config.devices import device_index, device_type
from segarena.kernels.crop_batch import crop_batch
from segarena.loading.crop_tables import PackedTables, pack_tables, send_tables
from segarena.loading.dataset import EpochBatches
from segarena.loading.decoded import DecodedImages
from segarena.loading.pixel_store import Pixels, PixelStore
from segarena.loading.transforms import Augmentation

#: Batches that are prepared in advance.
AHEAD = 2


class _Prepared(NamedTuple):
    """A batch that only the device has still to compute."""

    pixels: Pixels
    tables: PackedTables


class DeviceLoader:
    """Batches of crops that are computed on a device, with the interface of `TrainingLoader`.

    A thread draws the random numbers, `AHEAD` batches in advance: the same ones as `TrainingLoader`, so that the crops
    are the same, whatever the number of steps that were done before.

    Args:
        images: The decoded images, for their sizes and masks.
        indices: The training images.
        augmentation: The augmentation; it must not rotate or deform.
        store: The pixels.
        batch_size: Crops in a batch.
        seed: Seed of the order.
        device: Where the crops are computed.
        place: The number of this process, and how many there are; see `EpochBatches`.
        drawn: Crops of an epoch, likewise.
    """

    def __init__(
        self,
        images: DecodedImages,
        indices: Sequence[int],
        augmentation: Augmentation,
        store: PixelStore,
        *,
        batch_size: int,
        seed: int,
        device: str,
        place: tuple[int, int] = (0, 1),
        drawn: int | None = None,
    ) -> None:
        self.batches = EpochBatches(len(indices), batch_size, seed, place, drawn)
        self.batch_size = batch_size
        self._images, self._indices, self._augmentation = images, indices, augmentation
        self._store, self._device = store, device
        self._pin = device_type(device) == "cuda"
        # Page-locked memory belongs to the GPU that a thread has selected, which is the first one by default.
        number = device_index(device)
        select = None if number is None else partial(torch.cuda.set_device, number)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="crops", initializer=select)

    @property
    def ahead(self) -> int:
        """Batches that may be ready before the first one is taken."""
        return AHEAD

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images uint8 (N, 3, h, w) and masks uint8 (N, h, w) of an epoch, on the device, from a step on.

        Raises:
            DataError: A file cannot be read.
        """
        self.batches.epoch, self.batches.first = epoch, first
        waiting: deque[Future[_Prepared]] = deque()
        for keys in self.batches:
            waiting.append(self._thread.submit(self._prepare, keys))
            if len(waiting) > AHEAD:
                yield self._compute(waiting.popleft().result())
        while waiting:
            yield self._compute(waiting.popleft().result())

    def _prepare(self, keys: Sequence[tuple[int, int]]) -> _Prepared:
        indices = [self._indices[position] for _, position in keys]
        plans = []
        for (epoch, _), index in zip(keys, indices, strict=True):
            # Only crops that are chosen by their content depend on the mask.
            mask = self._images[index][1] if self._augmentation.scale_crop.foreground else None
            plans.append(self._augmentation.plan(*self._images.size(index), mask, epoch=epoch, index=index))
        pixels = self._store.gather(indices, plans)
        return _Prepared(pixels, pack_tables(pixels.crops, self._augmentation.crop, pin_memory=self._pin))

    def _compute(self, prepared: _Prepared) -> tuple[Tensor, Tensor]:
        images, masks, crops = prepared.pixels
        return crop_batch(
            images.to(self._device, non_blocking=True),
            masks.to(self._device, non_blocking=True),
            send_tables(prepared.tables, self._device),
            [(crop.plan.rows.source, crop.plan.columns.source) for crop in crops],
            _on_device(tuple(self._augmentation.scale_crop.fill), self._device),
            IGNORE_INDEX,
        )


@cache
def _on_device(values: tuple[int, ...], device: str) -> Tensor:
    """Levels on a device: copied there once, since a GPU is waited for at each copy."""
    return torch.tensor(values, dtype=torch.uint8, device=device)
