"""The plan of a comparison that is not started: its trainings, and their time, memory and disk space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from segarena.config import CompareOptions, command_line, to_command
from segarena.config.training import is_own
from segarena.experiment.calibrated import Calibrated
from segarena.experiment.disk_space import needed_space, sizes_on_disk
from segarena.experiment.train_all import plan_all
from segarena.formats import command as command_of
from segarena.free_disk import free_disk
from segarena.records.plan import PlannedRun, PlannedTime, PlanRecord
from segarena.reuse.resume import read_started
from segarena.units import MIB


def make_plan(options: CompareOptions, calibrated: Calibrated, folder: Path) -> PlanRecord:
    """Return the plan of what is left to train.

    Args:
        options: The options as typed.
        calibrated: The data, the protocol and what was measured.
        folder: The folder of the comparison.
    """
    prepared, forecast = calibrated.prepared, calibrated.forecast
    plans = plan_all(prepared, folder, calibrated.runs).values()
    left = [one for trainings in plans for one in trainings if not one.is_finished]
    runs, times = [], []
    trials = after = 0.0
    if forecast is not None:
        for training, work in zip(left, forecast.works, strict=True):
            speed = forecast.speeds[work.model]
            runs.append(
                PlannedRun(
                    model=training.model,
                    seed=training.seed,
                    fold=training.split.fold,
                    data_fraction=training.run.fraction,
                    epochs=work.epochs,
                    seconds=work.epochs * work.epoch_seconds(speed) + work.end_seconds(speed),
                    side_seconds=work.side_seconds(speed),
                    memory_mib=speed.peak_memory_mib,
                    disk_mib=speed.disk_mib,
                )
            )
        for workers in worker_numbers(len(left), min(forecast.jobs, len(left))):
            seconds = replace(forecast, jobs=workers).predict().seconds
            times.append(PlannedTime(workers=workers, seconds=seconds))
        trials, after = forecast.predict().trials, forecast.after
    disk, keep = sum(run.disk_mib for run in runs), prepared.options.keep_states
    if forecast is not None and keep is not None:
        disk = needed_space(sizes_on_disk([one.folder for one in left], forecast), keep, forecast.jobs) / MIB
    free = free_disk(folder)
    return PlanRecord(
        command=start_command(options, folder),
        device=prepared.protocol.device,
        threads=prepared.protocol.threads,
        runs=tuple(runs),
        times=tuple(times),
        trial_seconds=trials,
        after_seconds=after,
        disk_mib=disk,
        free_disk_mib=None if free is None else free / MIB,
        commands=executor_commands(options, folder),
    )


def executor_commands(options: CompareOptions, folder: Path) -> dict[str, str]:
    """Return the command lines that start a comparison with several trainings at a time, by what runs them.

    Args:
        options: The options as typed.
        folder: The folder of the comparison, where it is resumed.
    """
    if any(map(is_own, options.model_names)):
        return {}
    jobs = max(2, options.jobs or 1)
    own: dict[str, dict[str, Any]] = {
        "jobs": {"jobs": jobs, "executor": None, "slurm": ()},
        "ray": {"executor": "ray", "slurm": ()},
        "slurm": {"executor": "slurm"},
    }
    if options.resume is not None:  # where the folder may have been started on a cluster
        own["jobs"]["executor"] = "local"
    return {name: start_command(replace(options, **changed), folder) for name, changed in own.items()}


def start_command(options: CompareOptions, folder: Path) -> str:
    """Return the command line that starts what is planned; of a folder that is resumed, with what is added to it.

    Args:
        options: The options as typed.
        folder: The folder of the comparison.
    """
    started, record = read_started(CompareOptions, folder, folder) if options.resume is not None else ({}, None)
    if record is None:
        return to_command(options, with_out=True)
    own = {**vars(options), "models": options.model_names}
    added = {name: value for name, value in own.items() if value != started[name]}
    return f"{command_line(CompareOptions, added, program=None)} {command_of('--resume', folder)}"


def worker_numbers(runs: int, jobs: int) -> list[int]:
    """Return the numbers of workers that a plan shows: powers of two, as many as there are runs, and --jobs.

    >>> worker_numbers(12, 3)
    [1, 2, 3, 4, 8, 12]
    """
    return sorted({2**power for power in range(runs.bit_length()) if 2**power <= runs} | {1, runs or 1, jobs})
