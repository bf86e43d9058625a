"""The rule for the working size and the output stride, when they are left open.

Of the pairs that are affordable, the cheapest one is chosen whose ceiling is near that of the best affordable one. The
ceiling of a pair is the lowest resolution ceiling of the compared models (`segarena.scoring.ceilings`), so that none of
them is ranked by its resolution where that can be avoided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segarena.formats import percent

#: The share of the best affordable ceiling that is enough.
ENOUGH = 0.9
#: Pairs that cost up to this many times the cheapest one count as equally cheap: the highest ceiling decides.
ABOUT_AS_CHEAP = 1.25
#: By how much the ceiling of the next better pair is higher, in mIoU.
CLEARLY_HIGHER = 0.02
#: Operations (`segarena.config.network_costs`) that training each model once may take. Two cores reach 2e11 to 4e11 a
#: second with bf16, so that a comparison takes two to three hours. A GPU is assumed to reach 5e13.
LIMITS: Mapping[str, float] = {"cpu": 3.4e15, "cuda": 2e17}
#: The rule in words, for --help.
SIZE_RULE = (
    "the cheapest at which no model's resolution ceiling is far below the best affordable one; from 256 to 512 on a"
    " CPU, from 512 to 768 on a GPU, and at most the images' shorter side"
)
STRIDE_RULE = "8 or 16, chosen with --size; with --track paper that of the paper"
#: Output strides of PSPNet and DeepLabv3 to choose from.
STRIDES = (8, 16)
#: Working sizes to choose from, besides the images' own. Smaller ones only where none of these is affordable: a ceiling
#: is about what masks allow, not about what can still be recognised in a small image.
SIZES: Mapping[str, tuple[int, ...]] = {"cpu": (256, 384, 512), "cuda": (512, 768)}
SMALL_SIZES: Mapping[str, tuple[int, ...]] = {"cpu": (128, 192), "cuda": (256, 384)}


@dataclass(frozen=True)
class Candidate:
    """A working size with an output stride.

    Args:
        size: The working size, in pixels.
        output_stride: Of the models on a dilated encoder; None where no stride can be chosen.
        ceiling: The lowest resolution ceiling of the models, mIoU in 0..1.
        cost: What training each model once takes: operations, or seconds, the same for all candidates.
    """

    size: int
    output_stride: int | None
    ceiling: float
    cost: float

    @property
    def words(self) -> str:
        """Its name in a sentence.

        >>> Candidate(256, 8, 0.8, 1.0).words
        'size 256 and output stride 8'
        """
        return f"size {self.size}" + ("" if self.output_stride is None else f" and output stride {self.output_stride}")


@dataclass(frozen=True)
class Resolution:
    """The pair that was chosen, and what it was chosen from.

    Args:
        chosen: The pair.
        best: The affordable pair with the highest ceiling; the chosen one where none is affordable.
        better: The cheapest pair, affordable or not, with a clearly higher ceiling, perhaps of a larger size than those
            that are chosen from; None if there is none.
        limit: The highest cost that is affordable.
    """

    chosen: Candidate
    best: Candidate
    better: Candidate | None
    limit: float

    @property
    def is_affordable(self) -> bool:
        """Whether the chosen pair is within the limit."""
        return self.chosen.cost <= self.limit

    @property
    def why(self) -> str:
        """The reason, in words."""
        ceiling = f"the lowest resolution ceiling of the models is {percent(self.chosen.ceiling)}"
        if not self.is_affordable:
            ceiling = f"the least costly, as none is affordable; {ceiling}"
        if self.better is None:
            return f"{ceiling}, and no other choice raises it clearly"
        times = self.better.cost / self.chosen.cost
        return (
            f"{ceiling}; the next better choice, {self.better.words}, would take about {times:.2g} times as long and"
            f" raise it to {percent(self.better.ceiling)}"
        )


def choose_resolution(candidates: Sequence[Candidate], limit: float, larger: Sequence[Candidate] = ()) -> Resolution:
    """Choose the cheapest affordable pair with at least `ENOUGH` times the ceiling of the best affordable one.

    Of pairs that cost about as much as that one, the highest ceiling decides. Where none is affordable, the cheapest is
    chosen. A higher limit never leads to a lower ceiling.

    Args:
        candidates: One or more.
        limit: The highest cost that is affordable, in the unit of the candidates' costs.
        larger: Pairs that only the user may choose; they can be the next better choice.

    >>> pairs = [Candidate(256, 16, 0.71, 1.0), Candidate(256, 8, 0.81, 2.3), Candidate(360, 8, 0.86, 4.4)]
    >>> choose_resolution(pairs, limit=5.0).chosen.words
    'size 256 and output stride 8'
    """

    def by_cost(pair: Candidate) -> tuple[float, float, int]:
        return pair.cost, -pair.ceiling, pair.size

    affordable = [pair for pair in candidates if pair.cost <= limit] or [min(candidates, key=by_cost)]
    best = min(affordable, key=lambda pair: (-pair.ceiling, *by_cost(pair)))
    cheapest = min((pair for pair in affordable if pair.ceiling >= ENOUGH * best.ceiling), key=by_cost)
    about_as_cheap = [pair for pair in affordable if pair.cost <= ABOUT_AS_CHEAP * cheapest.cost]
    chosen = min(about_as_cheap, key=lambda pair: (-pair.ceiling, *by_cost(pair)))
    higher = [pair for pair in [*candidates, *larger] if pair.ceiling >= chosen.ceiling + CLEARLY_HIGHER]
    return Resolution(chosen, best, min(higher, key=by_cost, default=None), limit)


def larger_size(shorter_side: int, device: str) -> int | None:
    """Return a size above those to choose from, for what it would raise; None where the images are no larger.

    Args:
        shorter_side: Of the images, in pixels.
        device: cpu or cuda.

    >>> larger_size(512, "cpu"), larger_size(966, "cpu"), larger_size(4000, "cuda")
    (None, 966, 1536)
    """
    largest = SIZES[device][-1]
    return min(2 * largest, shorter_side) if shorter_side > largest else None


def sizes_up_to(shorter_side: int, device: str) -> tuple[list[int], list[int]]:
    """Return the working sizes to choose from, and smaller ones for the case that none of them is affordable.

    Args:
        shorter_side: Of the images, in pixels: no image is enlarged.
        device: cpu or cuda.

    >>> sizes_up_to(360, "cpu"), sizes_up_to(96, "cpu"), sizes_up_to(1000, "cuda")
    (([256, 360], [128, 192]), ([96], []), ([512, 768], [256, 384]))
    """
    sizes = SIZES[device]
    own = max(32, min(shorter_side, sizes[-1]))
    usual = sorted({own, *(size for size in sizes if size < own)})
    return usual, [size for size in SMALL_SIZES[device] if size < usual[0]]
