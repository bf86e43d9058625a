"""The tables of the page: which cells are marked as best, and values equal to those of the files."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from sample_records import ranked_model
from segarena.reporting.comparison import Comparison, read_comparison
from segarena.reporting.tables import class_table, fold_table, model_tables

NAMES = ("unet", "deeplabv3", "pspnet", "fcn")


@pytest.fixture
def comparison(street: Path) -> Comparison:
    return read_comparison(street)


def with_ranking(comparison: Comparison, **columns: list[float | None]) -> Comparison:
    """The comparison with other models: a value for each in each column."""
    rows = zip(*columns.values(), strict=True)
    ranking = [
        ranked_model(name, **dict(zip(columns, row, strict=True))) for name, row in zip(NAMES, rows, strict=False)
    ]
    return replace(comparison, record=replace(comparison.record, ranking=tuple(ranking)))


@pytest.mark.parametrize(
    ("columns", "best"),
    [
        ({"miou": [0.6, 0.5, 0.4]}, {"miou": ["unet"]}),
        ({"mean_f1": [0.5, 0.7, 0.6]}, {"mean_f1": ["deeplabv3"]}),
        ({"latency_ms": [9.0, 3.0, 5.0]}, {"latency_ms": ["deeplabv3"]}),  # a cost: the lowest
        ({"miou": [0.60004, 0.60001, 0.4]}, {"miou": ["unet", "deeplabv3"]}),  # both are written as 60.0%
        ({"miou": [0.60004, 0.60001]}, {"miou": []}),
        ({"miou": [0.6]}, {"miou": []}),  # no other model
    ],
)
def test_the_best_of_a_column_is_marked(comparison: Comparison, columns: dict, best: dict) -> None:
    _, _, table = model_tables(with_ranking(comparison, **columns))
    marked = {
        column.key: [name for name, cells in table.rows if cells[i].best] for i, column in enumerate(table.columns)
    }
    assert {key: names for key, names in marked.items() if key in columns} == best


def test_a_cost_that_one_model_lacks_is_a_dash(comparison: Comparison) -> None:
    _, costs, table = model_tables(with_ranking(comparison, peak_memory_mib=[None, 300.0]))
    assert costs[-1].key == "peak_memory_mib"
    assert [(cells[-1].text, cells[-1].value) for _, cells in table.rows] == [("–", None), ("300 MiB", 300.0)]


def test_a_cost_that_no_model_has_is_no_column(comparison: Comparison) -> None:
    scores, costs, table = model_tables(comparison)
    assert [column.key for column in costs] == ["params", "flops", "latency_ms", "train_seconds"]
    assert table.columns == [*scores, *costs]


def test_the_seed_range_is_beside_the_mean_of_several_seeds(comparison: Comparison) -> None:
    bounds = {"lowest_miou": [0.581, 0.5], "highest_miou": [0.627, 0.5]}
    _, _, table = model_tables(with_ranking(comparison, seeds=[(0, 1, 2), (0,)], **bounds))
    assert [cells[0].note for _, cells in table.rows] == ["58.1 to 62.7", ""]


def test_class_table_has_the_ious_of_the_file(comparison: Comparison) -> None:
    table = class_table(comparison)
    file = comparison.classes.set_index(["model", "class"])["iou"]
    assert [name for name, _ in table.rows] == [comparison.class_names[i] for i in comparison.class_order]
    for name, (_, *cells) in table.rows:
        for model, cell in zip(comparison.names, cells, strict=True):
            assert cell.value == pytest.approx(file[model, name])
        assert next(c.value for c in cells if c.best) == pytest.approx(max(c.value or 0 for c in cells), abs=5e-4)


def test_fold_table_has_the_mious_of_the_file(crossed: Path) -> None:
    comparison = read_comparison(crossed)
    table, file = fold_table(comparison), pd.read_csv(crossed / "folds.csv")
    assert [name for name, _ in table.rows] == [f"fold {fold}" for fold in range(1, 6)]
    for fold, (_, (images, *cells)) in enumerate(table.rows, start=1):
        rows = file[file["fold"] == fold].set_index("model")
        assert images.value == rows["images"].iloc[0]
        assert [cell.value for cell in cells] == [rows.loc[name, "miou"] for name in comparison.names]
        assert [cell.best for cell in cells] == [cell.value == rows["miou"].max() for cell in cells]
