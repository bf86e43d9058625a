"""The paths of a command line, checked before the libraries are imported that the command needs.

PyTorch and torchvision take seconds to import, and a mistyped path should not wait for them. The checks are those that
the command makes itself, by the same functions.
"""

from __future__ import annotations

from errno import EACCES, ELOOP, ENAMETOOLONG
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
from segarena.config.checks import check_is_new
from segarena.config.training import ModelName
from segarena.data.layout.errors import check_root
from segarena.data.layout.new_images import check_named
from segarena.errors import ConfigError, RunError
from segarena.formats import shorten
from segarena.published import is_published
from segarena.records.exported import WEIGHTS
from segarena.runs import find_run

#: Characters of a path that messages show: a list of files may have thousands.
_SHOWN = 250


def check_paths(options: OutputOptions) -> None:
    """Check that the run, the data and the images exist that are named.

    Args:
        options: The options of any command.

    Raises:
        ConfigError: A path is longer than the system allows, or in a folder that is closed to the user.
        RunError: The run cannot be used.
        DataError: The data or an image does not exist, or the data is a file.
    """
    _check_reachable(options)
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


def _check_reachable(options: OutputOptions) -> None:
    """Raise ConfigError for a path in a folder that is closed to the user, and for a list of files that is one word."""
    for value in vars(options).values():
        for path in value if isinstance(value, (list, tuple)) else [value]:
            error = _unreachable(path) if isinstance(path, Path) else None
            if error is not None:
                raise ConfigError(
                    f"cannot be used ({error.strerror})",
                    where=shorten(str(path), _SHOWN),
                    remedy="Check the path and the permissions of the folders that it is in. Several paths are given"
                    " one by one, not in one pair of quotation marks",
                ) from error


def _unreachable(path: Path) -> OSError | None:
    """What the system answers if it cannot say whether a path exists."""
    try:
        path.lstat()
    except OSError as error:
        return error if error.errno in (EACCES, ELOOP, ENAMETOOLONG) else None
    return None


def _check_network(path: Path) -> None:
    if _unreachable(path) or not path.exists():
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
