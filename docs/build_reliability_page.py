"""Generate docs/reliability.md from the promises of tests/faults and the tests that try to break them: `make docs`."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from segarena.files import write_text

PAGE = Path(__file__).parent / "reliability.md"
TESTS = PAGE.parents[1] / "tests"
sys.path.insert(0, str(TESTS))

HEAD = """# Reliability

What holds where a process is killed, a disk is full or a file is damaged, and the tests that try to break each promise.
`make test` runs those of most rows. `make test-faults` runs those that try a fault many times: each operation of a disk
that fails, and commands that are ended at random moments, 100 times by each signal, or as often as `SEGARENA_FAULTS`
states. Beside each of these tests stands how often it passed when `make record-faults` was run last:
{run}.
"""


def page() -> str:
    """Return the content of the page."""
    from faults.promise import FAST, MANY
    from faults.promises import PROMISES
    from faults.record import in_words, run_in_words

    parts = [HEAD.format(run=run_in_words())]
    for promise in PROMISES:
        tests = []
        for test in promise.tests:
            path, name = test.split("::")
            words = name.removeprefix("test_").replace("_", " ")
            passed = in_words(test) if is_marked(path, name) else ""
            command = MANY if is_marked(path, name) else FAST
            tests.append(f"- [{words}](../tests/{path}), `{command}`{passed and f': {passed}'}")
        limits = f"\nLimits: {promise.limits}.\n" if promise.limits else ""
        measured = f"\nMeasured: {promise.measured}.\n" if promise.measured else ""
        parts.append(
            f"\n## {promise.promise}\n\nTried: {promise.tried}.\n{measured}{limits}\n" + "\n".join(tests) + "\n"
        )
    return "".join(parts)


def is_marked(path: str, name: str) -> bool:
    """Whether a test, or its file, has the marker `faults`."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    marks = [node.value for node in tree.body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node)]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            marks += node.decorator_list
    return any("pytest.mark.faults" in ast.unparse(mark) for mark in marks)


if __name__ == "__main__":
    write_text(PAGE, page())
