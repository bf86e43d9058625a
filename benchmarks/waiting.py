"""How long torch's threads should spin while they wait for each other: `python benchmarks/waiting.py [ROUNDS]`.

At the end of each parallel operation a thread spins before it sleeps. Where another process uses a core, the spinning
thread takes the time that the others need. Training steps are timed with the default of libgomp, with
`threads.SPIN_COUNT`, and with one thread, taking turns, first alone and then beside as many busy processes as there are
cores. The figures are medians over the rounds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from statistics import median

from segarena.cores import count_cores
from segarena.threads import SPIN_COUNT

_STEPS = """
import resource, time, torch
from segarena.models import build_model
torch.manual_seed(0)
model = build_model("unet", 5, encoder="mobilenet_v2").to(memory_format=torch.channels_last)
image = torch.randn(8, 3, 128, 128).contiguous(memory_format=torch.channels_last)
mask = torch.randint(0, 5, (8, 128, 128))
def step():
    torch.nn.functional.cross_entropy(model(image).logits, mask).backward()
step()
wall, cpu = time.perf_counter(), time.process_time()
for _ in range(10):
    step()
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def time_steps(settings: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of ten training steps in a process of its own."""
    unset = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | settings
    printed = subprocess.run(
        [sys.executable, "-c", _STEPS], env=environment, capture_output=True, text=True, check=True
    )
    wall, cpu = map(float, printed.stdout.split())
    return wall, cpu


def main() -> None:
    """Print a table: seconds of each setting, alone and beside other work."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    settings: dict[str, dict[str, str]] = {
        "default": {},
        f"spin count {SPIN_COUNT}": {"GOMP_SPINCOUNT": str(SPIN_COUNT)},
        "one thread": {"OMP_NUM_THREADS": "1"},
    }
    for busy in (0, count_cores()):
        with ExitStack() as stack:
            for _ in range(busy):
                process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
                stack.callback(process.kill)
            found = [{name: time_steps(setting) for name, setting in settings.items()} for _ in range(rounds)]
        for name in settings:
            wall, cpu = (median(one[name][part] for one in found) for part in (0, 1))
            print(f"beside {busy} busy processes  {name:16}  wall {wall:6.2f} s  CPU {cpu:6.2f} s")


if __name__ == "__main__":
    main()
