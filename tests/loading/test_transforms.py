"""Augmentation keeps image and mask together, fills with void, mixes no labels, and repeats itself exactly."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import tv_tensors
from torchvision.transforms import v2

from segarena.classes import IGNORE_INDEX as VOID
from segarena.loading.sizes import crop_size, working_size
from segarena.loading.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Augmentation,
    RandomScaleCrop,
    normalize,
    resize_image,
)

#: Class c is drawn in the pure colour with these bits: each pixel has two levels, so that changes of brightness,
#: contrast and saturation leave it readable.
BITS = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]], dtype=torch.bool)

#: (image height, image width), working size, crop: a crop larger than the image, odd sizes, tiny and long images.
GEOMETRIES = [
    ((48, 64), 48, (48, 64)),
    ((37, 53), 41, (31, 47)),
    ((120, 201), 40, (40, 96)),
    ((33, 33), 32, (96, 80)),
    ((11, 9), 32, (32, 32)),
    ((20, 150), 32, (64, 32)),
    ((300, 40), 64, (64, 64)),
]


def checkerboard(height, width, across=3):
    rows = torch.arange(height) * across // height
    columns = torch.arange(width) * across // width
    return ((rows[:, None] * across + columns) % len(BITS)).to(torch.uint8)


def draw(mask):
    return (BITS[mask.long()].movedim(-1, 0) * 255).to(torch.uint8)


def read_colors(image):
    image = image.float()
    bits = image > (image.amax(0) + image.amin(0)) / 2
    matches = (bits.movedim(0, -1)[..., None, :] == BITS).all(dim=-1)
    return torch.where(matches.any(dim=-1), matches.int().argmax(dim=-1), -1)


def far_from_edges(mask, radius):
    labels, window = mask[None, None].float(), {"kernel_size": 2 * radius + 1, "stride": 1, "padding": radius}
    same = F.max_pool2d(labels, **window) == -F.max_pool2d(-labels, **window)
    return same[0, 0] & (mask != VOID)


def scale_crop(image, mask, size, crop, **options):
    out = RandomScaleCrop(size, crop, **options)(tv_tensors.Image(image), tv_tensors.Mask(mask))
    return out[0].as_subclass(torch.Tensor), out[1].as_subclass(torch.Tensor)


@pytest.mark.parametrize(("shape", "size", "crop"), GEOMETRIES)
def test_image_and_mask_stay_aligned_through_scale_crop_flip_and_colour(shape, size, crop):
    mask = checkerboard(*shape)
    image = draw(mask)
    augmentation = Augmentation(size, crop, seed=0)
    radius = max(2, math.ceil(2 * size / min(shape)))  # as far as interpolation mixes colours
    agree = total = 0
    for index in range(25):
        new_image, new_mask = augmentation(image, mask, epoch=1, index=index)
        assert new_image.shape == (3, *crop)
        assert new_mask.shape == crop
        assert new_image.dtype == new_mask.dtype == torch.uint8
        inside = far_from_edges(new_mask, radius)
        agree += (read_colors(new_image) == new_mask)[inside].sum().item()
        total += inside.sum().item()
    assert total > 0.02 * 25 * crop[0] * crop[1]
    assert agree / total > 0.99


@pytest.mark.parametrize(("shape", "size", "crop"), GEOMETRIES)
def test_image_and_mask_have_their_edges_at_the_same_pixel(shape, size, crop):
    mask = checkerboard(*shape) % 2
    image = (mask * 255).expand(3, -1, -1)
    torch.manual_seed(0)
    wrong = total = 0
    for _ in range(25):
        new_image, new_mask = scale_crop(image, mask, size, crop)
        counted = new_mask != VOID
        value = new_image[0].float()
        # exactly between the two colours is neither
        wrong += (((value > 128) != (new_mask == 1)) & ((value - 127.5).abs() > 8))[counted].sum().item()
        total += counted.sum().item()
    assert wrong / total < 0.002


@pytest.mark.parametrize(("shape", "size", "crop"), GEOMETRIES)
def test_padding_and_rotation_fill_void_never_class_0(shape, size, crop):
    mask = torch.full(shape, 5, dtype=torch.uint8)
    image = torch.zeros(3, *shape, dtype=torch.uint8)
    fill = torch.tensor(IMAGENET_MEAN).mul(255).round().to(torch.uint8)
    torch.manual_seed(0)
    for _ in range(20):
        new_image, new_mask = scale_crop(image, mask, size, crop, scale=(0.3, 0.5))
        padded = new_mask == VOID
        assert ((new_mask == 5) | padded).all()
        assert padded.any()
        assert (new_image[:, padded] == fill[:, None]).all()
        assert (new_image[:, ~padded] == 0).all()


@settings(deadline=None, max_examples=70)
@given(
    labels=st.lists(st.integers(0, 254), min_size=2, max_size=5, unique=True),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    crop=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    size=st.integers(16, 64),
    seed=st.integers(0, 9999),
    foreground=st.sampled_from([0.0, 1.0]),
)
def test_labels_are_never_interpolated(labels, height, width, crop, size, seed, foreground):
    chosen = torch.randint(len(labels), (height, width), generator=torch.Generator().manual_seed(seed))
    mask = torch.tensor(labels, dtype=torch.uint8)[chosen]
    image = mask.expand(3, -1, -1)
    new_image, new_mask = Augmentation(size, crop, seed, foreground=foreground)(image, mask, epoch=1, index=0)
    assert set(new_mask.unique().tolist()) <= {*labels, VOID}
    assert (new_mask != VOID).any()
    assert new_image.shape == (3, *crop)
    assert new_mask.shape == crop


def test_void_in_the_data_stays_void():
    mask = torch.full((32, 32), VOID, dtype=torch.uint8)
    for index in range(5):
        _, new_mask = Augmentation(32, (32, 32), 0)(draw(mask * 0), mask, epoch=1, index=index)
        assert (new_mask == VOID).all()


@pytest.mark.parametrize(
    ("image", "size", "crop"),
    [
        ((360, 480), 240, (256, 320)),
        ((100, 100), 96, (96, 96)),
        ((200, 200), 200, (192, 192)),
        ((480, 640), 256, (256, 352)),
        ((640, 480), 256, (352, 256)),
        ((100, 1000), 64, (64, 128)),
        ((50, 40), 40, (64, 32)),
        ((33, 33), 5, (32, 32)),
        ((100, 200), 47, (32, 64)),
        ((200, 100), 79, (128, 64)),
    ],
)
def test_crops_are_shaped_as_the_images_in_multiples_of_32(image, size, crop):
    assert crop_size(*image, size) == crop


def test_the_scale_runs_from_half_to_double_and_keeps_the_shape():
    mask = torch.zeros(32, 32, dtype=torch.uint8)
    augmentation = Augmentation(32, (72, 72), 0)
    sides = []
    for index in range(100):
        counted = augmentation(draw(mask), mask, epoch=1, index=index)[1] != VOID
        height, width = int(counted.any(1).sum()), int(counted.any(0).sum())
        assert counted.sum() == height * width
        assert height == width
        sides.append(height)
    assert 16 <= min(sides) < 22
    assert 58 < max(sides) <= 64


def test_crops_reach_every_part_of_the_image_and_half_are_mirrored():
    columns = torch.arange(64, dtype=torch.uint8).expand(64, 64)
    image = torch.zeros(3, 64, 64, dtype=torch.uint8)
    augmentation = Augmentation(64, (32, 32), 0)
    seen, mirrored = set(), 0
    for index in range(100):
        middle_row = augmentation(image, columns, epoch=1, index=index)[1][16]
        labels = middle_row[middle_row != VOID].tolist()
        seen.update(labels)
        mirrored += labels[0] > labels[-1]
    assert seen == set(range(64))
    assert 30 < mirrored < 70


def test_a_crop_is_what_resizing_the_whole_image_first_would_give():
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, 40, 60), dtype=torch.uint8, generator=generator)
    mask = torch.randint(0, 9, (40, 60), dtype=torch.uint8, generator=generator)
    for factor in (0.5, 2.0):
        whole = (round(40 * factor), round(60 * factor))
        new_image, new_mask = scale_crop(image, mask, 40, whole, scale=(factor, factor))
        assert torch.equal(new_image, resize_image(image, whole))
        expected = v2.functional.resize(mask[None], list(whole), interpolation=v2.InterpolationMode.NEAREST_EXACT)[0]
        assert torch.equal(new_mask, expected)


def speck(height=120, width=150, row=100, column=20):
    """One pixel of class 1 and one of class 2 in class 0: ordinary crops seldom hold either."""
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[row, column] = 1
    mask[height - 1 - row, width - 1 - column] = 2
    return mask


@pytest.mark.parametrize(("row", "column"), [(100, 20), (0, 0), (119, 149), (60, 0)])
def test_foreground_crops_hold_a_pixel_of_a_rare_class_drawn_evenly(row, column):
    mask = speck(row=row, column=column)
    image = draw(mask)
    torch.manual_seed(0)
    held = []
    for _ in range(60):
        # from the working size on, no pixel falls between two samples
        _, new_mask = scale_crop(image, mask, 120, (32, 32), scale=(1, 2), foreground=1.0)
        held.append(frozenset(new_mask.unique().tolist()) & {1, 2})
    assert all(held)
    assert 15 < sum(1 in classes for classes in held) < 45


def test_the_share_of_foreground_crops_is_the_given_one():
    mask = speck()
    for share, low, high in ((0.0, 0, 15), (0.33, 25, 65), (1.0, 100, 100)):
        torch.manual_seed(0)
        crops = [scale_crop(draw(mask), mask, 120, (32, 32), scale=(1, 1), foreground=share)[1] for _ in range(100)]
        assert low <= sum((crop != 0).any().item() for crop in crops) <= high


def test_a_foreground_target_is_anywhere_in_the_crop():
    mask = torch.zeros(96, 96, dtype=torch.uint8)
    mask[48, 48] = 1
    torch.manual_seed(0)
    crops = [scale_crop(draw(mask), mask, 96, (16, 16), scale=(1, 1), foreground=1.0)[1] for _ in range(150)]
    rows, columns = (torch.stack([crop.nonzero()[0, axis] for crop in crops]) for axis in (0, 1))
    for places in (rows, columns):
        assert (places.min(), places.max()) == (0, 15)
        assert (torch.bincount(places // 4) > 20).all()


def test_void_and_the_most_frequent_class_are_no_foreground():
    mask = torch.full((64, 64), 3, dtype=torch.uint8)
    mask[:, 40:] = VOID
    image = draw(mask.clamp(max=5))
    for foreground in (0.0, 1.0):
        torch.manual_seed(0)
        crops = [scale_crop(image, mask, 64, (24, 24), foreground=foreground)[1] for _ in range(40)]
        assert any((crop == VOID).all() for crop in crops)
        assert any((crop == 3).all() for crop in crops)
    nothing = torch.full((64, 64), VOID, dtype=torch.uint8)
    assert (scale_crop(image, nothing, 64, (24, 24), foreground=1.0)[1] == VOID).all()


def test_crops_without_foreground_draw_the_random_numbers_of_before():
    """The masks of the augmentation as it was without foreground crops, as sums weighted by the place of each pixel."""
    places = torch.arange(24 * 32).view(24, 32)
    sums = [int((augmented(index=index)[1].long() * places).sum()) for index in range(4)]
    assert sums == [602736, 228336, 21843678, 561552]


def augmented(seed=0, epoch=1, index=0, **options):
    mask = checkerboard(40, 40)
    return Augmentation(40, (24, 32), seed, **options)(draw(mask), mask, epoch=epoch, index=index)


def same(a, b):
    return torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])


@pytest.mark.parametrize("foreground", [0.0, 0.5])
def test_augmentation_depends_on_seed_epoch_and_index_alone(foreground):
    torch.manual_seed(1)
    keys = [(seed, epoch, index) for seed in (0, 1) for epoch in (1, 2) for index in (0, 1)]
    first = {key: augmented(*key, foreground=foreground) for key in keys}
    torch.manual_seed(2)
    for key in reversed(keys):
        assert same(augmented(*key, foreground=foreground), first[key])
    assert not any(same(first[a], first[b]) for a in keys for b in keys if a < b)


def test_augmentation_leaves_torchs_own_random_numbers_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    augmented()
    assert torch.equal(torch.get_rng_state(), before)


def test_augmentation_does_not_change_its_input():
    mask = checkerboard(24, 32)
    image = draw(mask)
    kept = image.clone(), mask.clone()
    for index in range(10):
        Augmentation(24, (24, 32), 0)(image, mask, epoch=1, index=index)
    assert same((image, mask), kept)


def test_colours_change_and_labels_do_not():
    mask = torch.zeros(32, 32, dtype=torch.uint8)
    image = torch.full((3, 32, 32), 120, dtype=torch.uint8)
    values = set()
    for index in range(20):
        new_image, new_mask = Augmentation(32, (16, 16), 0)(image, mask, epoch=1, index=index)
        values.update(new_image[0][new_mask == 0].unique().tolist())
    assert min(values) < 110
    assert max(values) > 130


def test_normalize_is_torchvisions_own():
    image = torch.randint(0, 256, (2, 3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = v2.functional.normalize(image / 255, list(IMAGENET_MEAN), list(IMAGENET_STD))
    torch.testing.assert_close(normalize(image), expected)
    assert normalize(image).dtype == torch.float32


@settings(deadline=None)
@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(32, 512))
def test_the_shorter_side_becomes_the_working_size(height, width, size):
    new_height, new_width = working_size(height, width, size)
    assert min(new_height, new_width) == size
    assert max(new_height, new_width) == round(max(height, width) * size / min(height, width))
    assert (new_height >= new_width) == (height >= width) or new_height == new_width


def test_an_image_at_its_working_size_is_not_resampled():
    image = torch.randint(0, 256, (3, 33, 40), dtype=torch.uint8)
    assert resize_image(image, (33, 40)) is image


def test_shrinking_averages_instead_of_skipping_pixels():
    stripes = (torch.arange(64) % 2 * 255).to(torch.uint8).expand(3, 64, 64)
    shrunk = resize_image(stripes, (16, 16))[..., 2:-2].float()
    assert (shrunk - 127.5).abs().max() < 20
