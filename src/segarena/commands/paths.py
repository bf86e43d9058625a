"""The paths that a command is given, checked before the libraries are imported that it needs.

PyTorch and torchvision take seconds to import, and a mistyped path should not wait for them. The checks are those that
the command makes itself, by the same functions.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from segarena.config import (
    BenchOptions,
    DataOptions,
    EvaluateOptions,
    ExportOptions,
    OutputOptions,
    PredictOptions,
    ServeOptions,
)
from segarena.config.checks import check_is_new, check_reachable, unreachable
from segarena.config.training import ModelName
from segarena.data.layout.errors import check_root
from segarena.data.layout.new_images import check_named
from segarena.errors import RunError
from segarena.published import is_published
from segarena.records.exported import WEIGHTS
from segarena.runs import find_run


def check_paths(options: OutputOptions) -> None:
    """Check that the run, the data and the images exist that are named.

    Args:
        options: The options of any command.

    Raises:
        ConfigError: As of `check_possible`.
        RunError: The run cannot be used.
        DataError: The data or an image does not exist, or the data is a file.
    """
    check_possible(options)
    if isinstance(options, (EvaluateOptions, PredictOptions, ServeOptions)) and not _is_exported(options.run):
        find_run(options.run, all_images=not isinstance(options, EvaluateOptions))
    if isinstance(options, ExportOptions):
        find_run(options.run, all_images=True)
    if isinstance(options, BenchOptions):
        check_is_new("json", options.json)
        if options.architecture is None:
            _check_network(Path(options.network))
    if isinstance(options, PredictOptions):
        check_named(options.images)
    if isinstance(options, (DataOptions, EvaluateOptions)):
        _check_data(options.data)


def check_possible(options: OutputOptions) -> None:
    """Check that no path is longer than the system allows, or in a folder that is closed to the user.

    Args:
        options: The options of any command.

    Raises:
        ConfigError: A path is.
    """
    for name, value in vars(options).items():
        for path in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(path, Path) or (name == "weights" and path is not None):
                check_reachable(Path(path))


def _check_network(path: Path) -> None:
    if unreachable(path) or not path.exists():
        raise RunError(
            "does not exist, and is no architecture",
            where=path,
            remedy=f"Name a trained network, or one of {', '.join(get_args(ModelName))}",
        )
    if not _is_exported(path):
        find_run(path)


def _is_exported(path: Path) -> bool:
    """Whether a path is of the kinds that `segarena export` writes; what reads them checks them."""
    return path.suffix.lower() in (".onnx", ".pt2") or (path / WEIGHTS).is_file()


def _check_data(data: Path | None) -> None:
    if data is not None and not is_published(data):
        check_root(data)
