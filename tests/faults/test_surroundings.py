"""Commands in strange surroundings: they work, or end with one clear message. `make test-faults`."""

from __future__ import annotations

import errno
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from faults.killer import NAMES, OPTIONS, TIMES, finish, in_shell, inside_namespace, left_over, start
from faults.warm import Server
from segarena.loading.disk_cache import PART
from segarena.records.config import Config
from support import write_squares

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")]
TRAIN = ("--model", "unet", *OPTIONS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("surroundings") / "data"
    return write_squares(folder, 12)


@pytest.fixture(scope="module")
def expected(data: Path) -> Path:
    """A training in usual surroundings."""
    out = data.parent / "run"
    status, output, _ = finish("train", data, *TRAIN, "--out", out)
    assert status == 0, output
    return out


def read_only(folder: Path) -> str:
    folder.mkdir()
    folder.chmod(0o555)
    return str(folder)


def impossible(root: Path) -> str:
    """A folder that nobody can make, not even root: what is above it is a file."""
    (root / "file").touch()
    return str(root / "file" / "folder")


#: What differs from the usual surroundings, as arguments of `start`.
SURROUNDINGS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "no home": lambda root: {"environment": {"HOME": None, "SEGARENA_CACHE": None, "XDG_CACHE_HOME": None}},
    "read-only home": lambda root: {
        "environment": {"HOME": read_only(root / "home"), "SEGARENA_CACHE": None, "XDG_CACHE_HOME": None}
    },
    "home that cannot be made": lambda root: {
        "environment": {"HOME": impossible(root), "SEGARENA_CACHE": None, "XDG_CACHE_HOME": None}
    },
    "no folder for temporary files": lambda root: {"environment": {"TMPDIR": impossible(root)}},
    "cache that is a file": lambda root: {"environment": {"SEGARENA_CACHE": "/dev/null"}},
    "ASCII": lambda root: {"environment": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}},
    "unknown locale": lambda root: {"environment": {"LC_ALL": "xx_YY.ISO-8859-1"}},
    "no terminal": lambda root: {"environment": {"TERM": "dumb", "COLUMNS": "1"}},
    "one core": lambda root: {"inside": ["taskset", "-c", str(min(os.sched_getaffinity(0)))]},
    "umask 077": lambda root: {"inside": in_shell("umask 077")},
    "no network": lambda root: {"inside": inside_namespace("net")},
    "read-only folder": lambda root: {"folder": Path(read_only(root / "here"))},
    "no /dev/shm": lambda root: {
        "inside": [*inside_namespace("mount"), *in_shell("mount -t tmpfs -o size=4k none /dev/shm")]
    },
    "few open files": lambda root: {"inside": in_shell("ulimit -n 64")},
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_training_ends_as_in_usual_surroundings(name: str, data: Path, expected: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    surroundings = SURROUNDINGS[name](tmp_path)
    status, output, _ = finish("train", data, *TRAIN, "--out", out, **surroundings)
    assert status == 0, output
    for file in NAMES:
        assert (out / file).read_bytes() == (expected / file).read_bytes()


@pytest.mark.parametrize("name", ["x" * 200, "with space\tand\nline", "-rf", "ünï-☃", "'\"$(touch x)`"], ids=repr)
def test_a_folder_of_any_name_is_used(name: str, data: Path, expected: Path, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "data").symlink_to(data)
    status, output, _ = finish("train", folder / "data", *TRAIN, "--out", folder / "run")
    assert status == 0, output
    assert (folder / "run" / "metrics.json").read_bytes() == (expected / "metrics.json").read_bytes()


def test_a_name_that_is_not_utf8_is_one_message(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff\xfe")
    folder.mkdir()
    (folder / "data").symlink_to(data)
    status, output, _ = finish("train", folder / "data", *TRAIN, "--out", tmp_path / "run")
    assert status == 2, output
    assert r"\xff\xfe/data/images/square00.png: has a name that is not UTF-8. Rename the file, or its folder." in output
    assert not (tmp_path / "run").exists()


def test_without_a_network_a_download_is_one_message(data: Path, tmp_path: Path) -> None:
    cache = {"environment": {"SEGARENA_CACHE": str(tmp_path / "cache"), "TORCH_HOME": str(tmp_path / "torch")}}
    words = ["train", data, "--model", "unet", "--weights", "imagenet", "--device", "cpu", "--out", tmp_path / "run"]
    status, output, _ = finish(*words, inside=inside_namespace("net"), **cache)
    assert status == 2, output
    assert "--weights none" in output
    assert "Traceback" not in output
    assert not (tmp_path / "run").exists()
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"facts.sqlite"}  # of the images


@pytest.mark.parametrize("mebibytes", [0, 1, 2, 4])
def test_a_real_disk_that_is_full_is_resumed_to_the_same_files(
    mebibytes: int, data: Path, expected: Path, tmp_path: Path
) -> None:
    """A file system of its own, which is filled by the training and then enlarged."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f'mount -t tmpfs -o size={max(1, mebibytes)}m none "{disk}" && '
        f'{"" if mebibytes else f"head -c 1048576 /dev/zero > {disk}/filler; "}"$@"; echo "STATUS=$?"; '
        f'rm -f "{disk}/filler"; mount -o remount,size=100m "{disk}"; '
        f'if [ -e "{disk}/run/options.json" ]; then "{sys.executable}" -m segarena train --resume "{disk}/run"; '
        f'else rm -rf "{disk}/run"; "$@"; fi && cp -r "{disk}/run" "{tmp_path}/kept"'
    )
    inside = [*inside_namespace("mount"), "sh", "-c", script, "sh"]
    status, output, _ = finish("train", data, *TRAIN, "--out", disk / "run", inside=inside)
    assert status == 0, output
    assert "STATUS=2" in output
    assert os.strerror(errno.ENOSPC) in output
    assert "Traceback" not in output
    assert not left_over(tmp_path / "kept")
    for file in NAMES:
        assert (tmp_path / "kept" / file).read_bytes() == (expected / file).read_bytes()


def test_a_disk_that_is_unmounted_while_it_is_written_is_one_message(data: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f'mount -t tmpfs none "{disk}"; "$@" & '
        f'while kill -0 $! && [ ! -s "{disk}/run/history.csv" ]; do sleep 0.01; done; '
        f'umount -l "{disk}"; wait $!; echo "STATUS=$?"'
    )
    words = ["train", data, *TRAIN[:-4], "--epochs", "30", "--device", "cpu", "--out", disk / "run"]
    _, output, _ = finish(*words, inside=[*inside_namespace("mount"), "sh", "-c", script, "sh"])
    assert "STATUS=2" in output, output
    assert "Traceback" not in output
    assert output.count("segarena: ") == 1, output
    assert not [*disk.iterdir()]  # where the disk was


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.mark.parametrize("attempt", range((TIMES + 1) // 2))
def test_of_two_commands_in_a_folder_one_is_refused(attempt: int, server: Server, data: Path, tmp_path: Path) -> None:
    """They are started up to half a second apart, in which the first prepares its data and claims the folder."""
    out, pause = tmp_path / "run", random.Random(attempt).choice([0.0, 0.01, 0.1, 0.5])
    both = []
    for seed in (0, 5):
        both.append(server.start("train", data, *TRAIN, "--out", out, "--seed", seed, log=tmp_path / f"{seed}.txt"))
        time.sleep(pause)
    ends = [command.finish() for command in both]
    statuses, outputs = [status for status, _, _ in ends], "\n".join(output for _, output, _ in ends)
    assert sorted(statuses) == [0, 2], outputs
    assert "Traceback" not in outputs
    assert not left_over(out)
    assert Config.read(out).seed == (0, 5)[statuses.index(0)]
    assert len(pd.read_csv(out / "history.csv")) == 3


def test_four_processes_share_a_cache(data: Path, expected: Path, tmp_path: Path) -> None:
    cache = {"SEGARENA_CACHE": str(tmp_path / "cache")}
    more = ("--cache-gib", "0", "--disk-cache-gib", "0.0001")
    four = [
        start("train", data, *TRAIN, *more, "--out", tmp_path / f"{number}", environment=cache) for number in range(4)
    ]
    outputs = [process.communicate()[0] for process in four]
    assert [process.returncode for process in four] == [0] * 4, outputs
    for number in range(4):
        content = (tmp_path / f"{number}" / "metrics.json").read_bytes()
        assert content == (expected / "metrics.json").read_bytes()
    taken = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.pixels"))
    assert 0 < taken <= (1 + len(four) * PART) * 0.0001 * 2**30


def test_a_reader_that_closes_its_pipe_ends_nothing(data: Path, tmp_path: Path) -> None:
    process = start("train", data, *TRAIN, "--out", tmp_path / "run")
    assert process.stdout is not None
    while "seed 0" not in process.stdout.readline():  # the training begins
        assert process.poll() is None
    process.stdout.close()
    assert process.wait() in (0, 141)
    assert (tmp_path / "run" / "metrics.json").exists()
