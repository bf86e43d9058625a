"""`segarena compare`: train the architectures alike, test them on the same pixels, say who wins and at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from rich.table import Table

from segarena.commands import train
from segarena.commands.architectures import check_architectures
from segarena.commands.folds import pool_folds
from segarena.commands.gallery import write_gallery
from segarena.commands.prepare import Prepared, prepare
from segarena.commands.progress import catch_interrupt, console, format_seconds
from segarena.commands.summary import class_table, fold_table, image_table, model_table, summarise
from segarena.config import CompareOptions, ModelName, ProtocolOptions, TrainOptions, to_command
from segarena.errors import Interrupted, RunError
from segarena.files import write_json, write_text
from segarena.reporting.page import build_report
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
    environment = describe_environment()
    folds = prepare(options)
    models = options.models or ()
    source = folds[0].source
    check_architectures(folds[0].options, models, source.classes.num_classes)
    folder = open_folder(options.out, source.name, resume=options.resume)
    runs = [Run(model, seed) for seed in range(options.seeds) for model in models]
    _check_resumed(folds, folder, runs)
    _train_all(folds, folder, runs)
    console.print("Comparing")
    tables = {
        "models": model_table(folder, runs, _measure_latency(folds[0], folder, models), options.folds),
        "classes": class_table(folder, runs, source.classes.names),
        "images": image_table(folder, runs),
    }
    if options.folds is not None:
        tables["folds"] = fold_table(folder, runs, options.folds)
    comparison = {
        **summarise(folds, tables["models"], tables.get("folds"), tables["images"]),
        "command": to_command(options),
        "environment": environment.to_dict(),
        "gallery": write_gallery(folds, tables["images"], models, folder),
    }
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    write_json(folder / "comparison.json", comparison)
    page = build_report(folder)
    _say(comparison, folder, page)
    return folder


def _check_resumed(folds: Folds, folder: Path, runs: Sequence[Run]) -> None:
    """Raise RunError where the folder has runs of another protocol: one ranking, one protocol."""
    for whole in runs:
        has_folds = (folder / whole._replace(fold=1).path).is_dir()
        is_run = (folder / whole.path / "config.json").exists()
        if has_folds if folds[0].fold is None else is_run:
            raise RunError(
                f"was started with{'' if has_folds else 'out'} --folds",
                where=folder / whole.path,
                remedy="Repeat its options with --resume, or name a new folder with --out",
            )
        for prepared in folds:
            run = whole._replace(fold=prepared.fold)
            train.check_same_training(prepared, _train_options(prepared, run, folder), folder / run.path)


def _train_all(folds: Folds, folder: Path, runs: Sequence[Run]) -> None:
    done = 0
    with catch_interrupt() as should_stop:
        for whole in runs:
            for prepared in folds:
                done += 1
                run = whole._replace(fold=prepared.fold)
                fold = "" if run.fold is None else f", fold {run.fold}"
                title = f"{run.model}, seed {run.seed}{fold} ({done} of {len(runs) * len(folds)})"
                if train.is_finished(folder / run.path):
                    console.print(f"[bold]{title}[/bold]: finished already")
                    continue
                try:
                    options = _train_options(prepared, run, folder)
                    train.train_run(prepared, options, folder / run.path, title, should_stop)
                except Interrupted as stop:
                    command = to_command(prepared.options, out=folder)
                    raise Interrupted(f"{run.model}, seed {run.seed}{fold}: {stop}. Go on with: {command}") from stop
            if folds[0].fold is not None:
                pool_folds(folder, whole.folds(len(folds)), folds[0].source)


def _train_options(prepared: Prepared[CompareOptions], run: Run, folder: Path) -> TrainOptions:
    """The options of one run; a fold is to `train` a split that its own folder saves."""
    options = prepared.options
    shared = {item.name: getattr(options, item.name) for item in fields(ProtocolOptions)}
    if run.fold is not None:
        shared |= {"splits": folder / run.path, "group_by": None}
    return TrainOptions(**shared, model=cast("ModelName", run.model), seed=run.seed)


def _measure_latency(prepared: Prepared[CompareOptions], folder: Path, models: Sequence[str]) -> dict[str, float]:
    """Milliseconds for one image of the usual size, the models taking turns."""
    options = prepared.options
    networks = {
        model: load(folder / Run(model, 0, prepared.fold).path, device=options.device).model for model in models
    }
    return measure_latency(networks, prepared.input_size, device=options.device, precision=options.precision)


def _say(comparison: dict[str, Any], folder: Path, page: Path) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("", "mIoU", "F1", "accuracy", "params", "latency", "training"):
        table.add_column(title, justify="left" if not title else "right")
    for entry in comparison["ranking"]:
        table.add_row(
            entry["model"],
            f"{100 * entry['miou']:.1f}%",
            f"{100 * entry['mean_f1']:.1f}%",
            f"{100 * entry['pixel_accuracy']:.1f}%",
            f"{entry['params'] / 1e6:.1f} M",
            f"{entry['latency_ms']:.0f} ms",
            format_seconds(entry["train_seconds"]),
        )
    trivial = comparison["trivial"]
    table.add_row(
        f"always {trivial['class']}", f"{100 * trivial['miou']:.1f}%", "", f"{100 * trivial['pixel_accuracy']:.1f}%"
    )
    console.print(table)
    console.print(comparison["verdict"], markup=False)
    console.print(f"Report: {page}", markup=False)
    console.print(f"Use the winner: segarena predict {folder} IMAGES...", markup=False)
