"""The options of a folder that is resumed: read from it, with what is typed added or compared."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from segarena import cli
from segarena.config import Choice, CompareOptions, TrainOptions
from segarena.errors import ConfigError, RunError, SegarenaError
from segarena.records.options import OptionsRecord
from segarena.reuse.complete import complete
from segarena.reuse.recorded import MAY_DIFFER, RECORDED, is_same
from support import refuses

Make = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A comparison that was started with some options typed and some chosen."""
    (tmp_path / "data").mkdir()
    write(tmp_path / "a run", "compare", models=["unet", "fcn"], seeds=2)
    write(tmp_path / "a model", "train", model="unet", seed=1)
    return tmp_path / "a run"


def write(folder: Path, command: str, data: str | None = "data", **options: Any) -> None:
    folder.mkdir()
    place = {} if data is None else {"data": str(folder.parent / data)}
    OptionsRecord(
        command=command,
        options={**place, "split": 0.7, "epochs": 4, "batch_size": 64, "loss": "ce", "track": "encoder", **options},
        choices=(Choice("device", "cpu", "no GPU"), Choice("batch_size", 12, "few images"), Choice("workers", 3, "x")),
        fingerprint=("0f" * 32,),
    ).write(folder)


def typed(line: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The options with which the command of a command line is called."""
    seen: list[Any] = []
    monkeypatch.setattr(sys, "argv", ["segarena", *shlex.split(line)])
    for verb in ("compare", "train"):
        monkeypatch.setattr(f"segarena.commands.{verb}.run", seen.append)
    errors: list[SegarenaError] = []
    monkeypatch.setattr(SegarenaError, "__str__", lambda error: errors.append(error) or "")
    if cli.main() != 0:
        raise errors[-1]
    return seen[0]


@pytest.fixture(params=["command line", "Python"])
def compare(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Make:
    """The options of `compare`, from a command line and from Python alike."""

    def from_line(data: Path | None = None, **options: Any) -> Any:
        words = [] if data is None else [data]
        for name, value in options.items():
            items = value if isinstance(value, tuple) else [] if value is True else [value]
            words += [f"--{name.replace('_', '-')}", *items]
        return typed(shlex.join(["compare", *map(str, words)]), monkeypatch)

    return (
        from_line
        if request.param == "command line"
        else lambda *data, **options: complete(CompareOptions, **({"data": data[0]} if data else {}), **options)
    )


def test_every_option_comes_from_the_folder(compare: Make, folder: Path) -> None:
    options = compare(resume=folder)
    expected = {"data": folder.parent / "data", "models": ("unet", "fcn"), "seeds": 2, "epochs": 4, "split": 0.7}
    assert {name: getattr(options, name) for name in expected} == expected
    assert (options.out, options.device) == (folder, "auto")  # what was left open is chosen as it was chosen then


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"seeds": 3}, {"seeds": 3}),
        ({"seeds": 1}, {"seeds": 2}),
        ({"models": ("pspnet",)}, {"models": ("unet", "fcn", "pspnet")}),
        ({"models": ("fcn", "deeplabv3")}, {"models": ("unet", "fcn", "deeplabv3")}),
        ({"epochs": 4, "loss": "ce"}, {"epochs": 4}),
        ({"device": "cpu"}, {"device": "auto"}),  # as it was chosen
        ({"device": "auto"}, {"device": "auto"}),
        ({"batch_size": 64}, {"batch_size": 64}),
        ({"batch_size": 12}, {"batch_size": 64}),  # there are 12 images
        ({"workers": 2, "cache_gib": 0.5}, {"workers": 2, "cache_gib": 0.5}),
        ({"encoder": "resnet34"}, {"encoder": "resnet34"}),  # no model of the folder has used one
    ],
)
def test_what_is_typed_too_is_added_or_agrees(
    compare: Make, folder: Path, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    options = compare(resume=folder, **given)
    assert {name: getattr(options, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"epochs": 5}, "with --epochs 4, not 5"),
        ({"split": 0.5}, "with --split 0.7, not 0.5"),
        ({"loss": "ce+dice"}, "with --loss ce, not ce+dice"),
        ({"batch_size": 8}, "with --batch-size 12, not 8"),
        ({"device": "cuda"}, "with --device cpu, not cuda"),
        ({"folds": 2}, "without --folds, not 2"),
        ({"group_by": "prefix"}, "without --group-by, not prefix"),
        ({"track": "paper"}, "with --track encoder, not paper"),
    ],
)
def test_another_value_is_refused_and_named(compare: Make, folder: Path, given: dict[str, Any], value: str) -> None:
    with refuses(RunError, where=folder, value=value):
        compare(resume=folder, **given)


@pytest.mark.parametrize(
    ("before", "given", "value"),
    [
        ({"epochs": 4}, {"budget": "3m"}, "with --epochs 4 and without --budget"),
        ({"epochs": None, "budget": "45m"}, {"epochs": 2}, "with --budget 45m and without --epochs"),
        ({"learning_rate": 0.001}, {"tune": 2}, "with --learning-rate 0.001 and without --tune"),
        ({"crops": "batch"}, {"rotation": 5.0}, "with --crops batch"),
    ],
)
def test_an_option_that_one_of_the_folder_excludes_is_refused(
    compare: Make, folder: Path, before: dict[str, Any], given: dict[str, Any], value: str
) -> None:
    record = OptionsRecord.read(folder)
    changed = {name: one for name, one in {**record.options, **before}.items() if one is not None}
    replace(record, options=changed).write(folder)
    with refuses(RunError, where=folder, value=value) as caught:
        compare(resume=folder, **given)
    assert f"--{next(iter(given))}" in caught.value.remedy or next(iter(given)) in caught.value.remedy


def test_data_that_was_moved_is_asked_for_and_then_used(compare: Make, folder: Path) -> None:
    moved = (folder.parent / "data").rename(folder.parent / "moved")
    with refuses(RunError, where=folder, value=str(folder.parent / "data")) as caught:
        compare(resume=folder)
    assert f"segarena compare NEW_FOLDER --resume '{folder}'" in caught.value.remedy
    assert compare(moved, resume=folder).data == moved


def test_only_a_comparison_on_the_built_in_scenes_resumes_without_data(compare: Make, tmp_path: Path) -> None:
    write(tmp_path / "scenes", "compare", data=None, models=["fcn"], seeds=1)
    assert compare(resume=tmp_path / "scenes").data is None
    with refuses(ConfigError, where="DATA", value="nothing to resume"):
        compare(out=tmp_path / "new", resume=True)


def test_out_with_resume_starts_or_resumes(compare: Make, folder: Path) -> None:
    new = compare(folder.parent / "data", out=folder.parent / "new", resume=True, epochs=9)
    assert (new.out, new.resume, new.epochs) == (folder.parent / "new", folder.parent / "new", 9)
    assert compare(out=folder, resume=True).epochs == 4
    assert compare(out=folder, resume=folder).epochs == 4


def test_a_folder_with_other_files_is_not_started_in(compare: Make, folder: Path) -> None:
    """Tables and pages of a comparison would replace those of the same names."""
    own = folder.parent / "own"
    own.mkdir()
    (own / ".DS_Store").touch()
    assert compare(folder.parent / "data", out=own, resume=True).out == own
    (own / "models.csv").touch()
    with refuses(RunError, where=own, value="models.csv"):
        compare(folder.parent / "data", out=own, resume=True)
    (own / "log.txt").touch()  # a comparison that was stopped before its options were recorded
    assert compare(folder.parent / "data", out=own, resume=True).out == own


def test_out_is_no_other_folder(compare: Make, folder: Path) -> None:
    with refuses(ConfigError, where="--out", value="elsewhere"):
        compare(out=folder.parent / "elsewhere", resume=folder)


@pytest.mark.parametrize(
    ("place", "make", "value"),
    [
        ("nowhere", lambda path: None, "does not exist"),
        ("a file", lambda path: path.touch(), "is a file"),
        ("other", lambda path: path.mkdir(), "nothing to resume"),
        ("old", lambda path: write_run(path / "fcn-seed0"), "earlier version"),
        ("a model", lambda path: None, "is a run of one model"),
    ],
)
def test_a_folder_that_cannot_be_resumed_is_named(
    compare: Make, folder: Path, place: str, make: Callable[[Path], object], value: str
) -> None:
    make(folder.parent / place)
    with refuses(RunError, where=folder.parent / place, value=value):
        compare(resume=folder.parent / place)


def write_run(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").touch()


def test_a_model_comes_from_the_folder_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = folder.parent / "a model"
    for options in (typed(f"train --resume={shlex.quote(str(run))}", monkeypatch), complete(TrainOptions, resume=run)):
        assert (options.model, options.seed, options.epochs, options.out) == ("unet", 1, 4, run)
    with refuses(RunError, where=run, value="--model unet, not fcn"):
        complete(TrainOptions, resume=run, model="fcn")
    with refuses(RunError, where=folder, value="is a comparison") as caught:
        complete(TrainOptions, resume=folder)
    assert f"segarena compare --resume '{folder}'" in caught.value.remedy


def test_a_file_of_weights_is_the_same_by_any_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "w.pth").touch()
    write(folder.parent / "b", "compare", models=["fcn"], seeds=1, weights=str(folder.parent / "w.pth"))
    monkeypatch.chdir(folder.parent)
    assert complete(CompareOptions, resume="b", weights="w.pth").weights == str(folder.parent / "w.pth")


@pytest.mark.parametrize("kind", [CompareOptions, TrainOptions])
def test_every_option_is_recorded_or_changes_no_result(kind: type) -> None:
    free = {"config", "disk_cache_gib", "download", "out", "quiet", "resume", "verbose"} | (
        {"like"} if kind is TrainOptions else {"dry_run", "json", "runs", "vary"}
    )
    assert {item.name for item in fields(kind)} - RECORDED == free
    assert MAY_DIFFER < RECORDED


@pytest.mark.parametrize(
    ("recorded", "now", "same"),
    [
        ("../w/a.pth", "/data/w/a.pth", True),
        ("w/a.pth", "/data/w/a.pth", True),
        ("../w/a.pth", "/data/v/a.pth", False),
        ("/data/w/a.pth", "/other/w/a.pth", False),
        ("a.pth", "/data/w/b.pth", False),
        ("imagenet", "/data/imagenet", False),
        ("none", "w/a.pth", False),
    ],
)
def test_a_relative_file_of_weights_is_the_same_from_any_folder(recorded: str, now: str, same: bool) -> None:
    assert is_same("weights", recorded, now) is same
