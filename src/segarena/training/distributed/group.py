"""Several processes that train one network: what they sum, share and agree on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from segarena.errors import Interrupted, SegarenaError, WorkerError
from segarena.seeding import derive_seed
from segarena.training.devices import seed_dropout
from segarena.training.distributed.batchnorm import synchronize
from segarena.training.distributed.dropout import slice_dropout
from segarena.training.distributed.gradients import sum_gradients
from segarena.training.distributed.ranks import Network, Ranks, Value
from segarena.training.distributed.saved import StateOfAll
from segarena.training.distributed.sums import SumOverRanks
from segarena.training.saving import SavedState

#: What ends the batches of an epoch.
_END = object()


class Group(Ranks):
    """The processes of one training, each with a part of every batch.

    Numbers of the processor's memory go through gloo, those of a GPU through NCCL.

    Args:
        rank: The number of this process, from 0.
        number: How many there are.
        device: The device of this process.
        process_group: That of `torch.distributed`; None for all processes that were started together.
    """

    def __init__(
        self, rank: int, number: int, device: str = "cpu", process_group: dist.ProcessGroup | None = None
    ) -> None:
        # not None: PyTorch's BatchNorm over several GPUs asks it for its backend
        self.rank, self.number, self.process_group = rank, number, process_group or dist.group.WORLD
        self._device = device
        self._networks: dict[int, DistributedDataParallel] = {}
        self._generators: dict[torch.device, torch.Generator] = {}
        self._seed = 0
        #: Whether an error was raised in all processes: one of them reports it.
        self.has_agreed = False
        #: Images of the part that is computed: those of the processes before this one, its own, and all.
        self.sizes: tuple[int, int, int] | None = None

    def __deepcopy__(self, memo: object) -> Group:
        """Layers of a model refer to it: a copy of the model is of the same processes."""
        return self

    def join(self, model: nn.Module) -> None:
        """Let the model's layers see the whole batch, and its gradients be those of all processes."""
        synchronize(model, self)
        slice_dropout(model, self)
        self._networks = {id(model): sum_gradients(model, self.process_group, self._device)}

    def network(self, model: Network) -> Network:
        """Return what computes the forward pass of a model that has joined."""
        joined: Any = self._networks.get(id(model), model)
        return joined  # type: ignore[no-any-return]

    @contextmanager
    def part(self, model: nn.Module, images: int, *, is_last: bool) -> Iterator[None]:
        """Compute a part of a batch in the block; gradients are summed up in the last one of a step."""
        every = self._gather(images)
        self.sizes = sum(every[: self.rank]), images, sum(every)
        joined = self._networks.get(id(model))
        try:
            if joined is None or is_last:
                yield
            else:
                with joined.no_sync():
                    yield
        finally:
            self.sizes = None

    def together(self, batches: Iterable[Value]) -> Iterable[Value]:
        """Yield the batches of this process; an error of one process is raised in all."""
        iterator = iter(batches)
        while True:
            batch: Any = self.attempt(lambda: next(iterator, _END))
            if batch is _END:
                return
            yield batch

    def attempt(self, work: Callable[[], Value]) -> Value:
        """Return what the work returns in this process; an error of one process is raised in all."""
        failure: Exception | None = None
        try:
            result = work()
        except Exception as error:
            failure = error
        if self.all(failure is None):
            return result
        self.has_agreed = True
        every: list[Any] = [None] * self.number
        own = failure if failure is None or isinstance(failure, SegarenaError | Interrupted) else repr(failure)
        dist.all_gather_object(every, own, group=self.process_group)
        if failure is not None:
            raise failure
        rank, other = next((rank, other) for rank, other in enumerate(every) if other is not None)
        if isinstance(other, Exception):
            raise other
        raise WorkerError(f"process {rank} of {self.number} failed: {other}", remedy="Read its own message")

    def agree(self, stop: bool, is_due: bool) -> tuple[bool, bool]:
        """Return whether any process is to stop, and whether process 0 is to save."""
        flags = torch.tensor([stop, is_due and self.rank == 0], dtype=torch.int32)
        dist.all_reduce(flags, group=self.process_group)
        self.has_agreed |= bool(flags[0])
        return bool(flags[0]), bool(flags[1])

    def all(self, flag: bool) -> bool:
        """Return whether it is true in all processes."""
        failed = torch.tensor([not flag], dtype=torch.int32)
        dist.all_reduce(failed, group=self.process_group)
        return not failed.item()

    def of_first(self, value: Value) -> Value:
        """Return the value of process 0."""
        found: list[Any] = [value]
        dist.broadcast_object_list(found, group=self.process_group, group_src=0)
        return found[0]  # type: ignore[no-any-return]

    def total(self, value: float) -> float:
        """Return the sum of a number."""
        return float(self.sum(torch.tensor(value, dtype=torch.float64)))

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor, without a gradient."""
        total = value.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=self.process_group)
        return total

    def sum_with_gradient(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor, through which gradients flow to the parts of all processes."""
        total: Tensor = SumOverRanks.apply(value, self)
        return total

    def saved_state(self, folder: Path) -> SavedState:
        """Return what saves the state of a training and reads it again: process 0 does."""
        return StateOfAll(folder, self)

    def seed(self, seed: int, device: str) -> None:
        """Seed dropout: that of the known layers as in one process, other random numbers are of each process."""
        self._seed = seed
        self._generators.clear()
        seed_dropout(derive_seed("rank", seed, self.rank) if self.rank else seed, device)

    def generator(self, device: torch.device) -> torch.Generator:
        """Return the generator of `slice_dropout`, which all processes use alike."""
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]

    def gather(self, counts: NDArray[np.int64], images: int, batch_size: int) -> NDArray[np.int64]:
        """Return the counts of all images (images, ...) from those of this process, see `indices`."""
        every = np.zeros((images, *counts.shape[1:]), dtype=np.int64)
        every[self.indices(range(images), batch_size)] = counts
        return self.sum(torch.from_numpy(every)).numpy()

    def _gather(self, number: int) -> list[int]:
        """The numbers of all processes."""
        every = torch.zeros(self.number, dtype=torch.int64)
        every[self.rank] = number
        return [int(value) for value in self.sum(every)]
