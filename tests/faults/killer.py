"""Commands in a process of their own, which a test kills at any moment."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

#: How often a fault is tried by `make test-faults`; SEGARENA_FAULTS=5 tries it five times.
TIMES = int(os.environ.get("SEGARENA_FAULTS", "50"))
OPTIONS = "--model unet --encoder mobilenet_v2 --weights none --size 32 --batch-size 4 --epochs 3 --device cpu".split()


def start(*words: object) -> subprocess.Popen[str]:
    """Start a command of segarena with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "segarena", *map(str, words)]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(*words: object) -> tuple[int, str, float]:
    """Run a command to its end: its exit status, its output and its seconds."""
    begun = time.monotonic()
    process = start(*words)
    output, _ = process.communicate()
    return process.returncode, output, time.monotonic() - begun


def end_at_random(process: subprocess.Popen[str], number: int, seconds: float, seed: int) -> tuple[int, float]:
    """Send a signal at a moment within some seconds; its exit status, and the seconds from the signal to its end."""
    time.sleep(random.Random(seed).uniform(0, seconds))
    process.send_signal(number)
    begun = time.monotonic()
    process.communicate()
    return process.returncode, time.monotonic() - begun


def left_over(folder: Path) -> list[Path]:
    """Files that were being written."""
    return list(folder.rglob("*.partial"))
