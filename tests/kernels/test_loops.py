"""Loops are compiled with Numba's cache, and without where no folder is writable."""

import numba
import numpy as np

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
