"""Batches for training and evaluation, from a source of images and masks."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler, default_collate

from segarena.launched import slice_of
from segarena.loading.decoded import DecodedImages
from segarena.loading.processes import Loader, affordable_workers
from segarena.loading.scaling import Scaling, WindowPlan
from segarena.loading.sizes import working_size
from segarena.loading.transforms import Augmentation, resize_image
from segarena.seeding import derive_seed
from segarena.threads import thread_pool

#: Images that threads load in advance.
AHEAD = 8


class TrainingSet(Dataset[tuple[Tensor, Tensor]]):
    """Augmented crops, by keys (epoch, position): an item depends only on its key and the seed of the augmentation.

    An item is an image (C, h, w), uint8 or float32, and its mask uint8 (h, w).

    Args:
        images: The decoded images.
        indices: The training images, of which a key has the position.
        augmentation: What is done with each.
    """

    def __init__(self, images: DecodedImages, indices: Sequence[int], augmentation: Augmentation) -> None:
        self.images, self.indices, self.augmentation = images, indices, augmentation

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        epoch, position = key
        index = self.indices[position]
        image, mask = self.images[index]
        return self.augmentation(image, mask, epoch=epoch, index=index)


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """Batches of keys (epoch, position), shuffled by (seed, epoch); the last incomplete batch is left out.

    BatchNorm needs more than one sample per step, and in a smaller batch each image would have a larger weight. As the
    order differs between epochs, other images are left out each time. Set `epoch` and `first`, the number of batches to
    skip, before iterating. With several processes, each forms the same batches and yields its slice of each.

    Where an epoch has more keys than there are images, the images are passed through again and again, each pass in an
    order of its own; an epoch goes on where the one before ended, and the number of the pass is in place of the epoch.

    Args:
        length: Number of images.
        batch_size: Images in a batch, of all processes.
        seed: Seed of the order.
        place: The number of this process, and how many there are.
        drawn: Keys of an epoch, before the last incomplete batch is left out; None for as many as there are images.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        seed: int,
        place: tuple[int, int] = (0, 1),
        drawn: int | None = None,
    ) -> None:
        self.length, self.batch_size, self.seed, self.place = length, batch_size, seed, place
        self.drawn = length if drawn is None else drawn
        self.epoch = 1
        self.first = 0

    def __len__(self) -> int:
        return self.drawn // self.batch_size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = self._keys()
        for batch in range(self.first, len(self)):
            yield list(slice_of(order[batch * self.batch_size : (batch + 1) * self.batch_size], *self.place))

    def _keys(self) -> list[tuple[int, int]]:
        """The keys of the epoch."""
        start = (self.epoch - 1) * self.drawn
        first, skipped = divmod(start, self.length)
        last = (start + self.drawn - 1) // self.length
        keys = []
        for number in range(first + 1, last + 2):
            generator = torch.Generator().manual_seed(derive_seed("order", self.seed, number))
            keys += [(number, place) for place in torch.randperm(self.length, generator=generator).tolist()]
        return keys[skipped : skipped + self.drawn]


class TrainingBatches(Protocol):
    """The batches of a training, epoch by epoch."""

    @property
    def batch_size(self) -> int:
        """Images in a batch, of all processes."""

    @property
    def ahead(self) -> int:
        """Batches that may be ready before the first one is taken."""

    def __len__(self) -> int:
        """Batches of an epoch."""

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (N, C, h, w), uint8 or float32, and masks uint8 (N, h, w) of an epoch, from a batch on.

        Args:
            epoch: The number of the epoch, from 1.
            first: Batches that are left out at its beginning.

        Raises:
            DataError: A file cannot be read.
            WorkerError: A process that loads images is lost.
        """


class TrainingLoader:
    """A DataLoader over one epoch at a time: `epoch(3)` gives the batches of epoch 3, from step `first` on.

    Args:
        dataset: The crops.
        batch_size: Crops in a batch, of all processes that train together.
        seed: Seed of the order.
        workers: Processes that load crops at most, see `crop_workers`; 0 for this one.
        pin_memory: Whether batches are in page-locked memory, from which a GPU copies without being waited for.
        place: The number of this process, and how many train together; see `EpochBatches`.
        drawn: Crops of an epoch, likewise.
    """

    def __init__(
        self,
        dataset: TrainingSet,
        *,
        batch_size: int,
        seed: int,
        workers: int,
        pin_memory: bool,
        place: tuple[int, int] = (0, 1),
        drawn: int | None = None,
    ) -> None:
        self.batches = EpochBatches(len(dataset), batch_size, seed, place, drawn)
        self.batch_size = batch_size
        workers = crop_workers(dataset.images, dataset.augmentation.crop, batch_size, workers)
        self.loader = Loader(dataset, default_collate, workers, batch_sampler=self.batches, pin_memory=pin_memory)

    @property
    def ahead(self) -> int:
        """Batches that may be ready before the first one is taken."""
        return 2 * self.loader.loader.num_workers

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (N, C, h, w), uint8 or float32, and masks uint8 (N, h, w); see `TrainingBatches.epoch`."""
        self.batches.epoch, self.batches.first = epoch, first
        yield from self.loader


def crop_workers(images: DecodedImages, crop: tuple[int, int], batch_size: int, workers: int) -> int:
    """Return how many processes load training batches: fewer than wanted where the shared memory is too small.

    Args:
        images: The decoded images.
        crop: (height, width) of the crops, in pixels.
        batch_size: Images in a batch.
        workers: Processes that are wanted.
    """
    height, width = crop
    return affordable_workers(workers, (1 + images.pixel_bytes) * height * width * batch_size)


@dataclass(frozen=True)
class EvaluationItem:
    """A whole image at the working size, its mask, uint8 (H, W) as in the file, and its position.

    The image is (C, h, w): uint8 of RGB and other images of 8 bits, else float32. With a plan it has its own size.
    """

    image: Tensor
    mask: Tensor
    position: int
    plan: WindowPlan | None = None


class EvaluationSet(Dataset[EvaluationItem]):
    """Whole images at the working size, with masks at their own size, at which predictions are scored.

    Those that are labelled in windows or from several views have their own size, and a plan.

    Args:
        images: The decoded images.
        indices: Which of them.
        size: The working size, in pixels.
        scaling: The rule that gives an image its plan; None for whole images only.
    """

    def __init__(
        self, images: DecodedImages, indices: Sequence[int], size: int, scaling: Scaling | None = None
    ) -> None:
        self.images, self.indices, self.size, self.scaling = images, indices, size, scaling

    def plan(self, height: int, width: int) -> WindowPlan | None:
        """Return how an image of this size is labelled; None for as a whole."""
        return None if self.scaling is None else self.scaling.plan(height, width)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> EvaluationItem:
        image, mask = self.images[self.indices[position]]
        height, width = image.shape[-2:]
        plan = self.plan(height, width)
        if plan is None:
            image = resize_image(image, working_size(height, width, self.size))
        return EvaluationItem(image, mask, position, plan)


def evaluation_loader(dataset: EvaluationSet, *, batch_size: int, workers: int) -> Iterable[list[EvaluationItem]]:
    """Return a loader of lists of up to `batch_size` items, in order; images in a list may differ in size.

    Args:
        dataset: The images.
        batch_size: Images in a list.
        workers: Processes that load them; with 0 threads of this process do, in advance.
    """
    sizes = map(dataset.images.known_size, dataset.indices if workers else ())
    largest = max((math.prod(size) for size in sizes if size is not None), default=0)
    workers = affordable_workers(workers, (1 + dataset.images.pixel_bytes) * largest * batch_size)
    if not workers:
        return _InThreads(dataset, batch_size)
    return Loader(dataset, list, workers, batch_size=batch_size, shuffle=False, drop_last=False)


class _InThreads:
    """Lists of items that threads decode and resize in advance."""

    def __init__(self, dataset: EvaluationSet, batch_size: int) -> None:
        self._dataset, self._batch_size = dataset, batch_size

    def __iter__(self) -> Iterator[list[EvaluationItem]]:
        waiting: deque[Future[EvaluationItem]] = deque()
        positions = iter(range(len(self._dataset)))
        with thread_pool(self._dataset.images.most_pixels(self._dataset.indices)) as threads:
            try:
                for start in range(0, len(self._dataset), self._batch_size):
                    items = []
                    for _ in range(start, min(start + self._batch_size, len(self._dataset))):
                        for position in islice(positions, AHEAD + 1 - len(waiting)):
                            waiting.append(threads.submit(self._dataset.__getitem__, position))
                        items.append(waiting.popleft().result())
                    yield items
            finally:  # where the caller stops early
                for item in waiting:
                    item.cancel()
