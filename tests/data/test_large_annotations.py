"""Annotation files that are huge, or no files: bounded in memory, and nothing is waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segarena.annotations import reading
from segarena.annotations.annotations import Malformed, read_coordinate, read_outline
from segarena.annotations.image_index import walk
from segarena.annotations.reading import read_json
from segarena.errors import OutOfMemoryError
from support import refuses

NUMBERS = st.integers() | st.floats() | st.booleans() | st.sampled_from(["1.5", "x", None, 1e7, -1e7 - 1, 10**400])


@given(st.lists(NUMBERS, max_size=8).filter(lambda values: len(values) % 2 == 0))
def test_an_outline_of_numbers_is_read_as_each_number_by_itself(values: list[object]) -> None:
    assert outcome(lambda: read_outline(values).ravel().tolist()) == outcome(
        lambda: [read_coordinate(value) for value in values]
    )


def outcome(read: Callable[[], list[float]]) -> list[float] | str:
    try:
        return read()
    except Malformed as error:
        return str(error)


def test_json_that_would_not_fit_into_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "instances.json"
    path.write_text("[" + "1," * 500 + "1]")
    monkeypatch.setattr(reading, "free_memory", lambda: 4096)
    with refuses(OutOfMemoryError, where=path, value="4.00 KiB"):
        read_json(path)
    monkeypatch.setattr(reading, "free_memory", lambda: None)
    assert len(read_json(path)) == 501


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with a name")
def test_pipes_among_annotations_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "broken.json").symlink_to("missing")
    (tmp_path / "file.json").touch()
    assert [path.name for path in walk(tmp_path, [".json"])] == ["broken.json", "file.json"]
