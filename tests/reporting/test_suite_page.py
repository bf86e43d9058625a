"""The page of a suite: made from suite.json alone, with links to each report, a diagram and tables for a paper."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from segarena.records.suite import FailedDataSet, SuiteModel, SuiteRecord
from segarena.reporting.style import theme
from segarena.reporting.suite_figure import draw_critical_difference
from segarena.reporting.suite_page import build_suite_report, is_suite, render_suite
from segarena.reporting.suite_tables import heat_rows
from segarena.reporting.suite_words import (
    describe_groups,
    describe_power,
    describe_test,
    describe_wins,
    headline,
    notes,
)
from suites import SCORES, suite


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("suite")
    suite(place, domains={"cells": "medical"})
    build_suite_report(place / "suite")
    return place / "suite"


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]  # type: ignore[attr-defined]


def test_each_data_set_leads_to_its_own_report(page: str) -> None:
    assert re.findall(r'<a href="(\.\./[^"]+)">', page) == [f"../{name}/report.html" for name in SCORES]


def test_nothing_is_fetched_from_elsewhere(page: str) -> None:
    assert "default-src 'none'" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#|\.\./|figures/critical_difference\.(?:png|svg)")', page)


def test_scores_intervals_ranks_and_verdicts_are_in_the_table(page: str) -> None:
    [row] = re.findall(r'<tr><th scope="row"><a href="../cells/report.html">.*?</tr>', page, re.DOTALL)
    assert "79.0%" in row
    assert "77.0 to 81.0" in row
    assert "rank 4" in row
    assert "medical" in row
    assert row.count("★") == 1
    [row] = re.findall(r'<tr><th scope="row"><a href="../roads/report.html">.*?</tr>', page, re.DOTALL)
    assert "★" not in row
    assert "not decided" in row


def test_the_diagram_is_there_as_png_and_svg_with_its_words(folder: Path, page: str) -> None:
    assert (folder / "figures/critical_difference.png").stat().st_size > 1000
    assert "<svg" in (folder / "figures/critical_difference.svg").read_text(encoding="utf-8")
    [alt] = re.findall(r'<img class="drawing" src="data:image/[^"]+" alt="([^"]+)"', page)
    assert "U-Net 1.75" in alt
    assert "2.35" in alt


def test_tables_for_a_paper_have_a_row_for_each_data_set(folder: Path) -> None:
    rows = (folder / "paper/suite.md").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 2 + len(SCORES) + 2
    assert rows[3].startswith("| cells | **79.0%** (77.0 to 81.0) |")
    assert rows[-2].startswith("| mean rank | 1.75 | 2.00 |")
    latex = (folder / "paper/suite.tex").read_text(encoding="utf-8")
    assert r"\textbf{79.0\%}" in latex


def test_the_table_of_rows_has_one_for_each_score(folder: Path) -> None:
    lines = (folder / "suite.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + sum(map(len, SCORES.values()))
    assert lines[0].startswith("data_set,domain,model,miou,")


def test_the_page_is_made_again_without_the_comparisons(folder: Path, tmp_path: Path, page: str) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.copy(folder / "suite.json", moved)
    assert is_suite(moved)
    assert build_suite_report(moved).read_text(encoding="utf-8") == page


def test_one_data_set_has_no_ranks_to_test(tmp_path: Path) -> None:
    record = suite(tmp_path, {"roads": SCORES["roads"]})
    assert record.test is None
    page = build_suite_report(tmp_path / "suite").read_text(encoding="utf-8")
    assert 'id="ranks"' not in page
    assert not (tmp_path / "suite/figures").exists()


def test_names_are_escaped_and_failures_shown(tmp_path: Path) -> None:
    record = suite(tmp_path, domains={"roads": "<b>bold</b> & more"})
    failed = FailedDataSet(name="lost", message="The folder <x> is not there.")
    replace(record, failed=(failed,)).write(tmp_path / "suite")
    page = build_suite_report(tmp_path / "suite").read_text(encoding="utf-8")
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page
    assert "lost has no result" in page


@pytest.mark.parametrize("number", [2, 3, 4, 7])
@pytest.mark.parametrize("data_sets", [2, 30])
def test_the_diagram_names_each_model_inside_the_figure(number: int, data_sets: int, tmp_path: Path) -> None:
    names = ["unet", "fcn", "pspnet", "deeplabv3", "fcn8s", "fcn16s", "fcn32s"][:number]
    scores = {f"d{i}": {name: 0.9 - 0.1 * place for place, name in enumerate(names)} for i in range(data_sets)}
    record = suite(tmp_path, scores)
    assert record.test is not None
    with theme():
        figure = draw_critical_difference(record.models, record.test)
        figure.draw_without_rendering()
        window = figure.bbox
        written = [text for text in figure.findobj(Text) if text.get_text()]  # type: ignore[attr-defined]
        for text in written:
            box = text.get_window_extent()
            assert min(box.x0 - window.x0, window.x1 - box.x1) >= -1, text.get_text()
        boxes = [text.get_window_extent() for text in written]
        overlaps = [
            (one.get_text(), other.get_text())
            for place, one in enumerate(written)
            for other, box in list(zip(written, boxes, strict=True))[place + 1 :]
            if boxes[place].overlaps(box)
        ]
        assert not overlaps
    longer = record.test.critical_difference > number - 1
    assert any("longer than the axis" in text for text in texts(figure)) == longer


def test_words_say_what_so_few_data_sets_cannot_show(tmp_path: Path) -> None:
    record = suite(tmp_path)
    assert record.test is not None
    assert "no model is shown" in record.headline
    assert "2.35 of the possible 3" in describe_power(record.test, 4, 4)
    assert "from 22 on" in record.details[-1]
    two = suite(tmp_path, {name: SCORES[name] for name in ("roads", "cells")})
    assert two.test is not None
    assert "cannot distinguish" in describe_power(two.test, 4, 2)
    assert describe_wins(record.models, record.data_sets).count("cells") == 1
    assert "not refuted" in describe_test(record.test)
    assert describe_groups(record.models, record.test) == "No two models are distinguished."


def test_a_model_ahead_of_all_is_named(tmp_path: Path) -> None:
    scores = {f"d{i}": {"unet": 0.8, "pspnet": 0.7 - 0.1 * (i % 2), "fcn": 0.6 + 0.1 * (i % 2)} for i in range(20)}
    record = suite(tmp_path, scores)
    assert record.headline.endswith("U-Net has a better mean rank than every other model.")
    none = replace(record.differences[0], distinguished=False)
    without = headline(record.models, [none] * 3, record.test, record.data_sets)
    assert "no two of them" in without
    assert isinstance(record.models[0], SuiteModel)
    assert SuiteRecord.read(tmp_path / "suite") == record


@pytest.mark.parametrize(("seeds", "words"), [(3, "not ranked"), (1, "trained networks only, not ranked")])
def test_a_winner_that_is_not_on_all_data_sets_is_named(tmp_path: Path, seeds: int, words: str) -> None:
    """Its data set is decided, though the suite cannot rank it."""
    record = suite(tmp_path, {**SCORES, "cells": {**SCORES["cells"], "mine": 0.9}}, seeds=seeds)
    assert list(record.left_out) == ["mine"]
    found = describe_wins(record.models, record.data_sets)
    assert found == f"The verdicts of the single data sets name mine on cells ({words}); not decided on 3 data sets."
    [row] = [row for row in heat_rows(record) if row.name == "cells"]
    assert row.verdict.startswith("mine (not ranked)")
    assert not any(cell.is_winner for cell in row.cells)


def test_resolution_ceilings_are_shown_where_they_limit(folder: Path, tmp_path: Path) -> None:
    """On roads PSPNet's logits are coarser; on all others no ceiling limits a model, or all have the same one."""
    record = SuiteRecord.read(folder)
    ceilings = {"roads": {"pspnet": 0.612, "unet": 0.97}, "cells": dict.fromkeys(SCORES["cells"], 0.9)}
    sets = [
        replace(one, scores=tuple(replace(s, ceiling=ceilings.get(one.name, {}).get(s.model)) for s in one.scores))
        for one in record.data_sets
    ]
    page = render_suite(replace(record, data_sets=tuple(sets), notes=notes(sets, {})), None)
    [row] = re.findall(r'<tr><th scope="row"><a href="../roads/report.html">.*?</tr>', page, re.DOTALL)
    assert row.count("ceiling") == 1
    assert "ceiling 61.2%" in row
    [note] = [text for text in notes(sets, {}) if "ceilings" in text]
    assert "roads" in note
    assert "cells" not in note
    assert note in page
    assert not [text for text in record.notes if "ceilings" in text]
