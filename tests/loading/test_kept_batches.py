"""Validation batches that are kept on a GPU are those of the loader."""

import numpy as np
import pytest
import torch

from segarena.loading import kept_batches
from segarena.loading.dataset import EvaluationSet, evaluation_loader
from segarena.loading.decoded import DecodedImages
from segarena.loading.kept_batches import keep_on_gpu

SHAPES = [(40, 48), (40, 48), (64, 33), (31, 90), (70, 70)]
NEEDED = sum(height * width for height, width in SHAPES)


class Noise:
    def __init__(self):
        self.reads = []

    def read(self, index):
        self.reads.append(index)
        random = np.random.default_rng(index)
        shape = SHAPES[index]
        return random.integers(0, 256, (*shape, 3), dtype=np.uint8), random.integers(0, 4, shape, dtype=np.uint8)


@pytest.fixture
def dataset():
    return EvaluationSet(DecodedImages(Noise(), range(5), limit_bytes=0), [3, 0, 1, 4, 2], 32)


def assert_same(kept, dataset):
    expected = list(evaluation_loader(dataset, batch_size=2, workers=0))
    assert [len(batch) for batch in kept] == [len(batch) for batch in expected] == [2, 2, 1]
    for batch, other in zip(kept, expected, strict=True):
        for item, wanted in zip(batch, other, strict=True):
            assert item.position == wanted.position
            assert torch.equal(item.image.cpu(), wanted.image)
            assert torch.equal(item.mask.cpu(), wanted.mask)


def test_batches_are_those_of_the_loader_and_made_once(dataset, monkeypatch):
    monkeypatch.setattr(kept_batches, "_fits", lambda *_: True)
    kept = keep_on_gpu(dataset, batch_size=2, device="cpu")
    reads = len(dataset.images.source.reads)
    assert keep_on_gpu(dataset, batch_size=2, device="cpu") is kept
    assert len(dataset.images.source.reads) == reads
    assert_same(kept, dataset)
    other = keep_on_gpu(EvaluationSet(dataset.images, [1], 32), batch_size=2, device="cpu")
    assert [len(batch) for batch in other] == [1]
    assert len(dataset.images.stores) == 1


@pytest.mark.parametrize(("free", "is_kept"), [(10 * (NEEDED + 50_000), True), (10 * NEEDED, False)])
def test_only_few_images_are_kept(dataset, free, is_kept, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 2 * free))
    monkeypatch.setattr(kept_batches, "_make", lambda *_: [])
    assert (keep_on_gpu(dataset, batch_size=2, device="cuda") is not None) == is_kept


def test_on_a_cpu_nothing_is_kept(dataset):
    assert keep_on_gpu(dataset, batch_size=2, device="cpu") is None


@pytest.mark.gpu
def test_on_a_gpu_they_are_there(dataset):
    kept = keep_on_gpu(dataset, batch_size=2, device="cuda")
    assert all(item.image.is_cuda and item.mask.is_cuda for batch in kept for item in batch)
    assert_same(kept, dataset)


@pytest.mark.gpu
def test_an_evaluation_of_kept_batches_counts_the_same(dataset):
    from segarena.models import build_model
    from segarena.training.counting import evaluate

    torch.manual_seed(0)
    model = build_model("fcn", 4, encoder="resnet18", weights="none").cuda().eval()
    kept = keep_on_gpu(dataset, batch_size=2, device="cuda")
    loaded = evaluation_loader(dataset, batch_size=2, workers=0)
    first, second = (evaluate(model, part, 4, device="cuda", precision="fp32") for part in (kept, loaded))
    assert np.array_equal(first, second)
