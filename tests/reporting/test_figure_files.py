"""Each figure is there as PNG, as SVG and with its numbers, and the page leads to the three."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from segarena.reporting.class_figures import draw_class_iou, row_rates
from segarena.reporting.comparison import Comparison, read_comparison
from segarena.reporting.curve_figure import draw_learning_curves
from segarena.reporting.figure_files import write_figure
from segarena.reporting.score_figures import draw_accuracy_latency, draw_ranking


@pytest.fixture(scope="module")
def comparison(street: Path) -> Comparison:
    return read_comparison(street)


def numbers(comparison: Comparison, name: str) -> pd.DataFrame:
    return pd.read_csv(comparison.folder / "figures" / f"{name}.csv", keep_default_na=False, na_values=[""])


def points(figure: Figure, place: int = 0) -> set[tuple[float, float]]:
    """The ends and corners of all lines of an axes."""
    lines = figure.axes[place].get_lines()
    return {(round(float(x), 6), round(float(y), 6)) for line in lines for x, y in zip(*line.get_data(), strict=True)}


def test_the_bars_of_the_ranking_are_in_its_table(comparison: Comparison) -> None:
    table = numbers(comparison, "ranking")
    bars = [patch.get_width() / 100 for patch in draw_ranking(comparison).axes[0].patches]
    assert table.loc[table["mark"] == "model", "miou"].tolist() == pytest.approx(bars)
    ends = [comparison.interval(name) for name in comparison.names]
    assert table.loc[table["mark"] == "model", ["low", "high"]].to_numpy() == pytest.approx(np.array(ends))
    baseline = table[table["mark"] == "majority baseline"]
    assert baseline["miou"].tolist() == [comparison.record.majority_baseline.miou]


def test_seeds_and_folds_are_in_the_table_of_the_ranking(crossed: Path) -> None:
    comparison = read_comparison(crossed)
    table = numbers(comparison, "ranking")
    folds = table[(table["mark"] == "fold") & (table["model"] == "unet")]
    assert folds["miou"].tolist() == pytest.approx(comparison.fold_mious("unet"))
    assert folds["fold"].tolist() == sorted(comparison.by_fold["fold"].unique())


def test_the_points_of_latency_are_in_its_table(comparison: Comparison) -> None:
    table = numbers(comparison, "accuracy_latency")
    there = points(draw_accuracy_latency(comparison))
    assert {(round(ms, 6), round(100 * miou, 6)) for ms, miou in table[["latency_ms", "miou"]].to_numpy()} <= there
    assert table["undominated"].any()


def test_the_epochs_of_the_curves_are_in_their_table(comparison: Comparison) -> None:
    table, figure = numbers(comparison, "learning_curves"), draw_learning_curves(comparison)
    for place, (column, scale) in enumerate((("val_miou", 100), ("train_loss", 1))):
        rows = table[["epoch", column]].dropna().to_numpy()
        assert {(round(epoch, 6), round(scale * value, 6)) for epoch, value in rows} == points(figure, place)
    best = {run.model: epoch for run, epoch in comparison.best_epochs.items()}
    assert dict(table.loc[table["best"], ["model", "epoch"]].to_numpy()) == best


def test_the_bars_of_the_classes_are_in_their_table(comparison: Comparison) -> None:
    table = numbers(comparison, "class_iou")
    bars = [one for one in draw_class_iou(comparison).axes[0].patches if isinstance(one, Rectangle)]
    drawn = sorted(one.get_width() / 100 for one in bars if one.get_height() == pytest.approx(0.78))
    assert sorted(table["iou"].dropna()) == pytest.approx(drawn)
    assert table["class"].tolist()[:: len(comparison.names)] == [
        comparison.class_names[index] for index in comparison.class_order
    ]


def test_the_cells_of_a_confusion_are_in_its_table(comparison: Comparison) -> None:
    table, counts = numbers(comparison, "confusion_unet"), comparison.confusions["unet"]
    assert table.pivot(index="true_index", columns="predicted_index", values="pixels").to_numpy().tolist() == (
        counts.tolist()
    )
    assert table["share_of_true_class"].to_numpy() == pytest.approx(row_rates(counts).ravel(), nan_ok=True)
    assert table["true_class"].tolist()[:: len(counts)] == comparison.class_names


def test_the_pixels_of_the_gallery_are_in_its_table(comparison: Comparison) -> None:
    table = numbers(comparison, "gallery")
    assert len(table) == len(comparison.record.gallery) * len(comparison.names)
    first = table.iloc[0]
    folder = comparison.folder / "gallery" / first["image"]
    truth, guess = (np.asarray(Image.open(folder / f"{name}.png")) for name in ("truth", first["model"]))
    assert first["pixels"] == (truth != 255).sum()
    assert first["correct"] == ((truth == guess) & (truth != 255)).sum()


def test_the_page_leads_to_all_files_of_figures(street: Path) -> None:
    text = (street / "report.html").read_text()
    addresses = set(re.findall(r'href="(figures/[^"]+)"', text))
    assert addresses == {path.relative_to(street).as_posix() for path in (street / "figures").iterdir()}


def test_every_picture_of_the_page_has_words_of_its_own(street: Path) -> None:
    text = (street / "report.html").read_text()
    pictures = re.findall(r"<img[^>]*>", text)
    alts = [alt for picture in pictures for alt in re.findall(r'alt="([^"]*)"', picture)]
    assert len(alts) == len(pictures)
    assert min(map(len, alts)) > 10
    assert len(set(alts)) == len(alts)


def test_png_and_svg_show_the_same_part_of_a_figure(tmp_path: Path) -> None:
    figure = Figure(figsize=(3, 2), layout="constrained")
    figure.add_subplot().plot([0, 1])
    figure.text(1.2, 0.5, "beside the figure")
    write_figure(figure, tmp_path / "one", [{"a": 1, "b": None}, {"a": float("nan"), "c": "x"}])
    with Image.open(tmp_path / "one.png") as image:
        width, height = image.size
        assert image.convert("L").getpixel((width - 1, height - 1)) == 255
    root = ElementTree.parse(tmp_path / "one.svg").getroot()
    assert width / height == pytest.approx(float(root.get("width")[:-2]) / float(root.get("height")[:-2]), rel=0.01)
    assert width > 3 * 200 * 1.2
    assert (tmp_path / "one.csv").read_text() == "a,b,c\n1,,\n,,x\n"
