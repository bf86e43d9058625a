"""What the processes of one training agree on. In one process, which this class is for, there is nothing to agree on.

`Group` does the same for several. The training loop is written once, for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from segarena.training.devices import seed_dropout
from segarena.training.saving import SavedState

Value = TypeVar("Value")
Network = TypeVar("Network", bound=nn.Module)


class Ranks:
    """The processes of one training: this one alone."""

    #: How many there are.
    number = 1
    #: The number of this one, from 0. Process 0 writes the files.
    rank = 0
    #: That of `torch.distributed`; None for all processes that were started together.
    process_group: Any = None

    def join(self, model: nn.Module) -> None:
        """Let the model's layers see the whole batch, and its gradients be those of all processes."""

    def network(self, model: Network) -> Network:
        """Return what computes the forward pass of a model that has joined."""
        return model

    def part(self, model: nn.Module, images: int, *, is_last: bool) -> AbstractContextManager[Any]:
        """Return the context in which a part of a batch is computed, forwards and backwards.

        Args:
            model: The model.
            images: Images of this process in the part.
            is_last: Whether it is the last one of the step, in which the gradients of the processes are summed up.
        """
        return nullcontext()

    def together(self, batches: Iterable[Value]) -> Iterable[Value]:
        """Yield the batches of this process; an error of one process is raised in all."""
        return batches

    def attempt(self, work: Callable[[], Value]) -> Value:
        """Return what the work returns in this process; an error of one process is raised in all."""
        return work()

    def agree(self, stop: bool, is_due: bool) -> tuple[bool, bool]:
        """Return whether any process is to stop, and whether process 0 is to save."""
        return stop, is_due

    def all(self, flag: bool) -> bool:
        """Return whether it is true in all processes."""
        return flag

    def of_first(self, value: Value) -> Value:
        """Return the value of process 0."""
        return value

    def total(self, value: float) -> float:
        """Return the sum of a number."""
        return value

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor of any shape over the processes, in the same shape, without a gradient."""
        return value

    def sum_with_gradient(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor of any shape, through which gradients flow to the parts of all processes."""
        return value

    def saved_state(self, folder: Path) -> SavedState:
        """Return what saves the state of a training and reads it again."""
        return SavedState(folder)

    def seed(self, seed: int, device: str) -> None:
        """Seed dropout."""
        seed_dropout(seed, device)

    def indices(self, indices: Sequence[int], batch_size: int) -> list[int]:
        """Return those of an evaluation's images that this process labels: batches b, b + number, b + 2 number, ..."""
        batches = range(self.rank, -(-len(indices) // batch_size), self.number)
        return [index for batch in batches for index in indices[batch * batch_size : (batch + 1) * batch_size]]

    def gather(self, counts: NDArray[np.int64], images: int, batch_size: int) -> NDArray[np.int64]:
        """Return the counts of all images (images, ...) from those of this process, see `indices`."""
        return counts


#: The processes of a training that is computed by one.
ALONE = Ranks()
