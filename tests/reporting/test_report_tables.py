from pathlib import Path

import pandas as pd
import pytest

from segarena.reporting.comparison import read_comparison
from segarena.reporting.tables import class_table, fold_table, model_tables


def ranking(**columns: list[float | None]) -> list[dict[str, object]]:
    names = ("unet", "deeplabv3", "pspnet", "fcn")
    rows = zip(*columns.values(), strict=True)
    return [{"model": n, **dict(zip(columns, row, strict=True))} for n, row in zip(names, rows, strict=False)]


def best_of(folder: Path, rows: list[dict[str, object]]) -> dict[str, list[str]]:
    comparison = read_comparison(folder)
    comparison.content["ranking"] = rows
    _, _, table = model_tables(comparison)
    return {column.key: [name for name, cells in table.rows if cells[i].best] for i, column in enumerate(table.columns)}


def test_high_scores_and_low_costs_are_best(street: Path) -> None:
    rows = ranking(miou=[0.6, 0.5, 0.4], mean_f1=[0.5, 0.7, 0.6], latency_ms=[9.0, 3.0, 5.0])
    assert best_of(street, rows) == {"miou": ["unet"], "mean_f1": ["deeplabv3"], "latency_ms": ["deeplabv3"]}


def test_nobody_is_best_by_a_digit_that_is_not_shown(street: Path) -> None:
    assert best_of(street, ranking(miou=[0.60004, 0.60001, 0.4])) == {"miou": ["unet", "deeplabv3"]}
    assert best_of(street, ranking(miou=[0.60004, 0.60001])) == {"miou": []}


def test_one_model_alone_is_not_called_best(street: Path) -> None:
    assert best_of(street, ranking(miou=[0.6])) == {"miou": []}


def test_a_cost_that_one_model_lacks_stays_a_dash(street: Path) -> None:
    comparison = read_comparison(street)
    comparison.content["ranking"] = ranking(miou=[0.6, 0.5], peak_memory_mib=[None, 300.0])
    cells = [cells[1] for _, cells in model_tables(comparison)[2].rows]
    assert [(cell.text, cell.value) for cell in cells] == [("–", None), ("300 MiB", 300.0)]


def test_a_cost_that_nobody_has_is_no_column(street: Path) -> None:
    scores, costs, table = model_tables(read_comparison(street))
    assert [column.key for column in costs] == ["params", "flops", "latency_ms", "train_seconds"]
    assert table.columns == [*scores, *costs]


def test_seed_range_stands_beside_the_mean_of_several_seeds_only(street: Path) -> None:
    comparison = read_comparison(street)
    bounds = {"lowest_miou": 0.581, "highest_miou": 0.627}
    several, one = ({"model": m, "miou": 0.6, "seeds": s, **bounds} for m, s in (("unet", [0, 1]), ("fcn", [0])))
    comparison.content["ranking"] = [several, one]
    assert [cells[0].note for _, cells in model_tables(comparison)[2].rows] == ["58.1 to 62.7", ""]


def test_class_table_has_the_ious_of_the_file(street: Path) -> None:
    comparison = read_comparison(street)
    table = class_table(comparison)
    file = comparison.classes.set_index(["model", "class"])["iou"]
    assert [name for name, _ in table.rows] == [comparison.class_names[i] for i in comparison.class_order]
    for name, (_, *cells) in table.rows:
        for model, cell in zip(comparison.names, cells, strict=True):
            assert cell.value == pytest.approx(file[model, name])
        assert next(c.value for c in cells if c.best) == pytest.approx(max(c.value or 0 for c in cells), abs=5e-4)


def test_fold_table_has_the_mious_of_the_file_and_marks_the_best_of_each_fold(crossed: Path) -> None:
    comparison = read_comparison(crossed)
    table, file = fold_table(comparison), pd.read_csv(crossed / "folds.csv")
    assert [name for name, _ in table.rows] == [f"fold {fold}" for fold in range(1, 6)]
    for fold, (_, (images, *cells)) in enumerate(table.rows, start=1):
        rows = file[file["fold"] == fold].set_index("model")
        assert images.value == rows["images"].iloc[0]
        assert [cell.value for cell in cells] == [rows.loc[name, "miou"] for name in comparison.names]
        assert [cell.best for cell in cells] == [cell.value == rows["miou"].max() for cell in cells]
