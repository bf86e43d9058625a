"""The kernels for a GPU: in Triton's interpreter on the CPU, and on a GPU where there is one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from interpreted import COUNTS, LABELS, LOSSES, check_loss, label, make_counts, make_loss

from segarena.kernels.grid_loss import can_compute
from segarena.kernels.pair_histogram import count_by_image, plain_count_by_image
from segarena.kernels.triton_grid import SWITCH, can_launch
from segarena.training.losses import upsampled_loss

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).with_name("interpreted.py")


@pytest.fixture(scope="module")
def interpreted() -> dict[str, Any]:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_of_a_gpu_is_that_of_resized_logits(interpreted: dict[str, Any], name: str) -> None:
    found = interpreted[f"loss, {name}"]
    assert found["loss"] < 1e-5
    assert found["gradient"] < 1e-5
    assert found["layout"]


def test_a_label_without_a_class_makes_the_loss_of_a_gpu_nan(interpreted: dict[str, Any]) -> None:
    assert interpreted["loss, a label that is no class"] == "nan"


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_a_gpu_are_those_of_the_cpu(interpreted: dict[str, Any], name: str) -> None:
    assert interpreted[f"labels, {name}"] == 0


@pytest.mark.parametrize("name", COUNTS)
def test_counts_of_a_gpu_are_those_of_the_cpu(interpreted: dict[str, Any], name: str) -> None:
    assert interpreted[f"counts, {name}"]


@pytest.mark.parametrize("name", COUNTS)
def test_counts_in_plain_torch_are_the_same(name: str) -> None:
    truth, prediction = make_counts(*COUNTS[name])
    classes = COUNTS[name][0]
    assert torch.equal(plain_count_by_image(truth, prediction, classes), count_by_image(truth, prediction, classes))


def test_one_variable_turns_the_kernels_off(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, mask, _ = make_loss(LOSSES["Dice"])
    with_kernels = upsampled_loss(logits, mask, None, dice=True)
    labels = {name: label(*LABELS[name]) for name in ("smooth", "noise", "ties")}
    assert can_compute(logits)
    monkeypatch.setenv(SWITCH, "off")
    assert not can_compute(logits)
    torch.testing.assert_close(upsampled_loss(logits, mask, None, dice=True), with_kernels, rtol=1e-5, atol=0)
    for name, expected in labels.items():
        assert torch.equal(label(*LABELS[name]), expected), name


def test_without_a_gpu_nothing_is_launched() -> None:
    assert not can_launch(torch.zeros(1))


@pytest.mark.gpu
class TestOnAGPU:
    @pytest.mark.parametrize("name", LOSSES)
    def test_the_loss_is_that_of_resized_logits(self, name: str) -> None:
        found = check_loss(LOSSES[name], device="cuda")
        assert found["loss"] < 1e-5
        assert found["gradient"] < 1e-5
        assert found["same bits"]
        assert found["layout"]

    @pytest.mark.parametrize("name", LABELS)
    def test_labels_are_those_of_the_cpu(self, name: str) -> None:
        assert torch.equal(label(*LABELS[name], device="cuda").cpu(), label(*LABELS[name]))

    @pytest.mark.parametrize("name", COUNTS)
    def test_counts_are_those_of_the_cpu(self, name: str) -> None:
        classes = COUNTS[name][0]
        truth, prediction = make_counts(*COUNTS[name])
        found = count_by_image(truth.cuda(), prediction.cuda(), classes)
        assert torch.equal(found.cpu(), count_by_image(truth, prediction, classes))

    def test_triton_compiles(self) -> None:
        """Else the tests above compare the plain forms."""
        assert can_launch(torch.zeros(1, device="cuda"))

    def test_memory_does_not_grow_with_classes_times_pixels(self) -> None:
        logits = torch.randn(4, 150, 32, 32, device="cuda", requires_grad=True)
        mask = torch.randint(0, 150, (4, 512, 512), device="cuda").to(torch.uint8)
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        upsampled_loss(logits, mask, None, dice=True).backward()
        assert torch.cuda.max_memory_allocated() - before < 64 << 20  # 600 MiB of logits at the size of the mask
