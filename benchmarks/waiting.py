"""Training steps beside other busy processes: `python benchmarks/waiting.py [ROUNDS]`.

At the end of each parallel operation threads wait for the slowest one. libgomp lets them spin first, in which they take
the time of other processes, and of the thread that they wait for. Steps are timed with all threads and libgomp's own
spinning, with all threads and `threads.SPIN_COUNT`, and with that and the number of threads that `defaults.threads`
chooses; the three take turns. They are alone first, then beside busy processes, up to one for each core. The figures
are medians over the rounds, with their range.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from statistics import median

import torch

from segarena.config.defaults import ComputeFacts, threads
from segarena.cores import count_cores, count_processors
from segarena.threads import SPIN_COUNT

_STEPS = 5
_CODE = f"""
import time, torch
from segarena.models import build_model
torch.manual_seed(0)
model = build_model("unet", 5, encoder="mobilenet_v2").to(memory_format=torch.channels_last)
image = torch.randn(8, 3, 128, 128).contiguous(memory_format=torch.channels_last)
mask = torch.randint(0, 5, (8, 128, 128))
def step():
    torch.nn.functional.cross_entropy(model(image).logits, mask).backward()
step()
start = time.perf_counter()
for _ in range({_STEPS}):
    step()
print(time.perf_counter() - start)
"""
_SETTINGS = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def time_steps(settings: dict[str, str]) -> float:
    """Seconds of a few training steps in a process of its own; torch is imported before segarena can set anything."""
    environment = {name: value for name, value in os.environ.items() if name not in _SETTINGS} | settings
    command = [sys.executable, "-c", _CODE]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print a line for each setting and number of busy processes."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    cores, usual = count_cores(), torch.get_num_threads()
    spinning = {"GOMP_SPINCOUNT": str(SPIN_COUNT)}
    for busy in sorted({0, cores // 2, cores}):
        chosen, _ = threads(ComputeFacts(usual, None, count_processors(), cores, float(busy)))
        settings = {
            f"{usual} threads, libgomp's spinning": {"OMP_NUM_THREADS": str(usual)},
            f"{usual} threads, spin count {SPIN_COUNT}": {"OMP_NUM_THREADS": str(usual), **spinning},
            f"as chosen, {chosen} threads": {"OMP_NUM_THREADS": str(chosen), **spinning},
        }
        with ExitStack() as stack:
            for _ in range(busy):
                process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
                stack.callback(process.kill)
            found = [{name: time_steps(setting) for name, setting in settings.items()} for _ in range(rounds)]
        for name in settings:
            seconds = [one[name] for one in found]
            spread = f"{median(seconds):6.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
            print(f"beside {busy} busy processes  {name:32}  {_STEPS} steps in {spread}", flush=True)


if __name__ == "__main__":
    main()
