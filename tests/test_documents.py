"""The documents match the code: each room is in docs/architecture.md, each link has a target."""

from __future__ import annotations

import re
from pathlib import Path

import build_modules
import pytest
from build_signatures import FOLDER, modules

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def test_the_architecture_lists_each_room() -> None:
    listed = re.findall(r"^\| \[`([\w/]+)/`\]", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)
    source = ROOT / "src" / "segarena"
    rooms = {path.parent.relative_to(source).as_posix() for path in source.rglob("*.py") if path.stem != "__init__"}
    assert sorted(listed) == sorted(rooms - {"."})


def test_the_list_of_modules_is_up_to_date() -> None:
    assert (ROOT / "docs" / "modules.md").read_text() == build_modules.page(), "run: python docs/build_modules.py"


@every_document
def test_links_have_a_target(document: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", document.read_text()):
        if link.startswith("http"):
            continue
        target = document.parent / link if link else document
        assert target.exists(), f"{document.name}: {link} does not exist"
        assert not anchor or anchor in headings(target), f"{document.name}: {link} has no heading {anchor}"


@every_document
def test_every_picture_has_an_alternative_text(document: Path) -> None:
    for words in re.findall(r"!\[(.*)\]\(", document.read_text()):
        assert len(words.split()) > 2, f"{document.name}: the alternative text {words!r} is too short"


def test_the_generated_functions_are_up_to_date() -> None:
    for name, text in modules().items():
        assert (FOLDER / f"{name}.py").read_text() == text, "run: python docs/build_signatures.py"


def test_answers_in_where_are_in_their_files() -> None:
    rows = re.findall(r"^\| (.+\?) \| (.+) \| (.+) \|$", (ROOT / "docs" / "where.md").read_text(), flags=re.MULTILINE)
    assert len(rows) >= 20
    for question, links, names in rows:
        files = [ROOT / "docs" / link for link in re.findall(r"\]\((.+?)\)", links)]
        assert 1 <= len(files) <= 3, question
        text = "".join(path.read_text() for path in files)
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"(?:def |class |^){name}\b", text, flags=re.MULTILINE), f"{question} {name}"


def headings(document: Path) -> set[str]:
    """The anchors of the headings: lower case, no punctuation, hyphens for spaces."""
    titles = re.findall(r"^#+ (.*)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
