"""`segarena train`: one architecture and one seed into a run folder; with folds, a run for each fold in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch

from segarena.commands.interrupts import catch_interrupt, noting_interrupt
from segarena.commands.progress import TerminalReporter
from segarena.commands.terminal import console, shown, warn_if_unlocked
from segarena.config import TrainOptions, to_command
from segarena.experiment.calibration import calibrate
from segarena.experiment.expectation import expect
from segarena.experiment.joint import check_joint, check_joint_protocol, continued, leading
from segarena.experiment.networks import check_networks, try_networks
from segarena.experiment.prepare import prepare
from segarena.experiment.resolve_machine import check_device_is_there
from segarena.experiment.tracked import tracking
from segarena.experiment.train_all import train_all
from segarena.experiment.tune_all import tune_all
from segarena.experiment.watching import WatchedReporter
from segarena.formats import command, duration, percent, plural, resume_line
from segarena.launched import Launch, find_launch
from segarena.records.metrics import Metrics
from segarena.records.run import Costs, Data
from segarena.reporting.page import build_report
from segarena.reporting.style import label_of
from segarena.runs import Run, comparison_of, removed_if_empty
from segarena.tracking.choose import check_trackers
from segarena.training.machine import describe_environment
from segarena.working_folder import check_claim, claimed_folder


@shown
def run(options: TrainOptions) -> Path:
    """Train, choose the epoch, test, write the run folder. With --all-images there is nothing to choose and to test.

    Args:
        options: The options as typed.

    Returns:
        The run folder.

    Raises:
        SegarenaError: Something in the input is wrong.
        Interrupted: Ctrl-C was pressed; the state is saved.
    """
    launch = find_launch()
    return _train(options) if launch is None else _train_jointly(options, launch)


def _train_jointly(options: TrainOptions, launch: Launch) -> Path:
    """Train in several processes, which torchrun has started: the first one works as it would alone, others help it."""
    from segarena.experiment.following import follow  # one process does not pay for it
    from segarena.training.distributed.connect import Processes

    with Processes(launch) as processes:
        if launch.is_first:
            check_joint(options, launch)
            before = processes.folder if launch.restarts else None
            with leading(processes):
                return _train(options if before is None else continued(options, before), launch, processes.keep_folder)
        with noting_interrupt() as should_stop:
            follow(processes, should_stop)
        return processes.folder or Path()


def _train(
    options: TrainOptions, launch: Launch | None = None, on_folder: Callable[[Path], None] = lambda folder: None
) -> Path:
    processes = 1 if launch is None else launch.number
    started = time.perf_counter()
    reporter = TerminalReporter()
    reporter.detail(to_command(options))
    check_claim(options.out, resume=options.resume is not None)
    check_device_is_there(options)
    check_trackers(options.track_with)
    check_networks(options)
    prepared = prepare(options, reporter)
    if launch is not None:
        check_joint_protocol(prepared.protocol, launch, torch.cuda.device_count())
        reporter.say(f"  {processes} processes train together" if processes > 1 else "  one process trains")
    reporter.detail(describe_environment(prepared.protocol.device).sentence)
    expected = expect(options, prepared, reporter)
    try_networks(prepared.protocol, options.model_names, prepared.source.classes.num_classes, reporter)
    name = f"{prepared.source.name}-{options.model}"
    with claimed_folder(options.out, name, resume=options.resume is not None) as (folder, is_locked):
        warn_if_unlocked(folder, is_locked)
        on_folder(folder)
        reporter.folder = folder
        places = {Run(options.model, options.seed): folder}
        with removed_if_empty(folder):
            calibrated = calibrate(prepared, folder, places, reporter, started=started)
        if expected is not None and options.all_images:
            expected.write(folder)
        with catch_interrupt(resume=resume_line("train", folder)) as should_stop:
            tuned = tune_all(calibrated.prepared, folder, places, should_stop, reporter, calibrated.forecast)
            with tracking(options, folder, reporter) as watchers:
                watched = WatchedReporter(reporter, watchers)
                train_all(tuned, folder, places, should_stop, watched, calibrated.forecast)
        _show(options, folder)
        return folder


def _show(options: TrainOptions, folder: Path) -> None:
    metrics, costs = Metrics.read(folder), Costs.read(folder)
    if options.all_images:
        _show_without_score(options, folder, metrics, costs)
        return
    place = metrics.split if metrics.folds is None else f"{plural(metrics.images, 'image')} in {metrics.folds} folds,"
    console.result(
        f"[bold]{label_of(options.model)}[/bold]: {place} mIoU {percent(metrics.miou)},"
        f" best epoch {metrics.best_epoch:g}, trained in {duration(costs.train_seconds)}"
    )
    console.result(f"Run folder: {folder}", markup=False)
    console.print(f"Label new images with: {command('segarena', 'predict', folder, 'IMAGES')}", markup=False)


def _show_without_score(options: TrainOptions, folder: Path, metrics: Metrics, costs: Costs) -> None:
    images = Data.read(folder).counts["train"]
    console.result(
        f"[bold]{label_of(options.model)}[/bold]: trained on all {plural(images, 'image')} for"
        f" {plural(int(metrics.epochs or 0), 'epoch')} in {duration(costs.train_seconds)}"
    )
    if metrics.note is not None:
        console.result(metrics.note, markup=False)
    console.result(f"Run folder: {folder}", markup=False)
    comparison = comparison_of(folder)
    if comparison is not None:
        build_report(comparison)
    usable = folder if comparison is None else comparison  # where it is preferred
    console.print(f"Label new images with: {command('segarena', 'predict', usable, 'IMAGES')}", markup=False)
