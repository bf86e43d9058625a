"""`segarena suite` from end to end: trained, reused, resumed, stopped, failed."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import segarena
from segarena import cli
from segarena.commands import compare
from segarena.config import CompareOptions
from segarena.errors import ConfigError, DataError, Interrupted, Queued, RunError
from segarena.records.comparison import ComparisonRecord
from segarena.records.suite import SuiteRecord
from suites import SCORES, comparison, finished
from support import QUICK, refuses, write_squares

Compare = Callable[[CompareOptions], Path]


def pretend(options: CompareOptions) -> Path:
    """Write the comparison that a training would."""
    assert options.out is not None
    options.out.mkdir(parents=True, exist_ok=True)
    scores = {model: SCORES["roads"][model] for model in options.model_names}
    comparison(options.out.name, scores, seeds=options.seeds or 1).write(options.out)
    return options.out


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[CompareOptions]:
    """The options with which `compare` is called in place of a training."""
    calls: list[CompareOptions] = []
    monkeypatch.setattr(compare, "run", lambda options: calls.append(options) or pretend(options))
    return calls


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("roads", "cells"):
        (tmp_path / name).mkdir()
    finished(tmp_path / "runs", {"street": SCORES["street"]})
    return tmp_path


def write(place: Path, sets: str, common: str = "models: [unet, fcn]") -> Path:
    path = place / "suite.yaml"
    path.write_text(f"{common}\ndata-sets: {sets}\n")
    return path


def test_data_is_trained_by_compare_and_a_finished_comparison_is_used(tmp_path: Path) -> None:
    write_squares(tmp_path / "data", 12)
    finished(tmp_path / "runs", {"street": SCORES["street"]})
    common = "\n".join(f"{name.replace('_', '-')}: {value}" for name, value in QUICK.items())
    common = common.replace("epochs: 2", "epochs: 1")
    path = write(tmp_path, "{squares: data, street: runs/street}", f"models: fcn\n{common}")
    before = (tmp_path / "runs/street/comparison.json").read_bytes()
    found = segarena.suite(path, out=tmp_path / "out", quiet=True)
    trained = segarena.Comparison(tmp_path / "out/squares")
    assert trained.record.protocol.size == 32
    assert found.comparison("squares").record == trained.record
    assert list(found.ranking.index) == ["fcn"]
    assert set(found.scores["data_set"]) == {"squares", "street"}
    assert (tmp_path / "runs/street/comparison.json").read_bytes() == before
    assert found.report.is_file()
    assert '<a href="squares/report.html">' in found.report.read_text(encoding="utf-8")
    assert "mean rank" in found._repr_html_()
    with refuses(ConfigError, where=found.folder, value="nothing"):
        found.comparison("nothing")
    stamp = (trained / "comparison.json").stat().st_mtime_ns
    segarena.suite(resume=found, quiet=True)
    assert (trained / "comparison.json").stat().st_mtime_ns == stamp, "nothing is trained again"
    assert segarena.report(found) == found.report
    write(tmp_path, "{squares: data, street: runs/street}", f"models: fcn\nseeds: 2\n{common}")
    again = segarena.suite(path, resume=found, quiet=True)
    assert [score.seeds for score in again.record.data_sets[0].scores] == [2]
    write(tmp_path, "{squares: {data: data, size: 48}, street: runs/street}", f"models: fcn\nseeds: 2\n{common}")
    with refuses(RunError, where=tmp_path / "out", value="size 48 (it was 32)"):
        segarena.suite(path, resume=found, quiet=True)


def test_each_data_set_has_a_folder_and_the_common_options(place: Path, called: list[CompareOptions]) -> None:
    path = write(place, "{roads: {data: roads, size: 64}, cells: cells, street: runs/street}", "seeds: 2\nepochs: 3")
    segarena.suite(path, out=place / "out", jobs=2, quiet=True)
    assert [(one.out, one.data, one.size, one.epochs, one.jobs) for one in called] == [
        (place / "out/roads", place / "roads", 64, 3, 2),
        (place / "out/cells", place / "cells", None, 3, 2),
    ]
    record = SuiteRecord.read(place / "out")
    assert [(one.folder, one.is_reused) for one in record.data_sets] == [
        ("roads", False),
        ("cells", False),
        ("../runs/street", True),
    ]


def test_what_is_added_later_is_trained_alone(place: Path, called: list[CompareOptions]) -> None:
    segarena.suite(write(place, "{roads: roads}"), out=place / "out", quiet=True)
    path = write(place, "{cells: cells, roads: roads, street: runs/street}")
    found = segarena.suite(path, resume=place / "out", quiet=True)
    assert [one.data for one in called] == [place / "roads", place / "cells"]
    assert found.data_sets == ["cells", "roads", "street"]
    segarena.suite(write(place, "{roads: roads}", "models: [unet, fcn]\nseeds: 2"), resume=place / "out", quiet=True)
    assert (len(called), called[-1].data, called[-1].seeds) == (3, place / "roads", 2)
    with refuses(RunError, where=place / "out"):
        segarena.suite(path, out=place / "out", quiet=True)


def test_a_data_set_that_fails_does_not_end_the_others(
    place: Path, called: list[CompareOptions], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(options: CompareOptions) -> Path:
        if options.data == place / "roads":
            raise DataError("has no masks", where=options.data, remedy="Add them")
        return pretend(options)

    monkeypatch.setattr(compare, "run", fail)
    write(place, "{roads: roads, cells: cells}")
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["segarena", "suite", "suite.yaml", "--out", "out"])
    assert cli.main() == 3
    shown = capsys.readouterr().out
    assert "roads has no result" in shown
    assert "segarena suite --resume out" in shown
    record = SuiteRecord.read(place / "out")
    assert [(one.name, "has no masks" in one.message) for one in record.failed] == [("roads", True)]
    monkeypatch.setattr(compare, "run", lambda options: called.append(options) or pretend(options))
    monkeypatch.setattr(sys, "argv", ["segarena", "suite", "--resume", "out"])
    assert cli.main() == 0
    assert [one.data for one in called] == [place / "roads"], "only that one is tried again"


def test_the_error_is_raised_where_no_data_set_has_a_result(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(options: CompareOptions) -> Path:
        raise DataError("has no masks", where=options.data, remedy="Add them")

    monkeypatch.setattr(compare, "run", fail)
    with refuses(DataError, where=place / "roads", value="no masks"):
        segarena.suite(write(place, "{roads: roads, cells: cells}"), out=place / "out", quiet=True)


@pytest.mark.parametrize(
    ("sets", "where", "value"),
    [
        ("{roads: roads, cells: {data: cells, track: paper, models: [unet]}}", "track", "cells"),
        (
            "{roads: {data: roads, models: fcn}, street: {comparison: runs/street}, cells: cells}",
            "models",
            "roads: fcn",
        ),
    ],
)
def test_what_is_never_one_ranking_is_refused_before_training(
    place: Path, called: list[CompareOptions], sets: str, where: str, value: str
) -> None:
    with refuses(ConfigError, where=where, value=value):
        segarena.suite(write(place, sets, "models: [unet, pspnet]"), out=place / "out", quiet=True)
    assert not called
    assert not (place / "out").exists()


def test_what_is_queued_comes_into_the_suite_later(
    place: Path, called: list[CompareOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    def queue(options: CompareOptions) -> Path:
        assert options.out is not None
        raise Queued(options.out, "41", 2, {"roads": "42", "cells": "44"}[options.out.name])

    monkeypatch.setattr(compare, "run", queue)
    path, out = write(place, "{roads: roads, cells: cells}", "executor: slurm\nmodels: [unet, fcn]"), place / "out"
    with pytest.raises(Queued) as caught:
        segarena.suite(path, out=out, quiet=True)
    assert all(part in str(caught.value) for part in ("roads", "cells", "job 44", f"suite --resume {out}"))
    for name in ("roads", "cells"):
        comparison(name, SCORES["roads"], seeds=1).write(out / name)  # the last jobs
    assert segarena.suite(resume=out, quiet=True).data_sets == ["roads", "cells"]
    assert not called
    write(
        place, "{roads: roads, cells: cells, street: runs/street, more: roads}", "executor: slurm\nmodels: [unet, fcn]"
    )
    monkeypatch.setattr(
        compare, "run", lambda options: (_ for _ in ()).throw(Queued(options.out or Path(), "45", 2, "46"))
    )
    found = segarena.suite(path, resume=out, quiet=True)
    assert found.data_sets == ["roads", "cells", "street"]
    assert [(one.name, "job 46" in one.message) for one in found.record.failed] == [("more", True)]


def test_a_stop_names_the_line_that_resumes_the_suite(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(options: CompareOptions) -> Path:
        stopped = Interrupted("stopped after epoch 2. Resume with: segarena compare --resume out/roads")
        stopped.signal = signal.SIGTERM
        raise stopped

    monkeypatch.setattr(compare, "run", stop)
    write(place, "{roads: roads, cells: cells}")
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["segarena", "suite", "suite.yaml", "--out", "out"])
    assert cli.main() == 128 + signal.SIGTERM
    shown = capsys.readouterr().err
    assert "stopped after epoch 2. Resume with: segarena suite --resume out" in shown
    assert "compare" not in shown
    with pytest.raises(Interrupted, match=r"segarena\.suite\(resume='out'\)"):
        segarena.suite(resume="out", quiet=True)

    def press(options: CompareOptions) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "run", press)
    monkeypatch.setattr(sys, "argv", ["segarena", "suite", "--resume", "out"])
    assert cli.main() == 130
    assert "Resume with: segarena suite --resume out" in capsys.readouterr().err


def test_options_are_checked_before_the_first_training(place: Path, called: list[CompareOptions]) -> None:
    with refuses(ConfigError, where="suite.yaml: cells: epochs", value="0"):
        segarena.suite(write(place, "{roads: roads, cells: {data: cells, epochs: 0}}"), out=place / "out")
    assert not called
    assert not (place / "out").exists()
    segarena.suite(write(place, "{roads: roads}"), out=place / "out", quiet=True)
    (place / "out/roads/options.json").write_text(
        json.dumps({"schema": 1, "command": "compare", "options": {}, "choices": [], "fingerprint": []})
    )
    with refuses(RunError, where=place / "out", value="size 64 (it was left open)"):
        segarena.suite(write(place, "{roads: {data: roads, size: 64}}"), resume=place / "out", quiet=True)
    assert len(called) == 1


@pytest.mark.parametrize(
    ("options", "kind", "where"),
    [
        ({}, ConfigError, "SOURCES"),
        ({"resume": "missing"}, RunError, "missing"),
        ({"sources": "roads", "resume": "missing"}, RunError, "missing"),
        ({"sources": "roads", "jobs": 0}, ConfigError, "--jobs"),
        ({"sources": "roads", "out": "a", "resume": "b"}, ConfigError, "--out"),
        ({"sources": "missing.yaml"}, ConfigError, "missing.yaml"),
    ],
)
def test_wrong_options_are_refused(
    options: dict[str, Any], kind: Any, where: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    with refuses(kind, where=where):
        segarena.suite(**options)


def test_finished_comparisons_need_no_pytorch(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    code = (
        "import sys; from segarena.cli import main; sys.argv[1:] = ['suite', 'runs/street', '--out', 'out']; "
        "assert main() == 0; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ComparisonRecord.read(place / "runs/street").name == "street"


def test_a_suite_has_neither_an_archive_nor_a_viewer(tmp_path: Path) -> None:
    (tmp_path / SuiteRecord.file).write_text("{}")
    for name, value in (("zip", True), ("images", "all")):
        with refuses(ConfigError, where=name):
            segarena.report(tmp_path, **{name: value})


def test_a_folder_of_something_else_is_not_where_a_suite_is_started(tmp_path: Path) -> None:
    (tmp_path / "report.html").touch()
    with refuses(RunError, where=tmp_path) as caught:
        segarena.suite("suite.yaml", resume=tmp_path)
    assert str(tmp_path) not in caught.value.remedy
