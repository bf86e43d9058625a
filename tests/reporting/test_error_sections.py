"""The sections of the page about where the errors are, and about labels to check."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_sections import add_slices

from segarena.errors import RunError
from segarena.records.slices import Slices
from segarena.reporting import error_slices
from segarena.reporting.comparison import read_comparison
from segarena.reporting.error_figure import draw_errors, error_rows
from segarena.reporting.error_slices import boundary_f1, boundary_iou, describe_errors
from segarena.reporting.sections import find_template
from segarena.reporting.suspicious import describe_suspicious
from segarena.runs import Run
from segarena.scoring.boundaries import BoundaryCounts
from segarena.scoring.error_analysis import ErrorTotals
from support import build_page, refuses


@pytest.fixture(scope="module")
def with_slices(make_comparison: Callable[..., Path]) -> Path:
    """A comparison whose errors were counted. Read it, do not change it."""
    return add_slices(make_comparison())


def test_the_page_has_the_sections_and_the_figure(with_slices: Path) -> None:
    text = build_page(with_slices).read_text()
    assert 'href="#errors"' in text
    assert 'href="#suspicious"' in text
    assert (with_slices / "figures" / "errors.png").exists()


def test_the_lines_of_the_figure_are_in_its_table(with_slices: Path) -> None:
    comparison = read_comparison(with_slices)
    figure, table = draw_errors(comparison), pd.DataFrame(error_rows(comparison))
    charts = ("objects by area", "pixels by distance to a boundary", "pixels by confidence")
    for axes, chart in zip(figure.axes, charts, strict=True):
        drawn = np.concatenate([line.get_ydata() for line in axes.get_lines() if line.get_marker() != "None"])
        assert 100 * table.loc[table["chart"] == chart, "share_correct"].to_numpy() == pytest.approx(drawn)
    assert table["high"].isna().any()  # the last bin has no end


def test_a_comparison_of_an_earlier_version_has_no_such_sections(street: Path) -> None:
    text = (street / "report.html").read_text()
    assert "#errors" not in text
    assert "#suspicious" not in text
    assert not (street / "figures" / "errors.png").exists()


def test_the_tables_have_the_counted_numbers(with_slices: Path) -> None:
    comparison = read_comparison(with_slices)
    content = describe_errors(comparison)
    assert content is not None
    best = comparison.names[0]
    counts = Slices.read(with_slices).models[best]
    _, rows = content.objects[0]
    shown = dict(rows)
    bins = [index for index, title in enumerate(("1–9", "10–99", "100–999", "1,000–9,999")) if title in content.sizes]
    for name, cells in shown.items():
        for (share, number), place in zip(cells, bins, strict=True):
            one = counts.per_class[name].objects[place]
            assert number == (f"{one.objects}" if one.objects else "")
            assert share == (f"{100 * one.found / one.objects:.0f}%" if one.objects else "–")
    assert content.scores[0][1][4] == "12.5% (all: 50.0%)"
    assert content.slices[0][1:3] == ("darkest third: 3 to 70", "4")
    assert content.slices[0][3][0] == "50.0%"
    assert content.slices[0][3][-1] == "–"


def test_of_many_worst_images_the_others_are_counted(with_slices: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(with_slices, tmp_path / "many"))
    slices = Slices.read(folder)
    names = tuple(f"image{number}" for number in range(12))
    worst = {name: replace(one, names=names) for name, one in slices.worst.items()}
    replace(slices, worst=worst).write(folder)
    _, shown = describe_errors(read_comparison(folder)).worst[0]
    assert shown.endswith("image9 and 2 more")


def test_images_of_one_brightness_have_no_range(with_slices: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(with_slices, tmp_path / "even"))
    slices = Slices.read(folder)
    replace(slices, slices=(replace(slices.slices[0], name="87", low=87.0, high=87.0),)).write(folder)
    assert describe_errors(read_comparison(folder)).slices[0][1] == "87"


def test_small_objects_are_in_a_sentence(with_slices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = read_comparison(with_slices)
    assert len(describe_errors(comparison).findings) == 2  # there are few
    monkeypatch.setattr(error_slices, "FEWEST_OBJECTS", 1)
    counts = Slices.read(with_slices).models[comparison.names[0]]
    small = [one for entry in counts.per_class.values() for one in entry.objects[:2]]
    number, found = sum(one.objects for one in small), sum(one.found for one in small)
    first, of_class, *_ = describe_errors(comparison).findings
    assert f" {number} objects " in first
    assert f"U-Net finds {100 * found / number:.0f}%" in first
    assert any(f"“{name}”" in of_class for name in comparison.class_names)
    assert "with 1 such objects or more" in of_class  # others may have a larger share, in fewer objects


def test_objects_are_listed_once_whatever_the_number_of_seeds(make_comparison: Callable[..., Path]) -> None:
    folder = make_comparison(models=("unet", "fcn"), seeds=(0, 1), classes=("sky", "road", "tree"))
    add_slices(folder)
    slices = Slices.read(folder)
    double = {
        name: (ErrorTotals.from_record(one) + ErrorTotals.from_record(one)).to_record(["sky", "road", "tree"])
        for name, one in slices.models.items()
    }
    once = describe_errors(read_comparison(folder))
    Slices(models=double, slices=(), worst={}, suspicious=None).write(folder)
    twice = describe_errors(read_comparison(folder))
    assert once is not None
    assert twice is not None
    for (share, _), (double_share, _) in zip(once.objects[0][1][0][1], twice.objects[0][1][0][1], strict=True):
        assert share == double_share
    shown = [int(number) for _, cells in twice.objects[0][1] for _, number in cells if number]
    counted = sum(one.objects for entry in slices.models["unet"].per_class.values() for one in entry.objects)
    assert sum(shown) == counted


def test_boundary_scores_are_means_over_the_classes_of_the_truth() -> None:
    totals = ErrorTotals.zero(3)
    regions = np.array([[6, 8, 8], [1, 1, 4], [0, 5, 0]])
    contours = np.array([[10, 5, 8, 8], [0, 0, 4, 0], [3, 0, 0, 0]])
    totals = totals + ErrorTotals(
        1, totals.objects, BoundaryCounts(regions, contours, totals.boundaries.bands), totals.confidence, 0
    )
    assert boundary_iou(totals) == pytest.approx((6 / 10 + 1 / 4) / 2)
    assert boundary_f1(totals) == pytest.approx((2 * 0.5 * 1 / 1.5 + 0) / 2)


def test_a_region_is_shown_with_its_place_and_a_line_around_it(with_slices: Path) -> None:
    content = describe_suspicious(read_comparison(with_slices))
    assert content is not None
    [suspect] = content.suspects  # the second one has no pictures
    assert content.complete is False
    assert suspect.title == "“car” in the mask, “tree” for all 4 networks"
    assert suspect.place.endswith("row 16, column 10")
    assert (suspect.image.width, suspect.image.height) == (240, 180)


def test_images_that_were_not_looked_at_are_named(with_slices: Path) -> None:
    comparison = read_comparison(with_slices)
    in_folds = replace(comparison, record=replace(comparison.record, folds=5))
    alone, crossed = describe_suspicious(comparison), describe_suspicious(in_folds)
    assert alone is not None
    assert crossed is not None
    assert "--folds" in alone.introduction
    assert "--folds" not in crossed.introduction


def test_the_regions_after_the_first_are_folded(make_comparison: Callable[..., Path]) -> None:
    folder = add_slices(make_comparison(models=("unet", "fcn"), classes=("sky", "road", "tree"), images=5))
    content = describe_suspicious(read_comparison(folder))
    assert content is not None
    template = find_template("sections/suspicious.html.j2")
    for number, folded in ((content.unfolded, 0), (content.unfolded + 3, 3)):
        text = template.render(content=replace(content, suspects=content.suspects * number))
        first, *rest = text.split("<details>")
        assert first.count("<figure>") == content.unfolded
        assert [part.count("<figure>") for part in rest] == [folded] * bool(folded)
        assert (f"<summary>{folded} more</summary>" in text) == bool(folded)


def test_damaged_pictures_are_reported(make_comparison: Callable[..., Path]) -> None:
    folder = add_slices(make_comparison(models=("unet", "fcn"), classes=("sky", "road", "tree"), images=5))
    path = folder / "suspicious" / "01" / "truth.png"
    path.write_bytes(b"no picture")
    with refuses(RunError, where=path):
        describe_suspicious(read_comparison(folder))


def test_nothing_suspicious_has_no_section(make_comparison: Callable[..., Path]) -> None:
    folder = add_slices(make_comparison(models=("unet",), classes=("sky", "road", "tree"), images=5), suspicious=0)
    assert describe_suspicious(read_comparison(folder)) is None
    assert Run("unet", 0) in read_comparison(folder).histories
