"""BatchNorm over the batch of all processes. It is exact: as of one process that has the whole batch, up to rounding.

Ioffe and Szegedy 2015, 3 (arXiv:1502.03167), with statistics over all images of a step as in Zhao et al. 2017, 4.1.
torch's own `SyncBatchNorm` computes on GPUs only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules._functions import SyncBatchNorm as _OnGPU

from segarena.training.devices import at_least_float32

if TYPE_CHECKING:
    from segarena.training.distributed.ranks import Ranks


class _Normalize(torch.autograd.Function):
    """Normalise by the mean and the variance over all processes.

    Each process reduces its own values to a count, a mean and a sum of squares around it, which are then combined
    (Chan et al. 1979): sums of squares around 0 would lose digits where the mean is far from it.
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, eps: float, ranks: Ranks
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values = at_least_float32(features)
        over, shape = _axes(values)
        number = values.numel() // values.shape[1]
        means = values.mean(over) if number else values.new_zeros(values.shape[1])
        squares = (values - means.view(shape)).square().sum(over)
        own = torch.cat([values.new_tensor([number]), means, squares])
        rows = own.new_zeros(ranks.number, len(own))
        rows[ranks.rank] = own
        numbers, all_means, all_squares = ranks.sum(rows).split([1, len(means), len(means)], dim=1)  # type: ignore[no-untyped-call]
        total = numbers.sum()
        mean = (numbers * all_means).sum(0) / total
        variance = (all_squares + numbers * (all_means - mean).square()).sum(0) / total
        scale = (variance + eps).rsqrt()
        ctx.save_for_backward(features, weight, mean, scale, total)
        ctx.ranks = ranks
        normal = (values - mean.view(shape)) * (scale * weight).view(shape) + bias.view(shape)
        ctx.mark_non_differentiable(mean, variance, total)
        return normal.to(features.dtype), mean, variance, total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *others: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Return the gradients by the features of this process, and its part of those by weight and bias."""
        features, weight, mean, scale, total = ctx.saved_tensors
        values, above = at_least_float32(features), at_least_float32(gradient)
        over, shape = _axes(values)
        normal = (values - mean.view(shape)) * scale.view(shape)
        by_bias, by_weight = above.sum(over), (above * normal).sum(over)
        of_all = ctx.ranks.sum(torch.stack([by_bias, by_weight])) / total
        centred = above - of_all[0].view(shape) - normal * of_all[1].view(shape)
        by_features = centred * (scale * weight).view(shape)
        return by_features.to(features.dtype), by_weight.to(weight.dtype), by_bias.to(weight.dtype), None, None


def _axes(values: Tensor) -> tuple[list[int], tuple[int, ...]]:
    """The axes over which a channel is summed up, and the shape of one number per channel."""
    return [0, *range(2, values.ndim)], (1, -1, *[1] * (values.ndim - 2))


class _OverAllRanks(nn.modules.batchnorm._BatchNorm):
    """A layer of BatchNorm whose class was changed by `synchronize`; in eval mode it is what it was."""

    ranks: Ranks
    #: For `refuse_single_value`: one value here is one of several.
    is_synchronized = True

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:
            return super().forward(features)
        self._check_input_dim(features)  # type: ignore[no-untyped-call]
        factor = self.momentum or 0.0
        if self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # a cumulative average
                factor = 1.0 / float(self.num_batches_tracked)
        weight = self.weight if self.affine else features.new_ones(self.num_features)
        bias = self.bias if self.affine else features.new_zeros(self.num_features)
        running_mean = self.running_mean if self.track_running_stats else None
        running_var = self.running_var if self.track_running_stats else None
        if features.is_cuda:
            group, number = self.ranks.process_group, self.ranks.number
            made: Tensor = _OnGPU.apply(
                features, weight, bias, running_mean, running_var, self.eps, factor, group, number
            )
            return made
        made, mean, variance, total = _Normalize.apply(features, weight, bias, self.eps, self.ranks)
        if running_mean is not None and running_var is not None:
            with torch.no_grad():
                unbiased = variance * (total / (total - 1).clamp(min=1))
                running_mean.lerp_(mean.to(running_mean.dtype), factor)
                running_var.lerp_(unbiased.to(running_var.dtype), factor)
        return made


class _BatchNorm1d(_OverAllRanks, nn.BatchNorm1d):
    """BatchNorm of (N, C) or (N, C, L)."""


class _BatchNorm2d(_OverAllRanks, nn.BatchNorm2d):
    """BatchNorm of (N, C, H, W)."""


class _BatchNorm3d(_OverAllRanks, nn.BatchNorm3d):
    """BatchNorm of (N, C, D, H, W)."""


_CLASSES = {nn.BatchNorm1d: _BatchNorm1d, nn.BatchNorm2d: _BatchNorm2d, nn.BatchNorm3d: _BatchNorm3d}


def synchronize(model: nn.Module, ranks: Ranks) -> None:
    """Let the layers of BatchNorm of a model normalise over all processes, in training mode.

    The layers stay the same objects, with their weights, statistics and hooks; in eval mode they are not changed. A
    layer that is frozen, in eval mode by itself, stays frozen.

    Args:
        model: The model.
        ranks: The processes.
    """
    for module in model.modules():
        kind = _CLASSES.get(type(module))  # type: ignore[arg-type]
        if kind is not None:
            module.__class__ = kind
            module.ranks = ranks  # type: ignore[assignment]
