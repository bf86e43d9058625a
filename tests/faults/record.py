"""What one run of `make test-faults` showed, for docs/reliability.md: `make record-faults` writes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

FILE = Path(__file__).parent / "measured.json"
#: The files that `make fuzz` has read, of each kind, and the processor time.
FUZZED = Path(__file__).parent / "fuzzed.json"


def read_junit(path: Path) -> dict[str, Any]:
    """Count what became of each test, with all its parameters.

    Args:
        path: The file that pytest wrote with --junitxml.

    Returns:
        The day, the seconds of the run, the number of tests that passed, failed and were skipped, and these numbers
        for each test, as FILE::NAME below tests/.
    """
    suite = next(ElementTree.parse(path).getroot().iter("testsuite"))
    tests: dict[str, Counter[str]] = defaultdict(Counter)
    for case in suite.iter("testcase"):
        module = case.attrib["classname"].removeprefix("tests.").replace(".", "/")
        ends = {child.tag for child in case}
        end = "failed" if ends & {"failure", "error"} else "skipped" if "skipped" in ends else "passed"
        tests[f"{module}.py::{case.attrib['name'].partition('[')[0]}"][end] += 1
    return {
        "day": suite.attrib["timestamp"][:10],
        "seconds": round(float(suite.attrib["time"])),
        **_ends(sum(tests.values(), Counter())),
        "tests": {name: _ends(counts) for name, counts in sorted(tests.items())},
    }


def _ends(counts: Counter[str]) -> dict[str, int]:
    return {end: counts[end] for end in ("passed", "failed", "skipped")}


def in_words(test: str) -> str:
    """How often a test passed in the run that was recorded, e.g. "100 of 100"; "" where it was not run."""
    counts = json.loads(FILE.read_text(encoding="utf-8"))["tests"].get(test)
    if counts is None:
        return ""
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    return f"{counts['passed']} of {counts['passed'] + counts['failed']}{skipped}"


def run_in_words() -> str:
    """The run that was recorded: its commit, day, length and numbers."""
    run = json.loads(FILE.read_text(encoding="utf-8"))
    number = run["passed"] + run["failed"]
    skipped = f", {run['skipped']} were skipped" if run["skipped"] else ""
    return (
        f"commit {run['commit']}, {run['day']}, {run['cores']} cores: {run['passed']} of {number} tests "
        f"passed{skipped}, in {round(run['seconds'] / 60)} minutes"
    )


def fuzzed_in_words() -> str:
    """What all runs of `make fuzz` together have read."""
    record = json.loads(FUZZED.read_text(encoding="utf-8"))
    return ", ".join(
        f"{kind} {counts['files']:,} in {round(counts['seconds'] / 60)} min" for kind, counts in record.items()
    )


def main(junit: str) -> None:
    """Record the run in a file of pytest."""
    found = read_junit(Path(junit))
    if found["passed"] == 0:
        raise SystemExit(f"{junit}: no test passed, nothing is recorded")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    content = {"commit": commit.stdout.strip(), "cores": os.cpu_count(), **found}
    FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
