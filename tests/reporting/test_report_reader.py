"""A comparison folder is read as it was written; a damaged one is refused with its file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segarena.errors import RunError
from segarena.records.tables import ImageRow
from segarena.reporting.comparison import read_comparison, read_table
from support import refuses


@pytest.fixture
def tiny(make_comparison, tmp_path: Path) -> Path:
    folder = make_comparison(models=("unet", "fcn"), seeds=(0, 1), classes=("background", "cell"), images=1, epochs=2)
    return Path(shutil.copytree(folder, tmp_path / "tiny"))


def drop_column(path: Path) -> None:
    pd.read_csv(path).drop(columns="miou").to_csv(path, index=False)


def set_cell(path: Path, **values: str) -> None:
    """Change the last row, as a spreadsheet saves it."""
    table = pd.read_csv(path, dtype=str)
    for column, value in values.items():
        table.loc[len(table) - 1, column] = value
    table.to_csv(path, index=False)


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


DAMAGES: dict[str, tuple[str, str, Callable[[Path], object]]] = {
    "no comparison": ("", "comparison.json", lambda f: (f / "comparison.json").unlink()),
    "no object": ("comparison.json", "a list", lambda f: (f / "comparison.json").write_text("[]")),
    "no JSON": ("comparison.json", "cannot be read", lambda f: (f / "comparison.json").write_text("{")),
    "newer schema": ("comparison.json", "schema 99", lambda f: change(f / "comparison.json", schema=99)),
    "no ranking": ("comparison.json", "ranks no model", lambda f: change(f / "comparison.json", ranking=[])),
    "no table": ("models.csv", "missing", lambda f: (f / "models.csv").unlink()),
    "empty table": ("classes.csv", "cannot be read", lambda f: (f / "classes.csv").write_text("")),
    "no column": ("models.csv", "miou", lambda f: drop_column(f / "models.csv")),
    "a comma as the decimal point": ("models.csv", "'0,46'", lambda f: set_cell(f / "models.csv", miou="0,46")),
    "text in a class's row": ("classes.csv", "'x'", lambda f: set_cell(f / "classes.csv", tp="x")),
    "text in the history": (
        "fcn-seed1/history.csv",
        "'x'",
        lambda f: set_cell(f / "fcn-seed1" / "history.csv", epoch="x"),
    ),
    "no history": ("unet-seed1/history.csv", "missing", lambda f: (f / "unet-seed1" / "history.csv").unlink()),
    "no best epoch": (
        "fcn-seed0/metrics.json",
        "best_epoch",
        lambda f: change(f / "fcn-seed0" / "metrics.json", best_epoch=None),
    ),
    "other classes": (
        "fcn-seed0/metrics.json",
        "3 x 3",
        lambda f: change(f / "fcn-seed0" / "metrics.json", confusion=[[0] * 3] * 3),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_comparison_is_named_with_its_file(tiny: Path, damage: str) -> None:
    where, value, spoil = DAMAGES[damage]
    spoil(tiny)
    with refuses(RunError, where=tiny / where, value=value):
        read_comparison(tiny)


def test_confusion_is_summed_over_the_seeds(tiny: Path) -> None:
    runs = [json.loads((tiny / f"unet-seed{seed}" / "metrics.json").read_text())["confusion"] for seed in (0, 1)]
    np.testing.assert_array_equal(read_comparison(tiny).confusions["unet"], np.add(*runs))


def test_class_shares_are_those_of_the_truth_and_give_the_order(street: Path) -> None:
    comparison = read_comparison(street)
    truth = comparison.confusions["unet"].sum(axis=1)
    np.testing.assert_allclose(comparison.class_shares, truth / truth.sum())
    assert list(comparison.class_shares[comparison.class_order]) == sorted(comparison.class_shares, reverse=True)


def test_an_undefined_class_stays_undefined_over_the_seeds(make_comparison) -> None:
    folder = make_comparison(models=("unet",), seeds=(0, 1), classes=("a", "b", "c"), undefined=(1,), images=1)
    comparison = read_comparison(folder)
    assert comparison.class_iou("unet")["mean"].isna().tolist() == [False, True, False]
    assert comparison.class_shares[1] == 0


def test_confusion_is_summed_over_the_folds_and_each_fold_has_its_history(crossed: Path) -> None:
    comparison = read_comparison(crossed)
    files = [crossed / "unet-seed0" / f"fold{fold}" / "metrics.json" for fold in range(1, 6)]
    total = np.sum([json.loads(file.read_text())["confusion"] for file in files], axis=0)
    assert np.array_equal(comparison.confusions["unet"], total)
    assert [run.fold for run in comparison.runs("unet")] == [1, 2, 3, 4, 5]
    assert [comparison.best_epochs[run] for run in comparison.runs("unet")] == [
        json.loads(file.read_text())["best_epoch"] for file in files
    ]


def test_a_comparison_without_its_table_of_folds_is_refused(crossed: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(crossed, tmp_path / "crossed"))
    (folder / "folds.csv").unlink()
    with refuses(RunError, where=folder / "folds.csv", value="missing"):
        read_comparison(folder)


def test_names_that_are_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    """As the numbers of patients, which are groups of images."""
    path = tmp_path / "images.csv"
    path.write_text("image,part,group,class_index,class,tp,fp,fn\n01,test,0007,0,1,5,0,0\n02,test,,0,1,5,0,0\n")
    table = read_table(path, ImageRow)
    assert table["group"].fillna("").tolist() == ["0007", ""]
    assert (table["image"].tolist(), table["class"].tolist()) == (["01", "02"], ["1", "1"])
