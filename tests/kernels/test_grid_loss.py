"""The loss of a grid of logits against the same losses of upsampled logits, in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from segarena.classes import IGNORE_INDEX as VOID
from segarena.kernels.grid_loss import can_compute, grid_loss


def draw(channels, grid, size, seed=0, void=0.2, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(2, channels, *grid, generator=generator)
    mask = torch.randint(0, channels, (2, *size), generator=generator)
    mask[torch.rand(mask.shape, generator=generator) < void] = VOID
    return logits, mask.to(torch.uint8)


def as_written(logits, mask, weights, dice):
    """Upsample, softmax, cross-entropy of torch and the definition of soft Dice."""
    size = mask.shape[1:]
    scores = F.interpolate(logits, size=size, mode="bilinear", align_corners=False).movedim(1, -1)[mask != VOID]
    truth = mask[mask != VOID].long()
    chosen = (torch.ones(logits.shape[1]) if weights is None else weights).to(logits.dtype)
    total = chosen[truth].sum().clamp(min=1e-38)
    loss = F.cross_entropy(scores, truth, weight=chosen, reduction="sum") / total
    if dice:
        probability, one_hot = scores.softmax(dim=1), F.one_hot(truth, logits.shape[1]).to(scores.dtype)
        present = one_hot.sum(dim=0) > 0
        shares = 2 * (probability * one_hot).sum(dim=0) / (probability.sum(dim=0) + one_hot.sum(dim=0))
        loss = loss + (1 - shares)[present].sum() / max(int(present.sum()), 1)
    return loss


def value_and_gradient(function, logits, *args, **options):
    logits = logits.detach().requires_grad_()
    value = function(logits, *args, **options)
    return value.detach(), torch.autograd.grad(3 * value, logits)[0]


@settings(max_examples=60, deadline=None)
@given(
    channels=st.integers(1, 9),
    grid=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    seed=st.integers(0, 99),
    weighted=st.booleans(),
    dice=st.booleans(),
    last=st.booleans(),
    scale=st.sampled_from([0.1, 3.0, 60.0]),
)
def test_value_and_gradient_are_those_of_upsampled_logits(channels, grid, size, seed, weighted, dice, last, scale):
    logits, mask = draw(channels, grid, size, seed, scale=scale)
    weights = torch.linspace(0.5, 4, channels) if weighted else None
    expected, expected_gradient = value_and_gradient(as_written, logits.double(), mask, weights, dice)
    if last:
        logits = logits.to(memory_format=torch.channels_last)
    value, gradient = value_and_gradient(grid_loss, logits, mask, weights, dice=dice)
    assert value.dtype == gradient.dtype == torch.float32
    assert value.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)
    assert (gradient - expected_gradient).abs().max() <= 1e-5 * expected_gradient.abs().max() + 1e-7


@pytest.mark.parametrize("dice", [False, True])
def test_many_classes_and_a_size_that_is_no_multiple_of_the_grid(dice):
    logits, mask = draw(150, (9, 13), (67, 101))
    expected, expected_gradient = value_and_gradient(as_written, logits.double(), mask, None, dice)
    value, gradient = value_and_gradient(grid_loss, logits, mask, dice=dice)
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    assert (gradient - expected_gradient).abs().max() <= 1e-5 * expected_gradient.abs().max()


@pytest.mark.parametrize("dice", [False, True])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.1, 9.0, 1.0])])
def test_masks_without_a_pixel_that_counts_have_no_loss(weights, dice):
    logits, mask = draw(3, (4, 5), (16, 20), void=1.1)
    value, gradient = value_and_gradient(grid_loss, logits, mask, weights, dice=dice)
    assert value == 0
    assert torch.equal(gradient, torch.zeros_like(logits))


def test_void_pixels_of_a_grid_of_the_masks_size_have_no_gradient():
    logits, mask = draw(4, (9, 7), (9, 7))
    _, gradient = value_and_gradient(grid_loss, logits, mask, dice=True)
    void = (mask == VOID)[:, None].expand_as(gradient)
    assert (gradient[void] == 0).all()
    assert (gradient[~void] != 0).any()


def test_threads_change_no_bit():
    logits, mask = draw(8, (32, 32), (256, 256))
    results, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(value_and_gradient(grid_loss, logits, mask, dice=True))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_a_label_beyond_the_classes_is_an_error():
    logits, mask = draw(4, (3, 3), (12, 12))
    mask[0, 0, 0] = 4
    with pytest.raises(IndexError):
        grid_loss(logits, mask)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_logits_that_are_not_finite_are_left_to_torch(value):
    logits, _ = draw(4, (3, 3), (12, 12))
    assert can_compute(logits)
    assert not can_compute(logits.double())
    logits[0, 0, 0, 0] = value
    assert not can_compute(logits)
