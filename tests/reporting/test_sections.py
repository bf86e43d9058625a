"""The sections of the page: their order, their templates, and when one is left out."""

from pathlib import Path

import pytest

from segarena.reporting import page, sections
from segarena.reporting.sections import SECTIONS, Section, find_template
from support import build_page


def test_each_section_has_a_template_and_no_template_is_unused() -> None:
    folder = Path(page.__file__).parent / "templates" / "sections"
    assert {path.name for path in folder.iterdir()} == {f"{section.name}.html.j2" for section in SECTIONS}


def test_sections_and_navigation_are_in_the_order_of_the_list(street: Path) -> None:
    text = (street / "report.html").read_text()
    shown = [section for section in SECTIONS if f'<section id="{section.name}"' in text]
    assert len(shown) >= 7
    places = [text.index(f'<section id="{section.name}" aria-labelledby="{section.name}-title"') for section in shown]
    links = [text.index(f'<a href="#{section.name}">{section.title}</a>') for section in shown]
    assert places == sorted(places)
    assert links == sorted(links)
    assert all(f'<h2 id="{section.name}-title">' in text for section in shown)


def test_a_section_without_content_is_left_out(make_comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_comparison(images=1)
    kept = [Section(one.name, one.title, (lambda _: None) if one.name == "use" else one.content) for one in SECTIONS]
    monkeypatch.setattr(sections, "SECTIONS", kept)
    text = build_page(folder).read_text()
    assert 'href="#use"' not in text
    assert 'id="use"' not in text


def test_no_option_is_broken_over_two_lines() -> None:
    template = find_template("macros.html.j2").environment.from_string("{{ text|with_options }}")
    shown = template.render(text="Use --seeds 3, a larger --output-stride, or <b>.")
    assert shown.count('<span class="option">') == 2
    assert '<span class="option">--seeds 3</span>' in shown
    assert "&lt;b&gt;" in shown
