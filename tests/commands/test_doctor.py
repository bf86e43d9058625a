"""`segarena doctor` shows what a report of a bug needs, and tests the machine."""

from __future__ import annotations

import sys

import pytest

from segarena._version import __version__
from segarena.cli import main
from segarena.commands import doctor


def test_facts_and_tests_are_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "argv", ["segarena", "doctor", "--device", "cpu"])
    assert main() == 0
    lines = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines() if ": " in line)
    assert lines["segarena"].startswith(__version__)
    assert "GiB" in lines["free memory"] + lines["free disk here"]
    assert "OMP_NUM_THREADS=1" in lines["variables"]
    assert lines["device"] == "cpu"
    assert "3 steps on cpu" in lines["test of a training"]
    assert not any("FAILED" in text for text in lines.values())


def test_a_test_that_fails_is_status_2_and_the_others_are_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(doctor, "check_folder", fail)
    monkeypatch.setattr(doctor, "check_training", lambda device: f"run on {device}")
    monkeypatch.setattr(sys, "argv", ["segarena", "doctor", "--device", "cpu"])
    assert main() == 2
    shown = capsys.readouterr()
    assert "test of the disk: FAILED: [Errno 28] No space left on device" in shown.out
    assert "test of a training: run on cpu" in shown.out
    assert shown.err.startswith("segarena: doctor: 1 test of 3 failed")


def test_a_variable_in_the_output_has_no_secret() -> None:
    assert not [name for name in doctor.VARIABLES if "TOKEN" in name or "KEY" in name]
