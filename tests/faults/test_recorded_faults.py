"""What a run of `make test-faults` showed is counted from the file that pytest writes."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from faults import record

JUNIT = """<?xml version="1.0"?><testsuites><testsuite time="61.4" timestamp="2026-01-02T03:04:05">
<testcase classname="tests.faults.test_a" name="test_x[1]" time="1"/>
<testcase classname="tests.faults.test_a" name="test_x[2]" time="1"><failure message="no">no</failure></testcase>
<testcase classname="tests.faults.test_a" name="test_x[3]" time="1"><error message="crash">crash</error></testcase>
<testcase classname="tests.training.test_b" name="test_y" time="1"><skipped message="root"/></testcase>
</testsuite></testsuites>"""


def test_each_end_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "faults.xml"
    path.write_text(JUNIT)
    assert record.read_junit(path) == {
        "day": "2026-01-02",
        "seconds": 61,
        **{"passed": 1, "failed": 2, "skipped": 1},
        "tests": {
            "faults/test_a.py::test_x": {"passed": 1, "failed": 2, "skipped": 0},
            "training/test_b.py::test_y": {"passed": 0, "failed": 0, "skipped": 1},
        },
    }


def test_a_run_in_which_nothing_passed_is_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "faults.xml"
    path.write_text(JUNIT.replace('test_x[1]" time="1"/>', 'test_x[1]" time="1"><error/></testcase>'))
    monkeypatch.setattr(record, "FILE", tmp_path / "measured.json")
    with pytest.raises(SystemExit, match="nothing is recorded"):
        record.main(str(path))
    assert not record.FILE.exists()


def test_the_tests_that_are_recorded_are_there() -> None:
    root = Path(record.__file__).parents[1]
    for test in json.loads(record.FILE.read_text(encoding="utf-8"))["tests"]:
        path, name = test.split("::")
        tree = ast.parse((root / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test
