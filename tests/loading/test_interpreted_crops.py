"""The crops of a GPU, in Triton's interpreter on the CPU, and on a GPU where there is one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from interpreted_crops import CASES, arguments, differences

from segarena.kernels import crop_batch as module
from segarena.kernels.triton_grid import SWITCH, can_launch

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).with_name("interpreted_crops.py")


@pytest.fixture(scope="module")
def interpreted() -> dict[str, list[int]]:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[int]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", CASES)
def test_crops_of_a_gpu_are_those_of_the_reference(interpreted: dict[str, list[int]], name: str) -> None:
    assert interpreted[name] == [0, 0]


@pytest.mark.gpu
@pytest.mark.parametrize("name", CASES)
def test_crops_on_a_gpu_are_those_of_the_reference(name: str) -> None:
    assert can_launch(torch.empty(1, device="cuda"))
    assert differences(name, "cuda") == [0, 0]


@pytest.mark.gpu
def test_without_the_kernels_the_crops_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "off")
    assert not can_launch(torch.empty(1, device="cuda"))
    for name in CASES:
        assert differences(name, "cuda") == [0, 0]
    assert module.crop_batch(*arguments("padded", "cuda"))[0].is_cuda
