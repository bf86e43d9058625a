"""`segarena train`: one architecture, one seed, one run folder; with folds, a run for each in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segarena.commands.terminal import TerminalReporter, catch_interrupt, console
from segarena.config import TrainOptions, to_command
from segarena.errors import Interrupted, RunError
from segarena.experiment.networks import check_architectures, check_possible, leave_out
from segarena.experiment.prepare import Prepared, prepare
from segarena.experiment.progress import Reporter
from segarena.experiment.run import check_same_training, is_finished, pool_folds, train_run
from segarena.formats import duration, percent
from segarena.records.metrics import Metrics
from segarena.records.run import Costs
from segarena.runs import check_out, fold_folder, open_folder

Folds = Sequence[Prepared[Any]]


def run(options: TrainOptions) -> Path:
    """Train, choose the epoch, test, write the run folder. Returns the folder.

    Raises SegarenaError for wrong input and Interrupted after Ctrl-C.
    """
    check_out(options.out, resume=options.resume)
    check_possible(options, [options.model])
    reporter = TerminalReporter()
    folds = prepare(leave_out(options, [options.model]), reporter)
    source, chosen = folds[0].source, folds[0].options
    check_architectures(chosen, [options.model], source.classes.num_classes, reporter)
    folder = open_folder(options.out, f"{source.name}-{options.model}", resume=options.resume)
    check_resumed(folds, chosen, folder)
    if is_finished(folder):
        console.print(f"{folder} is finished already; nothing to do.", markup=False)
        return folder
    with catch_interrupt() as should_stop:
        try:
            train_all(folds, chosen, folder, f"{options.model}, seed {options.seed}", should_stop, reporter)
        except Interrupted as stop:
            raise Interrupted(f"{stop}. Go on with: {to_command(options, out=folder)}") from stop
    metrics, costs = Metrics.read(folder), Costs.read(folder)
    place = metrics.split if options.folds is None else f"{metrics.images} images in {options.folds} folds,"
    console.print(
        f"[bold]{options.model}[/bold]: {place} mIoU {percent(metrics.miou)},"
        f" best epoch {metrics.best_epoch:g}, trained in {duration(costs.train_seconds)}"
    )
    console.print(f"Run folder: {folder}", markup=False)
    console.print(f"Label new images with: segarena predict {folder} IMAGES...", markup=False)
    return folder


def check_resumed(folds: Folds, options: TrainOptions, folder: Path) -> None:
    """Raise RunError where `folder` holds runs of another protocol, finished or not: one ranking, one protocol."""
    has_folds, is_run = fold_folder(folder, 1).is_dir(), (folder / "config.json").exists()
    if has_folds if folds[0].fold is None else is_run:
        raise RunError(
            f"was started with{'' if has_folds else 'out'} --folds",
            where=folder,
            remedy="Repeat its options with --resume, or name a new folder with --out",
        )
    for prepared in folds:
        own = fold_folder(folder, prepared.fold)
        check_same_training(prepared, _own_options(prepared, options, own), own)


def train_all(
    folds: Folds,
    options: TrainOptions,
    folder: Path,
    title: str,
    should_stop: Callable[[], bool],
    reporter: Reporter,
) -> None:
    """Train one architecture with one seed: once, or without each fold in turn, which are then put together.

    `options` has nothing left open. What is finished is not trained again. Raises Interrupted after saving.
    """
    for prepared in folds:
        own = fold_folder(folder, prepared.fold)
        part = title if prepared.fold is None else f"{title}, fold {prepared.fold} of {len(folds)}"
        if is_finished(own):
            reporter.say("finished already", title=part)
            continue
        try:
            train_run(prepared, _own_options(prepared, options, own), own, part, should_stop, reporter)
        except Interrupted as stop:
            raise Interrupted(f"{part}: {stop}") from stop
    if folds[0].fold is not None:
        pool_folds(folder, len(folds), folds[0].source)


def _own_options(prepared: Prepared[Any], options: TrainOptions, own: Path) -> TrainOptions:
    """The options of one run; a fold is to `train` a split like any other, the one that its own folder saves."""
    return options if prepared.fold is None else replace(options, splits=own, group_by=None, folds=None)
