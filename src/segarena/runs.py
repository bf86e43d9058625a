"""Run and comparison folders: where they lie, what they are called, what is in them.

runs/NAME/               a comparison: comparison.json, tables, page, and its runs
  MODEL-seedK/           a run: config.json, metrics.json, best.safetensors, ...
    foldJ/               with --folds, the runs; then the folder above has only what they give together
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

DEFAULT_ROOT = Path("runs")


def check_out(out: Path | None, *, resume: bool | None = None) -> None:
    """Raise RunError where `open_folder` would refuse `out`, before an hour of decoding. Makes nothing."""
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
    """Make the folder to write: `out`, or a new `root`/`name`, `name`-2, ... Returns its path.

    Args:
        out: The folder that the user named, or None.
        name: Name of a new folder, where `out` is None.
        resume: Whether `out` may hold files; None for a command that has no --resume.
        root: Where a new folder is made.

    Raises:
        RunError: `out` holds files and `resume` is not True, or the folder cannot be made or written.
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
    """Where the run of a fold lies in the folder of its model and seed, which is the run itself without folds."""
    return folder if fold is None else folder / f"fold{fold}"


class Run(NamedTuple):
    """One training of a comparison: its architecture, its seed and, where all images are tested in folds, its fold."""

    model: str
    seed: int
    fold: int | None = None

    @property
    def path(self) -> Path:
        """Where it lies in the comparison's folder; without its fold, where the folds are put together."""
        return fold_folder(Path(f"{self.model}-seed{self.seed}"), self.fold)

    def folds(self, number: int | None) -> list[Run]:
        """The trainings that this run consists of: folds 1 to `number`, or itself where there are none."""
        return [self] if number is None else [self._replace(fold=fold) for fold in range(1, number + 1)]


def find_run(folder: Path) -> Path:
    """The run that `folder` is, or the winner's run where it is a comparison.

    A winner trained from several seeds, or on several folds, is represented by the run with the best validation mIoU:
    the test split takes no part in the choice. Raises RunError where the folder holds neither, or no finished run.
    """
    if not folder.is_dir():
        raise RunError("is not a folder", where=folder, remedy="Name a run folder or a comparison folder")
    if (folder / "comparison.json").exists():
        winner = ComparisonRecord.read(folder).ranking[0]
        return _best([run for seed in winner.seeds for run in _trainings(folder / Run(winner.model, seed).path)])
    if (runs := list(_trainings(folder))) != [folder]:
        return _best(runs)
    for name in ("config.json", "metrics.json", "best.safetensors"):
        if not (folder / name).exists():
            raise RunError(
                f"has no {name}, so it is no finished run",
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
    root.mkdir(parents=True, exist_ok=True)  # so that FileExistsError below means the folder, not its root
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
    """Fail before the training rather than after it."""
    probe = folder / ".writable"
    probe.touch()
    probe.unlink()
