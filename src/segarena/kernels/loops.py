"""Loops that Numba compiles. Importing this takes half a second, so other modules import it inside functions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numba.core.runtime.nrt import rtsys
from numpy.typing import NDArray

Result = TypeVar("Result")


class _OptionalCache:
    """Numba's cache of a function, without its errors: EOFError, UnpicklingError, OSError of damaged files."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def load_overload(self, *arguments: Any) -> Any:
        """Return what was compiled before; None where there is none, or it cannot be read."""
        with suppress(Exception):  # another version of Numba, or damaged bytes
            return self._load_quickly(*arguments)
        try:
            return self._cache.load_overload(*arguments)
        except Exception:  # what unpickling raises for damaged bytes is not limited to some kinds
            with suppress(Exception):
                self._cache.flush()  # so that it is compiled and written once
            return None

    def _load_quickly(self, signature: Any, context: Any) -> Any:
        """`load_overload` without what only a compilation needs: it imports scipy.linalg and takes 0.25 s.

        Numba makes its context ready for compiling before it looks into the cache. Code that is compiled needs the
        memory management of the runtime alone. If there is none in the cache, the compiler makes the context ready.
        """
        rtsys.initialize(context)
        return self._cache._load_overload(signature, context)

    def save_overload(self, *arguments: Any) -> None:
        """Keep what was compiled, if it can be written."""
        with suppress(Exception):
            self._cache.save_overload(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)


def compiled(function: Callable[..., Result], **options: Any) -> Callable[..., Result]:
    """Compile a function for the types of its arguments, at its first call, without Python's lock.

    Compiling takes seconds. The result is cached on disk; where no folder is writable, or the files are damaged, it is
    compiled again.

    Args:
        function: A function of NumPy arrays and numbers that Numba can compile.
        options: Further options of Numba's `njit`.
    """
    try:
        result: Callable[..., Result] = njit(nogil=True, cache=True, **options)(function)
        result._cache = _OptionalCache(result._cache)  # type: ignore[attr-defined]
    except RuntimeError:  # there is no folder for the cache
        result = njit(nogil=True, **options)(function)
    return result


@compiled
def label_cells(
    logits: NDArray[np.float32],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    down: NDArray[np.float32],
    right: NDArray[np.float32],
    first: int,
    last: int,
    labels: NDArray[np.uint8],
) -> None:
    """Interpolate logits bilinearly and write the class of the largest one of each pixel, cell by cell of the grid.

    Within a cell, between four points of the grid, a class is never above its largest corner nor below its smallest
    one. A class whose largest corner is below the smallest corner of another cannot win there. Usually one class
    remains, and the cell is filled with it; otherwise only the remaining classes are interpolated.

    Args:
        logits: (h, w, C), finite.
        rows: (h + 1,). Pixel rows rows[i] to rows[i + 1] (excluded) are between the grid's rows i and i + 1.
        columns: (w + 1,), the same for columns.
        down: (H,), in 0..1: position of each pixel row between the two rows of the grid.
        right: (W,), the same for columns.
        first: First row of the grid to process.
        last: Row of the grid to stop before.
        labels: (H, W), written in place.
    """
    height, width, channels = logits.shape
    candidates = np.empty(channels, np.int64)
    for i in range(first, last):
        below = min(i + 1, height - 1)
        for j in range(width):
            if columns[j] == columns[j + 1]:
                continue
            beside = min(j + 1, width - 1)
            a, b, c, d = logits[i, j], logits[i, beside], logits[below, j], logits[below, beside]
            bound = np.float32(-np.inf)
            for k in range(channels):
                bound = max(bound, min(a[k], b[k], c[k], d[k]))
            count = 0
            for k in range(channels):
                if max(a[k], b[k], c[k], d[k]) >= bound:
                    candidates[count] = k
                    count += 1
            if count == 1:
                labels[rows[i] : rows[i + 1], columns[j] : columns[j + 1]] = candidates[0]
                continue
            for y in range(rows[i], rows[i + 1]):
                for x in range(columns[j], columns[j + 1]):
                    best, winner = np.float32(-np.inf), 0
                    for n in range(count):
                        k = candidates[n]
                        upper = a[k] * (np.float32(1) - right[x]) + b[k] * right[x]
                        lower = c[k] * (np.float32(1) - right[x]) + d[k] * right[x]
                        value = upper * (np.float32(1) - down[y]) + lower * down[y]
                        if value > best:
                            best, winner = value, k
                    labels[y, x] = winner


@compiled
def count_pairs(first: NDArray[np.uint8], second: NDArray[np.uint8], counts: NDArray[np.int64]) -> None:
    """Count pairs of bytes: add 1 at 256 x first[i] + second[i] for each i.

    Args:
        first: (L,).
        second: (L,).
        counts: (65536,), added to in place.
    """
    for i in range(first.size):
        counts[256 * np.int64(first[i]) + np.int64(second[i])] += 1


@compiled
def share_cells(
    places: NDArray[np.uint8],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    shares: NDArray[np.float32],
    only: NDArray[np.uint8],
) -> None:
    """Average a mask over the cells of a grid; a pixel on the edge of two cells counts in each with its share.

    Args:
        places: (H, W). The place of each pixel's class in `shares`; 255 is void and counts nowhere.
        rows: (h + 1,), rising, in 0..H. Where the rows of cells begin and end, in pixels.
        columns: (w + 1,), the same for columns.
        shares: (h, w, K), written in place: the share of each class among the pixels of the cell that count, in 0..1;
            all zero where none counts.
        only: (h, w), written in place: the place of the class that all pixels of the cell have; 255 if there is none.
    """
    height, width = places.shape
    shares[:] = 0
    only[:] = 255
    for i in range(len(rows) - 1):
        top, bottom = int(rows[i]), min(height, int(np.ceil(rows[i + 1])))
        for j in range(len(columns) - 1):
            left, right = int(columns[j]), min(width, int(np.ceil(columns[j + 1])))
            one = places[top, left]
            others = 0  # counted without a branch, several pixels at a time
            for y in range(top, bottom):
                for x in range(left, right):
                    others += places[y, x] != one
                if others:
                    break
            if not others:  # most cells
                only[i, j] = one
                if one != 255:
                    shares[i, j, one] = 1
                continue
            total = 0.0
            for y in range(top, bottom):
                tall = min(rows[i + 1], y + 1.0) - max(rows[i], float(y))
                for x in range(left, right):
                    if places[y, x] != 255:
                        area = tall * (min(columns[j + 1], x + 1.0) - max(columns[j], float(x)))
                        shares[i, j, places[y, x]] += np.float32(area)
                        total += area
            if total > 0:
                shares[i, j] /= np.float32(total)


@compiled
def count_cell_errors(
    places: NDArray[np.uint8],
    shares: NDArray[np.float32],
    only: NDArray[np.uint8],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    down: NDArray[np.float32],
    right: NDArray[np.float32],
    errors: NDArray[np.int64],
) -> None:
    """Label the pixels of a mask by its own shares, as `label_cells` does, and count those that are wrong.

    Between four cells that have one class alone, the mask has this class, and so have the labels.

    Args:
        places: (H, W), as `share_cells` has it.
        shares: (h, w, K), what it wrote.
        only: (h, w), what it wrote.
        rows: (h + 1,), as `label_cells` has it.
        columns: (w + 1,), likewise.
        down: (H,), likewise.
        right: (W,), likewise.
        errors: (2, K), added to in place: pixels that have a wrong label, by that label, and by their own class.
    """
    height, width, channels = shares.shape
    candidates = np.empty(channels, np.int64)
    for i in range(height):
        below = min(i + 1, height - 1)
        for j in range(width):
            beside, one = min(j + 1, width - 1), only[i, j]
            if one != 255 and one == only[i, beside] and one == only[below, j] and one == only[below, beside]:
                continue
            # As in `label_cells`. Shared by a function, even an inlined one, both would take 1.5 times as long.
            a, b, c, d = shares[i, j], shares[i, beside], shares[below, j], shares[below, beside]
            bound = np.float32(-np.inf)
            for k in range(channels):
                bound = max(bound, min(a[k], b[k], c[k], d[k]))
            count = 0
            for k in range(channels):
                if max(a[k], b[k], c[k], d[k]) >= bound:
                    candidates[count] = k
                    count += 1
            for y in range(rows[i], rows[i + 1]):
                for x in range(columns[j], columns[j + 1]):
                    truth = places[y, x]
                    if truth == 255:
                        continue
                    best, winner = np.float32(-np.inf), candidates[0]
                    for n in range(count if count > 1 else 0):
                        k = candidates[n]
                        upper = a[k] * (np.float32(1) - right[x]) + b[k] * right[x]
                        lower = c[k] * (np.float32(1) - right[x]) + d[k] * right[x]
                        value = upper * (np.float32(1) - down[y]) + lower * down[y]
                        if value > best:
                            best, winner = value, k
                    if winner != truth:
                        errors[0, winner] += 1
                        errors[1, truth] += 1
