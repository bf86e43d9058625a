"""Rotation and elastic deformation move image and mask alike; what comes from outside is void."""

import pytest
import torch
from torchvision import tv_tensors

from segarena.classes import IGNORE_INDEX as VOID
from segarena.loading.transforms import Augmentation
from segarena.loading.warp import RandomWarp

FILL = [10, 20, 30]


def warp(image, mask, rotation=0.0, elastic=0.0):
    out = RandomWarp(rotation, elastic, FILL)(tv_tensors.Image(image), tv_tensors.Mask(mask))
    return out[0].as_subclass(torch.Tensor), out[1].as_subclass(torch.Tensor)


def blobs(height, width):
    """Two classes in smooth regions, and an image in which all channels are 200 times the class."""
    rows, columns = torch.arange(height)[:, None] / height, torch.arange(width)[None] / width
    mask = ((rows * 3 + columns * 2).floor() % 2).to(torch.uint8)
    return torch.stack([mask * 200] * 3), mask


def angle_of(degrees, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "uniform_", lambda self, low, high: self.fill_(degrees))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (31, 45)])
def test_rotation_by_a_half_turn_and_by_nothing_is_exact(height, width, monkeypatch):
    image, mask = torch.randint(0, 256, (3, height, width)).to(torch.uint8), torch.randint(0, 5, (height, width))
    mask = mask.to(torch.uint8)
    for degrees, turned in ((0.0, False), (180.0, True)):
        angle_of(degrees, monkeypatch)
        new_image, new_mask = warp(image, mask, rotation=180.0)
        assert torch.equal(new_mask, mask.flip(0, 1) if turned else mask)
        assert (new_image.int() - (image.flip(1, 2) if turned else image).int()).abs().max() <= 1


def test_rotation_by_a_quarter_turn_is_about_the_centre(monkeypatch):
    image, mask = blobs(24, 24)
    angle_of(90.0, monkeypatch)
    new_image, new_mask = warp(image, mask, rotation=90.0)
    assert torch.equal(new_mask, mask.rot90(1, (0, 1)))
    assert (new_image.int() - image.rot90(1, (1, 2)).int()).abs().max() <= 1


def test_what_comes_from_outside_is_void_and_filled(monkeypatch):
    angle_of(45.0, monkeypatch)
    new_image, new_mask = warp(torch.zeros(3, 40, 40, dtype=torch.uint8), torch.ones(40, 40, dtype=torch.uint8), 45.0)
    void = new_mask == VOID
    assert void.float().mean().item() == pytest.approx(2 * (1.5 - 2**0.5), abs=0.02)  # the corners of the square
    assert void[0, 0]
    assert not void[20, 20]
    assert set(new_mask.unique().tolist()) == {1, VOID}
    assert (new_image[:, void] == torch.tensor(FILL)[:, None]).all()
    assert (new_image[:, ~void] == 0).all()


@pytest.mark.parametrize("options", [{"rotation": 30.0}, {"elastic": 0.05}, {"rotation": 180.0, "elastic": 0.02}])
def test_image_and_mask_move_alike(options):
    torch.manual_seed(0)
    image, mask = blobs(48, 64)
    moved = 0
    for _ in range(10):
        new_image, new_mask = warp(image, mask, **options)
        counted = new_mask != VOID
        moved += not torch.equal(new_mask, mask)
        agree = (new_image[0] > 100) == (new_mask == 1)
        assert agree[counted].float().mean() > 0.97  # but for mixed colours at the borders
    assert moved >= 7  # the smallest angles move no pixel


def test_elastic_displacements_have_the_given_size():
    rows = torch.arange(200, dtype=torch.uint8)[:, None].expand(200, 200)
    image = torch.stack([rows] * 3).contiguous()
    torch.manual_seed(0)
    moved = []
    for _ in range(60):
        new_image, new_mask = warp(image, torch.zeros(200, 200, dtype=torch.uint8), elastic=0.05)
        if new_mask[100, 100] != VOID:
            moved.append(new_image[0, 100, 100].item() - 100.0)  # at the middle point of the three by three
    assert torch.tensor(moved).std().item() == pytest.approx(10.0, rel=0.3)


def test_augmentation_with_a_warp_depends_on_seed_epoch_and_index_alone():
    image, mask = blobs(40, 40)
    augmentation = Augmentation(40, (24, 32), 0, rotation=20.0, elastic=0.02, jitter=1.2)
    first = augmentation(image, mask, epoch=1, index=3)
    torch.manual_seed(5)
    again, other = augmentation(image, mask, epoch=1, index=3), augmentation(image, mask, epoch=1, index=4)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert first[0].shape == (3, 24, 32)
    assert first[1].shape == (24, 32)


def test_without_jitter_images_keep_their_scale():
    mask = torch.zeros(32, 32, dtype=torch.uint8)
    mask[8:24, 8:24] = 1
    for index in range(5):
        _, new_mask = Augmentation(32, (32, 32), 0, jitter=1.0)(torch.stack([mask] * 3), mask, epoch=1, index=index)
        assert (new_mask == 1).sum() == 256
