"""Peak memory rises with what is allocated, and starts again at zero."""

import subprocess
import sys

import pytest
import torch

from segarena.training.memory import PeakMemory


def test_peak_memory_rises_and_is_reset():
    """In a process of its own: the system may reclaim other memory of a large process at the same time."""
    code = """
import torch
from segarena.training.memory import PeakMemory
memory = PeakMemory("cpu")
before = memory.read()
held = torch.ones(512 * 1024 * 1024, dtype=torch.uint8)
del held
print(before, memory.read(), PeakMemory("cpu").read())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words = done.stdout.split()
    if "None" in words:
        pytest.skip("this system does not report the peak of the resident memory")
    before, peak, after = map(float, words)
    # wide bounds: the system may drop pages of libraries at the same time
    assert 0 <= before < 50
    assert 250 < peak < 550
    assert 0 <= after < 50


@pytest.mark.gpu
def test_peak_memory_of_a_gpu_is_what_was_allocated():
    memory = PeakMemory("cuda")
    before = memory.read()
    held = torch.ones(64 * 1024 * 1024, dtype=torch.uint8, device="cuda")
    del held
    assert memory.read() - before == pytest.approx(64, abs=2)
