"""The figures of the page: what is drawn is what was measured, and nothing is cut off."""

from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from sample_records import ranked_model
from segarena.reporting.class_figures import draw_class_iou, draw_confusion, row_rates
from segarena.reporting.comparison import Comparison, read_comparison
from segarena.reporting.curve_figure import draw_learning_curves
from segarena.reporting.score_figures import draw_accuracy_latency, draw_ranking, undominated
from segarena.reporting.style import theme
from segarena.runs import Run

MANY = ("unet", "deeplabv3", "pspnet", "fcn", "segnet", "linknet")


@pytest.fixture
def comparison(street: Path) -> Comparison:
    return read_comparison(street)


@pytest.fixture(scope="module")
def large(make_comparison) -> Comparison:
    names = [f"a rather long class name, number {i}" for i in range(30)]
    folder = make_comparison(models=MANY, seeds=(0, 1), classes=names, undefined=(4, 7), images=1)
    return read_comparison(folder)


def with_latencies(comparison: Comparison, *latencies: float | None) -> Comparison:
    ranking = [replace(entry, latency_ms=ms) for entry, ms in zip(comparison.ranking, latencies, strict=True)]
    return replace(comparison, record=replace(comparison.record, ranking=tuple(ranking)))


def assert_nothing_cut_off(figure: Figure) -> None:
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(drawn.x0, drawn.y0) > -0.01
    assert drawn.x1 < width + 0.01
    assert drawn.y1 < height + 0.01


def test_every_figure_is_a_file_of_high_resolution(street: Path) -> None:
    expected = {"ranking", "accuracy_latency", "learning_curves", "class_iou", "gallery"}
    expected |= {f"confusion_{name}" for name in ("unet", "deeplabv3", "pspnet", "fcn")}
    names = {path.name for path in (street / "figures").iterdir()}
    assert names == {f"{name}.{kind}" for name in expected for kind in ("png", "svg", "csv")}
    for path in (street / "figures").glob("*.png"):
        with Image.open(path) as image:
            assert image.width > 900, path
        assert path.stat().st_size < 1_500_000, path


def test_drawing_leaves_no_figure_open_in_pyplot(street: Path) -> None:
    assert plt.get_fignums() == []


@pytest.mark.parametrize("draw", [draw_ranking, draw_accuracy_latency, draw_learning_curves, draw_class_iou])
def test_nothing_is_cut_off_with_six_models_and_thirty_classes(large: Comparison, draw) -> None:
    with theme():
        assert_nothing_cut_off(draw(large))


def test_confusion_of_thirty_classes_has_labels_and_no_numbers(large: Comparison) -> None:
    with theme():
        figure = draw_confusion(large, "unet")
        assert_nothing_cut_off(figure)
    assert len(figure.axes[0].get_yticklabels()) == 30
    assert not any(text.get_text() for text in figure.axes[0].texts)


def test_one_model_with_one_epoch_and_two_classes_can_be_drawn(make_comparison) -> None:
    folder = make_comparison(models=("unet",), classes=("background", "cell"), images=1, epochs=1)
    alone = read_comparison(folder)
    with theme():
        for draw in (draw_ranking, draw_accuracy_latency, draw_learning_curves, draw_class_iou):
            assert_nothing_cut_off(draw(alone))


def test_ranking_bars_are_the_scores_best_on_top(comparison: Comparison) -> None:
    axes = draw_ranking(comparison).axes[0]
    bars = sorted(axes.patches, key=lambda bar: bar.get_y())
    assert [bar.get_width() for bar in bars] == pytest.approx([100 * entry.miou for entry in comparison.ranking])
    low, high = axes.get_ylim()
    assert low > high
    assert axes.get_xlim()[0] == 0


def test_a_model_without_a_score_has_a_dash_and_no_marker(comparison: Comparison) -> None:
    unscored = dict.fromkeys(("miou", "lowest_miou", "highest_miou"))
    ranking = (*comparison.ranking[:-1], replace(comparison.ranking[-1], **unscored))
    comparison.models.loc[comparison.models["model"] == "fcn", "miou"] = np.nan
    axes = draw_ranking(replace(comparison, record=replace(comparison.record, ranking=ranking))).axes[0]
    assert axes.texts[3].get_text() == "–"
    assert comparison.styles["fcn"].marker not in [line.get_marker() for line in axes.get_lines()]


def test_seeds_are_points_and_intervals_are_lines(large: Comparison) -> None:
    with theme():
        lines = draw_ranking(large).axes[0].get_lines()
    first, scores = large.names[0], large.models[large.models["model"] == large.names[0]]["miou"]
    color = large.styles[first].color
    points = [line for line in lines if len(line.get_xdata()) == 2 and line.get_color() == color]
    assert any(list(line.get_xdata()) == pytest.approx(list(100 * scores)) for line in points)


def test_a_bar_of_a_class_has_its_interval(comparison: Comparison) -> None:
    with theme():
        figure = draw_class_iou(comparison)
    drawn = {
        tuple(round(float(x), 6) for x in segment[:, 0])
        for lines in figure.axes[0].collections
        for segment in lines.get_segments()
    }
    for index, name in enumerate(comparison.class_names):
        ends = comparison.class_interval("unet", index)
        assert ends is not None, name
        assert tuple(round(100 * end, 6) for end in ends) in drawn


def test_folds_are_rings_beside_the_score(crossed: Path) -> None:
    comparison = read_comparison(crossed)
    with theme():
        figure = draw_ranking(comparison)
        assert_nothing_cut_off(figure)
    rings = [line for line in figure.axes[0].get_lines() if line.get_markerfacecolor() == "none"]
    drawn = {name: list(line.get_xdata()) for name, line in zip(comparison.names, rings, strict=True)}
    assert drawn == {name: [100 * miou for miou in comparison.fold_mious(name)] for name in comparison.names}
    assert max(max(values) for values in drawn.values()) < figure.axes[0].get_xlim()[1]


def test_each_fold_has_a_learning_curve(crossed: Path) -> None:
    scores = draw_learning_curves(read_comparison(crossed)).axes[0]
    assert sum(len(line.get_xdata()) > 1 for line in scores.get_lines()) == 15


def test_the_majority_baseline_is_a_line_in_the_ranking(comparison: Comparison) -> None:
    lines = [line for line in draw_ranking(comparison).axes[0].get_lines() if len(set(line.get_xdata())) == 1]
    assert any(line.get_xdata()[0] == pytest.approx(5.0) and len(line.get_xdata()) == 2 for line in lines)


def test_best_epoch_is_marked_on_each_curve(comparison: Comparison) -> None:
    scores = draw_learning_curves(comparison).axes[0]
    for name in comparison.names:
        marks = [line for line in scores.get_lines() if line.get_marker() == comparison.styles[name].marker]
        best = comparison.best_epochs[Run(name, 0)]
        history = comparison.histories[Run(name, 0)].set_index("epoch")
        assert [list(mark.get_xdata()) for mark in marks] == [[best]]
        assert marks[0].get_ydata()[0] == pytest.approx(100 * history.loc[best, "val_miou"])


def test_an_undefined_class_is_not_drawn_as_zero(make_comparison) -> None:
    folder = make_comparison(models=("unet", "fcn"), classes=("a", "b", "c"), undefined=(1,), images=1, epochs=2)
    axes = draw_class_iou(read_comparison(folder)).axes[0]
    assert [text.get_text() for text in axes.texts] == ["undefined"]
    assert [label.get_text().split()[0] for label in axes.get_yticklabels()][-1] == "b"
    marked = sorted(y for line in axes.get_lines() for y in line.get_ydata())
    assert marked == [0, 1, 3, 4]


def test_confusion_rows_sum_to_one_and_empty_rows_are_undefined() -> None:
    rates = row_rates(np.array([[3, 1], [0, 0]]))
    np.testing.assert_array_equal(rates, [[0.75, 0.25], [np.nan, np.nan]])


def test_without_latency_there_is_no_figure_of_it(comparison: Comparison) -> None:
    assert draw_accuracy_latency(with_latencies(comparison, None, None, None, None)) is None


@pytest.mark.parametrize(("slowest", "scale"), [(30.0, "linear"), (90.0, "log")])
def test_latency_is_logarithmic_only_where_it_spreads(comparison: Comparison, slowest: float, scale: str) -> None:
    figure = draw_accuracy_latency(with_latencies(comparison, slowest, 10.0, 12.0, 15.0))
    assert figure is not None
    assert figure.axes[0].get_xscale() == scale


def test_undominated_models_are_those_that_none_beats_in_both() -> None:
    rows = [(10, 0.6), (5, 0.5), (7, 0.4), (5, 0.45), (20, 0.6)]
    entries = [ranked_model("unet", miou=miou, latency_ms=latency) for latency, miou in rows]
    assert [(entry.latency_ms, entry.miou) for entry in undominated(entries)] == [(5, 0.5), (10, 0.6)]
