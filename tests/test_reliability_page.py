"""docs/reliability.md is that of the promises, and each of their tests is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import build_reliability_page
import pytest

from faults.promises import PROMISES


def test_the_page_is_current() -> None:
    assert build_reliability_page.PAGE.read_text(encoding="utf-8") == build_reliability_page.page(), "run `make docs`"


def test_the_page_states_how_often_a_fault_is_tried() -> None:
    killer = (Path(__file__).parent / "faults" / "killer.py").read_text(encoding="utf-8")
    (times,) = re.findall(r'"SEGARENA_FAULTS", "(\d+)"', killer)
    assert f"at random moments, {times} times by each signal" in build_reliability_page.HEAD.replace("\n", " ")


@pytest.mark.parametrize("test", [test for promise in PROMISES for test in promise.tests])
def test_each_test_of_a_promise_is_there(test: str) -> None:
    path, name = test.split("::")
    tree = ast.parse((Path(__file__).parent / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
