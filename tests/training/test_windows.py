"""Windows cover an image with weights that add up to one; blended, they give what the whole image gives."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from segarena.errors import RunError
from segarena.loading.scaling import Scaling, TrainingSides, WindowPlan
from segarena.loading.transforms import resize_image
from segarena.training import blending
from segarena.training.blending import label_windows
from segarena.training.regions import InMemory, Region, ScaledImage
from segarena.training.windows import window_bounds, window_weights
from support import refuses


@given(
    length=st.integers(1, 3000),
    window=st.integers(32, 700),
    multiple=st.sampled_from([1, 16, 32, 96]),
    overlap=st.sampled_from([0.25, 0.5, 0.75]),
)
def test_weights_add_up_to_one_at_each_pixel(length: int, window: int, multiple: int, overlap: float) -> None:
    bounds = window_bounds(length, window, multiple, overlap)
    assert (bounds[0][0], bounds[-1][1]) == (0, length)
    assert all(stop - start == window for start, stop in bounds[:-1])
    assert bounds[-1][1] - bounds[-1][0] < window + multiple
    assert all(after[0] <= before[1] for before, after in pairwise(bounds))
    total = np.zeros(length, np.float32)
    for (start, stop), weight in zip(bounds, window_weights(bounds), strict=True):
        assert weight.min() > 0
        total[start:stop] += weight
    assert np.abs(total - 1).max() < 1e-5


@pytest.mark.parametrize(("length", "window"), [(1000, 128), (300, 256), (5000, 512), (100, 64)])
def test_neighbouring_windows_share_about_half(length: int, window: int) -> None:
    bounds = window_bounds(length, window, 32)
    shared = [before[1] - after[0] for before, after in pairwise(bounds)]
    assert min(shared) >= window // 4
    assert all(start % 8 == 0 for start, _ in bounds)


def random_image(height: int, width: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(height + width)
    small = torch.randint(0, 256, (1, channels, 9, 9), generator=generator).float()
    smooth = functional.interpolate(small, size=(height, width), mode="bicubic").clamp(0, 255)
    return smooth[0].round().to(torch.uint8)


@pytest.mark.parametrize("size", [(60, 80), (121, 157), (200, 333), (77, 401)])
def test_regions_are_those_of_the_resized_image(size: tuple[int, int]) -> None:
    image = random_image(121, 157)
    whole = resize_image(image, size)
    scaled = ScaledImage(InMemory(image), size)
    for region in (Region(0, size[0], 0, size[1]), Region(13, 45, 32, 77), Region(size[0] - 20, size[0], 1, 2)):
        found = scaled.cut(region)
        expected = whole[:, region.top : region.bottom, region.left : region.right]
        assert found.dtype == torch.uint8
        assert (found.int() - expected.int()).abs().max() <= 1


def pointwise(classes: int) -> Callable[[Tensor], tuple[Tensor, tuple[float, float]]]:
    """A network whose logits at a pixel are those of the pixel's colour: at the same place in every window."""
    weights = torch.randn(classes, 3, 1, 1, generator=torch.Generator().manual_seed(0)) / 40

    def forward(images: Tensor) -> tuple[Tensor, tuple[float, float]]:
        return functional.conv2d(images.float() - 128, weights), (1.0, 1.0)

    return forward


def assemble(
    image: Tensor, plan: WindowPlan, classes: int, forward: Any = None, most_pixels: int = 4 * 64 * 64
) -> Tensor:
    """All probabilities, with a check that each pixel is given once."""
    height, width = image.shape[1:]
    found = torch.full((classes, height, width), torch.nan)
    forward = forward or pointwise(classes)
    for part in label_windows(forward, InMemory(image), plan, classes, most_pixels=most_pixels, multiple=32):
        rows, columns = part.values.shape[1:]
        place = found[:, part.top : part.top + rows, part.left : part.left + columns]
        assert place.isnan().all()
        place[:] = part.values
    assert not found.isnan().any()
    return found


@pytest.mark.parametrize("tta", [(), ("flip",)])
@pytest.mark.parametrize(
    ("size", "window"),
    [((64, 64), (64, 64)), ((50, 40), (64, 64)), ((65, 301), (64, 64)), ((333, 47), (64, 96)), ((131, 257), (32, 64))],
)
def test_windows_of_a_pointwise_network_are_the_whole_image(
    size: tuple[int, int], window: tuple[int, int], tta: tuple[Any, ...]
) -> None:
    image = random_image(*size)
    logits, _ = pointwise(5)(image[None])
    found = assemble(image, WindowPlan(size, window, tta), 5)
    assert (found - logits[0].softmax(dim=0)).abs().max() < 1e-5


@pytest.mark.parametrize(("tta", "most"), [(("flip",), 32 * 320), (("flip", "scales"), 32 * 400)])
@pytest.mark.parametrize("size", [(32, 3000), (3000, 32)])
def test_several_views_of_a_very_long_image_keep_the_limit_of_pixels(
    size: tuple[int, int], tta: tuple[Any, ...], most: int
) -> None:
    image = random_image(*size)
    sizes = []

    def forward(images: Tensor) -> tuple[Tensor, tuple[float, float]]:
        sizes.append(images.shape[0] * images.shape[2] * images.shape[3])
        return pointwise(3)(images)

    found = assemble(image, WindowPlan(size, size, tta), 3, forward, most_pixels=most)
    assert max(sizes) <= most
    if "scales" not in tta:
        assert (found - pointwise(3)(image[None])[0][0].softmax(dim=0)).abs().max() < 1e-5


@pytest.mark.parametrize("panel_bytes", [1 << 28, 20_000])
@pytest.mark.parametrize("working", [(65, 101), (130, 202), (200, 311), (390, 606), (32, 33)])
def test_resized_windows_are_the_resized_whole(
    working: tuple[int, int], panel_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enlarged and reduced, in one panel and in several, some rows at a time; also where rows are skipped."""
    image = random_image(130, 202)
    whole = assemble(image, WindowPlan(working, working), 4)
    monkeypatch.setattr(blending, "PANEL_BYTES", panel_bytes)
    monkeypatch.setattr(blending, "CHUNK_BYTES", 4 * 4 * 202 * 7)
    found = assemble(image, WindowPlan(working, (32, 64)), 4)
    assert (found - whole).abs().max() < 1e-5
    assert (found.sum(dim=0) - 1).abs().max() < 1e-5


def test_an_image_of_one_column_is_one_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    image = random_image(70, 1)
    whole = assemble(image, WindowPlan((70, 32), (70, 32)), 3)
    monkeypatch.setattr(blending, "PANEL_BYTES", 1000)
    assert torch.equal(assemble(image, WindowPlan((70, 32), (70, 32)), 3), whole)


def test_a_batch_of_windows_is_limited_by_pixels() -> None:
    batches: list[tuple[int, ...]] = []
    network = pointwise(2)

    def forward(images: Tensor) -> tuple[Tensor, tuple[float, float]]:
        batches.append(tuple(images.shape))
        return network(images)

    image = random_image(64, 400)
    found = [
        assemble(image, WindowPlan((64, 400), (64, 64)), 2, forward, most_pixels=most) for most in (1, 3 * 64 * 64)
    ]
    assert {shape[0] for shape in batches[:12]} == {1}
    assert max(shape[0] for shape in batches) == 3
    assert (found[0] - found[1]).abs().max() < 1e-6


def test_further_scales_are_seen_and_averaged() -> None:
    seen = []

    def forward(images: Tensor) -> tuple[Tensor, tuple[float, float]]:
        seen.append(tuple(images.shape[2:]))
        level = float(images.shape[2])
        logits = torch.stack([torch.full(images.shape[2:], level), torch.zeros(images.shape[2:])])
        return logits.expand(len(images), -1, -1, -1), (1.0, 1.0)

    image = random_image(64, 64)
    found = assemble(image, WindowPlan((64, 64), (64, 64), ("flip", "scales")), 2, forward)
    assert seen == [(48, 48), (48, 48), (64, 64), (64, 64), (80, 80), (80, 80)]
    assert (found[0] - torch.tensor([48.0, 64.0, 80.0]).sigmoid().mean()).abs().max() < 1e-6


SIDES = TrainingSides.of([(100, 200), (150, 100), (300, 120)])


def test_the_sides_of_training_images() -> None:
    assert TrainingSides(shorter=100, longest_shorter=120, longest=300) == SIDES


@pytest.mark.parametrize(
    ("size", "is_split"),
    [((180, 450), False), ((450, 180), False), ((181, 300), True), ((120, 451), True), ((30, 40), False)],
)
def test_only_clearly_larger_images_are_split(size: tuple[int, int], is_split: bool) -> None:
    plan = Scaling(50, (50, 100), SIDES).plan(*size)
    assert (plan is not None) == is_split
    assert plan is None or plan.is_split


@pytest.mark.parametrize(
    ("scale", "window", "expected"),
    [
        ("whole", None, None),
        (1.0, None, WindowPlan((500, 1000), (64, 128))),
        (0.5, (70, 40), WindowPlan((250, 500), (96, 64))),
        (2, None, WindowPlan((1000, 2000), (64, 128))),
        ("auto", None, WindowPlan((500, 1000), (64, 128))),
    ],
)
def test_scale_is_a_multiple_of_the_training_scale(scale: Any, window: Any, expected: WindowPlan | None) -> None:
    assert Scaling(50, (50, 100), SIDES, scale, window).plan(1000, 2000) == expected


def test_views_of_a_whole_image_are_one_window() -> None:
    assert Scaling(50, (50, 50), SIDES, tta=("flip",)).plan(100, 150) == WindowPlan((50, 75), (50, 75), ("flip",))


def test_without_recorded_sizes_every_image_is_labelled_as_a_whole() -> None:
    assert Scaling(50, (50, 50)).plan(5000, 5000) is None


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ({"train_sides": {"shorter": 1, "longest_shorter": 2, "longest": 3}, "size": 9}, TrainingSides(1, 2, 3)),
        ({"size": 128}, TrainingSides(128, 128, 128)),
        ({"sizes": [{"height": 10, "width": 30, "images": 2}]}, TrainingSides(10, 10, 30)),
        ({"train_sides": None, "size": 128}, TrainingSides(128, 128, 128)),
        ({"layout": "flat"}, None),
    ],
)
def test_sizes_come_from_the_record_of_any_version(description: dict[str, Any], expected: Any) -> None:
    assert TrainingSides.recorded(description) == expected


@pytest.mark.parametrize(
    "description",
    [
        {"train_sides": 5},
        {"train_sides": {"shorter": 1}},
        {"train_sides": {"shorter": 1, "longest_shorter": 2, "longest": "3"}},
        {"train_sides": {"shorter": 0, "longest_shorter": 2, "longest": 3}},
        {"size": -128},
        {"sizes": 5},
        {"sizes": [{"height": 10, "width": 30}]},
        {"sizes": [{"height": 10, "width": "30", "images": 2}]},
    ],
)
def test_sizes_that_are_no_numbers_of_pixels_are_an_error_of_their_file(description: dict[str, Any]) -> None:
    with refuses(RunError, where="data.json", value="sizes of training images"):
        TrainingSides.recorded(description, Path("run/data.json"))


def test_regions_of_floating_point_images_are_floating_point() -> None:
    image = random_image(70, 90).float() / 255
    cut = ScaledImage(InMemory(image), (35, 45)).cut(Region(0, 35, 0, 45))
    assert cut.dtype == torch.float32
    assert np.isclose(cut.mean().item(), image.mean().item(), atol=0.01)
