"""The section "Would more labels help?": its sentences, tables, figure and files, from made counts."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from made_sections import CLASSES, FLAT, RISING, write_curve

from segarena.records.data_curve import DataCurve
from segarena.reporting import data_curve
from segarena.reporting.archive import write_archive
from segarena.reporting.comparison import read_comparison
from segarena.reporting.data_curve import answer, curve_answer, describe_data_curve
from segarena.reporting.page import build_report
from segarena.scoring.data_curve import Gain


@pytest.fixture(scope="module")
def with_curve(make_comparison) -> Path:
    folder = make_comparison(models=("unet", "fcn"), classes=CLASSES, images=6)
    write_curve(folder, fcn=FLAT, unet=RISING)
    build_report(folder)
    return folder


def test_a_comparison_without_data_fractions_has_no_section(make_comparison) -> None:
    folder = make_comparison(models=("unet",), classes=CLASSES, images=4)
    assert describe_data_curve(read_comparison(folder)) is None
    assert curve_answer(folder) == ""


def test_the_answer_has_the_gain_from_half_to_all_of_the_best_model(with_curve: Path) -> None:
    text = curve_answer(with_curve)
    [model] = [one for one in DataCurve.read(with_curve).models if one.model == "unet"]
    [pair] = [one for one in model.statistics.pairs if {one.first, one.second} == {"0.5", "1"}]
    assert pair.networks is not None
    assert f"+{100 * pair.difference:.1f} points" in text
    assert f"{100 * pair.networks.low:.1f} to {100 * pair.networks.high:.1f}" in text
    assert "U-Net" in text
    assert "40 training images in place of 20" in text
    assert "likely to help" in text


def test_findings_name_classes_that_gain_and_those_that_a_part_lacks(with_curve: Path) -> None:
    section = describe_data_curve(read_comparison(with_curve))
    assert section is not None
    assert section.answer in (with_curve / "report.html").read_text().replace("&#39;", "'")
    gaining, flat, lacking = section.findings
    assert "“road”" in gaining
    assert "“sky”" not in gaining
    assert "FCN" in flat
    assert "“road”" in lacking
    starred = {name for name, cells in section.classes.rows if cells[1].best}
    assert starred == {"road"}
    assert [name for name, _ in section.models.rows] == ["unet", "fcn"]


def test_a_network_that_still_improves_is_named_as_limited_by_its_steps(with_curve: Path) -> None:
    """The curve is flat where all parts are trained too short, and says nothing about the labels then."""
    comparison = read_comparison(with_curve)
    early = dict.fromkeys(comparison.best_epochs, 1)
    last = {run: len(history) if run.model == "fcn" else 1 for run, history in comparison.histories.items()}
    found = [describe_data_curve(replace(comparison, best_epochs=epochs)) for epochs in (early, last)]
    assert found[0] is not None
    assert found[1] is not None
    [more] = found[1].notes[len(found[0].notes) :]
    assert "FCN" in more
    assert "U-Net" not in more


def test_the_tables_are_written_for_a_paper(with_curve: Path) -> None:
    lines = (with_curve / "paper" / "data_fractions.md").read_text().splitlines()
    assert len(lines) == 4
    assert "10 images (25%)" in lines[0]
    assert "40 images (all)" in lines[0]
    assert "U-Net" in lines[2]
    latex = (with_curve / "paper" / "data_fractions.tex").read_text()
    assert latex.count(r"\\") == 3
    assert r"10 images (25\%)" in latex


def test_the_figure_has_its_numbers_as_csv(with_curve: Path) -> None:
    for kind in ("png", "svg"):
        assert (with_curve / "figures" / f"data_fractions.{kind}").stat().st_size > 1000
    with (with_curve / "figures" / "data_fractions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * 3 * (1 + len(CLASSES))
    [road] = [row for row in rows if (row["model"], row["fraction"], row["class"]) == ("unet", "1.0", "road")]
    assert float(road["score"]) == pytest.approx(0.6, abs=0.02)
    assert float(road["low"]) < float(road["score"]) < float(road["high"])
    assert road["images"] == "40"


@pytest.mark.parametrize(("fewer", "words"), [(20, "as many images again"), (36, "11% more images")])
def test_a_flat_step_says_nothing_of_a_larger_one(
    with_curve: Path, fewer: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten percent fewer images that cost nothing do not show that twice as many would bring nothing."""
    comparison, curve = read_comparison(with_curve), DataCurve.read(with_curve)
    flat = Gain(0.001, -0.002, 0.003, 0.5, "flat", has_repeated=True)
    monkeypatch.setattr(data_curve, "find_gain", lambda *_: flat)
    first, second, third = curve.parts
    parts = (first, replace(second, images=fewer), third)
    assert words in answer(comparison, replace(curve, parts=parts))


def test_nothing_is_claimed_from_four_images(make_comparison) -> None:
    folder = make_comparison(models=("unet",), classes=CLASSES, images=4)
    write_curve(folder, images=4, unet=RISING)
    section = describe_data_curve(read_comparison(folder))
    assert section is not None
    assert "too few" in section.answer
    assert "interval" not in section.answer
    assert not any(cell.best for _, cells in section.classes.rows for cell in cells)


def test_the_archive_has_what_the_section_needs(with_curve: Path) -> None:
    names = zipfile.ZipFile(write_archive(with_curve)).namelist()
    assert f"{with_curve.name}/data_fractions.json" in names
