"""What reaches training and evaluation: each image at most once per epoch here, each whole image exactly once there."""

import itertools
import multiprocessing

import numpy as np
import pytest
import torch

from segarena.errors import DataError, SegarenaError
from segarena.loading.dataset import (
    AHEAD,
    EpochBatches,
    EvaluationSet,
    TrainingLoader,
    TrainingSet,
    evaluation_loader,
)
from segarena.loading.decoded import DecodedImages
from segarena.loading.transforms import Augmentation, resize_image
from support import refuses


class MemorySource:
    """Noise of these (height, width), every label from 0 to 4 and void; remembers what was read."""

    def __init__(self, shapes):
        random = np.random.default_rng(0)
        self.pairs = [
            (random.integers(0, 256, (*shape, 3), dtype=np.uint8), random.choice([0, 1, 2, 3, 4, 255], shape))
            for shape in shapes
        ]
        self.pairs = [(image, mask.astype(np.uint8)) for image, mask in self.pairs]
        self.reads = []

    def read(self, index):
        self.reads.append(index)
        return self.pairs[index]


def decode(count=10, limit_bytes=1e9, shape=(40, 48)):
    return DecodedImages(MemorySource([shape] * count), range(count), limit_bytes=limit_bytes)


def training_loader(*, count=10, batch_size=4, seed=0, workers=0, images=None, **options):
    images = images or decode(count)
    dataset = TrainingSet(images, range(count), Augmentation(32, (32, 40), options.get("augmentation_seed", seed)))
    return TrainingLoader(dataset, batch_size=batch_size, seed=seed, workers=workers, pin_memory=False)


def assert_same_batches(a, b):
    for (image_a, mask_a), (image_b, mask_b) in zip(a, b, strict=True):
        assert torch.equal(image_a, image_b)
        assert torch.equal(mask_a, mask_b)


def test_decoded_images_are_read_once_and_come_out_as_they_are():
    source = MemorySource([(5, 7), (3, 4), (6, 2)])
    images = DecodedImages(source, [2, 0], limit_bytes=1e9)
    assert sorted(source.reads) == [0, 2]
    for index in (0, 2, 0):
        image, mask = images[index]
        assert image.dtype == mask.dtype == torch.uint8
        assert torch.equal(image, torch.from_numpy(source.pairs[index][0]).permute(2, 0, 1))
        assert torch.equal(mask, torch.from_numpy(source.pairs[index][1]))
        assert image[None].is_contiguous(memory_format=torch.channels_last)
    assert sorted(source.reads) == [0, 2]
    assert torch.equal(images[1][1], torch.from_numpy(source.pairs[1][1]))  # not asked for at first, read now


def test_images_beyond_the_limit_are_decoded_each_time_and_are_the_same():
    pair_bytes = 40 * 48 * 4
    few, none, every = (decode(limit_bytes=limit) for limit in (3.5 * pair_bytes, 0, 10 * pair_bytes))
    assert (len(few.kept), len(none.kept), len(every.kept)) == (3, 0, 10)
    assert (few.bytes, none.bytes, every.bytes) == (3 * pair_bytes, 0, 10 * pair_bytes)
    for index in range(10):
        assert_same_batches([few[index], none[index]], [every[index], every[index]])


def test_progress_reaches_the_number_of_images():
    heard = []
    DecodedImages(
        MemorySource([(2, 2)] * 70),
        range(70),
        limit_bytes=1e9,
        on_progress=lambda done, count: heard.append((done, count)),
    )
    assert heard == [(32, 70), (64, 70), (70, 70)]


class BrokenSource(MemorySource):
    """Sample 3 raises `error`."""

    def __init__(self, error):
        super().__init__([(40, 48)] * 8)
        self.error = error

    def read(self, index):
        if index == 3:
            raise self.error
        return super().read(index)


def test_an_image_that_cannot_be_read_stops_the_start():
    with refuses(DataError, where="3.png", value="damaged"):
        DecodedImages(BrokenSource(DataError("is damaged", where="3.png", remedy="Fix it")), range(8), limit_bytes=1e9)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", SegarenaError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_an_error_while_loading_keeps_its_kind_and_parts(kind, workers):
    source = BrokenSource(kind("is damaged", where="3.png", remedy="Fix it"))
    images = DecodedImages(source, range(8), limit_bytes=0)
    training = training_loader(images=images, count=8, workers=workers)
    evaluation = evaluation_loader(EvaluationSet(images, range(8), 32), batch_size=2, workers=workers)
    for batches in (training.epoch(1), training.epoch(2), iter(evaluation)):
        with refuses(kind, where="3.png", value="damaged"):
            list(batches)


def test_workers_end_at_once_after_an_error():
    source = BrokenSource(DataError("is damaged", where="3.png", remedy="Fix it"))
    training = training_loader(images=DecodedImages(source, range(8), limit_bytes=0), count=8, batch_size=4, workers=2)
    before = set(multiprocessing.active_children())
    batches = training.epoch(1)
    next(batches)
    assert len(set(multiprocessing.active_children()) - before) == 2
    with pytest.raises(DataError):
        list(batches)
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.parametrize(("length", "batch_size"), [(10, 3), (10, 5), (7, 7), (2, 2), (3, 4), (101, 8)])
def test_an_epoch_shows_each_image_at_most_once(length, batch_size):
    batches = EpochBatches(length, batch_size, seed=0)
    for epoch in range(1, 6):
        batches.epoch = epoch
        keys = list(batches)
        assert len(keys) == len(batches) == length // batch_size
        assert all(len(batch) == batch_size for batch in keys)
        flat = list(itertools.chain.from_iterable(keys))
        assert {key[0] for key in flat} <= {epoch}
        positions = [key[1] for key in flat]
        assert len(set(positions)) == len(positions) == length // batch_size * batch_size
        assert set(positions) <= set(range(length))


def epoch_order(epoch, seed=0, length=40):
    batches = EpochBatches(length, 4, seed)
    batches.epoch = epoch
    return [position for batch in batches for _, position in batch]


def test_each_epoch_and_each_seed_has_its_own_order_and_keeps_it():
    orders = {(epoch, seed): tuple(epoch_order(epoch, seed)) for epoch in range(1, 6) for seed in range(3)}
    assert len(set(orders.values())) == len(orders)
    torch.manual_seed(12)  # the state of torch's own generator, e.g. after building another model, plays no part
    assert {key: tuple(epoch_order(*key)) for key in orders} == orders


def test_the_image_that_is_left_out_changes_with_the_epoch():
    left_out = [set(range(10)) - set(epoch_order(epoch, length=10)) for epoch in range(1, 30)]
    assert set().union(*left_out) == set(range(10))


@pytest.mark.parametrize("first", range(6))
def test_resume_goes_on_with_the_tail_of_the_epoch(first):
    batches = EpochBatches(20, 4, seed=3)
    batches.epoch = 2
    whole = list(batches)
    batches.first = first
    assert list(batches) == whole[first:]
    assert len(batches) == 5  # the steps of an epoch, for the schedule


def test_a_resumed_epoch_has_the_same_pixels():
    whole = list(training_loader().epoch(3))
    assert_same_batches(training_loader().epoch(3, first=1), whole[1:])


def test_seed_k_gives_every_model_the_same_batches():
    for epoch in (1, 2):
        assert_same_batches(training_loader(seed=5).epoch(epoch), training_loader(seed=5).epoch(epoch))
    one, other = (next(training_loader(seed=seed).epoch(1)) for seed in (5, 6))
    assert not torch.equal(one[0], other[0])


def test_workers_change_no_pixel_and_epochs_follow_each_other():
    images = decode()
    alone = training_loader(images=images)
    together = training_loader(images=images, workers=2)
    for epoch in (1, 2):
        assert_same_batches(together.epoch(epoch), alone.epoch(epoch))
    abandoned = together.epoch(3)
    next(abandoned)
    abandoned.close()
    assert_same_batches(together.epoch(4, first=1), alone.epoch(4, first=1))


def test_the_memory_for_decoded_images_changes_no_pixel():
    images = decode(limit_bytes=20_000)
    assert 0 < len(images.kept) < 10
    assert_same_batches(training_loader(images=images).epoch(1), training_loader().epoch(1))


def test_augmentation_goes_by_the_image_not_by_its_place_in_the_split():
    images, augmentation = decode(), Augmentation(32, (32, 40), 0)
    some, others = TrainingSet(images, [7, 2], augmentation), TrainingSet(images, [1, 2, 7], augmentation)
    assert (len(some), len(others)) == (2, 3)
    assert_same_batches([some[1, 0], some[1, 1]], [others[1, 2], others[1, 1]])


def test_a_training_batch_is_uint8_crops():
    images, masks = next(training_loader().epoch(1))
    assert images.shape == (4, 3, 32, 40)
    assert masks.shape == (4, 32, 40)
    assert images.dtype == masks.dtype == torch.uint8
    assert set(masks.unique().tolist()) <= {0, 1, 2, 3, 4, 255}


SHAPES = [(40, 48), (40, 48), (64, 33), (200, 100), (40, 48), (31, 90), (40, 48), (16, 16), (70, 70), (33, 34)]


def evaluation_items(batch_size=4, workers=0, indices=range(10), size=32):
    source = MemorySource(SHAPES)
    dataset = EvaluationSet(DecodedImages(source, list(indices), limit_bytes=1e9), list(indices), size)
    return source, list(evaluation_loader(dataset, batch_size=batch_size, workers=workers))


@pytest.mark.parametrize("batch_size", [1, 3, 4, 10, 16])
def test_drop_last_in_validation_never_happens(batch_size):
    _, batches = evaluation_items(batch_size)
    assert [item.position for batch in batches for item in batch] == list(range(10))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert len(batches[-1]) == (10 % batch_size or batch_size)


def test_validation_sees_whole_images_with_their_masks_untouched():
    indices = [3, 0, 8, 5]
    source, batches = evaluation_items(indices=indices)
    for item, index in zip(itertools.chain(*batches), indices, strict=True):
        image, mask = source.pairs[index]
        height, width = mask.shape
        assert torch.equal(item.mask, torch.from_numpy(mask))
        assert min(item.image.shape[-2:]) == 32
        assert item.image.shape[-1] / item.image.shape[-2] == pytest.approx(width / height, rel=0.02)
        whole = torch.from_numpy(image).permute(2, 0, 1)
        assert torch.equal(item.image, resize_image(whole, tuple(item.image.shape[-2:])))


def test_training_augmentation_is_never_applied_to_validation():
    """The same decoded images feed both; validation comes out the same each time, whatever training drew."""
    images = decode(shape=(32, 40))
    validation = EvaluationSet(images, range(10), 32)
    list(training_loader(images=images).epoch(1))
    for position in range(10):
        image, mask = images.source.pairs[position]
        for _ in range(2):
            item = validation[position]
            assert torch.equal(item.image, torch.from_numpy(image).permute(2, 0, 1))
            assert torch.equal(item.mask, torch.from_numpy(mask))


def test_workers_change_neither_order_nor_pixels_of_validation():
    _, alone = evaluation_items()
    _, together = evaluation_items(workers=2)
    for a, b in zip(itertools.chain(*alone), itertools.chain(*together), strict=True):
        assert a.position == b.position
        assert torch.equal(a.image, b.image)
        assert torch.equal(a.mask, b.mask)


@pytest.mark.parametrize("workers", [0, 2])
def test_nothing_is_decoded_before_the_first_batch(workers):
    source = MemorySource(SHAPES * 3)
    images = DecodedImages(source, range(30), limit_bytes=0)
    loader = evaluation_loader(EvaluationSet(images, range(30), 32), batch_size=2, workers=workers)
    assert source.reads == []
    if workers == 0:
        batches = iter(loader)
        next(batches)
        assert len(source.reads) <= 2 + AHEAD  # this batch, and those that are loaded in advance
        batches.close()
