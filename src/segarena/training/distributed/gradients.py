"""Gradients that are summed over the processes while the backward pass goes on."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from segarena.config.devices import device_index

#: The option by which process 0 would send its buffers before each step; torch 2.15 has renamed it.
_SYNC_BUFFERS = next(
    name
    for name in ("forward_sync_buffers", "broadcast_buffers")
    if name in inspect.signature(DistributedDataParallel).parameters
)


def sum_gradients(model: nn.Module, group: dist.ProcessGroup | None, device: str) -> DistributedDataParallel:
    """Return a module that computes what the model does, and whose backward pass sums the gradients of all processes.

    PyTorch's own sums them in buckets, and then divides by the number of processes. Here the losses of the processes
    are shares of that of the batch, so that the sum is the gradient. The weights of process 0 are taken over once.

    Args:
        model: The model, on its device.
        group: The processes; None for all that were started together.
        device: The device.
    """
    index = device_index(device)
    # kernels of one channel have two orders in memory that are the same; PyTorch warns of it in the first step
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    # buffers are the same in all processes: statistics are over the whole batch
    as_they_are: dict[str, Any] = {_SYNC_BUFFERS: False}
    wrapped = DistributedDataParallel(
        model,
        device_ids=None if index is None else [index],
        process_group=group,
        **as_they_are,
        gradient_as_bucket_view=True,
    )
    # PyTorch looks at the annotations of a hook, which are strings in this file; these arguments have none
    wrapped.register_comm_hook(group, lambda of, bucket: _sum(of, bucket))  # noqa: PLW0108
    return wrapped


def _sum(group: dist.ProcessGroup | None, bucket: Any) -> torch.futures.Future[Tensor]:
    work = dist.all_reduce(bucket.buffer(), group=group, async_op=True)
    found: torch.futures.Future[Tensor] = work.get_future().then(lambda future: future.value()[0])
    return found
