"""Swin's attention and merging against torchvision's, on maps of less than, exactly and more than one window."""

import pytest
import torch
from networks import relative
from torch import nn
from torchvision.models.swin_transformer import PatchMerging, ShiftedWindowAttention

from segarena.models.encoders.swin import PairMerging, WindowAttention

SIZES = [(1, 1), (5, 9), (7, 7), (14, 7), (7, 15), (8, 8), (20, 33)]


def attentions(shift: int) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    theirs = ShiftedWindowAttention(24, [7, 7], [shift, shift], num_heads=3)
    nn.init.normal_(theirs.relative_position_bias_table)
    ours = WindowAttention(24, [7, 7], [shift, shift], num_heads=3)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def mergings() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    theirs, ours = PatchMerging(24), PairMerging(24)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("build", [lambda: attentions(0), lambda: attentions(3), mergings], ids=["W", "SW", "merging"])
def test_results_equal_torchvisions_to_the_bit(build, size):
    ours, theirs = build()
    x = torch.randn(2, *size, 24)
    results = [module(x) for module in (ours, theirs)]
    assert torch.equal(*results)
    weight = torch.randn_like(results[0])
    for result in results:
        (result * weight).sum().backward()
    for mine, reference in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert relative(mine.grad, reference.grad) < 1e-5


def test_attention_does_not_cross_the_border_of_the_image():
    """A change at the upper border does not affect the lower one, which is in the same shifted window."""
    attention, _ = attentions(3)
    x = torch.randn(1, 21, 21, 24)
    changed = x.clone()
    changed[:, :2] += 1
    with torch.no_grad():
        difference = (attention(changed) - attention(x)).abs().amax(dim=(0, 2, 3))
    assert difference[:2].min() > 1e-3
    assert difference[4:].max() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_mask_has_the_type_of_the_map(dtype):
    attention, _ = attentions(3)
    assert attention.to(dtype)(torch.randn(1, 20, 20, 24, dtype=dtype)).dtype == dtype
