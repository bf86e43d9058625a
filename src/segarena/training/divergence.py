"""The error of a training whose loss is infinite or NaN, and for which a restart did not help."""

from __future__ import annotations

from pathlib import Path

from segarena.errors import ConfigError

#: The `code` of the error.
DIVERGED = "diverged"


def divergence(loss: float, epoch: int, folder: Path, *, is_second: bool) -> ConfigError:
    """Return the error.

    Args:
        loss: The loss: NaN or infinite.
        epoch: The epoch, from 1.
        folder: The run folder.
        is_second: Whether the training has been restarted before.
    """
    also = ", also at a third of the learning rate" if is_second else ""
    error = ConfigError(
        f"the loss became {loss} in epoch {epoch}{also}",
        where=folder.name,
        remedy="Train in a new folder with a lower --learning-rate, or with --precision fp32",
    )
    error.code = DIVERGED
    return error
