"""Gradients and weights that are not finite: a step is left out, a training is known to have diverged."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segarena.config import Protocol
from segarena.config.devices import device_type
from segarena.errors import ConfigError
from segarena.training.state import TrainingState

#: The `code` of the error for a training that diverged.
DIVERGED = "diverged"


class Buffers:
    """What a forward pass in training mode changes, the running statistics of BatchNorm, as it was before a step.

    BatchNorm writes into its buffers. A user's module may also put another tensor in the place of one, or add one.

    Args:
        model: The model.
    """

    def __init__(self, model: nn.Module) -> None:
        self._modules = list(model.modules())
        self._copies: dict[tuple[nn.Module, str], Tensor] = {}
        self.keep()

    def keep(self) -> None:
        """Copy them."""
        self._now = [dict(module.named_buffers(recurse=False, remove_duplicate=False)) for module in self._modules]
        pairs: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}  # of one type: copied at once on a GPU
        for module, buffers in zip(self._modules, self._now, strict=True):
            for name, now in buffers.items():
                copy = self._copies.get((module, name))
                if copy is None or (copy.shape, copy.dtype, copy.device) != (now.shape, now.dtype, now.device):
                    self._copies[module, name] = now.clone()
                else:
                    copies, found = pairs.setdefault(now.dtype, ([], []))
                    copies.append(copy)
                    found.append(now)
        for copies, found in pairs.values():
            torch._foreach_copy_(copies, found)

    def restore(self) -> None:
        """Let them be those of the last `keep`."""
        for module, buffers in zip(self._modules, self._now, strict=True):
            for name in dict(module.named_buffers(recurse=False, remove_duplicate=False)):
                if name not in buffers:
                    setattr(module, name, None)
            for name, buffer in buffers.items():
                setattr(module, name, buffer.copy_(self._copies[module, name]))


def is_seen_at_once(device: str, scaler: torch.amp.GradScaler) -> bool:
    """Whether each step's gradient is checked before the weights are changed.

    On a GPU it is not: reading it would let the GPU wait in each step. There it is noticed later, and the steps since
    the last saved state are repeated with the check. With scaled gradients (fp16) the scaler skips steps itself.

    Args:
        device: The device.
        scaler: See `build_scaler`.
    """
    return device_type(device) == "cpu" and not scaler.is_enabled()


def is_finite(model: nn.Module) -> bool:
    """Whether all weights and statistics of a model are finite numbers."""
    floats = [tensor for tensor in (*model.parameters(), *model.buffers()) if tensor.is_floating_point()]
    return not floats or bool(torch.stack([tensor.detach().isfinite().all() for tensor in floats]).all())


def both_finite(loss: Tensor, norm: Tensor) -> bool:
    """Whether the loss of a batch and the norm of its gradients, both scalars (), are finite; a GPU is waited for."""
    return bool((torch.isfinite(loss) & torch.isfinite(norm)).item())


class WatchedOutput:
    """Whether all logits of a model are finite in a block: labels of others are those of no class.

    Args:
        model: The model; it returns a tuple that begins with the logits.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._seen: Tensor | None = None

    def __enter__(self) -> WatchedOutput:
        self._hook = self._model.register_forward_hook(self._look)
        return self

    def __exit__(self, *exception: object) -> None:
        self._hook.remove()

    @property
    def is_finite(self) -> bool:
        """Whether all were finite so far; a GPU is waited for."""
        return self._seen is None or bool(self._seen.item())

    def _look(self, model: nn.Module, arguments: object, output: tuple[Tensor, ...]) -> None:
        now = output[0].isfinite().all()
        self._seen = now if self._seen is None else self._seen & now


def describe_divergence(state: TrainingState, protocol: Protocol, where: str) -> ConfigError:
    """Return the error for a training that diverged and is not restarted.

    Args:
        state: Its progress.
        protocol: The settings.
        where: The run.
    """
    error = ConfigError(
        f"the loss, a gradient or a weight became NaN or infinite in epoch {state.epoch}"
        f"{', also at a third of the learning rate' if state.restart else ''}",
        where=where,
        remedy="Train in a new folder with a lower --learning-rate"
        + ("" if protocol.precision == "fp32" else ", or with --precision fp32"),
    )
    error.code = DIVERGED
    return error
