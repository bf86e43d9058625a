"""The folders of runs and comparisons: their names, how they are made and how they are found.

runs/NAME/               a comparison: comparison.json, tables, page, and its runs
  MODEL-seedK/           a run: config.json, metrics.json, best.safetensors, ...
    foldJ/               with --folds, the run of a fold; the folder above then has the files of all folds together
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from segarena.errors import RunError
from segarena.files import TEMPORARY
from segarena.records.comparison import ComparisonRecord
from segarena.records.metrics import Metrics
from segarena.records.run import Costs

DEFAULT_ROOT = Path("runs")


def check_out(out: Path | None, *, resume: bool | None = None) -> None:
    """Check that `open_folder` will accept a folder, before the data is read. Nothing is made.

    Args:
        out: The folder that the user named, or None.
        resume: Whether `out` may have files; None for a command that has no --resume.

    Raises:
        RunError: `out` has files and `resume` is not True, or it is a file.
    """
    if out is None:
        return
    try:
        if not out.exists():
            return
        if not out.is_dir():
            raise RunError("is a file, not a folder", where=out, remedy="Name another folder")
        if any(out.iterdir()) and not resume:
            or_resume = "" if resume is None else ", or add --resume to resume the run in it"
            raise RunError("exists and is not empty", where=out, remedy=f"Name a new folder{or_resume}")
    except OSError as error:
        raise _unwritable(out, error) from error


def open_folder(out: Path | None, name: str, *, resume: bool | None = None, root: Path = DEFAULT_ROOT) -> Path:
    """Make the folder that a command writes to.

    Args:
        out: The folder that the user named, or None.
        name: Name of a new folder if `out` is None; NAME-2, NAME-3, ... if there is one of that name.
        resume: Whether `out` may have files; None for a command that has no --resume.
        root: The folder in which a new folder is made.

    Returns:
        The folder.

    Raises:
        RunError: `out` has files and `resume` is not True, or the folder cannot be made or written.
    """
    try:
        if out is None:
            return _make_new(root, re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run")
        check_out(out, resume=resume)
        out.mkdir(parents=True, exist_ok=True)
        _try_writing(out)
        for left_over in out.rglob(f".*{TEMPORARY}"):  # of a process that was killed while it wrote
            left_over.unlink()
    except OSError as error:
        raise _unwritable(out, error, root) from error
    return out


def fold_folder(folder: Path, fold: int | None) -> Path:
    """Return the folder of a fold.

    Args:
        folder: The folder of the model and seed.
        fold: The fold, from 1; None without cross-validation: then it is `folder` itself.
    """
    return folder if fold is None else folder / f"fold{fold}"


class Run(NamedTuple):
    """One training of a comparison, or with `fold` None all folds of a model and seed together.

    Args:
        model: Name of the architecture.
        seed: Seed of the training.
        fold: The fold, from 1; None without cross-validation.
    """

    model: str
    seed: int
    fold: int | None = None

    @property
    def path(self) -> Path:
        """Its folder in the comparison folder.

        >>> Run("unet", 0, fold=2).path.as_posix()
        'unet-seed0/fold2'
        """
        return fold_folder(Path(f"{self.model}-seed{self.seed}"), self.fold)

    def folds(self, number: int | None) -> list[Run]:
        """Return the trainings of this model and seed: folds 1 to `number`, or itself if `number` is None."""
        return [self] if number is None else [self._replace(fold=fold) for fold in range(1, number + 1)]


def finished_runs(folder: Path) -> list[Run]:
    """Find the finished runs of a comparison folder, by seed and name; with folds, each model and seed once.

    Args:
        folder: A comparison folder, finished or not.
    """
    found = [(re.fullmatch(r"(\w+)-seed(\d+)", path.parent.name)) for path in folder.glob(f"*/{Costs.file}")]
    return sorted((Run(match[1], int(match[2])) for match in found if match), key=lambda run: (run.seed, run.model))


def find_run(folder: Path) -> Path:
    """Find the run to use in a folder.

    Of several seeds or folds it is the run with the best validation mIoU: the test split has no part in the choice.

    Args:
        folder: A run folder, or a comparison folder: then it is a run of the winner.

    Returns:
        The run folder.

    Raises:
        RunError: The folder is neither, or has no finished run.
    """
    if not folder.is_dir():
        raise RunError("is not a folder", where=folder, remedy="Name a run folder or a comparison folder")
    if (folder / ComparisonRecord.file).exists():
        winner = ComparisonRecord.read(folder).ranking[0]
        return _best([run for seed in winner.seeds for run in _trainings(folder / Run(winner.model, seed).path)])
    if (runs := list(_trainings(folder))) != [folder]:
        return _best(runs)
    for name in ("config.json", "metrics.json", "best.safetensors"):
        if not (folder / name).exists():
            raise RunError(
                f"has no {name}, so it is not a finished run",
                where=folder,
                remedy="Name a folder that `segarena train` or `segarena compare` has finished",
            )
    return folder


def _trainings(folder: Path) -> Iterator[Path]:
    """The runs in the folder of a model and a seed: its folds, or the folder itself."""
    number = 0
    while fold_folder(folder, number + 1).is_dir():
        number += 1
        yield fold_folder(folder, number)
    if number == 0:
        yield folder


def _best(runs: Sequence[Path]) -> Path:
    return find_run(max(runs, key=lambda run: Metrics.read(run).val_miou or 0.0))


def _make_new(root: Path, name: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)  # so that FileExistsError below is about the folder, not its root
    number = 1
    while True:
        folder = root / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _unwritable(out: Path | None, error: OSError, root: Path = DEFAULT_ROOT) -> RunError:
    return RunError(
        f"cannot be written ({error.strerror or error})",
        where=out or root,
        remedy=f"Check the permissions, or name another folder{' with --out' if out is None else ''}",
    )


def _try_writing(folder: Path) -> None:
    """Raise OSError where files cannot be written: before hours of training rather than after them."""
    probe = folder / ".writable"
    probe.touch()
    probe.unlink()
