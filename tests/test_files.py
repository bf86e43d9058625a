"""A file is complete or missing: after an error, on a full disk, after kill -9."""

import errno
import json
import math
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from faults.layer import Disk
from segarena.errors import RunError
from segarena.files import keeping, open_whole, read_json, write_bytes, write_json, write_text, write_with
from support import refuses


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_missing_folders_are_made_and_an_older_file_is_replaced(tmp_path):
    path = tmp_path / "a" / "b" / "table.csv"
    write_text(path, "old, and longer")
    write_text(path, "größer\n")
    assert path.read_bytes() == "größer\n".encode()
    write_with(path, lambda stream: stream.write(b"from a save function"))
    assert path.read_bytes() == b"from a save function"
    assert names(path.parent) == ["table.csv"]


def test_the_file_appears_only_when_the_block_ends(tmp_path):
    path = tmp_path / "new.json"
    with open_whole(path) as stream:
        stream.write(b"{}")
        stream.flush()
        assert not path.exists()
    assert path.read_bytes() == b"{}"


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_an_error_inside_leaves_the_old_file_and_no_temporary_one(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def save(stream):
        stream.write(b"half of the ne")
        raise error

    with pytest.raises(type(error)) as caught:
        write_with(path, save)
    assert caught.value is error
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_on_a_full_disk_the_old_file_stays(tmp_path, monkeypatch, step):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "best.safetensors"
    path.write_bytes(b"old")
    monkeypatch.setattr(*{"fsync": (os, "fsync", fail), "replace": (Path, "replace", fail)}[step])
    with refuses(RunError, where=path, value="No space left on device") as caught:
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert "Free some space" in caught.value.remedy
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["best.safetensors"]


def test_a_disk_that_fails_twice_is_named_by_its_first_error(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    monkeypatch.setattr(Path, "unlink", fail)
    with refuses(RunError, where=tmp_path / "a", value="error"):
        write_bytes(tmp_path / "a", b"new")


def test_what_a_file_needs_is_named_on_a_full_disk(tmp_path):
    with Disk(tmp_path, holds=100), refuses(RunError, where=tmp_path / "a", value="3.00 KiB"):
        write_bytes(tmp_path / "a", bytes(3072))


def test_where_a_write_stops_half_way_the_old_file_stays(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "state"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))  # a real failure, after the first MiB
    try:
        with refuses(RunError, where=path):
            write_bytes(path, bytes(3 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["state"]


def test_a_folder_that_cannot_be_made_is_an_error_with_its_path(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "sub" / "metrics.json"
    with refuses(RunError, where=path):
        write_json(path, {})


def test_others_may_read_the_file_as_the_umask_says(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "")
    finally:
        assert os.umask(before) == 0o027
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_threads_that_write_at_once_leave_the_umask(tmp_path, monkeypatch):
    before, set_mask = os.umask(0o027), os.umask

    def slowly(mask):
        found = set_mask(mask)
        time.sleep(0.001)
        return found

    monkeypatch.setattr(os, "umask", slowly)
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda number: write_text(tmp_path / f"{number}", ""), range(12)))
    finally:
        after = set_mask(before)
    assert after == 0o027
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}


#: Runs in another process than pytest, whose threads do not survive a fork; forking saves twenty starts of Python.
KILLS = """
import os, signal, sys, time
from pathlib import Path
from segarena.files import keeping, open_whole

def write_for_ever(path, number):
    while True:
        number += 1
        with open_whole(path) as stream:
            for _ in range(500):  # many small writes, so that most kills meet a file half written
                stream.write(b"%06d," % number * 100)
                stream.flush()

path = Path(sys.argv[1])
for attempt in range(20):
    before = path.stat().st_mtime_ns
    child = os.fork()
    if child == 0:
        write_for_ever(path, 1000 * attempt)
    time.sleep(0.03 + 0.001 * attempt)
    while attempt % 7 == 0 and path.stat().st_mtime_ns == before:  # on a busy machine none is finished in time
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    content = path.read_bytes() if path.exists() else b""
    print(len(content), content == content[:7] * 50_000, int(content[:6] or 0))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill_9_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "state"
    write_bytes(path, b"000000," * 50_000)
    done = subprocess.run([sys.executable, "-c", KILLS, str(path)], capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[:2] for line in lines] == [["350000", "True"]] * 20
    assert len({line[2] for line in lines}) > 1  # some files were finished before the kill


def test_nan_and_infinities_become_null(tmp_path):
    content = {
        "nan": math.nan,
        "array": np.array([[1.5, np.nan], [np.inf, -np.inf]]),
        "scalars": (np.float32("nan"), np.int64(7), np.bool_(True)),
        "plain": [None, True, 3, "NaN"],
        "path": Path("a/b"),
        5: {"deep": [math.inf]},
    }
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == {
        "nan": None,
        "array": [[1.5, None], [None, None]],
        "scalars": [None, 7, True],
        "plain": [None, True, 3, "NaN"],
        "path": "a/b",
        "5": {"deep": [None]},
    }


def test_a_file_name_that_is_no_utf8_comes_back_from_valid_utf8(tmp_path):
    name = b"caf\xe9-\xff.png".decode(errors="surrogateescape")
    write_json(tmp_path / "data.json", {name: ["é", name]})
    (tmp_path / "data.json").read_bytes().decode("utf-8")
    assert read_json(tmp_path / "data.json") == {name: ["é", name]}


def test_content_that_is_not_json_changes_no_file(tmp_path):
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", [object()])
    assert read_json(tmp_path / "a.json") == [1]


@pytest.mark.parametrize("content", [None, b"", b'{"miou": 0.', b"\xff\xfe"])
def test_a_missing_or_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "metrics.json"
    if content is not None:
        path.write_bytes(content)
    with refuses(RunError, where=path, value="is missing" if content is None else "cannot be read"):
        read_json(path)


def test_json_is_readable_by_a_person(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Straße"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "name": "Straße"\n}\n'
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"name": "Straße"}


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_written_into_a_kept_folder_that_was_removed(tmp_path, replaced):
    folder = tmp_path / "run"
    with keeping(folder):
        write_text(folder / "last" / "state", "a")
        shutil.rmtree(folder / "last")  # a folder below it is made again
        write_text(folder / "last" / "state", "b")
        folder.rename(tmp_path / "other")
        if replaced:
            folder.mkdir()
        with refuses(RunError, where=folder):
            write_text(folder / "metrics.json", "{}")
        assert folder.exists() == replaced
        with refuses(RunError, where=folder), keeping(folder / "fold-1"):
            pass
        assert folder.exists() == replaced
        assert not (folder / "metrics.json").exists()
        with keeping(tmp_path / "other"):  # a command in the same process
            write_text(tmp_path / "other" / "metrics.json", "{}")
    write_text(folder / "metrics.json", "{}")
    assert (folder / "metrics.json").exists()
