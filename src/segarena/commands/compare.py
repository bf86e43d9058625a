"""`segarena compare`: train the architectures alike, test them on the same pixels, say who wins and at what cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

from rich.markup import escape

from segarena.commands.interrupts import catch_interrupt
from segarena.commands.plan_table import show_plan
from segarena.commands.progress import TerminalReporter
from segarena.commands.tables import new_table
from segarena.commands.terminal import console, shown, warn_if_unlocked
from segarena.config import CompareOptions, ModelName, to_command
from segarena.config.checks import check_is_new, flag, unreachable
from segarena.config.training import is_own
from segarena.errors import INCOMPLETE, ConfigError, Queued
from segarena.experiment.calibration import calibrate
from segarena.experiment.compared_data import compared_options
from segarena.experiment.data_curve import write_data_curve
from segarena.experiment.dry_run import make_plan
from segarena.experiment.executors.slurm import LOGS
from segarena.experiment.found_runs import find_runs, is_run
from segarena.experiment.matching import copy_runs, match_runs
from segarena.experiment.networks import check_networks, is_dilated, try_networks
from segarena.experiment.pictures import keep_pictures
from segarena.experiment.prepare import prepare
from segarena.experiment.prepared import Prepared
from segarena.experiment.resolve_machine import check_device_is_there
from segarena.experiment.running_page import PageWriter
from segarena.experiment.summary import write_comparison
from segarena.experiment.tracked import tracking
from segarena.experiment.train_all import train_all
from segarena.experiment.tune_all import tune_all
from segarena.experiment.watching import WatchedReporter
from segarena.formats import command, count, duration, milliseconds, percent, plural, resume_line
from segarena.records.comparison import Answer, ComparisonRecord, FailedRun
from segarena.records.run import Environment
from segarena.reporting.data_curve import curve_answer
from segarena.reporting.load import load_note
from segarena.reporting.page import build_report
from segarena.reporting.style import label_of, model_styles
from segarena.reporting.use import describe_use
from segarena.runs import Run, check_out, finished_runs, remove_if_empty, removed_if_empty
from segarena.tracking.choose import check_trackers
from segarena.training.machine import describe_environment
from segarena.working_folder import check_claim, claimed_folder


@shown
def run(options: CompareOptions) -> Path:
    """Compare, and write the comparison folder and its report.

    Args:
        options: The options as typed. With `runs`, these are compared.

    Returns:
        The comparison folder.

    Raises:
        SegarenaError: Something in the input is wrong.
        Interrupted: Ctrl-C was pressed; the state is saved.
        Queued: The trainings are in the queue of SLURM.
    """
    if options.runs or (options.data is not None and is_run(options.data)):
        return _compare_runs(options)
    _refuse_vary(options)
    started = time.perf_counter()
    reporter = TerminalReporter()
    reporter.detail(to_command(options))
    check_claim(options.out, resume=options.resume is not None)
    check_is_new("json", options.json)
    check_device_is_there(options)
    check_trackers(options.track_with)
    check_networks(options)
    prepared = prepare(options, reporter)
    environment = describe_environment(prepared.protocol.device)
    reporter.detail(environment.sentence)
    try_networks(prepared.protocol, options.model_names, prepared.source.classes.num_classes, reporter)
    with claimed_folder(options.out, prepared.source.name, resume=options.resume is not None) as (folder, is_locked):
        warn_if_unlocked(folder, is_locked)
        if options.dry_run:
            return _show_plan(options, prepared, folder, reporter, started)
        return _train_and_compare(options, prepared, environment, folder, reporter, started)


def _show_plan(
    options: CompareOptions, prepared: Prepared, folder: Path, reporter: TerminalReporter, started: float
) -> Path:
    """Measure the models, and show what is left to train and what it takes."""
    with removed_if_empty(folder):
        places = _places(options, prepared, folder)
        calibrated = calibrate(prepared, folder, places, reporter, started=started, always=True)
        show_plan(make_plan(options, calibrated, folder), options.json)
    remove_if_empty(folder)
    return folder


def _places(options: CompareOptions, prepared: Prepared, folder: Path) -> dict[Run, Path]:
    """The run folder of each model and seed; resuming adds to what is there."""
    runs = [Run(model, seed) for seed in range(prepared.seeds) for model in options.model_names]
    runs += [run for run in finished_runs(folder) if run not in runs]
    runs += [run._replace(fraction=fraction) for fraction in prepared.fractions for run in list(runs)]
    return {run: folder / run.path for run in runs}


def _train_and_compare(
    options: CompareOptions,
    prepared: Prepared,
    environment: Environment,
    folder: Path,
    reporter: TerminalReporter,
    started: float,
) -> Path:
    """What follows once the folder is there: train what is missing, compare, write the page."""
    reporter.folder = folder
    with removed_if_empty(folder):
        calibrated = calibrate(prepared, folder, _places(options, prepared, folder), reporter, started=started)
    prepared, forecast, runs = calibrated.prepared, calibrated.forecast, list(calibrated.runs)
    with catch_interrupt(resume=resume_line("compare", folder)) as should_stop:
        prepared = tune_all(prepared, folder, calibrated.runs, should_stop, reporter, forecast)
        page_so_far = PageWriter(prepared, folder, reporter)
        try:
            with page_so_far.writing(), tracking(options, folder, reporter) as watchers:
                watched = WatchedReporter(reporter, [page_so_far, *watchers])
                failed = train_all(prepared, folder, calibrated.runs, should_stop, watched, forecast)
        except Queued as queued:
            _show_queued(queued)
            raise
    reporter.say("Comparing")
    repeat = to_command(_cover(replace(options, **prepared.fixed_by_budget), runs))
    left_out = {one.model for one in failed if one.data_fraction is None}
    ranked = [run for run in runs if run.model not in left_out and run.fraction is None]
    keep_pictures(prepared, ranked, folder, reporter)
    comparison = write_comparison(prepared, ranked, folder, command=repeat, environment=environment, failed=failed)
    curve = write_data_curve(prepared, [run for run in runs if run.model not in left_out], folder)
    page = build_report(folder)
    calibrated.record(comparison, folder)
    _show(comparison, folder, page)
    if curve is not None and (text := curve_answer(folder)):
        console.result(text, markup=False)
    for one in failed:
        _show_failure(one, folder)
    return folder


def _show_queued(queued: Queued) -> None:
    """What is in the queue of SLURM, and goes on without this command."""
    folder = queued.folder
    console.result(
        f"{plural(queued.number, 'training')} queued as {queued.arrays}; job {queued.report} writes the page"
    )
    console.result(f"Their logs: {folder / LOGS}", markup=False)
    console.result(f"Page, when all are over: {folder / 'report.html'}", markup=False)
    console.result(
        f"Show the queue with: squeue --me; cancel with: scancel {queued.array} {queued.report}", markup=False
    )


def exit_status(folder: Path) -> int:
    """Return the exit status of a comparison that has been written: 3 where a model failed and is not ranked, else 0.

    Args:
        folder: What `run` returned.
    """
    is_written = (folder / ComparisonRecord.file).exists()  # not by --dry-run
    return INCOMPLETE if is_written and ComparisonRecord.read(folder).failed else 0


def _compare_runs(options: CompareOptions) -> Path:
    """Compare finished runs; nothing is trained."""
    _refuse_training_options(options)
    named = [*(() if options.data is None else (options.data,)), *options.runs]
    moved = named.pop(0) if options.data is not None and not is_run(options.data) else None
    reporter = TerminalReporter()
    check_out(options.out)
    matched = match_runs(find_runs(named), options.vary, named)
    reporter.say(f"{plural(len(matched.runs), 'finished run')} of one protocol; nothing is trained")
    prepared = prepare(compared_options(matched, options, moved, named), reporter, matched.recorded)
    environment = describe_environment(prepared.protocol.device)
    with claimed_folder(options.out, f"{prepared.source.name}-runs") as (folder, is_locked):
        warn_if_unlocked(folder, is_locked)
        copy_runs(matched, folder)
        reporter.say("Comparing")
        runs = [run for run, _ in matched.runs]
        keep_pictures(prepared, runs, folder, reporter)
        repeat = to_command(options)
        comparison = write_comparison(prepared, runs, folder, command=repeat, environment=environment, matched=matched)
        _show(comparison, folder, build_report(folder))
        return folder


def _refuse_vary(options: CompareOptions) -> None:
    """Raise ConfigError if --vary is typed without finished runs, or before them, where it takes them for settings."""
    if options.vary:
        runs = [word for word in options.vary if not unreachable(Path(word)) and Path(word).is_dir()] or [
            "RUN_A",
            "RUN_B",
        ]
        settings = [word for word in options.vary if word not in runs] or ["loss"]
        line = command("segarena", "compare", *runs, "--vary", *settings)
        raise ConfigError("no finished runs are named before it", where="--vary", remedy=f"Name them first: {line}")


def _refuse_training_options(options: CompareOptions) -> None:
    """Raise ConfigError if an option is typed that has no effect on finished runs."""
    usable = {"data", "runs", "vary", "images", "masks", "root", "out", "quiet", "verbose"}
    if all(is_own(model) for model in options.models or ()):
        usable.add("models")  # the functions that build them
    for item in fields(options):
        if item.name not in usable and getattr(options, item.name) != item.default:
            raise ConfigError(
                "the runs are compared as they were trained", where=flag(item.name), remedy="Leave it out"
            )


def _cover(options: CompareOptions, runs: Sequence[Run]) -> CompareOptions:
    """The options with the models and seeds of all runs."""
    named = dict.fromkeys(run.model for run in runs)
    models = options.models
    if named.keys() != set(options.model_names):
        order: tuple[Any, ...] = (*get_args(ModelName), *filter(is_own, named))
        models = tuple(model for model in order if model in named)
    return replace(options, models=models, seeds=max(run.seed for run in runs) + 1)


def _show(comparison: ComparisonRecord, folder: Path, page: Path) -> None:
    table = new_table(["", "mIoU", "F1", "accuracy", "params", "latency", "training"], left=[""])
    styles = model_styles([entry.model for entry in comparison.ranking])
    for entry in comparison.ranking:
        table.add_row(
            styles[entry.model].label + _stride(entry.model, comparison),
            percent(entry.miou),
            percent(entry.mean_f1),
            percent(entry.pixel_accuracy),
            count(entry.params),
            milliseconds(entry.latency_ms),
            duration(entry.train_seconds),
        )
    baseline = comparison.majority_baseline
    table.add_row(
        escape(f"always '{baseline.class_name}'"), percent(baseline.miou), "", percent(baseline.pixel_accuracy)
    )
    console.result(table)
    if note := load_note(comparison, {name: style.label for name, style in styles.items()}):
        console.result(note, markup=False)
    _show_answer(comparison.answer)
    console.result(f"Report: {page}", markup=False)
    use = describe_use(comparison, folder, place=folder)
    if use is not None:
        label = styles[use.model].label
        if use.model == comparison.answer.best:
            console.print(f"Use {label}: {use.predict}", markup=False)
        elif use.trained is not None:
            console.print(f"{label} is trained on all {use.images}, and labels new ones: {use.predict}", markup=False)
        if use.trained is None:
            console.print(f"Train {label} on all {use.images}, for use: {use.train}", markup=False)


def _show_failure(failed: FailedRun, folder: Path) -> None:
    """A training that failed, and how it is tried again; also with --quiet, as it is part of the result."""
    run = Run(failed.model, failed.seed, failed.fold, failed.data_fraction)
    label, place = label_of(failed.model), folder / run.path
    lost = "is not ranked" if run.fraction is None else "is not in the learning curve over the data"
    console.warn(f"{label} {lost}: {failed.message} ({place})", title="failed")
    console.result(f"Try it again with: {resume_line('compare', folder)}", markup=False)


def _stride(model: str, comparison: ComparisonRecord) -> str:
    """The output stride of a model for which it is chosen."""
    stride = comparison.protocol.network.get("output_stride")
    return f" [dim]stride {stride}[/dim]" if stride and is_dilated(model, comparison.track) else ""


def _show_answer(answer: Answer) -> None:
    console.result()
    console.result(f"[bold]{escape(answer.headline)}[/bold]")
    for text in (" ".join(answer.details), answer.advice):
        if text:
            console.result(escape(text))
    console.result()
