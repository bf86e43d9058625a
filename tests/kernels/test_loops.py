"""Loops are compiled with Numba's cache, and without where no folder is writable."""

import errno
import subprocess
import sys

import numba
import numpy as np
import pytest

from segarena.kernels import loops


def test_without_a_writable_cache_a_loop_is_compiled(monkeypatch):
    cached = []

    def njit(**options):
        cached.append(options.get("cache", False))
        if cached[-1]:
            raise RuntimeError("cannot cache function 'double': no locator available for file 'x.py'")
        return numba.njit(**options)

    monkeypatch.setattr(loops, "njit", njit)

    @loops.compiled
    def double(values: np.ndarray) -> None:
        for place in range(values.size):
            values[place] *= 2

    values = np.arange(3)
    double(values)
    assert cached == [True, False]
    assert values.tolist() == [0, 2, 4]


@pytest.mark.parametrize("damage", ["empty", "truncated", "unwritable"])
def test_a_damaged_cache_is_compiled_again(damage, tmp_path, monkeypatch):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))

    def add_one(values: np.ndarray) -> None:
        for place in range(values.size):
            values[place] += 1

    values = np.arange(3)
    loops.compiled(add_one)(values)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".nbi", ".nbc"}
    for path in files:
        path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else 20])
    if damage == "unwritable":
        monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._open_for_write", raise_no_space)
    loops.compiled(add_one)(values)
    assert values.tolist() == [2, 3, 4]
    if damage != "unwritable":
        again = loops.compiled(add_one)
        again(values)
        assert sum(again.stats.cache_hits.values()) == 1  # what was damaged is replaced


def test_what_was_compiled_is_loaded_without_the_compiler():
    """Its libraries, among them scipy.linalg, take longer to import than most commands compute."""
    pair, counts = np.full((2, 3), 7, np.uint8), np.zeros(256 * 256, np.int64)
    loops.count_pairs(*pair, counts)
    lines = (
        "import numpy as np, sys",
        "from segarena.kernels.loops import count_pairs",
        "counts = np.zeros(256 * 256, np.int64)",
        "count_pairs(*np.full((2, 3), 7, np.uint8), counts)",
        "print(counts[256 * 7 + 7], 'scipy.linalg' in sys.modules)",
    )
    ran = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["3", "False"]


def test_another_numba_loads_what_was_compiled_in_its_own_way(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))

    def add_two(values: np.ndarray) -> None:
        for place in range(values.size):
            values[place] += 2

    values = np.arange(3)
    loops.compiled(add_two)(values)
    monkeypatch.delattr("numba.core.caching.Cache._load_overload")
    monkeypatch.setattr("numba.core.caching.Cache.load_overload", lambda *_: called.append(1), raising=True)
    called = []
    loops.compiled(add_two)(values)
    assert called
    assert values.tolist() == [4, 5, 6]


def raise_no_space(*_):
    raise OSError(errno.ENOSPC, "No space left on device")
