"""What an evaluation counts beside the confusions is that of its own labels and probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from segarena.loading.dataset import EvaluationItem
from segarena.loading.scaling import WindowPlan
from segarena.models.base import SegmentationOutput
from segarena.scoring.boundaries import count_boundaries
from segarena.scoring.calibration import ConfidenceCounts, count_confidence, grid_lines
from segarena.scoring.error_analysis import ErrorTotals
from segarena.scoring.objects import count_objects
from segarena.training import error_analysis
from segarena.training.counting import evaluate
from segarena.training.error_analysis import ErrorCollector
from segarena.training.evaluation import predict_masks, predict_probabilities

CLASSES = 3
#: (height, width) of image and of mask; the last mask has more pixels than its confidence is computed of.
SIZES = [((32, 40), (64, 80)), ((32, 40), (64, 80)), ((32, 40), (33, 41)), ((48, 32), (600, 400))]


class Network(nn.Module):
    """A convolution at half resolution."""

    size_multiple = 4

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(3, CLASSES, 3, stride=2, padding=1)

    def forward(self, image, size=None):
        return SegmentationOutput(self.body(image), None)


@pytest.fixture
def items() -> list[EvaluationItem]:
    generator = torch.Generator().manual_seed(0)
    made = []
    for position, (image_size, size) in enumerate(SIZES):
        image = torch.randint(0, 256, (3, *image_size), dtype=torch.uint8, generator=generator)
        mask = torch.randint(0, CLASSES, size, dtype=torch.uint8, generator=generator)
        mask[:3] = 255
        made.append(EvaluationItem(image, mask, position))
    return made


def expected_confidence(model: nn.Module, item: EvaluationItem) -> ConfidenceCounts:
    """From the probabilities at all pixels."""
    size = tuple(item.mask.shape)
    [found] = predict_probabilities(model, item.image[None], size, device="cpu", precision="fp32").numpy()
    truth = item.mask.numpy()
    true = np.take_along_axis(found, np.where(truth == 255, 0, truth)[None].astype(int), 0)[0]
    lines = grid_lines(*size)
    label, sure = found.argmax(axis=0).astype(np.uint8), found.max(axis=0)
    return count_confidence(truth[lines], label[lines], sure[lines], -np.log(true[lines]), CLASSES)


def check_confidence(counts: ConfidenceCounts, expected: ConfidenceCounts) -> None:
    """Rounding moves a pixel from one bin to the next."""
    assert counts.pixels.sum() == expected.pixels.sum()
    assert np.abs(counts.pixels - expected.pixels).sum() <= 2e-3 * expected.pixels.sum()
    assert counts.correct.sum() == pytest.approx(expected.correct.sum(), abs=3)
    assert counts.confidence.sum() == pytest.approx(expected.confidence.sum(), rel=1e-5)
    assert counts.surprise == pytest.approx(expected.surprise, rel=1e-5)


@pytest.mark.parametrize("threads", [0, 2])
def test_counts_are_those_of_the_labels(
    items: list[EvaluationItem], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_analysis, "device_type", lambda _: "cuda" if threads else "cpu")
    monkeypatch.setattr(error_analysis, "count_cores", lambda: threads + 1)
    model = Network().eval()
    with ErrorCollector(CLASSES, "cpu") as errors:
        confusions = evaluate(model, [items[:3], items[3:]], CLASSES, device="cpu", precision="fp32", observe=errors)
    alone = evaluate(model, [items[:3], items[3:]], CLASSES, device="cpu", precision="fp32")
    assert (confusions == alone).all()
    total = ErrorTotals.zero(CLASSES)
    for item in items:
        size = (item.mask.shape[0], item.mask.shape[1])
        [labels] = predict_masks(model, item.image[None], size, device="cpu", precision="fp32").numpy()
        pair = (item.mask.numpy(), labels, CLASSES)
        total += ErrorTotals(1, count_objects(*pair), count_boundaries(*pair), expected_confidence(model, item), 1)
    found = errors.totals
    assert (found.images, found.confidence_images) == (4, 4)
    assert (found.objects == total.objects).all()
    for name in ("regions", "contours", "bands"):
        assert (getattr(found.boundaries, name) == getattr(total.boundaries, name)).all()
    check_confidence(found.confidence, total.confidence)
    assert list(errors.properties) == [0, 1, 2, 3]
    assert (errors.properties[3].height, errors.properties[3].width) == (600, 400)
    assert errors.properties[0].brightness == pytest.approx(127, abs=12)


@pytest.mark.parametrize("size", [(90, 120), (300, 330)])
def test_images_that_are_labelled_in_windows_have_a_confidence_too(size: tuple[int, int]) -> None:
    """With one window over the whole image, the probabilities are those of the image as a whole."""
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=generator)
    mask = torch.randint(0, CLASSES, size, dtype=torch.uint8, generator=generator)
    mask[:, :5] = 255
    model = Network().eval()
    plan = WindowPlan(size, size)
    with ErrorCollector(CLASSES, "cpu") as errors:
        evaluate(
            model, [[EvaluationItem(image, mask, 0, plan)]], CLASSES, device="cpu", precision="fp32", observe=errors
        )
    check_confidence(errors.totals.confidence, expected_confidence(model, EvaluationItem(image, mask, 0)))


def test_images_that_are_labelled_in_tiles_have_none() -> None:
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(0, 256, (3, 32, 640), dtype=torch.uint8, generator=generator)
    item = EvaluationItem(image, torch.zeros(32, 640, dtype=torch.uint8), 0)
    with ErrorCollector(CLASSES, "cpu") as errors:
        evaluate(Network(), [[item]], CLASSES, device="cpu", precision="fp32", most_pixels=32 * 160, observe=errors)
    assert (errors.totals.images, errors.totals.confidence_images) == (1, 0)
    assert not errors.confident
    assert errors.totals.boundaries.bands[:, 0].sum() == 32 * 640


def test_counts_are_written_and_read_back(items: list[EvaluationItem]) -> None:
    names = ["sky", "road", "tree"]
    with ErrorCollector(CLASSES, "cpu") as errors:
        evaluate(Network(), [items[:2]], CLASSES, device="cpu", precision="fp32", observe=errors)
    record = errors.totals.to_record(names)
    again = ErrorTotals.from_record(record).to_record(names)
    assert again == record
    assert list(record.per_class) == names
    double = (errors.totals + ErrorTotals.from_record(record)).to_record(names)
    assert double.images == 4
    assert double.per_class["road"].objects[0].objects == 2 * record.per_class["road"].objects[0].objects
