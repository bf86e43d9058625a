"""Crops of a batch computed together are the crops that the transforms compute one by one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.classes import IGNORE_INDEX
from segarena.kernels import crop_batch as kernels
from segarena.loading.crop_tables import PlannedCrop, pack_tables, send_tables
from segarena.loading.transforms import Augmentation


def noise(shapes, seed=0, grey=0.3):
    """Images with labels; a share of the rows is grey, where rounding decides about a change of saturation."""
    random = np.random.default_rng(seed)
    pairs = []
    for height, width in shapes:
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        flat = random.random(height) < grey
        image[flat] = image[flat][..., :1]
        pairs.append((image, random.choice([0, 1, 2, 255], (height, width)).astype(np.uint8)))
    return pairs


def one_by_one(pairs, augmentation, epoch=1):
    crops = [
        augmentation(torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(mask), epoch=epoch, index=index)
        for index, (image, mask) in enumerate(pairs)
    ]
    return torch.stack([image for image, _ in crops]), torch.stack([mask for _, mask in crops])


def together(pairs, augmentation, epoch=1, device="cpu"):
    images = torch.from_numpy(np.concatenate([image.reshape(-1, 3) for image, _ in pairs])).to(device)
    masks = torch.from_numpy(np.concatenate([mask.reshape(-1) for _, mask in pairs])).to(device)
    crops, start = [], 0
    for index, (_, mask) in enumerate(pairs):
        plan = augmentation.plan(*mask.shape, torch.from_numpy(mask), epoch=epoch, index=index)
        crops.append(PlannedCrop(start, mask.shape[1], plan))
        start += mask.size
    tables = send_tables(pack_tables(crops, augmentation.crop), device)
    cuts = [(crop.plan.rows.source, crop.plan.columns.source) for crop in crops]
    fill = torch.tensor(augmentation.scale_crop.fill, dtype=torch.uint8, device=device)
    return kernels.crop_batch(images, masks, tables, cuts, fill, IGNORE_INDEX)


def assert_same_crops(pairs, augmentation, epoch=1, device="cpu"):
    images, masks = one_by_one(pairs, augmentation, epoch)
    batch, labels = (part.cpu() for part in together(pairs, augmentation, epoch, device))
    assert batch.shape == images.shape
    assert batch.dtype == labels.dtype == torch.uint8
    assert torch.equal(labels, masks)
    difference = (batch.int() - images.int()).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean() < 1e-3


@settings(max_examples=40, deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 90), st.integers(1, 90)), min_size=1, max_size=4),
    size=st.integers(8, 80),
    crop=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    jitter=st.sampled_from([1.0, 1.3, 2.0, 4.0]),
    foreground=st.sampled_from([0.0, 0.5]),
    flip=st.sampled_from(["horizontal", "both", "none"]),
    seed=st.integers(0, 999),
)
def test_crops_are_those_of_the_transforms(shapes, size, crop, jitter, foreground, flip, seed):
    augmentation = Augmentation(size, crop, seed, jitter=jitter, foreground=foreground, flip=flip)
    assert_same_crops(noise(shapes, seed), augmentation)


@pytest.mark.parametrize("shape", [(360, 480), (150, 700)])
def test_crops_of_photographs_sizes_are_those_of_the_transforms(shape):
    for epoch in (1, 2):
        assert_same_crops(noise([shape] * 3), Augmentation(128, (128, 160), 0), epoch)


def test_groups_of_a_batch_change_no_pixel(monkeypatch):
    pairs, augmentation = noise([(40, 50), (30, 20), (64, 64), (20, 90)]), Augmentation(32, (32, 32), 3)
    images, masks = together(pairs, augmentation)
    monkeypatch.setattr(kernels, "MAX_VALUES", 1)
    for part, whole in zip(together(pairs, augmentation), (images, masks), strict=True):
        assert torch.equal(part, whole)


def test_a_plan_leaves_the_random_numbers_of_others_alone():
    before = torch.get_rng_state()
    Augmentation(32, (32, 32), 0).plan(40, 50, None, epoch=1, index=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("options", [{"rotation": 10.0}, {"elastic": 0.02}])
def test_a_crop_that_is_warped_has_no_plan(options):
    with pytest.raises(ValueError, match="rotated or deformed"):
        Augmentation(32, (32, 32), 0, **options).plan(40, 50, None, epoch=1, index=0)


@pytest.mark.gpu
@pytest.mark.parametrize("shapes", [[(360, 480)] * 3, [(150, 700), (33, 21), (720, 960)]])
def test_crops_on_a_gpu_are_those_of_the_transforms(shapes):
    for seed in range(3):
        assert_same_crops(noise(shapes, seed), Augmentation(128, (128, 160), seed), device="cuda")
