"""A test that hangs, or ends its process, is run once more, and named: what it hung in may not be this project's."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem: str, report: pytest.TestReport, sched: Any) -> None:
    """With `--dist loadfile` xdist runs the rest of the file again, this test first, in a new process.

    A second crash, of whatever test, counts as a failure, and ends the run: `--max-worker-restart 1` in the Makefile.
    """
    terminal = sched.config.pluginmanager.getplugin("terminalreporter")
    if not terminal.stats.get("rerun"):
        report.outcome = "rerun"  # type: ignore[assignment]  # as plugins that run tests again name it
        terminal.write_line(f"\n{crashitem} hung, or ended its process. It is run once more.")


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    """How it is counted and shown."""
    return ("rerun", "R", "RERUN") if report.outcome == "rerun" else None
