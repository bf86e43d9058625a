"""The resolution ceiling of a data set: at each working size and output stride, the scores that its masks allow."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segarena.config import DataFacts
from segarena.config.network_costs import DEFAULT_ENCODERS
from segarena.config.resolution import LIMITS, Resolution, sizes_up_to
from segarena.config.training import LOGIT_STRIDES
from segarena.data.folder import FolderSource
from segarena.data.source import Source
from segarena.data.splitting.splits import Splits
from segarena.errors import DataError
from segarena.experiment.resolution import Workload, choose, default_costs
from segarena.image_files.cache import FactCache
from segarena.loading.sizes import working_size
from segarena.scoring.ceilings import Ceiling, Grid, averaged_counts, to_ceilings
from segarena.seeding import derive_seed
from segarena.threads import thread_pool

#: The most masks that a ceiling is computed from, averaged and optimised.
MOST_MASKS, MOST_OPTIMISED = 64, 8
#: The most pixels of a mask that are used: of a larger one, every second, third, ... row and column.
MOST_PIXELS, MOST_OPTIMISED_PIXELS = 2_000_000, 250_000
#: The largest working size that `check` looks at, and the smallest that `compare` chooses for larger images, in pixels.
LARGEST_SIZE, USUAL_SIZE = 1024, 256
_KIND, _OPTIMISED_KIND = "ceilings-2", "optimised-ceilings-2"


@dataclass(frozen=True)
class CeilingTable:
    """The resolution ceilings of a data set, for the four models at several working sizes.

    Args:
        ceilings: One for each grid.
        used: Number of masks that they were computed from.
        available: Number of training masks.
        advice: What `compare` chooses for the four models, by device: cpu, cuda. Empty if no class has truth pixels.
        optimised: The same with optimised logits, from at most `MOST_OPTIMISED` masks; empty if not asked for.
    """

    ceilings: tuple[Ceiling, ...]
    used: int
    available: int
    advice: Mapping[str, Resolution]
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
    """Compute the ceilings of the four models at several working sizes, and choose one as `compare` does.

    Args:
        source: The data.
        splits: Which masks are for training: the others are not used.
        on_progress: Called with (masks done, masks).
        optimise: Also compute the optimised ceilings: minutes, and it needs torch.
    """
    train = list(splits.train)
    facts = DataFacts.of([source.sizes[index] for index in train], len(train), built_in=False)
    workloads = {
        device: Workload(facts, default_costs(encoder), device) for device, encoder in DEFAULT_ENCODERS.items()
    }
    shorter = min(facts.height, facts.width)
    sizes = sorted({*grid_sizes(shorter), *sizes_up_to(shorter, "cpu")[0]})
    strides = sorted({stride for strides in LOGIT_STRIDES.values() for stride in strides})
    shown = [Grid(size, stride) for size in sizes for stride in strides]
    chosen_from = [grid for device, workload in workloads.items() for grid in workload.grids(LIMITS[device])]
    every = list(dict.fromkeys(shown + chosen_from))
    pixels = source.mask_pixels[train]
    measured, used = measure_ceilings(source, train, every, pixels, on_progress)
    found = {ceiling.grid: ceiling for ceiling in measured}
    optimised = measure_ceilings(source, train, shown, pixels, on_progress, optimise=True)[0] if optimise else ()
    miou = {grid: ceiling.miou for grid, ceiling in found.items()}
    is_known = not math.isnan(measured[0].miou)
    advice = {device: choose(one, lambda _: miou) for device, one in workloads.items()} if is_known else {}
    return CeilingTable(tuple(found[grid] for grid in shown), used, len(train), advice, tuple(optimised))


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

    def measure(grids: Sequence[Grid], index: int) -> NDArray[np.int64] | None:
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
        keys = {grid: _key(source, chosen, grid) for grid in grids}
        found = {grid: content for grid, key in keys.items() if (content := cache.get(kind, key)) is not None}
        missing = [grid for grid in grids if grid not in found]
        if missing:
            total, used = np.zeros((len(missing), 3, num_classes), dtype=np.int64), 0
            with thread_pool() as threads:
                for done, counts in enumerate(threads.map(partial(measure, missing), chosen), start=1):
                    if counts is not None:
                        total, used = total + counts, used + 1
                    on_progress(done, len(chosen))
            for grid, counts in zip(missing, total, strict=True):
                found[grid] = used.to_bytes(4) + counts.tobytes()
                cache.add(kind, keys[grid], found[grid])
    every = np.stack([np.frombuffer(found[grid][4:], dtype=np.int64).reshape(3, num_classes) for grid in grids])
    return to_ceilings(grids, every), int.from_bytes(found[grids[0]][:4])


def grid_sizes(shorter_side: int) -> list[int]:
    """Return the working sizes to compare, at most three: the images' own, usual smaller ones, twice a small one.

    Args:
        shorter_side: Of the images, in pixels.
    """
    own = min(max(32, shorter_side), LARGEST_SIZE)
    enlarged = [2 * own] if own < USUAL_SIZE else []
    return sorted({own, *(size for size in (128, USUAL_SIZE, 512) if size < own), *enlarged})[-3:]


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


def _key(source: Source, chosen: Sequence[int], grid: Grid) -> str:
    """The hash of all that the counts of a grid depend on."""
    parts = [source.decoding_digest, *(source.digest(index) for index in chosen), repr(tuple(grid))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
