"""Commands in a process of their own, in surroundings that a test chooses, which it may end at any moment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

#: How often a fault is tried by `make test-faults`; SEGARENA_FAULTS=5 tries it five times.
TIMES = int(os.environ.get("SEGARENA_FAULTS", "100"))
OPTIONS = "--encoder mobilenet_v2 --weights none --size 32 --batch-size 4 --epochs 3 --device cpu".split()
#: What of a run is the same after each end and resumption.
NAMES = ("metrics.json", "best.safetensors", "images.csv")


def start(
    *words: object,
    environment: Mapping[str, str | None] | None = None,
    inside: Sequence[str] = (),
    folder: Path | None = None,
) -> subprocess.Popen[str]:
    """Start a command of segarena with one thread.

    Args:
        words: Its words, without the name of the program.
        environment: Variables that differ; None removes one.
        inside: The words of a program that starts it, e.g. `unshare`.
        folder: The folder in which it starts.
    """
    variables: dict[str, str | None] = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    return subprocess.Popen(
        [*inside, sys.executable, "-m", "segarena", *map(str, words)],
        env={name: value for name, value in variables.items() if value is not None},
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
    )


def finish(*words: object, **surroundings: Any) -> tuple[int, str, float]:
    """Run a command to its end: its exit status, its output and its seconds; arguments as of `start`."""
    begun = time.monotonic()
    process = start(*words, **surroundings)
    output, _ = process.communicate()
    return process.returncode, output, time.monotonic() - begun


def left_over(folder: Path) -> list[Path]:
    """Files that were being written."""
    return list(folder.rglob("*.partial"))


def in_shell(line: str) -> list[str]:
    """The words that start a program after a line of a shell."""
    return ["sh", "-c", f'{line} && exec "$@"', "sh"]


def inside_namespace(kind: str) -> list[str]:
    """The words that start a program in a namespace of its own; the test is skipped where that is not allowed.

    Args:
        kind: "net", without a network, or "mount", in which file systems can be mounted.
    """
    words = ["unshare", "--map-root-user", f"--{kind}"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"`unshare --{kind}` is not there, or not allowed")
    return words
