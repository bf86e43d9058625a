"""Commands on a system without what only Unix has, as Windows: no /proc, and fewer functions of `os` and `signal`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segarena.records.comparison import ComparisonRecord

pytestmark = pytest.mark.long

#: Libraries are imported first: on Windows they have other code. What the standard library itself uses here is kept.
PROGRAM = """
import builtins, io, os, signal, sys
import matplotlib.pyplot, numba, pandas, torch, torchvision
absent = {
    os: "getpriority PRIO_PROCESS sysconf sched_getaffinity posix_fallocate getloadavg nice mkfifo uname chown fchmod",
    signal: "SIGHUP SIGUSR1 SIGALRM SIGPIPE SIGQUIT setitimer",
}
for module, names in absent.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
unchanged = io.open

def open_file(file, *arguments, **options):
    if not isinstance(file, int) and os.fsdecode(file).startswith(("/proc", "/sys/")):
        raise FileNotFoundError(2, "No such file or directory", str(file))
    return unchanged(file, *arguments, **options)

io.open = builtins.open = open_file
from segarena.cli import main
sys.exit(main())
"""


def run(*words: object) -> None:
    command = [sys.executable, "-c", PROGRAM, *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_comparison_and_what_is_done_with_it(squares: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    size = ("--size", 32, "--epochs", 1, "--encoder", "mobilenet_v2", "--weights", "none", "--batch-size", 4)
    compare = ("compare", squares, "--models", "fcn", "unet", *size, "--seeds", 1, "--out", out, "--quiet")
    run(*compare, "--dry-run")  # measures the models, which a comparison as short as this does not
    run(*compare)
    assert len(ComparisonRecord.read(out).ranking) == 2
    run("predict", out, squares / "images", "--out", tmp_path / "masks", "--quiet")
    assert len(list((tmp_path / "masks").glob("*[0-9].png"))) == len(list((squares / "images").iterdir()))
    run("evaluate", out, squares, "--quiet")
    run("doctor")
