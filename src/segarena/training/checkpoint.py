"""The files that a training writes while it runs: weights of the best epoch, state of the last step, history."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from segarena.errors import RunError, is_out_of_memory
from segarena.files import write_bytes, write_text
from segarena.formats import shorten
from segarena.records.tables import EpochRow, columns

BEST = "best.safetensors"
LAST = "last/state.pt"
HISTORY = "history.csv"


def save_tensors(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write the state dict of a model as safetensors.

    Args:
        weights: Tensors of any shape, on any device, by their names.
        path: The file to write or replace.

    Raises:
        RunError: The file cannot be written.
    """
    tensors: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in weights.items():
        kept = tensor.detach().cpu().contiguous()
        # safetensors refuses tensors that share memory, such as tied weights
        tensors[name] = kept.clone() if kept.data_ptr() in seen else kept
        seen.add(kept.data_ptr())
    write_bytes(path, safetensors.torch.save(tensors))


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a file of `save_tensors` into a model, in place.

    Args:
        model: A model of the same architecture.
        path: The file.

    Raises:
        RunError: The file is missing, damaged or of another model.
    """
    try:
        model.load_state_dict(safetensors.torch.load_file(path))
    except FileNotFoundError as error:
        raise RunError("is missing", where=path, remedy="Name the folder of a finished run") from error
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        # PyTorch's first line has only the class of the model, the next one what does not fit
        lines = str(error).splitlines()
        reason = shorten(lines[min(1, len(lines) - 1)], 150) if lines else type(error).__name__
        raise RunError(
            f"does not hold this model's weights ({reason})",
            where=path,
            remedy="Train again in a new folder",
        ) from error


def save_state(state: dict[str, Any], path: Path) -> None:
    """Write a training state.

    Args:
        state: Tensors, numbers, strings, and lists and dictionaries of them.
        path: The file to write or replace.

    Raises:
        RunError: The file cannot be written.
    """
    buffer = io.BytesIO()  # writing to the file itself, torch replaces the error of a full disk by its own
    try:
        torch.save(state, buffer)
    except RuntimeError as error:  # and a MemoryError of the buffer likewise
        raise MemoryError("no memory for the state of the training") from error
    write_bytes(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any] | None:
    """Read a training state, onto the CPU.

    Args:
        path: A file of `save_state`.

    Returns:
        The state; None where there is no file yet.

    Raises:
        RunError: The file is damaged, or cannot be read.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise RunError(
            f"cannot be read ({error.strerror or error})", where=path, remedy="Check the disk and the permissions"
        ) from error
    except Exception as error:  # torch.load fails in many ways on a damaged file
        if is_out_of_memory(error):
            raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        if "weights_only" in str(error):  # torch's own advice is to run whatever is in the file
            reason = "it has more than tensors, numbers and text"
        raise not_a_state(path, reason) from error
    if not isinstance(state, dict):
        raise not_a_state(path, f"it is of the type {type(state).__name__}")
    return state


def saved_micro_batch(folder: Path) -> int | None:
    """Return how many images are computed at a time since the memory was too small; None where it was not.

    Args:
        folder: A run folder.

    Raises:
        RunError: Its state is damaged, or cannot be read.
    """
    progress = (load_state(folder / LAST) or {}).get("progress")
    value = progress.get("micro_batch") if isinstance(progress, dict) else None
    return value if isinstance(value, int) else None


def not_a_state(path: Path, reason: object) -> RunError:
    """Return the error for a file that is no training state, or not that of this training."""
    return RunError(
        f"is not the state of this training ({reason})", where=path, remedy="Delete the run's folder and train again"
    )


def save_history(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the history of a training as CSV, with an empty field for NaN.

    Args:
        rows: A row per epoch, with the fields of `EpochRow`.
        path: The file to write or replace.

    Raises:
        RunError: The file cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=columns(EpochRow), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if math.isnan(value) else value for key, value in row.items()})
    write_text(path, text.getvalue())
