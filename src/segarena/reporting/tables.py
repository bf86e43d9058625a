"""The tables of the page: scores and costs of the models, IoU of each class, mIoU of each seed and fold.

A cell has a text for readers and a value to sort by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from segarena import formats
from segarena.records.comparison import RankedModel
from segarena.reporting.class_differences import clear_best_of_class
from segarena.reporting.comparison import Comparison
from segarena.reporting.differences import to_text
from segarena.reporting.load import slowed_models


@dataclass(frozen=True)
class Column:
    """A column of the page's tables.

    Args:
        key: The model's field in the ranking; in the tables of classes and folds, the model.
        title: The heading.
        hint: What the numbers are, in a few words.
        better: Which end is better.
        show: Makes the text of a value.
        clear: Share of the lower value by which the best one and the next have to differ for a mark. A measured cost
            varies.
        has_best: Whether the best value may be marked; False where its differences have no intervals.
    """

    key: str
    title: str
    hint: str
    better: Literal["high", "low"]
    show: Callable[[Any], str]
    clear: float = 0.0
    has_best: bool = True


@dataclass(frozen=True)
class Cell:
    """One cell: its text, its value (None where there is none), whether it is marked, and a note in small print."""

    text: str
    value: float | None
    best: bool = False
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Columns and rows.

    Args:
        columns: The columns of the models or of their scores and costs.
        rows: Name and cells of each row. Rows by class or fold have one cell before those of the columns: the share of
            the pixels or the number of images.
    """

    columns: list[Column]
    rows: list[tuple[str, list[Cell]]]


SCORES = (
    Column("miou", "mIoU", "mean over classes of intersection over union", "high", formats.percent),
    Column(
        "ceiling",
        "ceiling",
        "mIoU of the true masks, reduced to the resolution of the logits",
        "high",
        formats.percent,
        has_best=False,
    ),
    Column("mean_f1", "mean F1", "mean over classes of F1 (Dice)", "high", formats.percent),
    Column(
        "mean_precision", "mean precision", "mean over classes of precision", "high", formats.percent, has_best=False
    ),
    Column("mean_recall", "mean recall", "mean over classes of recall", "high", formats.percent, has_best=False),
    Column(
        "pixel_accuracy",
        "pixel accuracy",
        "share of the pixels that are correct",
        "high",
        formats.percent,
        has_best=False,
    ),
)
COSTS = (
    Column("params", "parameters", "numbers that the training adjusts", "low", formats.count),
    Column("flops", "FLOPs", "floating-point operations for one image", "low", formats.giga),
    Column("latency_ms", "latency", "time for one image, and its middle half", "low", formats.milliseconds, 0.1),
    Column("labelled_per_second", "throughput", "images labelled in a second, in batches", "high", formats.rate, 0.1),
    Column("train_seconds", "training time", "time to train, mean over the seeds", "low", formats.duration, 0.1),
    Column("train_cpu_seconds", "CPU time", "processor time of the training, all cores", "low", formats.duration, 0.1),
    Column("peak_memory_mib", "peak memory", "most memory in use during training", "low", formats.mebibytes, 0.1),
)


#: The claims of a verdict that names a model, and that of earlier versions, which is not known.
_NAMES_A_MODEL = ("best_architecture", "best_network", "not_recorded")


def model_tables(comparison: Comparison) -> tuple[list[Column], list[Column], Table]:
    """The score columns, the cost columns, and the table of both, best model first.

    A column in which no model has a value, e.g. peak memory where the system does not report it, is left out.
    """
    scores, costs = ([c for c in group if _has_values(comparison, c)] for group in (SCORES, COSTS))
    columns = [*scores, *costs]
    by_column = [_column_cells(comparison, column) for column in columns]
    rows = [(name, [cells[row] for cells in by_column]) for row, name in enumerate(comparison.names)]
    return scores, costs, Table(columns, rows)


def baseline_texts(comparison: Comparison, columns: Sequence[Column]) -> list[str]:
    """The scores of always predicting the most frequent class, under each column; empty where it has none."""
    baseline = comparison.record.majority_baseline
    return [column.show(getattr(baseline, column.key)) if hasattr(baseline, column.key) else "" for column in columns]


def class_table(comparison: Comparison) -> Table:
    """IoU of each model (columns) in each class (rows), largest class first, after the class's share of the pixels."""
    ious = {name: comparison.class_iou(name)["mean"] for name in comparison.names}
    columns, best = _model_columns(comparison, "IoU, mean over the seeds"), clear_best_of_class(comparison)
    rows = []
    for index in comparison.class_order:
        share, title = float(comparison.class_shares[index]), comparison.class_names[index]
        cells = [Cell(formats.percent(share), share)]
        for name in comparison.names:
            value = _number(ious[name].iloc[index])
            note = _interval_text(comparison.class_interval(name, index))
            cells.append(Cell(formats.percent(value), value, best.get(title) == name, note))
        rows.append((title, cells))
    return Table(columns, rows)


def seed_table(comparison: Comparison) -> Table | None:
    """The mIoU of each model (columns) with each seed (rows); None where no model has several seeds."""
    if not comparison.has_several_seeds:
        return None
    mious = comparison.models.set_index(["model", "seed"])["miou"].to_dict()
    seeds = sorted({int(seed) for seed in comparison.models["seed"]})
    columns = _model_columns(comparison, "mIoU")
    return Table(
        columns,
        [
            (f"seed {seed}", _row_cells([_number(mious.get((name, seed))) for name in comparison.names]))
            for seed in seeds
        ],
    )


def fold_table(comparison: Comparison) -> Table:
    """The mIoU of each model (columns) in each fold (rows), mean over the seeds, after the number of its images."""
    assert comparison.by_fold is not None
    images = comparison.by_fold.groupby("fold")["images"].first()
    mious = [[_number(value) for value in comparison.fold_mious(name)] for name in comparison.names]
    columns = _model_columns(comparison, "mIoU, mean over the seeds")
    rows = []
    for row, (fold, number) in enumerate(images.items()):
        cells = _row_cells([values[row] for values in mious])
        rows.append((f"fold {fold}", [Cell(f"{number:,}", float(number)), *cells]))
    return Table(columns, rows)


def _model_columns(comparison: Comparison, hint: str) -> list[Column]:
    return [Column(name, style.label, hint, "high", formats.percent) for name, style in comparison.styles.items()]


def _row_cells(values: list[float | None]) -> list[Cell]:
    """The scores of the models with one seed or in one fold. None is marked: nothing is known about their noise."""
    return [Cell(formats.percent(value), value) for value in values]


def _interval_text(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else to_text(*ends)


def _has_values(comparison: Comparison, column: Column) -> bool:
    return any(getattr(entry, column.key) is not None for entry in comparison.ranking)


def _column_cells(comparison: Comparison, column: Column) -> list[Cell]:
    ranking = comparison.ranking
    values = [_number(getattr(entry, column.key)) for entry in ranking]
    is_marked = comparison.record.answer.claim in _NAMES_A_MODEL if column in SCORES else _is_clear(comparison, column)
    if column.key == "mean_f1":
        is_marked = _f1_is_clear(comparison)
    best = _best(column, values) if is_marked and column.has_best else [False] * len(values)
    notes = {"miou": _seed_range, "latency_ms": _latency_range}
    cells = []
    for entry, value, mark in zip(ranking, values, best, strict=True):
        note = notes[column.key](entry) if column.key in notes else ""
        if column.key == "miou":
            note = _interval_text(comparison.interval(entry.model)) or note
        cells.append(Cell(column.show(value), value, mark, note))
    return cells


def _f1_is_clear(comparison: Comparison) -> bool:
    """Whether the model with the highest mean F1 is ahead of every other one, by the same rule as for mIoU."""
    shown, ranking = comparison.record.statistics, comparison.ranking
    if shown is None or comparison.record.answer.claim not in _NAMES_A_MODEL:
        return False
    first = max(ranking, key=lambda entry: entry.mean_f1 or 0.0).model
    rivals = [pair.architectures or pair.networks for pair in shown.f1 if pair.first == first]
    return len(rivals) == len(ranking) - 1 and all(found is not None and found.p <= shown.alpha for found in rivals)


def _is_clear(comparison: Comparison, column: Column) -> bool:
    """Whether the best of these costs is clearly better than the next one."""
    entries = [entry for entry in comparison.ranking if getattr(entry, column.key) is not None]
    if column.clear == 0 or len(entries) < 2:
        return True
    best, *others = sorted(entries, key=lambda entry: getattr(entry, column.key), reverse=column.better == "high")
    low, high = sorted(getattr(entry, column.key) for entry in (best, others[0]))
    if high < (1 + column.clear) * low:
        return False
    if column.key == "train_seconds":
        return not slowed_models(comparison.record) and _needs_least_cpu_time(best, others)
    if column.key == "latency_ms" and best.latency_high_ms is not None:
        return all(best.latency_high_ms < entry.latency_low_ms for entry in others if entry.latency_low_ms is not None)
    return True


def _needs_least_cpu_time(best: RankedModel, others: Sequence[RankedModel]) -> bool:
    """Whether the processor times agree that it is the quickest; yes where they are unknown."""
    if best.train_cpu_seconds is None:
        return True
    return all(best.train_cpu_seconds < e.train_cpu_seconds for e in others if e.train_cpu_seconds is not None)


def _seed_range(entry: RankedModel) -> str:
    if entry.lowest_miou is None or entry.highest_miou is None or len(entry.seeds) < 2:
        return ""
    return to_text(entry.lowest_miou, entry.highest_miou)


def _latency_range(entry: RankedModel) -> str:
    if entry.latency_low_ms is None or entry.latency_high_ms is None:
        return ""
    low, high = formats.milliseconds(entry.latency_low_ms), formats.milliseconds(entry.latency_high_ms)
    return "" if low == high else f"{low.removesuffix(' ms')} to {high.removesuffix(' ms')}"


def _best(column: Column, values: list[float | None]) -> list[bool]:
    """Which values are the best of a column. Values with the same text are equal, whatever their further digits."""
    texts = [None if value is None else column.show(value) for value in values]
    known = [value for value in values if value is not None]
    if len(values) < 2 or len({text for text in texts if text is not None}) < 2:
        return [False] * len(values)
    winner = column.show(max(known) if column.better == "high" else min(known))
    return [text == winner for text in texts]


def _number(value: Any) -> float | None:
    return None if formats.is_missing(value) else float(value)
