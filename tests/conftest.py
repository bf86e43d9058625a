"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import write_pair


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """A folder of twelve images with bright squares and their 0/255 masks."""
    folder = tmp_path / "squares"
    for number in range(12):
        write_pair(folder, f"square{number:02}", seed=number)
    return folder
