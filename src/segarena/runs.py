"""Run and comparison folders: where they lie, what they are called, what is in them.

runs/NAME/               a comparison: comparison.json, tables, page, and its runs
  MODEL-seedK/           a run: config.json, metrics.json, best.safetensors, ...
"""

from __future__ import annotations

import re
from pathlib import Path

from segarena.errors import RunError
from segarena.files import TEMPORARY, read_json

DEFAULT_ROOT = Path("runs")


def open_folder(out: Path | None, name: str, *, resume: bool, root: Path = DEFAULT_ROOT) -> Path:
    """Make the folder to write: `out`, or a new `root`/`name`, `name`-2, ... Returns its path.

    Raises RunError where `out` holds files and `resume` is not asked for, or where it cannot be made.
    """
    try:
        if out is None:
            return _make_new(root, re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run")
        if out.exists() and not out.is_dir():
            raise RunError("is a file, not a folder", where=out, remedy="Name another folder with --out")
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()) and not resume:
            raise RunError(
                "exists and is not empty",
                where=out,
                remedy="Name a new folder with --out, or add --resume to go on with this one",
            )
        _try_writing(out)
        for left_over in out.rglob(f".*{TEMPORARY}"):  # of a process that was killed while it wrote
            left_over.unlink()
    except OSError as error:
        raise RunError(
            f"cannot be written ({error.strerror or error})",
            where=out or root,
            remedy="Check the permissions, or name another folder with --out",
        ) from error
    return out


def run_name(model: str, seed: int) -> str:
    """The folder of one run in a comparison."""
    return f"{model}-seed{seed}"


def find_run(folder: Path) -> Path:
    """The run that `folder` is, or the winner's run where it is a comparison.

    A winner trained from several seeds is represented by the run with the best validation mIoU: the
    test split takes no part in the choice. Raises RunError where the folder holds neither, or no finished run.
    """
    if not folder.is_dir():
        raise RunError("is not a folder", where=folder, remedy="Name a run folder or a comparison folder")
    if (folder / "comparison.json").exists():
        content = read_json(folder / "comparison.json")
        try:
            winner = content["ranking"][0]
            runs = [folder / run_name(winner["model"], seed) for seed in winner["seeds"]]
        except (KeyError, IndexError, TypeError) as error:
            raise RunError(
                "names no winner", where=folder / "comparison.json", remedy="Repeat the comparison in a new folder"
            ) from error
        return find_run(max(runs, key=lambda run: read_json(run / "metrics.json")["val_miou"] or 0.0))
    for name in ("config.json", "metrics.json", "best.safetensors"):
        if not (folder / name).exists():
            raise RunError(
                f"has no {name}, so it is no finished run",
                where=folder,
                remedy="Name a folder that `segarena train` or `segarena compare` has finished",
            )
    return folder


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


def _try_writing(folder: Path) -> None:
    """Fail before the training rather than after it."""
    probe = folder / ".writable"
    probe.touch()
    probe.unlink()
