"""Errors keep their parts when they are pickled. Options that they name are in test_remedies.py."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from segarena import errors


@pytest.mark.parametrize("kind", errors.SegarenaError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling(kind: type[errors.SegarenaError]) -> None:
    error = pickle.loads(pickle.dumps(kind("is empty", where=Path("a.png"), remedy="Remove it")))
    assert type(error) is kind
    assert (error.what, error.where, error.remedy) == ("is empty", Path("a.png"), "Remove it")
    assert str(error) == "a.png: is empty. Remove it."
