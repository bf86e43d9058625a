"""The plan of `compare --dry-run`, as a table and as a file."""

from __future__ import annotations

from pathlib import Path

from segarena.commands.tables import new_table
from segarena.commands.terminal import console
from segarena.files import write_json
from segarena.formats import NOTHING, plain, plural, rough_duration
from segarena.records.plan import PlanRecord
from segarena.runs import Run
from segarena.units import GIB, MIB

#: What runs several trainings at a time, in words.
_PLACES = {"jobs": "Several at a time", "ray": "On a Ray cluster", "slurm": "In the queue of SLURM"}


def show_plan(plan: PlanRecord, path: Path | None) -> None:
    """Show the trainings, and what they take with more and more workers.

    Args:
        plan: The plan.
        path: The file to write it to, as JSON; None for none.
    """
    if path is not None:
        write_json(path, plan.to_json())
    if not plan.runs:
        console.result("Nothing is left to train.")
        return
    table = new_table(["training", "epochs", "time", "memory", "disk"], left=["training"])
    for run in plan.runs:
        table.add_row(
            Run(run.model, run.seed, run.fold, run.data_fraction).path.as_posix(),
            str(run.epochs),
            rough_duration(run.seconds),
            NOTHING if run.memory_mib is None else _size(run.memory_mib),
            _size(run.disk_mib),
        )
    console.result(table)
    each = "a GPU each" if plan.device.startswith("cuda") else f"{plural(plan.threads, 'thread')} each"
    for time in plan.times:
        console.result(f"{plural(time.workers, 'worker')}, {each}: at most {rough_duration(time.seconds)}")
    room = "" if plan.free_disk_mib is None else f" of {_size(plan.free_disk_mib)} that are free"
    console.result(f"Disk: {_size(plan.disk_mib)}{room}")
    console.result(f"Start it with: {plan.command}", markup=False)
    for name, line in plan.commands.items():
        console.result(f"{_PLACES[name]}: {line}", markup=False)


def _size(mebibytes: float) -> str:
    if mebibytes * MIB < GIB:
        return f"{max(1, round(mebibytes))} MiB"
    return f"{plain(round(mebibytes * MIB / GIB, 1))} GiB"
