"""A state that is not that of the training is refused with one message, whatever is wrong with it."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import segarena
from segarena.errors import RunError
from segarena.runs import describe_unfinished
from segarena.training.checkpoint import BEST, LAST
from support import refuses

State = dict[str, Any]


def progress(**values: Any) -> Callable[[State], Any]:
    return lambda state: {**state, "progress": {**state["progress"], **values}}


DAMAGES: dict[str, Callable[[State], Any]] = {
    "a list": lambda state: [1],
    "no key": lambda state: {},
    "a list as progress": lambda state: {**state, "progress": [1]},
    "an epoch after the last": progress(epoch=99),
    "an epoch without history": progress(history=[]),
    "a word as epoch": progress(epoch="x"),
    "an unknown key": progress(other=1),
    "half a row": progress(history=[{"epoch": 1}]),
    "no weights": lambda state: {key: value for key, value in state.items() if key != "model"},
    "weights of another model": lambda state: {**state, "model": {"a": torch.zeros(3)}},
    "no optimizer": lambda state: {**state, "optimizer": []},
    "a list as best weights": lambda state: {**state, "best": [1]},
}


#: Those that matter where only the costs are missing, which come from the progress.
OF_PROGRESS = [name for name in DAMAGES if "epoch" in name or "key" in name or "progress" in name or "row" in name]


def test_a_run_without_its_costs_and_with_a_wrong_state_is_refused(trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "costs.json").unlink()
    path = run / LAST
    whole = torch.load(path, weights_only=True)
    assert len(OF_PROGRESS) == 7
    for name in OF_PROGRESS:
        torch.save(DAMAGES[name](whole), path)
        with refuses(RunError, where=path) as caught:
            segarena.train(resume=run)
        assert caught.value.remedy.startswith("Delete the run's folder"), name
        assert not (run / "costs.json").exists()
    torch.save({"progress": whole["progress"]}, path)
    segarena.train(resume=run)
    assert (run / "costs.json").exists()


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    folder = tmp_path_factory.mktemp("unfinished") / "run"
    shutil.copytree(trained, folder)
    for name in ("metrics.json", "costs.json"):
        (folder / name).unlink()
    return folder


def test_each_wrong_state_is_refused(unfinished: Path) -> None:
    path = unfinished / LAST
    whole = torch.load(path, weights_only=True)
    best = (unfinished / BEST).read_bytes()
    for name, damage in DAMAGES.items():
        torch.save(damage(whole), path)
        with refuses(RunError, where=path) as caught:
            segarena.train(resume=unfinished)
        assert "Traceback" not in str(caught.value), name
    path.write_bytes(pickle.dumps({"progress": Path("x")}, protocol=2))
    with refuses(RunError, where=path) as caught:
        segarena.train(resume=unfinished)
    assert "weights_only" not in str(caught.value)  # PyTorch advises to run what is in the file
    assert (unfinished / BEST).read_bytes() == best


@pytest.mark.parametrize("content", ["[]", "{}", "3", "null", '{"data": []}'])
def test_a_configuration_of_a_wrong_shape_is_refused(content: str, trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run, ignore=shutil.ignore_patterns("last"))
    (run / "config.json").write_text(content)
    with refuses(RunError, where=run / "config.json"):
        segarena.load(run)
    (run / "metrics.json").unlink()  # as of a training that is not finished
    assert describe_unfinished(run)
    with refuses(RunError, where=run / "config.json"):
        segarena.evaluate(run)
