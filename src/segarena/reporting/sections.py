"""The sections of the page, in their order: each one is a template file and a function that finds its content."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from segarena.reporting.comparison import Comparison
from segarena.reporting.data_curve import describe_data_curve
from segarena.reporting.error_slices import describe_errors
from segarena.reporting.suspicious import describe_suspicious
from segarena.reporting.use import Use, describe_use
from segarena.reporting.viewer import describe_viewer

#: An option of a command, with a number that follows it.
_OPTION = re.compile(r"--[a-z][a-z-]*(?: \d+)?")


def _nothing_more(comparison: Comparison) -> bool:
    """The content of a section whose template needs only what all sections have."""
    return True


def _gallery(comparison: Comparison) -> bool | None:
    return True if comparison.record.gallery else None


def _use(comparison: Comparison) -> Use | None:
    place = PurePath(comparison.folder.name)
    return describe_use(comparison.record, comparison.folder, place=place, on_page=True)


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Args:
        name: The id of the section, and of its template, templates/sections/NAME.html.j2.
        title: Its name in the navigation.
        content: Returns what the template has as `content`, beside what `render_page` passes to all. None leaves the
            section out, for example where the comparison lacks a file that earlier versions did not write.
    """

    name: str
    title: str
    content: Callable[[Comparison], Any] = _nothing_more


SECTIONS = (
    Section("ranking", "Ranking"),
    Section("models", "Scores and costs"),
    Section("training", "Training"),
    Section("data_curve", "More labels?", describe_data_curve),
    Section("classes", "Classes"),
    Section("confusion", "Confusion"),
    Section("images", "Images", describe_viewer),
    Section("errors", "Errors", describe_errors),
    Section("suspicious", "Labels to check", describe_suspicious),
    Section("gallery", "Gallery", _gallery),
    Section("use", "Use", _use),
    Section("method", "Method"),
)


def shown_sections(comparison: Comparison) -> list[tuple[Section, Any]]:
    """Return the sections that the page of a comparison has, with the content of each."""
    found = ((section, section.content(comparison)) for section in SECTIONS)
    return [(section, content) for section, content in found if content is not None]


@cache
def find_template(name: str) -> Template:
    """Return a template of the page, by its file in templates/."""
    environment = Environment(
        loader=PackageLoader("segarena.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["with_options"] = _with_options
    return environment.get_template(name)


def _with_options(text: str) -> Markup:
    """Return a text as HTML in which no option of a command, such as "--seeds 3", is broken over two lines."""
    return Markup(_OPTION.sub(r'<span class="option">\g<0></span>', str(escape(text))))
