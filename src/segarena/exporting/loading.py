"""Which kind of exported model a path is. Imports what that kind needs: an ONNX file is loaded without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from segarena.config.checks import check_reachable
from segarena.errors import RunError
from segarena.records.exported import WEIGHTS

if TYPE_CHECKING:
    from segarena.exporting.onnx_model import OnnxModel
    from segarena.training.predictor import Predictor


def load_exported(path: Path, *, device: str) -> OnnxModel | Predictor | None:
    """Load what `segarena export` wrote.

    Args:
        path: A file or folder.
        device: As for a run.

    Returns:
        The model; None where the path is something else, e.g. a run folder.

    Raises:
        RunError: It is damaged, or a program of torch.export, which PyTorch loads by itself.
        ConfigError: A library is not installed, the device does not exist, or the system refuses the path.
    """
    check_reachable(path)
    suffix = path.suffix.lower()
    if suffix == ".onnx" and not path.is_dir():
        from segarena.exporting.onnx_model import load_onnx

        return load_onnx(path, device=device)
    if suffix == ".pt2" and not path.is_dir():
        raise RunError(
            "is a program of torch.export, and may contain pickled objects, which segarena does not load",
            where=path,
            remedy="Load it with torch.export.load if you trust its source; see docs/export.md",
        )
    if (path / WEIGHTS).is_file():
        from segarena.exporting.folder import load_folder

        return load_folder(path, device=device)
    return None
