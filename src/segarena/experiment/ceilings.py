"""The resolution ceiling of a data set: at each working size and output stride, the scores that its masks allow."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segarena.config.training import LOGIT_STRIDES
from segarena.data.files.cache import FactCache
from segarena.data.folder import FolderSource
from segarena.data.sizes import working_size
from segarena.data.source import Source
from segarena.data.splitting.splits import Splits
from segarena.errors import DataError
from segarena.scoring.ceilings import Ceiling, Grid, averaged_counts, to_ceilings
from segarena.seeding import derive_seed
from segarena.threads import thread_pool

#: The most masks that a ceiling is computed from, averaged and optimised.
MOST_MASKS, MOST_OPTIMISED = 64, 8
#: The most pixels of a mask that are used: of a larger one, every second, third, ... row and column.
MOST_PIXELS, MOST_OPTIMISED_PIXELS = 2_000_000, 250_000
#: The largest working size that is looked at, and the default one on a CPU for larger images, in pixels.
LARGEST_SIZE, USUAL_SIZE = 1024, 256
#: FLOPs of the four models together by output stride of PSPNet and DeepLabv3, relative to those at 16 (ResNet-18).
COSTS = {8: 2.3, 16: 1.0}
#: The share of the best ceiling that is enough.
ENOUGH = 0.9

_KIND, _OPTIMISED_KIND = "ceilings-1", "optimised-ceilings-1"


@dataclass(frozen=True)
class Advice:
    """A working size and an output stride at which no model is held down by its resolution.

    Args:
        size: The working size, in pixels.
        output_stride: Of PSPNet and DeepLabv3.
        ceiling: The lowest ceiling of the four models there, mIoU.
        best_size: The size with the highest ceiling, at output stride 8.
        best_ceiling: The lowest ceiling of the four models there, mIoU.
        cost: FLOPs of an image, relative to those at `usual`.
        usual: The default size on a CPU, at output stride 16, in pixels.
    """

    size: int
    output_stride: int
    ceiling: float
    best_size: int
    best_ceiling: float
    cost: float
    usual: int


@dataclass(frozen=True)
class CeilingTable:
    """The resolution ceilings of a data set, for the four models at several working sizes.

    Args:
        ceilings: One for each grid.
        used: Number of masks that they were computed from.
        available: Number of training masks.
        advice: What to use; None if no class has truth pixels.
        optimised: The same with optimised logits, from at most `MOST_OPTIMISED` masks; empty if not asked for.
    """

    ceilings: tuple[Ceiling, ...]
    used: int
    available: int
    advice: Advice | None
    optimised: tuple[Ceiling, ...] = ()

    @property
    def sizes(self) -> list[int]:
        """The working sizes, ascending."""
        return sorted({ceiling.grid.size for ceiling in self.ceilings})

    @property
    def strides(self) -> list[int]:
        """The strides, ascending."""
        return sorted({ceiling.grid.stride for ceiling in self.ceilings})

    def at(self, size: int, stride: int) -> Ceiling:
        """Return the ceiling of one grid. Raises KeyError if it was not computed."""
        return {ceiling.grid: ceiling for ceiling in self.ceilings}[Grid(size, stride)]


def survey_ceilings(
    source: FolderSource,
    splits: Splits,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    optimise: bool = False,
) -> CeilingTable:
    """Compute the ceilings of the four models at up to three working sizes, and choose one.

    Args:
        source: The data.
        splits: Which masks are for training: the others are not used.
        on_progress: Called with (masks done, masks).
        optimise: Also compute the optimised ceilings: minutes, and it needs torch.
    """
    train = list(splits.train)
    shorter = int(np.median([min(source.sizes[index]) for index in train]))
    strides = sorted({stride for strides in LOGIT_STRIDES.values() for stride in strides})
    grids = [Grid(size, stride) for size in grid_sizes(shorter) for stride in strides]
    pixels = source.mask_pixels[train]
    ceilings, used = measure_ceilings(source, train, grids, pixels, on_progress)
    optimised = measure_ceilings(source, train, grids, pixels, on_progress, optimise=True)[0] if optimise else ()
    usual = max(32, min(shorter, USUAL_SIZE))
    return CeilingTable(tuple(ceilings), used, len(train), advise(ceilings, usual), tuple(optimised))


def measure_ceilings(
    source: Source,
    indices: Sequence[int],
    grids: Sequence[Grid],
    mask_pixels: NDArray[np.int64],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    optimise: bool = False,
) -> tuple[list[Ceiling], int]:
    """Compute the ceiling of each grid from training masks. The result is cached by the content of the files.

    Args:
        source: The data.
        indices: The training samples, N.
        grids: Working sizes and strides.
        mask_pixels: Pixels of each class in the mask of each of these samples, (N, C).
        on_progress: Called with (masks done, masks).
        optimise: Whether logits are fitted to the masks; otherwise the masks are averaged.

    Returns:
        The ceilings, and the number of masks that were used; one that cannot be read is left out.
    """
    chosen = choose_masks(indices, mask_pixels, MOST_OPTIMISED if optimise else MOST_MASKS)
    num_classes = source.classes.num_classes

    def measure(index: int) -> NDArray[np.int64] | None:
        try:
            mask = _thin(source.read_labels(index), MOST_OPTIMISED_PIXELS if optimise else MOST_PIXELS)
        except DataError:
            return None
        sizes = [working_size(mask.shape[0], mask.shape[1], grid.size) for grid in grids]
        strides = [grid.stride for grid in grids]
        if not optimise:
            return averaged_counts(mask, sizes, strides, num_classes)
        from segarena.scoring.optimised_ceilings import optimised_counts  # it needs torch

        return np.stack(
            [optimised_counts(mask, size, stride, num_classes) for size, stride in zip(sizes, strides, strict=True)]
        )

    kind = _OPTIMISED_KIND if optimise else _KIND
    with FactCache() as cache:
        key = _key(source, chosen, grids)
        found = cache.get(kind, key)
        if found is not None:
            total = np.frombuffer(found[4:], dtype=np.int64).reshape(len(grids), 3, num_classes)
            return to_ceilings(grids, total), int.from_bytes(found[:4])
        total, used = np.zeros((len(grids), 3, num_classes), dtype=np.int64), 0
        with thread_pool() as threads:
            for done, counts in enumerate(threads.map(measure, chosen), start=1):
                if counts is not None:
                    total, used = total + counts, used + 1
                on_progress(done, len(chosen))
        cache.add(kind, key, used.to_bytes(4) + total.tobytes())
    return to_ceilings(grids, total), used


def grid_sizes(shorter_side: int) -> list[int]:
    """Return the working sizes to compare, at most three: the images' own, usual smaller ones, twice a small one.

    Args:
        shorter_side: Of the images, in pixels.
    """
    own = min(max(32, shorter_side), LARGEST_SIZE)
    enlarged = [2 * own] if own < USUAL_SIZE else []
    return sorted({own, *(size for size in (128, USUAL_SIZE, 512) if size < own), *enlarged})[-3:]


def advise(ceilings: Sequence[Ceiling], usual: int) -> Advice | None:
    """Choose the cheapest size and output stride with a ceiling of at least `ENOUGH` times the best one.

    The ceiling of a pair is that of the model with the coarsest logits: each of the four is to be able to score.

    Args:
        ceilings: Those of all sizes and strides.
        usual: The size that costs are compared with, at output stride 16.

    Returns:
        None if no class has truth pixels.
    """
    miou = {ceiling.grid: ceiling.miou for ceiling in ceilings}
    pairs = {
        (size, stride): min(miou[Grid(size, min(max(strides), stride))] for strides in LOGIT_STRIDES.values())
        for size in sorted({grid.size for grid in miou})
        for stride in COSTS
    }
    if math.isnan(min(pairs.values())):
        return None
    best = max(pairs, key=lambda pair: (pairs[pair], -pair[0]))
    enough = [pair for pair, ceiling in pairs.items() if ceiling >= ENOUGH * pairs[best]]
    size, stride = min(enough, key=lambda pair: (pair[0] ** 2 * COSTS[pair[1]], pair))
    return Advice(size, stride, pairs[size, stride], best[0], pairs[best], size**2 * COSTS[stride] / usual**2, usual)


def choose_masks(indices: Sequence[int], mask_pixels: NDArray[np.int64], most: int = MOST_MASKS) -> list[int]:
    """Choose samples: for each class the mask with most of it, the rarest class first; the others by a fixed seed.

    Args:
        indices: The samples, N.
        mask_pixels: Pixels of each class in each of their masks, (N, C).
        most: The largest number of samples.
    """
    if len(indices) <= most:
        return list(indices)
    rarest_first = np.argsort(mask_pixels.sum(axis=0), kind="stable")
    first = [int(mask_pixels[:, label].argmax()) for label in rarest_first if mask_pixels[:, label].any()]
    others = np.random.default_rng(derive_seed("ceilings")).permutation(len(indices)).tolist()
    return sorted(indices[place] for place in list(dict.fromkeys(first + others))[:most])


def _thin(mask: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """A mask of at most that many pixels, about: of a larger one those at equal steps."""
    step = math.ceil(math.sqrt(mask.size / most))
    return mask if step <= 1 else np.ascontiguousarray(mask[step // 2 :: step, step // 2 :: step])


def _key(source: Source, chosen: Sequence[int], grids: Sequence[Grid]) -> str:
    """The hash of all that the counts depend on."""
    parts = [source.decoding_digest, *(source.digest(index) for index in chosen), repr([tuple(grid) for grid in grids])]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
