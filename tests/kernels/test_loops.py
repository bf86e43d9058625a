"""Loops are compiled with Numba's cache, and without where no folder is writable."""

import errno

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


def raise_no_space(*_):
    raise OSError(errno.ENOSPC, "No space left on device")
