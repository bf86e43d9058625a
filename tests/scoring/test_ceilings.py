"""The resolution ceiling against brute force, and its properties."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from segarena.kernels.upsample_argmax import upsample_argmax
from segarena.scoring.ceilings import Grid, averaged_counts, cell_shares, count_errors, to_ceilings
from segarena.scoring.optimised_ceilings import optimised_counts

masks = st.tuples(st.integers(4, 24), st.integers(4, 24), st.integers(0, 99), st.sampled_from([0.0, 0.2])).map(
    lambda drawn: drawn_mask(*drawn)
)


def drawn_mask(height, width, seed, void, classes=3):
    """Rectangles of three classes, some pixels void."""
    random = np.random.default_rng(seed)
    mask = np.zeros((height, width), dtype=np.uint8)
    for _ in range(6):
        top, left = random.integers(0, height), random.integers(0, width)
        mask[top : top + random.integers(1, height), left : left + random.integers(1, width)] = random.integers(classes)
    mask[random.random(mask.shape) < void] = 255
    return mask


def shares_by_samples(mask, label, working, stride, samples=30):
    """The share of a class in each cell, by counting fine samples of every pixel (a multiple of all edges)."""
    fine = np.repeat(np.repeat(mask, samples, axis=0), samples, axis=1)
    rows, columns = (
        np.minimum(np.arange(-(-size // stride) + 1) * stride * pixels * samples / size, pixels * samples).round()
        for pixels, size in zip(mask.shape, working, strict=True)
    )
    result = np.zeros((len(rows) - 1, len(columns) - 1))
    for i, j in np.ndindex(result.shape):
        cell = fine[int(rows[i]) : int(rows[i + 1]), int(columns[j]) : int(columns[j + 1])]
        counted = cell[cell != 255]
        result[i, j] = (counted == label).mean() if counted.size else 0.0
    return result


@settings(deadline=None, max_examples=25)
@given(masks, st.sampled_from([(1, 1), (3, 2), (5, 4), (1, 3)]), st.sampled_from([1, 2, 3, 4]))
def test_shares_of_cells_equal_those_of_fine_samples(mask, ratio, stride):
    """Working sizes of 1, 3/2, 5/4 and 1/3 of the mask's: edges of cells within pixels."""
    up, down = ratio
    working = tuple(max(1, pixels * up // down) for pixels in mask.shape)
    classes = np.unique(mask[mask != 255])
    if not classes.size:
        return
    found = cell_shares(mask, classes, working, stride)
    for place, label in enumerate(classes):
        expected = shares_by_samples(mask, label, working, stride)
        assert found.shape[:2] == expected.shape
        # edges are rounded to a thirtieth of a pixel in the reference
        assert np.abs(found[..., place] - expected).max() < 0.08


@settings(deadline=None, max_examples=50)
@given(masks, st.sampled_from([(1, 1), (3, 2), (5, 4), (1, 3)]), st.sampled_from([1, 2, 3, 8]))
def test_counts_equal_those_of_labels_from_the_shares(mask, ratio, stride):
    """The labels of all pixels by the kernel of evaluations: no pixel is passed over where cells of one class meet."""
    up, down = ratio
    working = tuple(max(1, pixels * up // down) for pixels in mask.shape)
    classes = np.unique(mask[mask != 255])
    expected = np.zeros((3, 3), dtype=np.int64)
    if classes.size:
        shares = torch.from_numpy(cell_shares(mask, classes, working, stride)).permute(2, 0, 1)[None]
        extent = (working[0] / stride, working[1] / stride)
        labels = classes[upsample_argmax(shares.contiguous(), mask.shape, extent)[0].numpy()]
        expected = count_errors(labels, mask, 3)
    (counts,) = averaged_counts(mask, [working], [stride], 3)
    assert counts.tolist() == expected.tolist()


@settings(deadline=None, max_examples=25)
@given(masks, st.sampled_from([2, 3, 4, 8]))
def test_counts_equal_those_of_pooling_and_interpolation_in_torch(mask, stride):
    """An independent path: one-hot, average pooling of whole cells, F.interpolate, argmax in float64."""
    height, width = (size // stride * stride for size in mask.shape)
    mask = np.ascontiguousarray(mask[:height, :width])
    if not mask.size:
        return
    counted = torch.from_numpy(mask != 255).double()
    one_hot = torch.stack([torch.from_numpy(mask == label).double() for label in range(3)])
    pooled = F.avg_pool2d(one_hot[None], stride) / F.avg_pool2d(counted[None, None], stride).clamp(min=1e-12)
    scores = F.interpolate(pooled, mask.shape, mode="bilinear", align_corners=False)[0].numpy()
    (counts,) = averaged_counts(mask, [mask.shape], [stride], 3)
    # Where two scores are equal up to rounding, either label is right.
    top = np.sort(scores, axis=0)
    unclear = int(((top[-1] - top[-2] < 1e-5) & (mask != 255)).sum())
    labels = scores.argmax(axis=0)
    for label in range(3):
        truth, answer = mask == label, (labels == label) & (mask != 255)
        hits, false, missed = counts[:, label]
        assert hits + missed == truth.sum()
        assert abs(hits - (truth & answer).sum()) <= unclear
        assert abs(false - (answer & ~truth).sum()) <= unclear


def test_at_stride_1_and_the_own_size_nothing_is_lost():
    mask = drawn_mask(20, 30, 1, 0.1)
    (ceiling,) = to_ceilings([Grid(20, 1)], averaged_counts(mask, [mask.shape], [1], 3))
    assert ceiling.miou == 1.0


def test_a_line_of_one_pixel_is_lost_on_cells_of_eight():
    mask = np.zeros((64, 64), dtype=np.uint8)
    mask[30] = 1
    mask[40:] = 2
    fine, coarse = to_ceilings([Grid(64, 1), Grid(64, 8)], averaged_counts(mask, [(64, 64)] * 2, [1, 8], 4))
    assert fine.ious[:3] == pytest.approx([1, 1, 1])
    assert coarse.ious[1] == 0.0
    assert coarse.ious[2] == 1.0  # its edge is an edge of cells
    assert np.isnan(coarse.ious[3])  # no truth pixels: not in the mean
    assert coarse.miou == pytest.approx(np.nanmean(coarse.ious))


def test_half_the_size_at_a_stride_is_the_size_at_twice_the_stride():
    mask = drawn_mask(64, 96, 5, 0.1)
    half, double = averaged_counts(mask, [(32, 48), (64, 96)], [4, 8], 3)
    np.testing.assert_array_equal(half, double)


def test_a_mask_that_is_all_void_counts_nothing():
    (counts,) = averaged_counts(np.full((8, 8), 255, dtype=np.uint8), [(8, 8)], [2], 3)
    assert not counts.any()
    (ceiling,) = to_ceilings([Grid(8, 2)], counts[None])
    assert np.isnan(ceiling.miou)


@pytest.mark.parametrize("corner", [(8, 3), (5, 8), (5, 3), (2, 6)], ids=str)
def test_optimised_logits_reach_the_best_of_all_on_a_tiny_grid(corner):
    """A rectangle in a corner. By brute force: the difference of the logits at 2 x 2 points, 13 levels at each."""
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[: corner[0], : corner[1]] = 1
    levels = np.linspace(-1, 1, 13, dtype=np.float32)
    points = np.stack(np.meshgrid(levels, levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 1, 2, 2)
    enlarged = F.interpolate(torch.from_numpy(points), (8, 8), mode="bilinear", align_corners=False)[:, 0].numpy() > 0
    both, either = (enlarged & (mask == 1)).sum((1, 2)), (enlarged | (mask == 1)).sum((1, 2))
    none, outside = (~enlarged & (mask == 0)).sum((1, 2)), (~enlarged | (mask == 0)).sum((1, 2))
    best = np.max((both / either + none / outside) / 2)
    (found,) = to_ceilings([Grid(8, 4)], optimised_counts(mask, (8, 8), 4, 2)[None])
    assert found.miou > best - 0.03


@settings(deadline=None, max_examples=8)
@given(masks)
def test_optimised_logits_are_never_worse_than_averaged_ones(mask):
    if (mask == 255).all():
        return
    counts = np.stack([averaged_counts(mask, [mask.shape], [4], 3)[0], optimised_counts(mask, mask.shape, 4, 3)])
    averaged, optimised = to_ceilings([Grid(8, 4)] * 2, counts)
    assert optimised.miou >= averaged.miou
