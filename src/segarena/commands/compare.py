"""`segarena compare`: train the architectures alike, test them on the same pixels, say who wins and at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import cast

from rich.markup import escape
from rich.table import Table

from segarena.commands import train
from segarena.commands.terminal import TerminalReporter, catch_interrupt, console
from segarena.config import CompareOptions, ModelName, ProtocolOptions, TrainOptions, to_command
from segarena.errors import Interrupted, RunError
from segarena.experiment.examples import write_gallery
from segarena.experiment.networks import check_architectures, check_possible, leave_out
from segarena.experiment.prepare import Prepared, prepare
from segarena.experiment.summary import class_rows, fold_rows, image_table, model_rows, summarise, to_table
from segarena.files import write_text
from segarena.formats import count, duration, milliseconds, percent
from segarena.records.comparison import ComparisonRecord
from segarena.reporting.page import build_report
from segarena.reporting.style import model_styles
from segarena.runs import Run, check_out, open_folder
from segarena.training.costs import measure_latency
from segarena.training.machine import describe_environment
from segarena.training.predictor import load

Folds = Sequence[Prepared[CompareOptions]]


def run(options: CompareOptions) -> Path:
    """Compare, and write the comparison folder and its report. Returns the folder.

    Raises SegarenaError for wrong input and Interrupted after Ctrl-C.
    """
    check_out(options.out, resume=options.resume)
    _check_track(options)
    names = options.models or ()
    check_possible(options, names)
    environment = describe_environment()
    reporter = TerminalReporter()
    folds = prepare(leave_out(options, names), reporter)
    source = folds[0].source
    check_architectures(folds[0].options, names, source.classes.num_classes, reporter)
    folder = open_folder(options.out, source.name, resume=options.resume)
    runs = [Run(model, seed) for seed in range(options.seeds) for model in names]
    _train_all(folds, folder, runs, reporter)
    console.print("Comparing")
    models = model_rows(folder, runs, _measure_latency(folds[0], folder, names), options.folds)
    by_fold = [] if options.folds is None else fold_rows(folder, runs, options.folds)
    images = image_table(folder, runs)
    comparison = summarise(
        folds,
        models,
        by_fold,
        images,
        command=to_command(options),
        environment=environment,
        gallery=write_gallery(folds, images, names, folder),
    )
    classes = class_rows(folder, runs, source.classes.names)
    tables = {"models": to_table(models), "classes": to_table(classes), "images": images}
    if by_fold:
        tables["folds"] = to_table(by_fold)
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    comparison.write(folder)
    page = build_report(folder)
    _say(comparison, folder, page)
    return folder


def _check_track(options: CompareOptions) -> None:
    """Raise RunError where `out` holds a ranking of the other track, which this one would replace."""
    if options.out is None or not (options.out / ComparisonRecord.file).exists():
        return
    track = ComparisonRecord.read(options.out).track
    if track != options.track:
        raise RunError(
            f"holds a comparison of track {track}, not {options.track}",
            where=options.out,
            remedy=f"Go on with it by --track {track}, or name a new folder with --out",
        )


def _train_all(folds: Folds, folder: Path, runs: Sequence[Run], reporter: TerminalReporter) -> None:
    shared = {item.name: getattr(folds[0].options, item.name) for item in fields(ProtocolOptions)}
    names = [cast("ModelName", run.model) for run in runs]
    options = [
        leave_out(TrainOptions(**shared, model=name, seed=run.seed), [name])
        for name, run in zip(names, runs, strict=True)
    ]
    for run, own in zip(runs, options, strict=True):
        train.check_resumed(folds, own, folder / run.path)
    with catch_interrupt() as should_stop:
        for number, (run, own) in enumerate(zip(runs, options, strict=True), start=1):
            title = f"{run.model}, seed {run.seed} ({number} of {len(runs)})"
            try:
                train.train_all(folds, own, folder / run.path, title, should_stop, reporter)
            except Interrupted as stop:
                raise Interrupted(f"{stop}. Go on with: {to_command(folds[0].options, out=folder)}") from stop


def _measure_latency(prepared: Prepared[CompareOptions], folder: Path, models: Sequence[str]) -> dict[str, float]:
    """Milliseconds for one image of the usual size, the models taking turns."""
    options = prepared.options
    networks = {
        model: load(folder / Run(model, 0, prepared.fold).path, device=options.device).model for model in models
    }
    return measure_latency(networks, prepared.input_size, device=options.device, precision=options.precision)


def _say(comparison: ComparisonRecord, folder: Path, page: Path) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("", "mIoU", "F1", "accuracy", "params", "latency", "training"):
        table.add_column(title, justify="left" if not title else "right")
    styles = model_styles([entry.model for entry in comparison.ranking])
    for entry in comparison.ranking:
        table.add_row(
            styles[entry.model].label,
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
    console.print(table)
    console.print(comparison.verdict, markup=False)
    console.print(f"Report: {page}", markup=False)
    if (comparison.ranking[0].miou or 0.0) > (comparison.trivial_miou or 0.0):
        console.print(f"Use the winner: segarena predict {folder} IMAGES...", markup=False)
