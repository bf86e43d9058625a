"""`segarena compare`: train the architectures alike, test them on the same pixels, say who wins and at what cost."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from segarena.commands import train
from segarena.commands.architectures import check_architectures
from segarena.commands.gallery import write_gallery
from segarena.commands.prepare import Prepared, prepare
from segarena.commands.progress import catch_interrupt, console, format_seconds
from segarena.config import CompareOptions, ModelName, ProtocolOptions, TrainOptions, to_command, to_dict
from segarena.errors import Interrupted
from segarena.files import read_json, write_json, write_text
from segarena.reporting.page import build_report
from segarena.runs import open_folder, run_name
from segarena.scoring.scores import Scores, trivial_scores
from segarena.scoring.verdict import rank, verdict
from segarena.training.costs import measure_latency
from segarena.training.machine import describe_environment
from segarena.training.predictor import Predictor, load

Runs = list[tuple[ModelName, int]]
SCORES = (
    "miou",
    "mean_f1",
    "mean_precision",
    "mean_recall",
    "pixel_accuracy",
    "frequency_weighted_iou",
    "mean_image_iou",
    "miou_without_background",
    "best_epoch",
    "epochs",
)


def run(options: CompareOptions) -> Path:
    """Compare, and write the comparison folder and its report. Returns the folder.

    Raises SegarenaError for wrong input and Interrupted after Ctrl-C.
    """
    environment = describe_environment()
    prepared = prepare(options)
    models_to_train = options.models or ()
    check_architectures(prepared.options, models_to_train, prepared.source.classes.num_classes)
    folder = open_folder(options.out, prepared.source.name, resume=options.resume)
    runs = [(model, seed) for seed in range(options.seeds) for model in models_to_train]
    _train_all(prepared, folder, runs)
    console.print("Comparing")
    predictors = {model: load(folder / run_name(model, 0), device=prepared.options.device) for model in models_to_train}
    models = _model_table(prepared, folder, runs, predictors)
    images = _stack(folder, runs, "images.csv")
    gallery = write_gallery(prepared, images, predictors, folder)
    comparison = {
        **_summarise(prepared, models, images),
        "command": to_command(options),
        "environment": environment.to_dict(),
        "gallery": gallery,
    }
    _write_table(folder / "models.csv", models)
    _write_table(folder / "classes.csv", _class_table(prepared, folder, runs))
    _write_table(folder / "images.csv", images)
    write_json(folder / "comparison.json", comparison)
    page = build_report(folder)
    _say(comparison, folder, page)
    return folder


def _train_all(prepared: Prepared[CompareOptions], folder: Path, runs: Runs) -> None:
    with catch_interrupt() as should_stop:
        for number, (model, seed) in enumerate(runs, start=1):
            run_folder = folder / run_name(model, seed)
            title = f"{model}, seed {seed} ({number} of {len(runs)})"
            if train.is_finished(run_folder):
                console.print(f"[bold]{title}[/bold]: finished already")
                continue
            shared = {item.name: getattr(prepared.options, item.name) for item in fields(ProtocolOptions)}
            try:
                train.train_run(
                    prepared, TrainOptions(**shared, model=model, seed=seed), run_folder, title, should_stop
                )
            except Interrupted as stop:
                command = to_command(prepared.options, out=folder)
                raise Interrupted(f"{model}, seed {seed}: {stop}. Go on with: {command}") from stop


def _model_table(
    prepared: Prepared[CompareOptions],
    folder: Path,
    runs: Runs,
    predictors: dict[ModelName, Predictor],
) -> pd.DataFrame:
    """A row per model and seed: scores and costs. Latency is measured here, the models taking turns."""
    latency = measure_latency(
        {name: predictor.model for name, predictor in predictors.items()},
        prepared.input_size,
        device=prepared.options.device,
        precision=prepared.options.precision,
    )
    rows = []
    for model, seed in runs:
        run_folder = folder / run_name(model, seed)
        metrics = read_json(run_folder / "metrics.json")
        costs = read_json(run_folder / "costs.json")
        settings = predictors[model].config["architecture"]
        rows.append(
            {
                "model": model,
                "seed": seed,
                "encoder": settings["encoder"],
                "output_stride": settings["output_stride"],
                "eval_output_stride": settings.get("eval_output_stride") or settings["output_stride"],
                **{name: metrics[name] for name in SCORES},
                **costs,
                "latency_ms": latency[model],
            }
        )
    return pd.DataFrame(rows)


def _class_table(prepared: Prepared[CompareOptions], folder: Path, runs: Runs) -> pd.DataFrame:
    rows = []
    for model, seed in runs:
        per_class = read_json(folder / run_name(model, seed) / "metrics.json")["per_class"]
        for index, name in enumerate(prepared.source.classes.names):
            rows.append({"model": model, "seed": seed, "class_index": index, "class": name, **per_class[name]})
    return pd.DataFrame(rows)


def _stack(folder: Path, runs: Runs, name: str) -> pd.DataFrame:
    """The same table of every run, one below the other, with the columns model and seed in front."""
    parts = []
    for model, seed in runs:
        part = pd.read_csv(folder / run_name(model, seed) / name, dtype={"image": str, "class": str}, na_filter=False)
        part.insert(0, "model", model)
        part.insert(1, "seed", seed)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _summarise(prepared: Prepared[CompareOptions], models: pd.DataFrame, images: pd.DataFrame) -> dict[str, Any]:
    """What was compared, how, and what came out, for comparison.json."""
    split = prepared.splits.scored
    trivial = _trivial(prepared, images)
    ranking = rank([dict(row) for _, row in models.iterrows()])
    num_images = len(prepared.splits.indices(split))
    classes = prepared.source.classes
    return {
        "format": 1,
        "name": prepared.source.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "track": prepared.options.track,
        "verdict": verdict(ranking, split=split, images=num_images, trivial_miou=trivial.miou),
        "ranking": ranking,
        "trivial_miou": trivial.miou,
        "trivial": {
            "class": classes.names[prepared.most_frequent_class],
            "miou": trivial.miou,
            "pixel_accuracy": trivial.pixel_accuracy,
        },
        "scored_split": split,
        "protocol": {
            **{key: value for key, value in to_dict(prepared.options).items() if key != "data"},
            "crop": prepared.crop,
            "input_size": prepared.input_size,
        },
        "notes": prepared.notes,
        "data": {
            "name": prepared.source.name,
            "origin": prepared.source.describe()["origin"],
            "fingerprint": prepared.fingerprint,
            "classes": [
                {"index": index, "name": entry.name, "color": entry.color}
                for index, entry in enumerate(classes.classes)
            ],
            "counts": prepared.splits.counts,
        },
    }


def _trivial(prepared: Prepared[CompareOptions], images: pd.DataFrame) -> Scores:
    """Scores of answering the training split's most frequent class everywhere, on the scored images."""
    first = images[(images["model"] == images["model"].iloc[0]) & (images["seed"] == images["seed"].iloc[0])]
    num_classes = prepared.source.classes.num_classes
    truth = (first["tp"] + first["fn"]).to_numpy().reshape(-1, num_classes)
    confusions = np.zeros((len(truth), num_classes, num_classes), dtype=np.int64)
    confusions[:, :, prepared.most_frequent_class] = truth
    return trivial_scores(confusions, prepared.most_frequent_class)


def _write_table(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


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
