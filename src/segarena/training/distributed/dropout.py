"""Dropout that is drawn for the whole batch, of which each process uses its part: the same for any number of them."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth


class Draws(Protocol):
    """What is the same in all processes, and which part of it this one uses."""

    sizes: tuple[int, int, int] | None
    """Images of the processes before this one, its own, and all."""

    def generator(self, device: torch.device) -> torch.Generator:
        """Return a generator that all processes use alike."""


class _Sliced(nn.Module):
    """A layer whose class was changed by `slice_dropout`."""

    group: Draws
    p: float

    def _keep(self, like: Tensor, shape: tuple[int, ...], rate: float) -> Tensor:
        """0, or the inverse of the rate with which a value is kept, for the images of this process."""
        before, own, number = self.group.sizes if self.group.sizes is not None else (0, len(like), len(like))
        layout = torch.contiguous_format
        if shape == tuple(like.shape[1:]) and like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
            layout = torch.channels_last
        noise = torch.empty((number, *shape), dtype=like.dtype, device=like.device).contiguous(memory_format=layout)
        noise.bernoulli_(rate, generator=self.group.generator(like.device))
        return noise[before : before + own] / rate


class _Dropout(_Sliced, nn.Dropout):
    def forward(self, features: Tensor) -> Tensor:
        if not self.training or not 0 < self.p < 1:
            return nn.Dropout.forward(self, features)
        return features * self._keep(features, tuple(features.shape[1:]), 1 - self.p)


class _Dropout2d(_Sliced, nn.Dropout2d):
    def forward(self, features: Tensor) -> Tensor:
        if not self.training or not 0 < self.p < 1:
            return nn.Dropout2d.forward(self, features)
        return features * self._keep(features, (features.shape[1], 1, 1), 1 - self.p)


class _StochasticDepth(_Sliced, StochasticDepth):  # type: ignore[misc]  # torchvision has no types
    def forward(self, features: Tensor) -> Tensor:
        if not self.training or self.mode != "row" or not 0 < self.p < 1:
            depth: Tensor = StochasticDepth.forward(self, features)
            return depth
        return features * self._keep(features, (1,) * (features.ndim - 1), 1 - self.p)


_CLASSES: dict[type[nn.Module], type[nn.Module]] = {
    nn.Dropout: _Dropout,
    nn.Dropout2d: _Dropout2d,
    StochasticDepth: _StochasticDepth,
}


def slice_dropout(model: nn.Module, group: Draws) -> None:
    """Let the layers of dropout of a model draw for the whole batch. The layers stay the same objects.

    Args:
        model: The model.
        group: The processes.
    """
    for module in model.modules():
        kind = _CLASSES.get(type(module))
        if kind is not None:
            module.__class__ = kind
            module.group = group  # type: ignore[assignment]
