"""Networks as shapes only, without values: for checks before a training, and for counting operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


@contextmanager
def shapes_only() -> Iterator[None]:
    """Build networks in the block on the device "meta": without memory for their weights, and without filling them.

    PyTorch computes random numbers for tensors of this device too, in Python, which takes half the time of building a
    network.
    """
    with torch.device("meta"), _WithoutFilling():
        yield


class _WithoutFilling(TorchFunctionMode):
    """Functions that fill a tensor with random numbers leave it as it is."""

    _FILLING = frozenset(
        {
            nn.init.kaiming_normal_,
            nn.init.kaiming_uniform_,
            nn.init.normal_,
            nn.init.trunc_normal_,
            nn.init.uniform_,
            nn.init.xavier_uniform_,
            Tensor.normal_,
            Tensor.uniform_,
        }
    )

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call the function, unless it fills a tensor."""
        named = kwargs or {}
        if func in self._FILLING:
            return args[0] if args else named["tensor"]
        return func(*args, **named)
