"""Each image is evaluated as a whole, at its mask's size, in the loader's order, alone or in a batch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segarena.classes import IGNORE_INDEX as VOID
from segarena.loading.dataset import EvaluationItem
from segarena.loading.transforms import normalize
from segarena.models.base import SegmentationOutput
from segarena.scoring.counts import confusion_per_image
from segarena.training.counting import evaluate
from segarena.training.evaluation import predict_masks, to_input

CLASSES = 3
#: (height, width) of image and of mask: neighbours that can share a batch, and neighbours that cannot.
SIZES = [
    ((32, 40), (32, 40)),
    ((32, 40), (32, 40)),
    ((32, 40), (64, 80)),
    ((48, 32), (48, 32)),
    ((32, 40), (32, 40)),
    ((32, 40), (33, 41)),
    ((32, 40), (33, 41)),
]


def resized(logits, size):
    if size != "native":
        logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
    return SegmentationOutput(logits, None)


class Network(nn.Module):
    """A convolution with BatchNorm at half resolution, whose logits are resized to the given size."""

    size_multiple = 1

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.Dropout(0.5))
        self.head = nn.Conv2d(8, CLASSES, 1)
        self.batches = []

    def forward(self, image, size=None):
        self.batches.append(len(image))
        return resized(self.head(self.body(image)).float(), size)


@pytest.fixture
def items():
    generator = torch.Generator().manual_seed(0)
    made = []
    for position, (image_size, mask_size) in enumerate(SIZES):
        image = torch.randint(0, 256, (3, *image_size), dtype=torch.uint8, generator=generator)
        mask = torch.randint(0, CLASSES, mask_size, dtype=torch.uint8, generator=generator)
        mask[:3] = VOID
        made.append(EvaluationItem(image, mask, position))
    return made


def batched(items, batch_size):
    return [items[start : start + batch_size] for start in range(0, len(items), batch_size)]


def count_by_hand(model, item):
    with torch.no_grad():
        logits = model.eval()(normalize(item.image)[None], size=tuple(item.mask.shape)).logits[0]
    counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    for truth, prediction in zip(item.mask.ravel().tolist(), logits.argmax(0).ravel().tolist(), strict=True):
        if truth != VOID:
            counts[truth, prediction] += 1
    return counts


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7])
def test_images_of_different_sizes_are_counted_as_if_alone(items, batch_size):
    model = Network()
    counts = evaluate(model, batched(items, batch_size), CLASSES, device="cpu", precision="fp32")
    assert counts.dtype == np.int64
    assert sum(model.batches) == len(items)
    np.testing.assert_array_equal(counts, [count_by_hand(model, item) for item in items])


def test_neighbours_of_one_size_share_a_forward_pass(items):
    model = Network()
    evaluate(model, [items], CLASSES, device="cpu", precision="fp32")
    assert model.batches == [2, 1, 1, 1, 2]


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_the_labels_that_are_counted_are_handed_out_in_order(items, batch_size):
    seen = []
    counts = evaluate(
        Network(), batched(items, batch_size), CLASSES, device="cpu", precision="fp32", on_labels=seen.extend
    )
    assert [tuple(labels.shape) for labels in seen] == [tuple(item.mask.shape) for item in items]
    again = [confusion_per_image(one[None], item.mask[None], CLASSES)[0] for one, item in zip(seen, items, strict=True)]
    np.testing.assert_array_equal(counts, again)


def test_every_labelled_pixel_is_counted_once(items):
    counts = evaluate(Network(), [items], CLASSES, device="cpu", precision="fp32")
    for matrix, item in zip(counts, items, strict=True):
        truth = np.bincount(item.mask[item.mask != VOID], minlength=CLASSES)
        np.testing.assert_array_equal(matrix.sum(axis=1), truth)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_evaluated_in_eval_mode_and_its_mode_restored(items, training):
    model = Network().train(training)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    one = evaluate(model, [items], CLASSES, device="cpu", precision="fp32")
    assert all(module.training is training for module in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    np.testing.assert_array_equal(evaluate(model, [items], CLASSES, device="cpu", precision="fp32"), one)


def test_the_mode_is_restored_after_an_error(items):
    model = Network().train()
    items[3].mask[10, 10] = CLASSES
    with pytest.raises(ValueError, match=f"label {CLASSES}"):
        evaluate(model, [items], CLASSES, device="cpu", precision="fp32")
    assert model.training


def test_bf16_counts_every_pixel_with_nearly_the_same_labels(items):
    model = Network()
    exact = evaluate(model, [items], CLASSES, device="cpu", precision="fp32")
    short = evaluate(model, [items], CLASSES, device="cpu", precision="bf16")
    np.testing.assert_array_equal(short.sum(axis=2), exact.sum(axis=2))
    assert 0 < np.abs(short - exact).sum() < 0.05 * exact.sum()


def test_progress_counts_the_images(items):
    images = []
    evaluate(Network(), batched(items, 3), CLASSES, device="cpu", precision="fp32", on_progress=images.append)
    assert images == [3, 3, 1]


def test_logits_are_resized_never_labels(items):
    """At four times the size, the boundary between two classes is not at a multiple of four pixels."""

    class Ramp(nn.Module):
        size_multiple = 1

        def forward(self, image, size=None):
            logits = torch.stack([torch.zeros(1, 4, 4), torch.tensor([-3.0, -1.0, 0.2, 3.0]).expand(1, 4, 4)], dim=1)
            return resized(logits, size)

    labels = predict_masks(Ramp(), items[0].image[None], (16, 16), device="cpu", precision="fp32")
    assert labels.shape == (1, 16, 16)
    assert labels.dtype == torch.uint8
    assert labels[0, 0].tolist() == [0] * 9 + [1] * 7


@pytest.mark.parametrize("size", [(113, 97), (128, 96), (60, 130)], ids=str)
def test_coarse_logits_are_aligned_at_every_image_size(size):
    """With a network that labels each cell of 16 pixels by its number, each label must cover its 16 pixels."""

    class Cells(nn.Module):
        size_multiple = 32
        seen = None

        def forward(self, image, size=None):
            assert size == "native"
            self.seen = image
            rows, columns = (-(-length // 16) for length in image.shape[-2:])
            number = torch.arange(rows)[:, None] * 9 + torch.arange(columns)
            return SegmentationOutput(10 * F.one_hot(number, 100).permute(2, 0, 1)[None].float(), None)

    model = Cells()
    image = torch.full((1, 3, *size), 200, dtype=torch.uint8)
    labels = predict_masks(model, image, size, device="cpu", precision="fp32")[0]
    rows, columns = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    assert torch.equal(labels.long(), rows // 16 * 9 + columns // 16)
    assert [length % 32 for length in model.seen.shape[-2:]] == [0, 0]
    torch.testing.assert_close(model.seen[..., : size[0], : size[1]], to_input(image, "cpu"))
    assert not model.seen[..., size[0] :, :].any()
    assert not model.seen[..., size[1] :].any()
    assert model.seen.is_contiguous(memory_format=torch.channels_last)


def test_input_is_normalised_channels_last_float32(items):
    images = torch.stack([items[0].image, items[1].image])
    given = to_input(images, "cpu")
    assert given.dtype == torch.float32
    assert given.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(given, normalize(images))
