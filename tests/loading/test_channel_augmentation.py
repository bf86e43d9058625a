"""Augmentation of images that are not RGB: geometry as for RGB, brightness and contrast in units of each channel."""

from __future__ import annotations

import pytest
import torch
from torchvision import tv_tensors

from segarena.loading.channel_jitter import ChannelJitter
from segarena.loading.transforms import Augmentation, normalize, resize_image

MEAN, STD = (100.0, -5.0, 0.25, 1000.0), (20.0, 3.0, 0.1, 400.0)


def image(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    values = torch.randn(4, 40, 50, generator=torch.Generator().manual_seed(0))
    if dtype == torch.uint8:
        return (values * 60 + 120).clamp(0, 255).to(torch.uint8)
    return values * torch.tensor(STD).view(4, 1, 1) + torch.tensor(MEAN).view(4, 1, 1)


def test_each_channel_changes_alike_in_its_own_units() -> None:
    torch.manual_seed(0)
    changed = ChannelJitter(0.25, MEAN, STD)(tv_tensors.Image(image()))
    before, after = (normalize(one.as_subclass(torch.Tensor), (MEAN, STD)) for one in (image(), changed))
    contrast = (after[0, 0, 0] - after[0, 0, 1]) / (before[0, 0, 0] - before[0, 0, 1])
    torch.testing.assert_close(after, before * contrast + (after - before * contrast)[0, 0, 0], rtol=1e-3, atol=1e-3)
    assert 0.75 <= contrast <= 1.25
    assert contrast != 1


def test_eight_bits_stay_within_their_range() -> None:
    torch.manual_seed(1)
    jitter = ChannelJitter(0.25, (120.0,) * 4, (60.0,) * 4)
    changed = [jitter(tv_tensors.Image(image(torch.uint8))) for _ in range(8)]
    assert {one.dtype for one in changed} == {torch.uint8}
    assert min(int(one.min()) for one in changed) == 0
    assert max(int(one.max()) for one in changed) == 255


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("warp", [{}, {"rotation": 30.0, "elastic": 0.05}])
def test_crops_have_the_channels_and_are_padded_with_the_mean(dtype: torch.dtype, warp: dict[str, float]) -> None:
    mean = (120.0,) * 4 if dtype == torch.uint8 else MEAN
    augmentation = Augmentation(32, (96, 96), seed=0, channels=(mean, STD), **warp)
    mask = torch.zeros(40, 50, dtype=torch.uint8)
    jitter = augmentation.transform.transforms[-1]
    jitter.most = 0.0
    crop, labels = augmentation(image(dtype), mask, epoch=1, index=0)
    assert (crop.shape, crop.dtype, labels.shape) == ((4, 96, 96), dtype, (96, 96))
    padding = crop[:, labels == 255].float()
    assert padding.shape[1] > 1000
    is_mean = (padding - torch.tensor(mean).view(4, 1)).abs() <= 1e-4 * torch.tensor(STD).view(4, 1)
    assert is_mean.float().mean() > (0.98 if warp else 0.9999)  # a warp mixes pixels at the border


def test_the_same_key_gives_the_same_crop_and_no_plan() -> None:
    augmentation = Augmentation(32, (64, 64), seed=3, channels=(MEAN, STD))
    mask = torch.zeros(40, 50, dtype=torch.uint8)
    crops = [augmentation(image(), mask, epoch=2, index=5)[0] for _ in range(2)]
    torch.testing.assert_close(*crops, rtol=0, atol=0)
    with pytest.raises(ValueError, match="RGB"):
        augmentation.plan(40, 50, mask, epoch=2, index=5)


@pytest.mark.parametrize("channels", [1, 2, 5, 16])
def test_channels_are_resized_each_by_itself(channels: int) -> None:
    values = torch.randint(0, 256, (channels, 40, 50), dtype=torch.uint8)
    whole = resize_image(values, (20, 30))
    for channel in range(channels):
        torch.testing.assert_close(whole[channel], resize_image(values[channel][None], (20, 30))[0], rtol=0, atol=1)


def test_normalisation_gives_mean_0_and_deviation_1() -> None:
    values = image()
    by = tuple(values.mean((1, 2)).tolist()), tuple(values.std((1, 2), correction=0).tolist())
    found = normalize(values, by)
    torch.testing.assert_close(found.mean((1, 2)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.std((1, 2), correction=0), torch.ones(4), atol=1e-4, rtol=0)
