"""The tables of the page: models with scores and costs, and IoU of each class. Text for people, values for sorting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from segarena import formats
from segarena.reporting.comparison import Comparison


@dataclass(frozen=True)
class Column:
    """A column: `key` in comparison.json's ranking, its title, a hint that explains it, and which end is better."""

    key: str
    title: str
    hint: str
    better: Literal["high", "low"]
    show: Callable[[Any], str]


@dataclass(frozen=True)
class Cell:
    """`text` as shown, `value` to sort by (None where there is nothing), `best` in its column, a small `note`."""

    text: str
    value: float | None
    best: bool = False
    note: str = ""


@dataclass(frozen=True)
class Table:
    """`columns` and, for each row, its name and its cells in the order of the columns."""

    columns: list[Column]
    rows: list[tuple[str, list[Cell]]]


SCORES = (
    Column("miou", "mIoU", "mean over classes of intersection over union", "high", formats.percent),
    Column("mean_f1", "mean F1", "mean over classes of F1 (Dice)", "high", formats.percent),
    Column("mean_precision", "mean precision", "mean over classes of precision", "high", formats.percent),
    Column("mean_recall", "mean recall", "mean over classes of recall", "high", formats.percent),
    Column("pixel_accuracy", "pixel accuracy", "share of the pixels that are right", "high", formats.percent),
)
COSTS = (
    Column("params", "parameters", "numbers that training sets", "low", formats.count),
    Column("flops", "FLOPs", "floating-point operations for one image", "low", formats.giga),
    Column("latency_ms", "latency", "time for one image", "low", formats.milliseconds),
    Column(
        "train_seconds",
        "training time",
        "time to train, mean over the seeds",
        "low",
        formats.duration,
    ),
    Column(
        "peak_memory_mib",
        "peak memory",
        "most memory that the training held, without libraries and images",
        "low",
        formats.mebibytes,
    ),
)


def model_tables(comparison: Comparison) -> tuple[list[Column], list[Column], Table]:
    """The score columns, the cost columns, and the table of both, best model first.

    A column that no model has a value for (peak memory on a machine that does not tell it) is left out.
    """
    scores, costs = ([c for c in group if _has_values(comparison, c)] for group in (SCORES, COSTS))
    columns = [*scores, *costs]
    by_column = [_column_cells(comparison.ranking, column) for column in columns]
    rows = [(name, [cells[row] for cells in by_column]) for row, name in enumerate(comparison.names)]
    return scores, costs, Table(columns, rows)


def class_table(comparison: Comparison) -> Table:
    """IoU of each model (columns) in each class (rows), largest class first, mean over the seeds."""
    ious = {name: comparison.class_iou(name)["mean"] for name in comparison.names}
    columns = [
        Column(name, comparison.styles[name].label, "IoU, mean over the seeds", "high", formats.percent)
        for name in comparison.names
    ]
    rows = []
    for index in comparison.class_order:
        values = [_number(ious[name].iloc[index]) for name in comparison.names]
        best = _best(columns[0], values)
        share = float(comparison.class_shares[index])
        cells = [Cell(formats.percent(v), v, flag) for v, flag in zip(values, best, strict=True)]
        rows.append((comparison.class_names[index], [Cell(formats.percent(share), share), *cells]))
    return Table(columns, rows)


def fold_table(comparison: Comparison) -> Table:
    """The mIoU of each model (columns) in each fold (rows), mean over the seeds, after the number of its images."""
    assert comparison.by_fold is not None
    images = comparison.by_fold.groupby("fold")["images"].first()
    mious = {name: [_number(value) for value in comparison.fold_mious(name)] for name in comparison.names}
    columns = [
        Column(name, comparison.styles[name].label, "mIoU, mean over the seeds", "high", formats.percent)
        for name in comparison.names
    ]
    rows = []
    for row, (fold, number) in enumerate(images.items()):
        values = [mious[name][row] for name in comparison.names]
        cells = [Cell(formats.percent(v), v, best) for v, best in zip(values, _best(columns[0], values), strict=True)]
        rows.append((f"fold {fold}", [Cell(f"{number:,}", float(number)), *cells]))
    return Table(columns, rows)


def _has_values(comparison: Comparison, column: Column) -> bool:
    return any(_number(entry.get(column.key)) is not None for entry in comparison.ranking)


def _column_cells(ranking: list[dict[str, Any]], column: Column) -> list[Cell]:
    values = [_number(entry.get(column.key)) for entry in ranking]
    cells = []
    for entry, value, best in zip(ranking, values, _best(column, values), strict=True):
        note = _seed_range(entry) if column.key == "miou" else ""
        cells.append(Cell(column.show(value), value, best, note))
    return cells


def _seed_range(entry: dict[str, Any]) -> str:
    low, high = _number(entry.get("lowest_miou")), _number(entry.get("highest_miou"))
    if low is None or high is None or len(entry.get("seeds", [])) < 2:
        return ""
    return f"{100 * low:.1f} to {100 * high:.1f}"


def _best(column: Column, values: list[float | None]) -> list[bool]:
    # What reads the same counts as the same: nobody is best by a digit that is not shown.
    known = [value for value in values if value is not None]
    if len(values) < 2 or len({column.show(value) for value in known}) < 2:
        return [False] * len(values)
    winner = column.show(max(known) if column.better == "high" else min(known))
    return [value is not None and column.show(value) == winner for value in values]


def _number(value: Any) -> float | None:
    return None if formats.is_missing(value) else float(value)
