"""Training crops are mirrored at random, in the directions that are wanted; the image and its mask alike."""

import pytest
import torch

from segarena.loading.transforms import Augmentation

DIRECTIONS = [(), (1,), (0,), (0, 1)]


@pytest.mark.parametrize(
    ("flip", "allowed"), [("none", DIRECTIONS[:1]), ("horizontal", DIRECTIONS[:2]), ("both", DIRECTIONS)]
)
def test_crops_are_mirrored_in_the_directions_that_are_wanted(flip, allowed):
    mask = torch.randint(0, 5, (32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    image = (mask * 50).expand(3, 32, 32)
    augmentation = Augmentation(32, (32, 32), 0, jitter=1.0, flip=flip)
    found = []
    for index in range(80):
        crop, labels = augmentation(image, mask, epoch=1, index=index)
        (dims,) = [dims for dims in DIRECTIONS if torch.equal(labels, mask.flip(dims))]
        found.append(dims)
        both = torch.stack([crop[0].flatten(), labels.flatten()]).float()  # its colours are changed
        assert torch.corrcoef(both)[0, 1] > 0.95
    assert set(found) == set(allowed)
    assert all(found.count(dims) > 80 / len(allowed) / 2 for dims in allowed)
