"""The documents tell of the house as it is: each source file is in docs/architecture.md, each link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_source_file_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    names = {path.name for path in (ROOT / "src").rglob("*.py")} - {"__init__.py", "__main__.py"}
    missing = {name for name in names if f"`{name}`" not in text}
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", document.read_text()):
        assert link.startswith("http") or (document.parent / link).exists(), f"{document.name}: {link} is not there"
