"""Folders that are slow, as on a busy network: the results are the same, and little is asked of them.

`make test` tries them with a delay of hundredths of a second, `make test-faults` with tenths.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import segarena
from faults.killer import OPTIONS, finish, left_over, start
from faults.slow import SlowFolder, in_other_processes
from segarena.image_files.georeference import has_rasterio
from support import QUICK, write_squares

SAME = ("metrics.json", "best.safetensors", "images.csv")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, and a run on them."""
    folder = tmp_path_factory.mktemp("network")
    write_squares(folder / "data", 12)
    segarena.train(folder / "data", model="unet", out=folder / "run", **QUICK)
    return folder


def train(network: Path, out: Path) -> None:
    segarena.train(network / "data", model="unet", out=out, workers=2, **QUICK)


def predict(network: Path, out: Path) -> None:
    segarena.predict(network / "run", network / "data" / "images", out=out)


def evaluate(network: Path, out: Path) -> None:
    segarena.evaluate(network / "run", network / "data", out=out)


def content(folder: Path) -> dict[str, bytes]:
    """The results in a folder: masks, weights, counts and scores."""
    files = [path for path in folder.rglob("*") if path.suffix == ".png" or path.name in SAME]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.usefixtures("quick_runs")
@pytest.mark.parametrize("seconds", [0.01, pytest.param(0.3, marks=pytest.mark.faults)])
@pytest.mark.parametrize("work", [train, predict, evaluate])
def test_on_a_slow_folder_the_results_are_the_same(
    work: Callable[[Path, Path], None],
    seconds: float,
    network: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work(network, tmp_path / "quick")
    monkeypatch.setenv("SEGARENA_CACHE", str(network / work.__name__))
    begun, out = time.monotonic(), network / f"{work.__name__}-{seconds}"
    with SlowFolder(network, seconds) as slow:
        work(network, out)
    assert time.monotonic() - begun > seconds * 20
    assert len(slow.operations) > 20
    assert content(out) == content(tmp_path / "quick")
    assert content(out)
    assert not left_over(network)


@pytest.mark.usefixtures("quick_runs")
def test_files_are_opened_no_more_often_than_needed(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `check` for its content, for a sample whose edges are compared and for the sheet; a mask for its layout too.

    By `predict` for its first bytes, where rasterio is not installed, to find GeoTIFFs; for its header, as one of 16
    bits says how all are read; and for its content.
    """
    monkeypatch.setenv("SEGARENA_CACHE", str(tmp_path / "cache"))
    with SlowFolder(network, 0) as slow:
        segarena.check(network / "data", out=tmp_path / "check")
    opened = slow.count("open")
    names = [f"square{number:02}.png" for number in range(12)]
    assert max(opened[f"data/images/{name}"] for name in names) == 3
    assert max(opened[f"data/masks/{name}"] for name in names) == 4
    with SlowFolder(network, 0) as slow:
        predict(network, network / "counted")
    assert {slow.count("open")[f"data/images/{name}"] for name in names} == {2 if has_rasterio() else 3}
    written = [path for what, path in slow.operations if "square07" in path and "counted" in path]
    assert len(written) == 2 * 3  # the mask and the overlay: made, its rights set, renamed


@pytest.mark.faults
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals that Windows does not have")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("attempt", range(5))
def test_ended_on_a_slow_folder_it_is_resumed_to_the_same_files(
    name: str, attempt: int, network: Path, tmp_path: Path
) -> None:
    words = ("train", network / "data", "--model", "unet", *OPTIONS, "--out")
    assert finish(*words, tmp_path / "quick")[0] == 0
    slow = in_other_processes(network, 0.2, tmp_path / "first")
    number, out = getattr(signal, name), network / f"ended-{name}-{attempt}"
    process = start(*words, out, environment=slow)
    time.sleep(random.Random(f"{name} {attempt}").uniform(5, 30))
    process.send_signal(number)
    output = process.communicate()[0]
    assert "Traceback" not in output
    status = process.returncode
    assert status in (0, -number if name == "SIGKILL" else 128 + number), output
    if status != 0:
        begin = ("train", "--resume", out) if (out / "options.json").exists() else (*words, out)
        status, output, _ = finish(*begin)
        assert status == 0, output
    assert content(out) == content(tmp_path / "quick")
    assert not left_over(out)
