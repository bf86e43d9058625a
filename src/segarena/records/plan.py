"""What `compare --dry-run --json FILE` writes: the trainings that are left, and what they are predicted to take."""

from __future__ import annotations

from dataclasses import dataclass, field

from segarena.records.record import Count, Fraction, Mebibytes, Record, Seconds


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One training that is left."""

    model: str
    """Name of the architecture."""
    seed: Count
    """Seed of the training."""
    fold: Count | None
    """Fold, from 1; null without cross-validation."""
    data_fraction: Fraction | None = None
    """Share of the training images, of `--data-fractions`; null for all."""
    epochs: Count
    """Epochs that are left, if it is not stopped early."""
    seconds: Seconds
    """Time in one process with the others: epochs, test and measured costs."""
    side_seconds: Seconds
    """Time in a process of its own, until its costs are measured."""
    memory_mib: Mebibytes | None
    """Peak memory beyond that of the process without a network; null where the system does not report it."""
    disk_mib: Mebibytes
    """Size of its weights and its state on disk."""


@dataclass(frozen=True, kw_only=True)
class PlannedTime:
    """The time of all trainings with a number of workers."""

    workers: Count
    """Trainings at a time, each with as many threads, or a GPU, as was measured."""
    seconds: Seconds
    """Time of everything: trials of `--tune`, trainings, costs, latency, gallery and page."""


@dataclass(frozen=True, kw_only=True)
class PlanRecord(Record, file="plan.json", schema=1):
    """The plan of a comparison, before it starts. Its name is that given with `--json`."""

    command: str
    """Command line that starts what is planned."""
    device: str
    """Device that was measured."""
    threads: Count
    """Threads of each training."""
    runs: tuple[PlannedRun, ...]
    """Trainings that are left, in their order."""
    times: tuple[PlannedTime, ...]
    """Time with 1, 2, 4, ... workers, and with `--jobs`."""
    trial_seconds: Seconds
    """Time of the trials of `--tune`, before the trainings."""
    after_seconds: Seconds
    """Time after the trainings: latency, gallery, page."""
    disk_mib: Mebibytes
    """Disk space of all runs that are left; with `--keep-states` what is needed until all are finished."""
    free_disk_mib: Mebibytes | None
    """Disk space that is free in the folder; null where it is unknown."""
    commands: dict[str, str] = field(default_factory=dict)
    """Command lines that start the same with several trainings at a time: on this machine (`jobs`), on a `ray` cluster,
    in the queue of `slurm`."""
