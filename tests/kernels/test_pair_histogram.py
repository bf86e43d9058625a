"""Counts of pairs of bytes against the reference implementation and scipy."""

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.kernels.pair_histogram import pair_histogram, plain_pair_histogram


@settings(deadline=None)  # the first call compiles
@given(
    shape=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    top=st.sampled_from([1, 2, 12, 256]),
    seed=st.integers(0, 99),
    dtype=st.sampled_from([torch.uint8, torch.int32, torch.int64]),
)
def test_pairs_are_counted_exactly(shape, top, seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randint(0, top, (2, *shape), generator=generator).to(dtype)
    counts = pair_histogram(first, second)
    assert counts.dtype == torch.int64
    assert torch.equal(counts, plain_pair_histogram(first, second))
    ones = np.ones(first.numel(), dtype=np.int64)
    places = (first.flatten().long().numpy(), second.flatten().long().numpy())
    assert np.array_equal(counts, scipy.sparse.coo_array((ones, places), shape=(256, 256)).toarray())


def test_views_that_are_not_contiguous_are_counted():
    first = torch.arange(200, dtype=torch.uint8).view(10, 20)
    second = first.t().contiguous().t()
    counts = pair_histogram(first[::2, 1::3], second[::2, 1::3])
    assert torch.equal(counts, plain_pair_histogram(first[::2, 1::3].clone(), second[::2, 1::3].clone()))
    assert counts.trace() == counts.sum() == 35


@pytest.mark.gpu
def test_a_gpu_gives_the_same_counts():
    first, second = torch.randint(0, 256, (2, 300, 400), dtype=torch.uint8)
    assert torch.equal(pair_histogram(first.cuda(), second.cuda()).cpu(), pair_histogram(first, second))
