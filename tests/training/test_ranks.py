"""Several processes that train together do what one does: the same crops, gradients, statistics, counts, decisions."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from rank_checks import BATCH, MODELS, MOST
from torch import Tensor

from segarena.training.distributed import batchnorm
from segarena.training.distributed.group import Group

pytestmark = pytest.mark.long

SEVERAL = range(2, MOST + 1)


def run_checks(folder: Path, *words: str) -> list[dict[Any, Any]]:
    """What each of the three processes has found."""
    command = [sys.executable, "-W", "error", str(Path(__file__).with_name("rank_checks.py")), str(folder), *words]
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [pickle.loads((folder / f"found{rank}").read_bytes()) for rank in range(MOST)]
    for own in found:
        assert "failure" not in own, own["failure"]
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[Any, Any]]:
    """What each of the three processes has found: by the name of a check and the number of processes, 0 for alone."""
    return run_checks(tmp_path_factory.mktemp("ranks"))


def difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest one of two sets of tensors."""
    assert one.keys() == other.keys()
    return max(float((one[key].double() - other[key].double()).abs().max()) for key in one if one[key].numel())


@pytest.mark.parametrize("number", SEVERAL)
def test_the_crops_are_those_of_one_process(found: list[dict[Any, Any]], number: int) -> None:
    alone = found[0]["crops", 0]
    slices = [found[rank]["crops", number] for rank in range(number)]
    for epoch, batches in enumerate(alone):
        for place, batch in enumerate(batches):
            own = [of_rank[epoch][place] for of_rank in slices]
            assert [key for keys in own for key in keys] == batch
            assert {len(keys) for keys in own} <= {BATCH // number, BATCH // number + 1}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("number", SEVERAL)
def test_gradients_are_those_of_the_whole_batch(found: list[dict[Any, Any]], number: int, name: str) -> None:
    alone = found[0]["gradients", 0][name]
    assert len(alone["losses"]) == (2 if name == "pspnet" else 1)  # with an auxiliary head
    for rank in range(number):
        own = found[rank]["gradients", number][name]
        assert own["losses"] == pytest.approx(alone["losses"], abs=1e-10)
        assert difference(own["gradients"], alone["gradients"]) < 1e-10
        assert difference(own["statistics"], alone["statistics"]) < 1e-10


@pytest.mark.parametrize("number", SEVERAL)
def test_gradients_of_parts_add_up(found: list[dict[Any, Any]], number: int) -> None:
    for rank in range(number):
        assert difference(found[rank]["parts", number], found[0]["parts", 0]) < 1e-10


@pytest.mark.parametrize("number", SEVERAL)
def test_counts_are_the_same_integers(found: list[dict[Any, Any]], number: int) -> None:
    alone = found[0]["scores", 0]
    assert alone.dtype == np.int64
    assert alone.sum() > 0
    for rank in range(number):
        np.testing.assert_array_equal(found[rank]["scores", number], alone)


@pytest.mark.parametrize("kind", ["1d", "2d", "frozen", "average"])
@pytest.mark.parametrize("number", SEVERAL)
def test_batchnorm_is_that_of_the_whole_batch(found: list[dict[Any, Any]], number: int, kind: str) -> None:
    alone = found[0]["batchnorm", 0][kind]
    own = [found[rank]["batchnorm", number][kind] for rank in range(number)]
    torch.testing.assert_close(torch.cat([one["features"] for one in own]), alone["features"], atol=1e-4, rtol=1e-3)
    for one in own:
        for name in ("weight", "bias", "mean", "variance"):
            torch.testing.assert_close(one[name], alone[name], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("number", SEVERAL)
def test_all_decide_alike(found: list[dict[Any, Any]], number: int) -> None:
    for rank in range(number):
        own = found[rank]["agreement", number]
        assert own["stop"] == (True, False)  # the last one wished it
        assert own["due"] == (False, False)  # only the first one saves
        assert (own["all"], own["first"], own["total"]) == (False, 0, 1.5 * number)


@pytest.mark.parametrize("number", SEVERAL)
def test_an_error_of_one_is_raised_in_all(found: list[dict[Any, Any]], number: int) -> None:
    for rank in range(number):
        own = found[rank]["agreement", number]
        assert own["error"] == ("DataError", "1.png: is damaged. Fix it.")
        assert own["batches"] == ("DataError", "2.png: is not there any more. Put it back.")
        assert own["stopped"][0] == "Interrupted"
        assert own["bug"][0] == ("ZeroDivisionError" if rank == number - 1 else "WorkerError")
        assert rank == number - 1 or f"process {number - 1} of {number}" in own["bug"][1]


@pytest.mark.parametrize("number", SEVERAL)
def test_a_step_is_skipped_by_all_or_none(found: list[dict[Any, Any]], number: int) -> None:
    alone = found[0]["skipped", 0]
    for rank in range(number):
        own = found[rank]["skipped", number]
        assert np.isnan(own["lost"])
        assert own["is_kept"]
        assert own["counted"] == pytest.approx(alone["counted"], rel=1e-5)
        assert torch.equal(own["weights"], found[0]["skipped", number]["weights"])


class OnGPU(Tensor):
    """A tensor that says it is on a GPU."""

    is_cuda = property(lambda self: True)  # type: ignore[assignment]


def test_batchnorm_of_several_gpus_gets_a_group_with_a_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's function asks the group for its backend, and has no answer for None, which else means all processes."""
    asked = []

    class Asking:
        @staticmethod
        def apply(features: Tensor, *arguments: Any) -> Tensor:
            asked.append((arguments[-2]._get_backend_name(), arguments[-1]))
            return features

    monkeypatch.setattr(batchnorm, "_OnGPU", Asking)
    dist.init_process_group("gloo", store=dist.FileStore(str(tmp_path / "store"), 1), rank=0, world_size=1)
    try:
        layer = torch.nn.BatchNorm2d(3)
        batchnorm.synchronize(layer, Group(0, 1))
        layer(torch.zeros(2, 3, 4, 4).as_subclass(OnGPU))
    finally:
        dist.destroy_process_group()
    assert asked == [("gloo", 1)]
