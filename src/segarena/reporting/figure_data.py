"""The numbers that each figure of the page shows, as rows of its CSV file."""

from __future__ import annotations

import numpy as np

from segarena.classes import IGNORE_INDEX
from segarena.reporting.class_figures import row_rates
from segarena.reporting.comparison import Comparison
from segarena.reporting.figure_files import Rows, Value
from segarena.reporting.gallery import Example
from segarena.reporting.score_figures import measured, undominated


def ranking_rows(comparison: Comparison) -> Rows:
    """Return the mIoU of each model, its interval, seeds, folds and resolution ceiling, and the majority baseline."""
    rows: list[dict[str, Value]] = []
    for entry in comparison.ranking:
        low, high = comparison.interval(entry.model) or (None, None)
        rows.append(_mark(entry.model, "model", entry.miou, low=low, high=high))
        if entry.ceiling is not None:
            rows.append(_mark(entry.model, "resolution ceiling", entry.ceiling))
        table = comparison.models[comparison.models["model"] == entry.model]
        rows += [
            _mark(entry.model, "seed", float(miou), seed=int(seed))
            for seed, miou in zip(table["seed"], table["miou"], strict=True)
        ]
        rows += [
            _mark(entry.model, "fold", miou, fold=fold)
            for fold, miou in zip(_folds(comparison), comparison.fold_mious(entry.model), strict=True)
        ]
    baseline = comparison.record.majority_baseline
    return [*rows, _mark(f"always {baseline.class_name}", "majority baseline", baseline.miou)]


def latency_rows(comparison: Comparison) -> Rows:
    """Latency and mIoU of each model, and whether no other one has both a lower latency and a higher mIoU."""
    best = {entry.model for entry in undominated(measured(comparison))}
    rows: list[dict[str, Value]] = []
    for entry in measured(comparison):
        low, high = comparison.interval(entry.model) or (entry.lowest_miou, entry.highest_miou)
        rows.append(
            {
                "model": entry.model,
                "latency_ms": entry.latency_ms,
                "miou": entry.miou,
                "low": low,
                "high": high,
                "params": entry.params,
                "undominated": entry.model in best,
            }
        )
    return rows


def curve_rows(comparison: Comparison) -> Rows:
    """Validation mIoU and training loss of each epoch; the best epoch is marked."""
    return [
        {
            "model": run.model,
            "seed": run.seed,
            "fold": run.fold,
            "epoch": int(epoch),
            "val_miou": float(miou),
            "train_loss": float(loss),
            "best": int(epoch) == comparison.best_epochs[run],
        }
        for name in comparison.names
        for run in comparison.runs(name)
        for epoch, miou, loss in comparison.histories[run][["epoch", "val_miou", "train_loss"]].itertuples(index=False)
    ]


def class_rows(comparison: Comparison) -> Rows:
    """IoU of each class by each model, the largest class first."""
    tables = {name: comparison.class_iou(name) for name in comparison.names}
    rows: list[dict[str, Value]] = []
    for index in comparison.class_order:
        for name, table in tables.items():
            mean, lowest, highest = (float(value) for value in table.iloc[index])
            low, high = comparison.class_interval(name, index) or (lowest, highest)
            rows.append(
                {
                    "class_index": index,
                    "class": comparison.class_names[index],
                    "share_of_pixels": float(comparison.class_shares[index]),
                    "model": name,
                    "iou": mean,
                    "low": low,
                    "high": high,
                }
            )
    return rows


def confusion_rows(comparison: Comparison, model: str) -> Rows:
    """Each cell of a confusion matrix: its pixels, and their share of the true class."""
    counts, names = comparison.confusions[model], comparison.class_names
    rates = row_rates(counts)
    return [
        {
            "true_index": truth,
            "true_class": names[truth],
            "predicted_index": predicted,
            "predicted_class": names[predicted],
            "pixels": int(counts[truth, predicted]),
            "share_of_true_class": float(rates[truth, predicted]),
        }
        for truth in range(len(names))
        for predicted in range(len(names))
    ]


def gallery_rows(comparison: Comparison, examples: list[Example]) -> Rows:
    """The pixels of each image that have a true class, and how many of them each model predicts correctly."""
    rows: list[dict[str, Value]] = []
    for example in examples:
        counted = example.truth != IGNORE_INDEX
        for name in comparison.names:
            correct = int(np.sum((example.predictions[name] == example.truth) & counted))
            rows.append({"image": example.name, "model": name, "pixels": int(counted.sum()), "correct": correct})
    return rows


def _folds(comparison: Comparison) -> list[int]:
    return [] if comparison.by_fold is None else [int(fold) for fold in sorted(comparison.by_fold["fold"].unique())]


def _mark(
    model: str,
    mark: str,
    miou: float | None,
    *,
    seed: int | None = None,
    fold: int | None = None,
    low: float | None = None,
    high: float | None = None,
) -> dict[str, Value]:
    return {"model": model, "mark": mark, "seed": seed, "fold": fold, "miou": miou, "low": low, "high": high}
