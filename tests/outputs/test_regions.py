"""Regions and their outlines: exact, compared with scipy, shapely and the painter of `convert`, on any mask."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from segarena.annotations.rasterize import Polygons
from segarena.kernels.region_counts import count_regions
from segarena.outputs.regions import Regions

MASKS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 2))
#: The first call compiles the loops.
any_time = settings(deadline=None)
#: Rings that touch at corners: of two regions, of a region and its hole, of two holes.
CHECKERBOARD = np.indices((5, 6)).sum(axis=0).astype(np.uint8) % 2
KNOT = np.array([[1, 1, 1, 0], [1, 0, 1, 1], [1, 1, 0, 1], [0, 1, 1, 1]], dtype=np.uint8)


def paint(regions: Regions) -> np.ndarray:
    """The mask that the outlines of all regions enclose; each pixel is in one of them at most."""
    polygons, shape = regions.polygons(), regions.mask.shape
    painted, times = np.full(shape, 255, dtype=np.uint8), np.zeros(shape, dtype=int)
    for polygon in polygons:
        outer, *holes = (ring.astype(float) for ring in polygon.rings)
        rows, columns, inside = Polygons((outer,), tuple(holes)).cover(*shape)
        painted[rows, columns][inside] = polygon.label
        times[rows, columns] += inside
        assert inside.sum() == polygon.area
        left, top, right, bottom = polygon.bounds
        region = np.zeros(shape, dtype=bool)
        region[rows, columns] = inside
        assert np.array_equal(regions.patch(polygon.region, polygon.bounds), region[top:bottom, left:right])
    assert times.max(initial=0) <= 1
    return painted


def signed_area(ring: np.ndarray) -> float:
    x, y = ring.T.astype(float)
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


@any_time
@given(MASKS)
@example(CHECKERBOARD)
@example(KNOT)
def test_what_outlines_enclose_is_the_mask(mask: np.ndarray) -> None:
    assert np.array_equal(paint(Regions.of(mask)), mask)


@any_time
@given(MASKS)
@example(CHECKERBOARD)
def test_regions_are_those_of_scipy(mask: np.ndarray) -> None:
    regions = Regions.of(mask)
    expected = []
    for label in np.unique(mask):
        numbers, count = ndimage.label(mask == label)
        expected += [(label, int((numbers == number + 1).sum())) for number in range(count)]
    assert sorted(zip(regions.labels.tolist(), regions.areas.tolist(), strict=True)) == sorted(expected)
    assert len(regions.polygons()) == len(expected)


@any_time
@given(MASKS, st.integers(1, 4))
@example(CHECKERBOARD, 1)
@example(KNOT, 1)
@example(np.array([[1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 0, 1], [0, 0, 1, 1, 1]], dtype=np.uint8), 14)
def test_regions_are_counted_row_by_row(mask: np.ndarray, min_area: int) -> None:
    counts, regions = np.zeros(3, np.int64), Regions.of(mask)
    count_regions(mask, min_area, counts)
    expected = np.bincount(regions.labels[regions.areas >= min_area], minlength=3)
    assert counts.tolist() == expected.tolist()


@any_time
@given(MASKS)
@example(CHECKERBOARD)
@example(KNOT)
def test_rings_are_simple_and_run_the_same_way(mask: np.ndarray) -> None:
    """The rules of RFC 7946 and of simple features: no corner twice, turns only, the outer ring first and positive."""
    for polygon in Regions.of(mask).polygons():
        assert signed_area(polygon.rings[0]) > 0
        assert all(signed_area(hole) < 0 for hole in polygon.rings[1:])
        assert sum(map(signed_area, polygon.rings)) == polygon.area
        for ring in polygon.rings:
            assert len(np.unique(ring, axis=0)) == len(ring)
            steps = np.roll(ring, -1, axis=0) - ring
            assert np.all((steps == 0).sum(axis=1) == 1)
            assert np.all((steps[:, 0] == 0) != (np.roll(steps, 1, axis=0)[:, 0] == 0))
        left, top, right, bottom = polygon.bounds
        assert 0 <= left < right <= mask.shape[1]
        assert 0 <= top < bottom <= mask.shape[0]


@pytest.mark.skipif(find_spec("shapely") is None, reason="shapely is not installed")
@any_time
@given(MASKS)
@example(KNOT)
def test_polygons_are_valid_to_shapely(mask: np.ndarray) -> None:
    import shapely

    for polygon in Regions.of(mask).polygons():
        shape = shapely.Polygon(polygon.rings[0], polygon.rings[1:])
        assert shape.is_valid, shapely.is_valid_reason(shape)
        assert shape.area == polygon.area


def test_small_regions_and_a_class_are_left_out() -> None:
    mask = np.array([[0, 0, 0, 2], [0, 1, 0, 0], [0, 1, 0, 1]], dtype=np.uint8)
    regions = Regions.of(mask)
    assert [(each.label, each.area) for each in regions.polygons(without=0)] == [(2, 1), (1, 2), (1, 1)]
    assert [(each.label, each.area) for each in regions.polygons(min_area=2, without=0)] == [(1, 2)]
    assert regions.polygons(min_area=9) == []
    [ring] = regions.polygons(min_area=2, without=0)[0].rings
    assert ring.tolist() == [[2, 1], [2, 3], [1, 3], [1, 1]]


def test_a_large_mask_is_traced_exactly() -> None:
    coarse = np.random.default_rng(0).integers(0, 4, (40, 50)).astype(np.uint8)
    mask = ndimage.median_filter(np.kron(coarse, np.ones((9, 9), np.uint8)), 7)
    assert np.array_equal(paint(Regions.of(mask)), mask)
