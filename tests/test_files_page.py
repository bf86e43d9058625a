"""docs/files.md: its tables are those of the classes that write the files."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from segarena.records.record import Record

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "files.md").read_text()


@pytest.fixture(scope="module")
def generator() -> Iterator[ModuleType]:
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("build_files_page")
    sys.path.remove(str(DOCS))


def test_the_page_is_up_to_date(generator: ModuleType) -> None:
    assert generator.insert(PAGE, generator.sections()) == PAGE, "run `make docs`"


def test_every_record_and_table_is_on_the_page(generator: ModuleType) -> None:
    named = re.findall(r"^<!-- generated: ([\w.]+) -->$", PAGE, flags=re.MULTILINE)
    assert set(named) == {
        kind.file for kind in Record.__subclasses__() if kind.__module__.startswith("segarena")
    } | set(generator.TABLES)
