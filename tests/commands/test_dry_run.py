"""`compare --dry-run`: the trainings that are left and what they take; nothing is trained, and nothing stays."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from segarena import cli
from segarena.errors import ConfigError
from segarena.experiment.schedule import makespan
from segarena.files import read_json
from segarena.records.comparison import ComparisonRecord
from segarena.records.plan import PlanRecord
from support import QUICK, refused

WORDS = [f"--{name.replace('_', '-')}={value}" for name, value in QUICK.items()]


def test_the_plan_is_shown_and_what_it_predicts_comes_true(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = tmp_path / "out", tmp_path / "plan.json"
    words = ["compare", str(squares), "--models", "fcn", "unet", "--seeds", "2", *WORDS, "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["segarena", *words, "--dry-run", "--json", str(file)])
    assert cli.main() == 0
    assert not out.exists()
    plan = PlanRecord.from_json(read_json(file), file)
    assert [(run.model, run.seed, run.epochs) for run in plan.runs] == [
        (model, seed, 2) for seed in range(2) for model in ("fcn", "unet")
    ]
    times = {time.workers: time.seconds for time in plan.times}
    assert list(times) == [1, 2, 4]
    assert times[1] == pytest.approx(sum(run.seconds for run in plan.runs) + plan.after_seconds)
    assert times[4] > makespan([run.side_seconds for run in plan.runs], 4)
    shown = capsys.readouterr().out
    for run in ("fcn-seed0", "unet-seed1"):
        assert run in shown
    assert f": {plan.command}\n" in shown
    for name, word in {"jobs": "--jobs 2", "ray": "--executor ray", "slurm": "--executor slurm"}.items():
        assert plan.commands[name].split() == [*plan.command.split()[:-2], *word.split(), "--out", str(out)]
        assert f": {plan.commands[name]}\n" in shown
    assert plan.command.endswith(f" --out {out}")
    assert "--seeds 2" in plan.command
    assert "--dry-run" not in plan.command
    assert "--json" not in plan.command
    monkeypatch.setattr(sys, "argv", ["segarena", *words[:3], "fcn", "--seeds", "1", *WORDS, "--out", str(out)])
    assert cli.main() == 0
    run = out / "fcn-seed0"
    written = sum((run / name).stat().st_size for name in ("best.safetensors", "last/state.pt"))
    assert plan.runs[0].disk_mib * 2**20 == pytest.approx(written, rel=0.1)
    created = ComparisonRecord.read(out).created
    monkeypatch.setattr(sys, "argv", ["segarena", "compare", "--resume", str(out), "--dry-run"])
    assert cli.main() == 0
    assert "Nothing is left to train" in capsys.readouterr().out
    assert ComparisonRecord.read(out).created == created
    added = ["compare", "--resume", str(out), "--models", "unet", "--data-fractions", "0.5"]
    first, again = tmp_path / "first.json", tmp_path / "again.json"
    monkeypatch.setattr(sys, "argv", ["segarena", *added, "--dry-run", "--json", str(first)])
    assert cli.main() == 0
    plan = PlanRecord.from_json(read_json(first), first)
    assert len(plan.runs) == 3
    assert shlex.split(plan.commands["jobs"])[-6:-2] == ["--jobs", "2", "--executor", "local"]
    line = shlex.split(plan.command)  # what is added is in it
    monkeypatch.setattr(sys, "argv", [*line, "--dry-run", "--json", str(again)])
    assert cli.main() == 0
    assert PlanRecord.from_json(read_json(again), again).command == plan.command
    assert len(PlanRecord.from_json(read_json(again), again).runs) == 3


def test_a_file_that_exists_is_refused_and_one_without_a_plan(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plan.json"
    file.write_text("mine")
    assert type(refused(f"compare {squares} --dry-run --json {file}", monkeypatch, capsys)) is ConfigError
    assert file.read_text() == "mine"
    error = refused(f"compare {squares} --json {tmp_path / 'other.json'}", monkeypatch, capsys)
    assert "--dry-run" in error.remedy
