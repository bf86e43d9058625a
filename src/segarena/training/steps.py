"""A training step: from a batch to changed weights. On a GPU it can be recorded once and replayed as one launch."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segarena.config.devices import device_type
from segarena.errors import is_out_of_memory
from segarena.kernels.triton_grid import keeping_places
from segarena.models import SegmentationModel
from segarena.models.own import OwnNetwork
from segarena.training.accumulation import add_gradients
from segarena.training.devices import computing_on, keep_random, on_gpu
from segarena.training.distributed.ranks import ALONE, Ranks
from segarena.training.divergence import Buffers, both_finite
from segarena.training.losses import SegmentationLoss
from segarena.training.memory import release_memory

Losses = tuple[Tensor, Tensor | None]

#: With this environment variable at "off", each operation of a step is launched by Python, on all devices.
SWITCH = "SEGARENA_GRAPHS"
#: Steps that are computed one operation after the other before one is recorded: algorithms are chosen, kernels compiled
#: and the optimizer's memory is made in them.
WARM_UP = 3
#: A recorded step keeps its memory. It is not recorded if it needs more than this share of the GPU's.
MOST_MEMORY = 0.25


@dataclass
class TrainingStep:
    """Computes the gradients of a batch, clips them, and changes the weights.

    Args:
        model: The model in training mode, on the device.
        loss: The loss, on the device.
        optimizer: The optimizer of the model, with the learning rates of the step.
        scaler: See `build_scaler`.
        parts: Into how many parts the batch is split, see `segarena.config.protocol.count_parts`.
        clip_norm: Norm that gradients are clipped to.
        device: The device.
        precision: "fp32", "bf16" or "fp16".
        is_checked: Whether a step whose loss or gradient is not finite changes nothing; its loss is NaN then.
        ranks: The processes that train together.
        split_further: Called where the memory is too small for the parts. Returns the number of smaller ones, in which
            the gradients of the batch are then computed again, as if they had not been begun; None where there are
            none. None: the error is raised.
    """

    model: SegmentationModel
    loss: SegmentationLoss
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    parts: int
    clip_norm: float
    device: str
    precision: str
    is_checked: bool = False
    ranks: Ranks = ALONE
    split_further: Callable[[], int | None] | None = None
    _buffers: Buffers | None = None

    def __call__(self, images: Tensor, mask: Tensor) -> Losses:
        """Take a step with a batch; arguments and result as of `add_gradients`."""
        self.optimizer.zero_grad(set_to_none=True)
        return self.compute(images, mask)

    def compute(self, images: Tensor, mask: Tensor) -> Losses:
        """Take a step, with no gradients in memory before."""
        if self.is_checked or self.split_further is not None:
            self._buffers = self._buffers or Buffers(self.model)
            self._buffers.keep()
        with computing_on(self.device, fixed_sizes=True):
            losses = self._add_gradients(images, mask)
            self.scaler.unscale_(self.optimizer)  # gradients are clipped as they are
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
            if self.is_checked and self._buffers is not None and not self.ranks.all(both_finite(losses[0], norm)):
                self._buffers.restore()
                return torch.full_like(losses[0], torch.nan), None
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return losses

    def _add_gradients(self, images: Tensor, mask: Tensor) -> Losses:
        """Add the gradients of a batch, in smaller parts from when the memory is too small; result as of a step."""
        put_random_back = None if self.split_further is None else keep_random(self.device)
        while True:
            try:
                return add_gradients(
                    self.model,
                    self.loss,
                    images,
                    mask,
                    parts=self.parts,
                    device=self.device,
                    precision=self.precision,
                    scale=self.scaler.scale,
                    ranks=self.ranks,
                )
            except (RuntimeError, MemoryError) as error:
                parts = self.split_further() if self.split_further is not None and is_out_of_memory(error) else None
                if parts is None:
                    raise
            # Outside of the except block: the error keeps what was computed.
            self.parts = parts
            self.optimizer.zero_grad(set_to_none=True)
            if self._buffers is not None and put_random_back is not None:
                self._buffers.restore()
                put_random_back()
            release_memory(self.device)


class RecordedStep:
    """A training step that is recorded as a CUDA graph after some steps, and replayed from then on.

    A step of a small network is hundreds of operations that a GPU computes faster than Python can launch. Replayed,
    they are launched at once. The operations, and the memory that they work on, are the same in each step: batches are
    copied to the same place, learning rates are read from memory, and dropout reads the seed of its generator.

    A network that waits for the GPU, e.g. for a number that it branches on, cannot be recorded. Its steps are computed
    as they are.

    Args:
        step: The step, on an NVIDIA GPU.
    """

    def __init__(self, step: TrainingStep) -> None:
        self._step, self._taken, self._can_record = step, 0, True
        self._graph: torch.cuda.CUDAGraph | None = None

    @property
    def is_checked(self) -> bool:
        """As of a step that is not recorded. A step that is checked is computed as it is."""
        return self._step.is_checked

    @is_checked.setter
    def is_checked(self, value: bool) -> None:
        self._step.is_checked = value

    @property
    def parts(self) -> int:
        """Into how many parts the batch is split. A step in parts is computed as it is."""
        return self._step.parts

    @parts.setter
    def parts(self, value: int) -> None:
        self._step.parts = value

    def __call__(self, images: Tensor, mask: Tensor) -> Losses:
        """Take a step with a batch. The losses are valid until the next one.

        Batches have the size of the first recorded one; another one is computed as it is.
        """
        if self.is_checked or self.parts > 1:
            return self._step(images, mask)
        self._taken += 1
        if self._graph is None and self._taken > WARM_UP and self._can_record:
            self._can_record = self._is_small() and self._record(images, mask)
        if self._graph is None or images.shape != self._images.shape:
            return self._step(images, mask)
        self._images.copy_(images, non_blocking=True)
        self._mask.copy_(mask, non_blocking=True)
        for rate, group in zip(self._rates, self._step.optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])
        self._graph.replay()
        return self._losses

    def _is_small(self) -> bool:
        total = torch.cuda.get_device_properties(self._step.device).total_memory
        return torch.cuda.max_memory_allocated(self._step.device) < MOST_MEMORY * total

    def _record(self, images: Tensor, mask: Tensor) -> bool:
        """Record a step; nothing is computed. Returns whether it can be replayed."""
        step, device = self._step, self._step.device
        self._images, self._mask = (torch.zeros_like(part, device=device) for part in (images, mask))
        groups = step.optimizer.param_groups
        self._rates = [torch.zeros((), device=device) for _ in groups]
        before = [(group["lr"], group.get("capturable")) for group in groups]
        split_further, step.split_further = step.split_further, None  # nothing is computed that could be repeated
        step.optimizer.zero_grad(set_to_none=True)  # the gradients get memory of the graph
        graph, memory = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
        try:
            for group, rate in zip(groups, self._rates, strict=True):
                group["lr"] = rate
                if "capturable" in group:
                    group["capturable"] = True
            # only of this thread: others copy batches meanwhile
            recording = torch.cuda.graph(graph, memory, capture_error_mode="thread_local")
            with keeping_places() as self._places, recording:
                self._losses = step.compute(self._images, self._mask)
        except RuntimeError:  # an operation that cannot be recorded, or too little memory for the graph's own
            _end_recording(device, memory)
            return False
        finally:
            step.split_further = split_further
            for group, (rate, capturable) in zip(groups, before, strict=True):
                group["lr"] = rate
                if capturable is not None:
                    group["capturable"] = capturable
        self._graph = graph
        return True


def _end_recording(device: str, memory: tuple[int, int]) -> None:
    """Do what PyTorch leaves undone after a recording that failed (pytorch/pytorch #171263).

    The generator of dropout would refuse to be used, and memory that another stream has used would never be free again.
    """
    if device_type(device) != "cuda":
        return
    with on_gpu(device):
        number = torch.cuda.current_device()
        generator = torch.cuda.default_generators[number]
        generator.graphsafe_set_state(generator.clone_state())
        with suppress(RuntimeError, AttributeError):  # it has ended, or this version of PyTorch does not need it
            torch._C._cuda_endAllocateToPool(number, memory)


def make_step(step: TrainingStep) -> TrainingStep | RecordedStep:
    """Return the step as it is to be taken on its device; recorded on an NVIDIA GPU, if `SEGARENA_GRAPHS` is not "off".

    A user's module is not recorded: it may decide in Python what to compute. Nor is a step of several processes.

    Args:
        step: The step.
    """
    wanted = os.environ.get(SWITCH, "").lower() not in ("off", "0", "false")
    can = device_type(step.device) == "cuda" and step.parts == 1 and not isinstance(step.model, OwnNetwork)
    return RecordedStep(step) if wanted and can and step.ranks.number == 1 else step
