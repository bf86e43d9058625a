"""Before the trainings: whether the disk has room for their weights and states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from segarena.errors import RunError
from segarena.experiment.prediction import Forecast
from segarena.experiment.prepared import Prepared
from segarena.experiment.progress import Reporter
from segarena.formats import byte_size, plural
from segarena.free_disk import free_disk
from segarena.units import MIB


class Size(NamedTuple):
    """The bytes that a training takes on disk at its end: all of it, and its state alone."""

    total: float
    state: float


def sizes_on_disk(folders: Sequence[Path], forecast: Forecast) -> dict[Path, Size]:
    """Return what trainings take on disk.

    Args:
        folders: The folder of each training that is not finished, in the order of the forecast.
        forecast: What was measured of their models.
    """
    speeds = [forecast.speeds[work.model] for work in forecast.works]
    pairs = zip(folders, speeds, strict=True)
    return {folder: Size(speed.disk_mib * MIB, speed.state_mib * MIB) for folder, speed in pairs}


def needed_space(sizes: Mapping[Path, Size], keep_states: int | None, at_a_time: int) -> float:
    """Return how many bytes of disk space trainings need until all are finished.

    A file is written beside the one that it replaces: the largest training needs its room twice.

    Args:
        sizes: The folder of each training that is not finished, and what it takes.
        keep_states: States of finished trainings that are kept; None for all.
        at_a_time: How many trainings run at a time; each has its state.
    """
    if not sizes:
        return 0.0
    largest = max(size.total for size in sizes.values())
    if keep_states is None:
        return sum(max(0.0, size.total - _used(path)) for path, size in sizes.items()) + largest
    states = sorted((size.state for size in sizes.values()), reverse=True)[: keep_states + at_a_time]
    rest = sum(max(0.0, size.total - size.state - _used(path)) for path, size in sizes.items())
    return rest + sum(states) + largest


def fit_onto_disk(folder: Path, sizes: Mapping[Path, Size], keep_states: int | None, at_a_time: int) -> int | None:
    """Check that there is room for trainings, so that a disk is not full after hours of them.

    Args:
        folder: The folder of the command; it exists.
        sizes: As of `needed_space`, as the others.
        keep_states: What was typed; None where it is open.
        at_a_time: How many trainings run at a time.

    Returns:
        How many states are to be kept: what was typed, and where it is open all (None), or none if only that has room.

    Raises:
        RunError: There is too little room.
    """
    free = free_disk(folder)
    if free is None or needed_space(sizes, keep_states, at_a_time) <= free:
        return keep_states
    least = needed_space(sizes, 0, at_a_time)
    if keep_states is None and least <= free:
        return 0
    raise RunError(
        f"the weights and states of {plural(len(sizes), 'training')} need about "
        f"{byte_size(needed_space(sizes, 0 if keep_states is None else keep_states, at_a_time))} of disk space, "
        f"and {byte_size(free)} are free",
        where=folder,
        remedy=("Use --keep-states 0, free" if keep_states and least <= free else "Free")
        + " some space, train fewer models or seeds, or write to another disk with --out",
    )


def with_room(
    prepared: Prepared, folder: Path, trainings: Sequence[Path], forecast: Forecast, reporter: Reporter
) -> Prepared:
    """Return the same, with no states of finished trainings kept if the disk has no room for them and it was left open.

    Args:
        prepared: The data and the options.
        folder: The folder of the command.
        trainings: The folder of each training that is not finished, in the order of the forecast.
        forecast: What was measured.
        reporter: Receives what was chosen.

    Raises:
        RunError: There is too little room.
    """
    typed = prepared.options.keep_states
    kept = fit_onto_disk(folder, sizes_on_disk(trainings, forecast), typed, forecast.jobs)
    if kept == typed:
        return prepared
    reporter.say(f"  chosen: keep states {kept} (the disk has no room for the states of all trainings)")
    return replace(prepared, options=replace(prepared.options, keep_states=kept))


def _used(folder: Path) -> int:
    """The bytes of the files in a folder; 0 where there is none."""
    total = 0
    with suppress(OSError):
        total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return total
