"""axe-core finds no serious violation on the pages: every section, light and dark, wide and narrow."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_sections import CLASSES, FLAT, RISING, add_slices, write_curve
from test_running_browser import content

from segarena.reporting import running
from segarena.reporting.page import build_report
from segarena.reporting.running import render_running
from segarena.reporting.sections import SECTIONS
from segarena.reporting.suite_page import build_suite_report
from suites import suite
from support import find_violations

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def pages(make_comparison, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of a comparison with every section, of a suite, and of trainings that run."""
    folder = make_comparison(models=("unet", "pspnet", "fcn"), classes=CLASSES, images=6)
    add_slices(folder)
    write_curve(folder, unet=RISING, pspnet=RISING, fcn=FLAT)
    place = tmp_path_factory.mktemp("pages")
    suite(place, domains={"cells": "medical"})
    path = place / "running.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "RELOAD", 3600)  # it does not load itself again while axe looks at it
        path.write_text(render_running(content()))
    return {
        "report": build_report(folder),
        "suite": build_suite_report(place / "suite"),
        "running": path,
    }


def test_the_page_has_every_section(pages: dict[str, Path]) -> None:
    text = pages["report"].read_text()
    assert [section.name for section in SECTIONS if f'<section id="{section.name}"' not in text] == []


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [
        ("report", "light", 1280),
        ("report", "dark", 375),
        ("suite", "dark", 1280),
        ("suite", "light", 375),
        ("running", "dark", 1280),
        ("running", "light", 375),
    ],
)
def test_axe_finds_nothing_serious(browser, pages: dict[str, Path], name: str, scheme: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(180_000)
    page.goto(pages[name].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    assert find_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
