"""Finished runs compared: of one protocol, of several losses where that is allowed, moved, of a user's own module."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import segarena
from own_modules import Tiny
from segarena import cli
from segarena.config import CompareOptions
from segarena.errors import ConfigError, RunError, SegarenaError
from segarena.experiment.compared_data import compared_options
from segarena.experiment.found_runs import find_runs
from segarena.experiment.matching import match_runs
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.options import resume_command
from segarena.reporting.style import model_styles
from segarena.reporting.use import describe_use
from support import QUICK, refused, refuses, write_pair

ONCE: dict[str, Any] = {**QUICK, "epochs": 1, "quiet": True}
ALONE = {name: value for name, value in ONCE.items() if name != "encoder"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data; fcn with two losses; a comparison of a small module with two seeds; the module with another rate."""
    place = tmp_path_factory.mktemp("place")
    data = place / "data"
    for number in range(10):
        write_pair(data, f"square{number}", seed=number)
    for loss in ("ce", "ce+dice"):
        segarena.train(data, model="fcn", loss=loss, learning_rate=0.002, out=place / loss, **ONCE)
    common: dict[str, Any] = {"loss": "ce", **ALONE}
    segarena.compare(data, models=("tiny", Tiny), seeds=2, learning_rate=0.002, out=place / "tiny", **common)
    segarena.train(data, model=("tiny", Tiny), seed=5, learning_rate=0.01, out=place / "fast", **common)
    return place


def test_two_losses_are_refused_with_the_command_that_allows_them(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    error = refused(f"compare ce ce+dice --out {tmp_path / 'out'}", monkeypatch, capsys)
    assert "loss is ce in ce and ce+dice in ce+dice" in error.what
    assert "segarena compare ce ce+dice --vary loss" in error.remedy
    assert not (tmp_path / "out").exists()


def test_two_losses_are_two_models_where_that_is_allowed(place: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (place / "ce").rglob("*")}
    found = segarena.compare(place / "ce", [place / "ce+dice"], vary="loss", out=tmp_path / "out", quiet=True)
    record = ComparisonRecord.read(found.folder)
    assert {entry.model for entry in record.ranking} == {"fcn@ce", "fcn@ce+dice"}
    assert (record.varied, len(record.compared_runs)) == (("loss",), 2)
    assert {path: path.stat().st_mtime_ns for path in (place / "ce").rglob("*")} == before
    page = found.report.read_text(encoding="utf-8")
    assert "FCN, ce+dice" in page
    assert "differ in loss" in page
    assert "FCN, ce" in found.verdict or "No model" in found.verdict
    for loss in ("ce", "ce+dice"):
        model = f"fcn@{loss}"
        assert found.run(model).metrics["miou"] == segarena.TrainedRun(place / loss).metrics["miou"]
        assert list(found.glob(f"gallery/*/{model}.png"))
    assert found.predictor("fcn@ce").predict(place / "data" / "images" / "square0.png").shape == (48, 48)
    with refuses(ConfigError, where="--like", value="loss") as raised:
        segarena.train(like=found, all_images=True)
    best = found.run()
    assert str(best.folder.parent) in raised.value.remedy
    segarena.train(like=best, all_images=True, out=tmp_path / "all", quiet=True)
    undecided = replace(record, answer=replace(record.answer, claim="undecided"))
    assert describe_use(undecided, found.folder, place=found.folder) is None
    shutil.move(found.folder, tmp_path / "moved")
    assert segarena.report(tmp_path / "moved").is_file()


def test_a_whole_batch_is_a_value_of_the_micro_batch(place: Path, tmp_path: Path) -> None:
    parts, again = tmp_path / "parts", [place / "ce", tmp_path / "parts"]
    segarena.train(place / "data", model="fcn", loss="ce", learning_rate=0.002, micro_batch=2, out=parts, **ONCE)
    matched = match_runs(find_runs(again), ("micro_batch",), again)
    assert [run.model for run, _ in matched.runs] == ["fcn@micro_batch=0", "fcn@micro_batch=2"]
    alike = [place / "ce", place / "ce+dice"]
    assert match_runs(find_runs(alike), ("loss", "micro_batch"), alike).varied.keys() == {"loss"}


def test_a_comparison_of_runs_is_not_resumed(place: Path, tmp_path: Path) -> None:
    both = segarena.compare(runs=[place / "ce", place / "ce+dice"], vary="loss", out=tmp_path / "both", quiet=True)
    assert resume_command(both.folder) is None
    with refuses(RunError, where=both.folder, value="finished runs") as raised:
        segarena.compare(resume=both)
    assert "--vary loss" in raised.value.remedy


def test_runs_and_comparisons_are_joined_with_a_module_of_the_users(place: Path, tmp_path: Path) -> None:
    """The latency is measured again where the module can be built; else it is that of the runs, as a note states."""
    names = [place / "ce", place / "tiny"]
    found = segarena.compare(runs=names, models=("tiny", Tiny), out=tmp_path / "built", quiet=True)
    rows = sorted(zip(found.models["model"], found.models["seed"], strict=True))
    assert rows == [("fcn", 0), ("tiny", 0), ("tiny", 1)]
    assert list(found.glob("gallery/*/tiny.png"))
    assert not found.record.notes
    apart = segarena.compare(runs=names, out=tmp_path / "apart", quiet=True)
    assert "tiny" in apart.record.notes[-1]
    assert apart.record.gallery == ()
    recorded = json.loads((place / "tiny" / "tiny-seed0" / "costs.json").read_text())["latency_ms"]
    assert apart.models.set_index("model").loc["tiny", "latency_ms"].tolist() == [recorded, recorded]
    assert apart.report.is_file()


def test_data_that_was_moved_is_named_first(place: Path, tmp_path: Path) -> None:
    for name in ("data", "ce", "tiny"):
        shutil.copytree(place / name, tmp_path / name)
    for file in tmp_path.glob("**/config.json"):
        file.write_text(file.read_text().replace(str(place / "data"), str(tmp_path / "gone")))
    names = [tmp_path / "ce", tmp_path / "tiny"]
    with refuses(RunError, where=tmp_path / "ce", value=tmp_path / "gone"):
        segarena.compare(runs=names, out=tmp_path / "out", quiet=True)
    found = segarena.compare(tmp_path / "data", names, out=tmp_path / "out", quiet=True)
    assert len(found.models) == 3


def test_the_remedy_for_data_that_was_moved_works(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(place / "data", tmp_path / "a new place")
    for name in ("ce", "ce+dice"):
        shutil.copytree(place / name, tmp_path / name)
        move_data(tmp_path / name, place / "data", tmp_path / "gone")
    error = refused("compare ce ce+dice --vary loss", monkeypatch, capsys)
    line = error.remedy[error.remedy.index("segarena compare") :].replace("NEW_FOLDER", "'a new place'")
    monkeypatch.setattr(sys, "argv", [*shlex.split(line), "--out", "both"])
    assert cli.main() == 0
    assert ComparisonRecord.read(Path("both")).varied == ("loss",)


@pytest.mark.parametrize("name", ["gone", "x" * 300])  # or nobody knows, as in a folder that is closed to the user
def test_data_that_one_of_the_runs_still_has_is_used(place: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(place / "ce", tmp_path / "ce")
    move_data(tmp_path / "ce", place / "data", tmp_path / name)
    matched = match_runs(find_runs([tmp_path / "ce", place / "ce+dice"]), ("loss",), ())
    assert compared_options(matched, CompareOptions(), None, ()).data == place / "data"


def test_published_data_that_was_moved_is_named_with_root(place: Path, tmp_path: Path) -> None:
    for name in ("ce", "ce+dice"):
        shutil.copytree(place / name, tmp_path / name)
        changed(lambda c: c["data"].update(data="voc2012", root=str(tmp_path / "gone")), "config.json")(tmp_path / name)
    names = [tmp_path / "ce", tmp_path / "ce+dice"]
    matched = match_runs(find_runs(names), ("loss",), names)
    with refuses(RunError, value=tmp_path / "gone") as raised:
        compared_options(matched, CompareOptions(), None, names)
    assert "--root NEW_FOLDER" in raised.value.remedy
    options = compared_options(matched, CompareOptions(root=place), None, names)
    assert (options.data, options.root) == (Path("voc2012"), place)


def move_data(run: Path, before: Path, after: Path) -> None:
    """As if the data had been moved: the run recorded another place."""
    file = run / "config.json"
    file.write_text(file.read_text().replace(str(before), str(after)))


def changed(change: Callable[[dict[str, Any]], None], file: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / file
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return apply


def exchange(content: dict[str, Any]) -> None:
    parts = content["split"]
    parts["train"][0], parts["val"][0] = parts["val"][0], parts["train"][0]
    content["fingerprint"] = "0" * 64


#: What is changed in the copy of a run, and what the error names.
OTHERS: dict[str, tuple[Callable[[Path], None], type[SegarenaError], str]] = {
    "another seed alone": (changed(lambda c: c.update(seed=1), "config.json"), type(None), ""),  # type: ignore[dict-item]
    "the same run": (lambda folder: None, RunError, "seed 0"),
    "another size": (changed(lambda c: c["protocol"].update(size=64), "config.json"), RunError, "size is 32"),
    "another track": (changed(lambda c: c["protocol"].update(track="paper"), "config.json"), RunError, "track is"),
    "an older version": (changed(lambda c: c.update(protocol_version=1), "config.json"), RunError, "version"),
    "threads alone": (
        changed(lambda c: (c.update(seed=1), c["protocol"].update(threads=7)), "config.json"),
        type(None),
        "",
    ),  # type: ignore[dict-item, func-returns-value]
    "another split": (changed(exchange, "data.json"), RunError, "images"),
    "another file": (
        changed(lambda c: (c["sha256"].update(square0="0"), c.update(fingerprint="1")), "data.json"),  # type: ignore[func-returns-value]
        RunError,
        "square0",
    ),
    "on all images": (changed(lambda c: c["data"].update(all_images=True), "config.json"), RunError, "all images"),
    "not finished": (lambda folder: (folder / "costs.json").unlink(), RunError, "finished"),
    "no run": (
        lambda folder: shutil.rmtree(folder / "images", ignore_errors=True) or (folder / "config.json").unlink(),
        RunError,
        "neither",
    ),  # type: ignore[func-returns-value]
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_makes_runs_unfit_to_be_compared(place: Path, tmp_path: Path, name: str) -> None:
    change, kind, value = OTHERS[name]
    shutil.copytree(place / "ce", tmp_path / "other")
    change(tmp_path / "other")
    both = [place / "ce", tmp_path / "other"]
    if kind is type(None):
        assert len(match_runs(find_runs(both), (), both).runs) == 2
        return
    with refuses(kind, value=value):
        match_runs(find_runs(both), (), both)


def weights_of(folder: Path, typed: str, absolute: str | None) -> Path:
    """Let a run have a file of weights, as config.json has what was typed and options.json the absolute path."""
    changed(lambda c: c["protocol"]["network"].update(weights=typed), "config.json")(folder)
    if absolute is None:
        (folder / "options.json").unlink()
    else:
        changed(lambda c: c["options"].update(weights=absolute), "options.json")(folder)
    return folder


@pytest.mark.parametrize(
    ("typed", "absolute", "is_same"),
    [
        ("../shared/r18.pth", "/w/shared/r18.pth", True),
        ("r18.pth", "/w/shared/r18.pth", True),
        ("r18.pth", "/w/other/r18.pth", False),
        ("../shared/r18.pth", None, True),
        ("../other/r18.pth", None, False),
    ],
)
def test_weights_are_the_same_from_any_folder(
    place: Path, tmp_path: Path, typed: str, absolute: str | None, is_same: bool
) -> None:
    for name in ("one", "two"):
        shutil.copytree(place / "ce", tmp_path / name)
    changed(lambda c: c.update(seed=1), "config.json")(tmp_path / "two")
    both = [
        weights_of(tmp_path / "one", "shared/r18.pth", "/w/shared/r18.pth"),
        weights_of(tmp_path / "two", typed, absolute),
    ]
    for names in (both, both[::-1]):
        if is_same:
            assert len(match_runs(find_runs(names), (), names).runs) == 2
            continue
        with refuses(RunError, value="/w/shared/r18.pth"):
            match_runs(find_runs(names), (), names)


def test_all_settings_that_differ_are_named_at_once(place: Path) -> None:
    names = [place / "ce", place / "ce+dice", place / "fast"]
    with refuses(RunError, value="learning rate is 0.002") as raised:
        match_runs(find_runs(names), (), names)
    assert "loss is ce in" in raised.value.what
    assert "--vary learning_rate loss" in raised.value.remedy.replace(
        "--vary loss learning_rate", "--vary learning_rate loss"
    )
    matched = match_runs(find_runs(names), ("learning_rate", "loss"), names)
    called = [run.model for run, _ in matched.runs]
    assert sorted(called) == [
        "fcn@learning_rate=0.002,ce",
        "fcn@learning_rate=0.002,ce+dice",
        "tiny@learning_rate=0.01,ce",
    ]
    assert model_styles(called)[called[0]].label.startswith("FCN, learning rate 0.002, ce")


@pytest.mark.parametrize(
    ("options", "where", "value"),
    [
        ({"vary": "colour"}, "--vary", "colour"),
        ({"vary": "track"}, "--vary", "track"),
        ({"epochs": 3}, "--epochs", "trained"),
        ({"models": "unet"}, "--models", "trained"),
    ],
)
def test_options_that_finished_runs_cannot_have(place: Path, options: dict[str, Any], where: str, value: str) -> None:
    with refuses(ConfigError, where=where, value=value):
        segarena.compare(runs=[place / "ce", place / "ce+dice"], quiet=True, **options)


@pytest.mark.parametrize(
    ("line", "again"),
    [
        ("--vary loss ce ce+dice", "compare ce ce+dice --vary loss"),
        ("--vary loss", "compare RUN_A RUN_B --vary loss"),
        ("data --vary loss size", "compare RUN_A RUN_B --vary loss size"),
    ],
)
def test_settings_that_differ_need_runs_named_before_them(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, again: str
) -> None:
    """`--vary loss ce ce+dice` was three settings, and the built-in scenes were trained."""
    monkeypatch.chdir(place)
    error = refused(f"compare {line}", monkeypatch, capsys)
    assert error.where == "--vary"
    assert error.remedy.endswith(again)


def test_one_run_cannot_be_compared(place: Path) -> None:
    assert Config.read(place / "ce").model == "fcn"
    with refuses(RunError, where=place / "ce", value="only"):
        segarena.compare(place / "ce", quiet=True)


def test_modules_alone_that_cannot_be_built_here_are_compared(place: Path, tmp_path: Path) -> None:
    found = segarena.compare(place / "tiny", out=tmp_path / "out", quiet=True)
    assert [entry.ceiling for entry in found.record.ranking] == [None]
    assert found.report.is_file()


def test_two_modules_of_one_name_are_refused(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "tiny" / "tiny-seed0", tmp_path / "other")
    changed(lambda c: (c.update(seed=7), c["architecture"].update(tensors="0")), "config.json")(tmp_path / "other")
    both = [place / "tiny", tmp_path / "other"]
    with refuses(RunError, where=tmp_path / "other", value="tiny"):
        match_runs(find_runs(both), (), both)
