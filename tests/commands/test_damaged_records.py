"""A run whose settings or data record were edited: what is wrong is an error of that file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import segarena
from segarena.errors import RunError
from support import refuses

Change = Callable[[dict[str, Any]], Any]


def edited(trained: Path, place: Path, file: str, change: Change) -> Path:
    """A copy of a run, of which a file is changed."""
    run = place / "run"
    shutil.copytree(trained, run, ignore=shutil.ignore_patterns("last"))
    content = json.loads((run / file).read_text())
    change(content)
    (run / file).write_text(json.dumps(content))
    return run


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (lambda architecture: architecture.pop("name"), "`architecture.name`"),
        (lambda architecture: architecture.pop("num_classes"), "`architecture.num_classes`"),
        (lambda architecture: architecture.update(name=5), "no model 5"),
        (lambda architecture: architecture.update(track=["encoder"]), "no track ['encoder']"),
        (lambda architecture: architecture.update(in_channels="3"), "in_channels is '3'"),
        (lambda architecture: architecture.update(padded=True), "no option 'padded'"),
    ],
)
def test_an_architecture_that_cannot_be_built(trained: Path, tmp_path: Path, change: Change, value: str) -> None:
    run = edited(trained, tmp_path, "config.json", lambda config: change(config["architecture"]))
    with refuses(RunError, where="config.json", value=value):
        segarena.load(run)


def test_weights_that_do_not_fit_are_named_with_the_tensor(trained: Path, tmp_path: Path) -> None:
    run = edited(trained, tmp_path, "config.json", lambda config: config["architecture"].update(num_classes=9))
    with refuses(RunError, where="best.safetensors", value="size mismatch for "):
        segarena.load(run)


def test_sizes_that_are_no_numbers(trained: Path, tmp_path: Path) -> None:
    sides = {"shorter": "40", "longest_shorter": 40, "longest": 48}
    run = edited(trained, tmp_path, "data.json", lambda data: data["description"].update(train_sides=sides))
    with refuses(RunError, where="data.json", value="sizes of training images"):
        segarena.load(run)


@pytest.mark.parametrize("sides", [{"shorter": 40}, {"shorter": 40, "longest_shorter": 0.5, "longest": 48}])
def test_sizes_in_an_exported_folder_that_are_no_numbers(trained: Path, tmp_path: Path, sides: dict[str, Any]) -> None:
    folder = segarena.export(trained, out=tmp_path / "hub", format="huggingface", quiet=True)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "train_sides": sides}))
    with refuses(RunError, where=path):
        segarena.load(folder)
