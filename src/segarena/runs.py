"""The folders of runs and comparisons: their names, how they are made and how they are found.

runs/NAME/               a comparison: comparison.json, tables, page, and its runs
  MODEL-seedK/           a run: config.json, metrics.json, best.safetensors, ...
    foldJ/               with --folds, the run of a fold; the folder above then has the files of all folds together
  data-fractions/0.5/    with --data-fractions, the runs on half of the training images, like those above
  MODEL-all-images/      a run of `segarena train --like runs/NAME --all-images`
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from segarena import files
from segarena.errors import RunError
from segarena.files import TEMPORARY, read_json
from segarena.formats import command, percent, plural
from segarena.locks import LOCK
from segarena.records.comparison import ComparisonRecord, RankedModel
from segarena.records.metrics import Metrics
from segarena.records.options import resume_command
from segarena.records.run import Costs

DEFAULT_ROOT = Path("runs")
#: How the name of a trial's folder begins: it is removed after the trial, unless the process is killed in it.
TRIAL = ".trial-"
#: Seconds between two saved states of a training: after SIGKILL, at most this much work is repeated.
SAVE_EVERY = 60.0


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
        names = {path.name for path in out.iterdir() if not path.name.startswith(TRIAL)} - {LOCK}
        if names and not resume:
            line = None if resume is None else resume_command(out)
            or_resume = "" if line is None else f", or resume what is in it: {line}"
            raise RunError("exists and is not empty", where=out, remedy=f"Name a new folder{or_resume}")
    except OSError as error:
        raise unwritable(out, error) from error


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
            return _make_new(root, re.sub(r"[^\w.-]+-*", "-", name).strip("-.") or "run")
        check_out(out, resume=resume)
        out.mkdir(parents=True, exist_ok=True)
        (probe := out / ".writable").touch()  # where files cannot be written: before hours of training, not after them
        probe.unlink()
        for left_over in out.rglob(f".*{TEMPORARY}"):  # of a process that was killed while it wrote
            shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink()
        for trial in out.glob(f"{TRIAL}*"):
            shutil.rmtree(trial)
    except OSError as error:
        raise unwritable(out, error, root) from error
    return out


def remove_if_empty(folder: Path) -> None:
    """Remove the folder of a command that has written nothing, so that it does not look like a result."""
    with suppress(OSError):
        folder.rmdir()


@contextmanager
def removed_if_empty(folder: Path) -> Iterator[None]:
    """Remove the folder where the block fails before anything is written."""
    try:
        yield
    except BaseException:
        remove_if_empty(folder)
        raise


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
        fraction: The share of the training images, of --data-fractions; None for all.
    """

    model: str
    seed: int
    fold: int | None = None
    fraction: float | None = None

    @property
    def path(self) -> Path:
        """Its folder in the comparison folder.

        >>> Run("unet", 0, fold=2).path.as_posix()
        'unet-seed0/fold2'
        >>> Run("unet", 0, fraction=0.5).path.as_posix()
        'data-fractions/0.5/unet-seed0'
        """
        place = Path() if self.fraction is None else Path(f"data-fractions/{self.fraction:g}")
        return fold_folder(place / f"{self.model}-seed{self.seed}", self.fold)

    def folds(self, number: int | None) -> list[Run]:
        """Return the trainings of this model and seed: folds 1 to `number`, or itself if `number` is None."""
        return [self] if number is None else [self._replace(fold=fold) for fold in range(1, number + 1)]


def finished_runs(folder: Path) -> list[Run]:
    """Find the finished runs of a comparison folder, by seed and name; with folds, each model and seed once.

    Args:
        folder: A comparison folder, finished or not.
    """
    found = [(re.fullmatch(r"(.+)-seed(\d+)", path.parent.name)) for path in folder.glob(f"*/{Costs.file}")]
    return sorted((Run(match[1], int(match[2])) for match in found if match), key=lambda run: (run.seed, run.model))


_ALL_IMAGES = "-all-images"


def all_images_folder(folder: Path, model: str) -> Path:
    """Return the folder of a model that is trained on all images of a comparison.

    Args:
        folder: The comparison folder.
        model: Name of the architecture.
    """
    return folder / f"{model}{_ALL_IMAGES}"


def find_all_images_run(folder: Path, models: Iterable[str]) -> Path | None:
    """Find the finished run on all images of a comparison.

    Args:
        folder: The comparison folder.
        models: Names of architectures; where several have such a run, the first of them counts.
    """
    runs = [all_images_folder(folder, model) for model in models]
    return next((run for run in runs if (run / Costs.file).exists()), None)


def comparison_of(run: Path) -> Path | None:
    """Return the comparison in which a run on all images is; None where it is elsewhere.

    Args:
        run: The run folder.
    """
    is_inside = run.name.endswith(_ALL_IMAGES) and (run.parent / ComparisonRecord.file).exists()
    return run.parent if is_inside else None


def trainings(folder: Path) -> Iterator[Path]:
    """Yield the runs in the folder of a model and a seed: its folds, or the folder itself.

    Args:
        folder: A run folder, finished or not.
    """
    number = 0
    while fold_folder(folder, number + 1).is_dir():
        number += 1
        yield fold_folder(folder, number)
    if number == 0:
        yield folder


def best_val_miou(run: Path) -> float:
    """Return the validation mIoU of the best epoch so far, 0..1; 0 where it is undefined or no epoch is finished.

    Args:
        run: The folder of one training, finished or not.

    Raises:
        RunError: A file in it cannot be read.
    """
    if (run / Metrics.file).exists():
        return Metrics.read(run).val_miou or 0.0
    return max((row.val_miou or 0.0 for row in _epochs(run)), default=0.0)


def find_run(folder: Path, *, all_images: bool = False) -> Path:
    """Find the run to use in a folder.

    Of several seeds or folds it is the run with the best validation mIoU: the test split has no part in the choice. A
    run that was interrupted after an epoch may be used too, see `describe_unfinished`.

    Args:
        folder: A run folder, or a comparison folder: then it is a run of the model with the highest mIoU.
        all_images: Whether a run on all images of the comparison is preferred, where there is one.

    Returns:
        The run folder.

    Raises:
        RunError: The folder is neither, or has no run with a finished epoch.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise RunError(what, where=folder, remedy="Name a run folder or a comparison folder")
    if (folder / ComparisonRecord.file).exists():
        ranking = ComparisonRecord.read(folder).ranking
        found = find_all_images_run(folder, [entry.model for entry in ranking]) if all_images else None
        if found is not None:
            return found
        return _best_of(folder, ranking[0])
    if (runs := list(trainings(folder))) != [folder]:
        return _best(runs)
    missing = [name for name in ("config.json", "metrics.json", "best.safetensors") if not (folder / name).exists()]
    if not missing or (missing == ["metrics.json"] and _epochs(folder)):
        return folder
    if "config.json" in missing and (inside := sorted(folder.glob("*-seed*/config.json"))):
        raise RunError(
            f"is a comparison that is not finished (it has no {ComparisonRecord.file})",
            where=folder,
            remedy=f"Name one of its runs, e.g. {command(inside[0].parent)}"
            + (f", or finish it: {line}" if (line := resume_command(folder)) else ""),
        )
    remedy = "Name a folder that `segarena train` or `segarena compare` has finished"
    if "config.json" not in missing and (line := resume_command(folder)):
        remedy = f"Finish an epoch of it: {line}"
    raise RunError(f"has no {missing[0]}, so it is not a finished run", where=folder, remedy=remedy)


def find_model_runs(folder: Path) -> dict[str, Path]:
    """Find the run of each model in a folder, the one that `predict` uses first.

    Args:
        folder: A run folder, or a comparison folder: then each model is found as `find_run` finds the first.

    Returns:
        Run folders by name: that of the architecture, or of the folder for a run on all images.

    Raises:
        RunError: The folder is neither, or has no run with a finished epoch.
    """
    used = find_run(folder, all_images=True)
    if not (folder / ComparisonRecord.file).exists():
        return {used.name: used}
    found = {entry.model: _best_of(folder, entry) for entry in ComparisonRecord.read(folder).ranking}
    return found if used in found.values() else {used.name: used, **found}


def describe_unfinished(folder: Path) -> str:
    """Return which weights an interrupted run has, as a sentence; empty if the run is finished.

    Args:
        folder: What `find_run` returned.
    """
    if (folder / Metrics.file).exists():
        return ""
    epochs = _epochs(folder)
    config = read_json(folder / "config.json")
    if isinstance(config, dict) and isinstance(data := config.get("data"), dict) and data.get("all_images"):
        return f"The training of {folder} is not finished. Its weights after epoch {epochs[-1].epoch} are used."
    best = max(epochs, key=lambda row: -1.0 if row.val_miou is None else row.val_miou)
    score = "undefined" if best.val_miou is None else percent(best.val_miou)
    return (
        f"The training of {folder} is not finished. Of its {plural(len(epochs), 'epoch')} so far, epoch {best.epoch} "
        f"has the best validation mIoU ({score}); its weights are used."
    )


class _Epoch(NamedTuple):
    epoch: int
    val_miou: float | None


def _epochs(folder: Path) -> list[_Epoch]:
    """The finished epochs of a run."""
    path = folder / "history.csv"
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        return [_Epoch(int(row["epoch"]), float(row["val_miou"]) if row["val_miou"] else None) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise RunError(f"cannot be read ({error})", where=path, remedy="Train again in a new folder") from error


def _best_of(folder: Path, entry: RankedModel) -> Path:
    """The best run of a model of a comparison."""
    return _best([run for seed in entry.seeds for run in trainings(folder / Run(entry.model, seed).path)])


def _best(runs: Sequence[Path]) -> Path:
    started = [run for run in runs if (run / Metrics.file).exists() or _epochs(run)]
    return find_run(max(started or runs, key=best_val_miou))


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


def unwritable(out: Path | None, error: OSError, root: Path = DEFAULT_ROOT) -> RunError:
    """Return the error for a folder that cannot be made or written; without `out` it is about its root."""
    instead = "name another folder" + (" with --out" if out is None else "")
    return files.unwritable(out or root, error, instead=instead)
