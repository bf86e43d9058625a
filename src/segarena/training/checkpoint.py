"""Weights of the best epoch as safetensors; the full training state of the last step. Whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from segarena.errors import RunError
from segarena.files import write_bytes

BEST = "best.safetensors"
LAST = "last/state.pt"


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the state dict of `model` as safetensors. Raises RunError where it cannot be written."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_bytes(path, safetensors.torch.save(tensors))


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill `model` from a file of `save_weights`. Raises RunError where it is missing, damaged or another model's."""
    try:
        model.load_state_dict(safetensors.torch.load_file(path))
    except FileNotFoundError as error:
        raise RunError("is missing", where=path, remedy="Name the folder of a finished run") from error
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise RunError(
            f"does not hold this model's weights ({str(error).splitlines()[0]})",
            where=path,
            remedy="Train again in a new folder",
        ) from error


def save_state(state: dict[str, Any], path: Path) -> None:
    """Write a training state (tensors, numbers, strings, lists, dicts). Raises RunError where it cannot be written."""
    buffer = io.BytesIO()  # torch hides a full disk behind an error of its own when it writes to a file itself
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any] | None:
    """Read a training state, None where none was saved yet. Raises RunError where the file is damaged."""
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in many ways on a damaged file
        raise RunError(
            f"is not a training state ({str(error).splitlines()[0]})",
            where=path,
            remedy="Delete the run's folder and start it again",
        ) from error
    return state
