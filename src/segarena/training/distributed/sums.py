"""The sum of a tensor over processes, with its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from segarena.training.distributed.ranks import Ranks


class SumOverRanks(torch.autograd.Function):
    """The sum over the processes. Each adds a term of the loss; a part's gradient is the sum of those of all terms."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.sum(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of all processes' terms."""
        return ctx.ranks.sum(gradient), None
