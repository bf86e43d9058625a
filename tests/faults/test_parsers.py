"""Text files with damaged bytes: they are read, or refused with a DataError, within seconds.

`make test` tries some, `make test-faults` many of each, and `make fuzz` for an hour what reaches new lines of code.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faults.killer import TIMES
from faults.measured import peak_memory
from faults.text_files import KINDS, MOST_MEMORY, PIECES, TARGETS, change_json, prepare, read_other


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with one to four pieces removed, repeated, or replaced by another."""
    for _ in range(draw(st.integers(1, 4))):
        first, last = sorted((draw(st.integers(0, len(content))), draw(st.integers(0, len(content)))))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4) | st.just(content[first:last] * 2))
        content = content[:first] + piece + content[min(last, first + draw(st.integers(0, 12))) :]
    return content


def read_damaged(kind: str, content: bytes, root: Path) -> None:
    with peak_memory() as peak:
        read_other(kind, content, root)
    assert peak.grown < MOST_MEMORY


@pytest.fixture
def content(kind: str, tmp_path: Path) -> bytes:
    """The undamaged file of a kind, in a folder with what belongs to it."""
    return prepare(kind, tmp_path)


def settings_for(examples: int) -> settings:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, deadline=None, suppress_health_check=checks)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings_for(15)
def test_a_damaged_text_file_is_read_or_refused(kind: str, content: bytes, tmp_path: Path, data: st.DataObject) -> None:
    read_damaged(kind, data.draw(damaged(content)), tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings_for(50 * TIMES)
def test_many_damaged_text_files_are_read_or_refused(
    kind: str, content: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    read_damaged(kind, data.draw(damaged(content)), tmp_path)


def test_json_is_changed_to_other_json_of_limited_length() -> None:
    before = TARGETS["COCO"][1]
    changed = {found for seed in range(40) if (found := change_json(before, 300, seed)) is not None}
    assert len(changed) > 20
    assert all(json.loads(content) != json.loads(before) and len(content) <= 300 for content in changed)
    assert len(before) > 200
    assert all(change_json(content, 4096, seed) is None for content in (b"", b"{", b"<x/>") for seed in range(9))
