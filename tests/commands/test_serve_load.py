"""A server as a program: the README's lines, and twice the load that it accepts for 20 seconds.

The full time of the load is in benchmarks/serve_load.py.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segarena
from support import QUICK, load_script, real_encoders, write_squares

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that another process builds again: of the encoders of torchvision."""
    for name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        pytest.importorskip(name, reason=f"{name} is not installed: it comes with the extra serve")
    folder = tmp_path_factory.mktemp("served")
    write_squares(folder / "data", 6)
    with real_encoders():
        return segarena.train(folder / "data", model="unet", out=folder / "run", **QUICK)


def test_twice_the_load_is_refused_politely_and_memory_stays(run: Path) -> None:
    script = load_script(ROOT / "benchmarks" / "serve_load.py")
    load = script.measure(run, seconds=20, requests=4)
    assert load.unexpected == []
    assert {"200", "429"} <= set(load.statuses)
    assert load.exit_status == 0
    memory = load.memory_mib  # it rises with the first large batches, and stays then
    assert not memory or memory[-1] < 1.05 * memory[len(memory) // 2]


@pytest.mark.skipif(shutil.which("curl") is None or os.name == "nt", reason="curl, or a shell of POSIX, is missing")
def test_the_lines_of_the_readme_give_a_mask(run: Path, tmp_path: Path) -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed: it comes with the extra export")
    blocks = re.findall(r"^```console\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    [block] = [block for block in blocks if "segarena serve" in block]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    install, predict, export, serve, ask = block.replace("8000", port).splitlines()
    assert install.startswith("python -m pip install")
    shutil.copytree(run, tmp_path / "runs" / "mine")
    (tmp_path / "IMAGES").mkdir()
    for place in ("IMAGES/a.png", "new_image.jpg"):
        Image.new("RGB", (90, 70), (120, 60, 30)).save(tmp_path / place)
    program = tmp_path / "bin" / "segarena"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m segarena "$@"\n')
    program.chmod(0o755)
    where = {"cwd": tmp_path, "env": {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}}
    for line in (predict, export):
        subprocess.run(line, shell=True, check=True, **where)
    assert (tmp_path / "runs" / "mine" / "predictions" / "a.geojson").exists()
    assert (tmp_path / "runs" / "mine" / "unet.onnx").exists()
    with subprocess.Popen(
        ["sh", "-c", f"exec {serve} --port {port}"], stdout=subprocess.PIPE, text=True, **where
    ) as server:
        try:
            assert server.stdout is not None
            assert f"127.0.0.1:{port}" in server.stdout.readline()
            subprocess.run(ask, shell=True, check=True, **where)
        finally:
            server.send_signal(signal.SIGTERM)
    with Image.open(tmp_path / "mask.png") as mask, Image.open(tmp_path / "runs/mine/predictions/a.png") as expected:
        assert mask.size == (90, 70)
        assert mask.mode == expected.mode == "P"
        assert np.isin(np.asarray(mask), range(2)).all()
