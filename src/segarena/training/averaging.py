"""An exponential moving average of a model's weights, which is validated and saved in place of the last weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from segarena.models import SegmentationModel


class WeightAverage:
    """Average the weights over the steps. Polyak and Juditsky 1992.

    After step t, the average moves by 1 - min(decay, (1 + t) / (10 + t)) towards the weights, so that the initial ones
    soon count for nothing: the warm-up of TensorFlow's `ExponentialMovingAverage`. The running statistics of BatchNorm
    are averaged alike; its counters are copied.

    Args:
        model: The model that is trained, on its device. Its weights must be changed in place.
        decay: Weight of the average of before, between 0 and 1.
    """

    def __init__(self, model: SegmentationModel, decay: float) -> None:
        self.decay = decay
        self.model: SegmentationModel = copy.deepcopy(model).requires_grad_(False)
        """A copy of the model with the averaged weights."""
        pairs = list(zip(self.model.state_dict().values(), model.state_dict().values(), strict=True))
        self._averaged, self._current = _unzip([pair for pair in pairs if pair[0].is_floating_point()])
        self._copies, self._counters = _unzip([pair for pair in pairs if not pair[0].is_floating_point()])

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the model's weights.

        Args:
            step: Number of the completed steps before this one, from 0.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._averaged, self._current, 1 - decay)
        if self._copies:
            torch._foreach_copy_(self._copies, self._counters)


def _unzip(pairs: list[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    return [first for first, _ in pairs], [second for _, second in pairs]
