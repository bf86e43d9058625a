"""The working size and the output stride, chosen from the data: what each pair allows, and what it costs.

`segarena.config.resolution` has the rule. `compare` and `train` choose for their models, `check` for the four.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from segarena.config import Choice, DataFacts, defaults
from segarena.config.network_costs import KNOWN, SIDE, NetworkCost
from segarena.config.resolution import (
    LIMITS,
    STRIDES,
    Candidate,
    Resolution,
    choose_resolution,
    larger_size,
    sizes_up_to,
)
from segarena.loading.sizes import crop_size
from segarena.scoring.ceilings import Grid

#: Returns the ceiling of each grid, mIoU in 0..1.
Survey = Callable[[Sequence[Grid]], Mapping[Grid, float]]
#: The costs of the compared models by their output stride; None where it cannot be chosen.
CostTable = Mapping[int | None, Sequence[NetworkCost]]

#: A training step computes the forward pass and about twice as much for the gradients.
_STEP = 3


@dataclass(frozen=True)
class Workload:
    """What is to be trained, on which kind of device: a size and a stride are chosen for it.

    Args:
        facts: The data.
        costs: The costs of the models, for each output stride to choose from.
        device: cpu or cuda.
        size: The working size, if it is not to be chosen.
    """

    facts: DataFacts
    costs: CostTable
    device: str
    size: int | None = None

    def sizes(self, limit: float) -> list[int]:
        """Return the sizes to choose from; small ones are among them only where no other one is affordable.

        Args:
            limit: The operations that training each model once may take.
        """
        if self.size is not None:
            return [self.size]
        usual, small = sizes_up_to(min(self.facts.height, self.facts.width), self.device)
        is_enough = any(self.cost(size, stride) <= limit for size in usual for stride in self.costs)
        return usual if is_enough else small + usual

    def grids(self, limit: float) -> list[Grid]:
        """Return the grids whose ceilings are needed: of the coarsest logits of each pair.

        Args:
            limit: As in `sizes`.
        """
        return [self._grid(size, stride) for size in self.sizes(limit) + self._larger() for stride in self.costs]

    def candidates(self, limit: float, ceilings: Mapping[Grid, float]) -> list[Candidate]:
        """Return a candidate for each pair of a size and a stride; a cost is in operations of training each model once.

        Args:
            limit: As in `sizes`.
            ceilings: The ceiling of each grid, mIoU.
        """
        return self._pairs(self.sizes(limit), ceilings)

    def larger_candidates(self, ceilings: Mapping[Grid, float]) -> list[Candidate]:
        """Return those of a larger size than is chosen, where the images have it.

        Args:
            ceilings: As in `candidates`.
        """
        return self._pairs(self._larger(), ceilings)

    def _pairs(self, sizes: Sequence[int], ceilings: Mapping[Grid, float]) -> list[Candidate]:
        return [
            Candidate(size, stride, ceilings[self._grid(size, stride)], self.cost(size, stride))
            for size in sizes
            for stride in self.costs
        ]

    def _larger(self) -> list[int]:
        larger = larger_size(min(self.facts.height, self.facts.width), self.device)
        return [] if self.size is not None or larger is None else [larger]

    def _grid(self, size: int, stride: int | None) -> Grid:
        """That of the model with the coarsest logits: its ceiling is the lowest."""
        return Grid(size, max(cost.logit_stride for cost in self.costs[stride]))

    def cost(self, size: int, stride: int | None) -> float:
        """Return the operations of training each model once, with as many crops as by default.

        It does not depend on --epochs: a quick look with two epochs has the resolution of the whole comparison.
        """
        epochs, _ = defaults.epochs(self.facts, self.device == "cuda")
        height, width = crop_size(self.facts.height, self.facts.width, size)
        share = height * width / SIDE**2
        return _STEP * share * sum(cost.operations for cost in self.costs[stride]) * epochs * self.facts.num_train


def choose(workload: Workload, survey: Survey, limit: float | None = None) -> Resolution:
    """Choose a size and a stride. The choice depends on the data, the models and the kind of device only.

    Args:
        workload: What is to be trained.
        survey: Returns the ceilings of grids.
        limit: The operations that training each model once may take; None for that of the device.
    """
    limit = LIMITS[workload.device] if limit is None else limit
    ceilings = survey(workload.grids(limit))
    return choose_resolution(workload.candidates(limit, ceilings), limit, workload.larger_candidates(ceilings))


def describe_choices(choices: Sequence[Choice]) -> str:
    """Describe the size and the stride that were chosen, in a sentence; empty where both were typed.

    Args:
        choices: All choices of a command.

    >>> describe_choices([Choice("size", 256, "the only one"), Choice("output_stride", 8, "chosen with the size")])
    'working size 256, output stride 8: the only one'
    """
    names = {"size": "working size", "output_stride": "output stride"}
    chosen = [choice for choice in choices if choice.name in names]
    values = ", ".join(f"{names[choice.name]} {choice.value}" for choice in chosen)
    return f"{values}: {chosen[0].why}" if chosen else ""


def no_limit(grids: Sequence[Grid]) -> dict[Grid, float]:
    """Return a ceiling of 1 for each grid, where there are no masks to look at."""
    return dict.fromkeys(grids, 1.0)


def default_costs(encoder: str) -> dict[int | None, list[NetworkCost]]:
    """Return the costs of the four models by output stride, for an encoder in `KNOWN`; no network is built.

    Args:
        encoder: resnet18, the default on a CPU, or resnet50, that on a GPU.
    """
    known = KNOWN[encoder]
    return {one: [cost for (_, stride), cost in known.items() if stride in (None, one)] for one in STRIDES}
