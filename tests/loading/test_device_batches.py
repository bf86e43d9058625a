"""Batches whose crops are computed together are those of the loader that computes them one by one."""

import multiprocessing
import threading
import time

import numpy as np
import pytest
import torch

from segarena.data.contents import hash_contents
from segarena.errors import DataError
from segarena.loading.dataset import EvaluationSet, TrainingLoader, TrainingSet, evaluation_loader
from segarena.loading.decoded import DecodedImages
from segarena.loading.device_batches import AHEAD, DeviceLoader
from segarena.loading.pixel_store import CHUNK, HostPixels, ResidentPixels, store_pixels
from segarena.loading.transforms import Augmentation
from segarena.threads import at_a_time
from support import refuses, waiting_is_an_error

SHAPES = [(40, 48), (70, 33), (64, 64), (20, 90), (41, 40), (48, 40), (33, 61)]


class Noise:
    """Images of noise; reading the image `broken` raises an error."""

    def __init__(self, broken=None):
        random = np.random.default_rng(1)
        self.broken = broken
        self.pairs = [
            (random.integers(0, 256, (*shape, 3), dtype=np.uint8), random.choice([0, 1, 255], shape).astype(np.uint8))
            for shape in SHAPES
        ]

    def read(self, index):
        if index == self.broken:
            raise DataError("is damaged", where=f"{index}.png", remedy="Fix it")
        return self.pairs[index]


def loaders(store="resident", *, limit_bytes=1e9, foreground=0.0, indices=range(7), source=None, device="cpu"):
    images = DecodedImages(source or Noise(), range(7), limit_bytes=limit_bytes)
    augmentation = Augmentation(32, (32, 40), seed=3, foreground=foreground)
    one_by_one = TrainingLoader(
        TrainingSet(images, indices, augmentation), batch_size=3, seed=3, workers=0, pin_memory=False
    )
    resident, pin_memory = store == "resident", device == "cuda"
    pixels = ResidentPixels(images, indices, device) if resident else HostPixels(images, indices, pin_memory=pin_memory)
    together = DeviceLoader(images, indices, augmentation, pixels, batch_size=3, seed=3, device=device)
    return one_by_one, together


def assert_same(batches, others):
    for (image, mask), (other_image, other_mask) in zip(batches, others, strict=True):
        assert torch.equal(mask.cpu(), other_mask)
        assert (image.cpu().int() - other_image.int()).abs().max() <= 1


@pytest.mark.parametrize("store", ["resident", "host"])
@pytest.mark.parametrize("limit_bytes", [1e9, 20_000, 0])
def test_batches_are_those_of_the_other_loader(store, limit_bytes):
    for foreground in (0.0, 0.5):
        one_by_one, together = loaders(store, limit_bytes=limit_bytes, foreground=foreground)
        assert len(together) == len(one_by_one) == 2
        for epoch in (1, 2):
            assert_same(together.epoch(epoch), one_by_one.epoch(epoch))


@pytest.mark.parametrize("store", ["resident", "host"])
def test_a_resumed_epoch_has_the_same_bits(store):
    whole = list(loaders(store)[1].epoch(3))
    resumed = list(loaders(store)[1].epoch(3, first=1))
    assert len(resumed) == 1
    for part, other in zip(resumed[0], whole[1], strict=True):
        assert torch.equal(part, other)


def test_where_the_pixels_are_changes_no_bit():
    resident, host = (list(loaders(store)[1].epoch(1)) for store in ("resident", "host"))
    for batch, other in zip(resident, host, strict=True):
        assert torch.equal(batch[0], other[0])
        assert torch.equal(batch[1], other[1])


def test_an_epoch_that_is_left_early_does_not_disturb_the_next():
    before = set(multiprocessing.active_children())  # those of other tests
    one_by_one, together = loaders()
    abandoned = together.epoch(1)
    next(abandoned)
    abandoned.close()
    assert_same(together.epoch(2), one_by_one.epoch(2))
    assert set(multiprocessing.active_children()) <= before


def test_a_part_of_the_images_is_augmented_as_in_the_whole():
    assert_same(*(loader.epoch(1) for loader in loaders(indices=[6, 1, 4, 2])))


def test_an_error_while_decoding_keeps_its_kind_and_parts():
    _, together = loaders("host", limit_bytes=0, source=Noise(broken=2), indices=[2, 1, 0])
    for _ in range(2):
        with refuses(DataError, where="2.png", value="damaged"):
            list(together.epoch(1))


@pytest.mark.parametrize(("free", "kind"), [(100_000, ResidentPixels), (10_000, HostPixels)])
def test_images_are_on_the_gpu_if_they_take_a_small_share_of_it(free, kind, monkeypatch):
    made = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 2 * free))
    for name in ("ResidentPixels", "HostPixels"):
        monkeypatch.setattr(
            f"segarena.loading.pixel_store.{name}", lambda *arguments, name=name, **options: made.append(name)
        )
    images = DecodedImages(Noise(), range(7), limit_bytes=1e9)
    bytes_needed = sum(4 * height * width for height, width in SHAPES[:2])
    assert 0.4 * 10_000 < bytes_needed < 0.4 * 100_000
    store_pixels(images, [0, 1], "cuda")
    assert made == [kind.__name__]


class Slow(Noise):
    """The first image takes the longest; all others could be read in the meantime."""

    def __init__(self):
        super().__init__()
        self.read_first, self.reads = -1, 0
        self.enough = threading.Event()

    def read(self, index):
        if index == 0:
            self.enough.wait(0.3)
            self.read_first = self.reads
        else:
            self.reads += 1
            if self.reads >= CHUNK:
                self.enough.set()
        return self.pairs[index % 7]


def test_few_images_are_open_until_they_are_on_the_device():
    source = Slow()
    images, indices = DecodedImages(source, range(2 * CHUNK), limit_bytes=0), range(2 * CHUNK)
    images._sizes = {index: SHAPES[index % 7] for index in indices}
    pixels = ResidentPixels(images, indices, "cpu")
    assert source.read_first < CHUNK
    assert source.reads == 2 * CHUNK - 1
    start, width = pixels.places[CHUNK + 1]
    image, mask = source.pairs[(CHUNK + 1) % 7]
    assert width == mask.shape[1]
    assert np.array_equal(pixels.images[start : start + mask.size].numpy().reshape(image.shape), image)


def test_memory_that_pytorch_keeps_is_free_for_the_next_fold(monkeypatch):
    """PyTorch keeps memory that is no longer used; to the driver it is not free."""
    free = [1_000]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free[0], 200_000))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: free.__setitem__(0, 100_000))
    monkeypatch.setattr("segarena.loading.pixel_store.ResidentPixels", lambda *arguments: "resident")
    monkeypatch.setattr("segarena.loading.pixel_store.HostPixels", lambda *arguments, **options: "host")
    assert store_pixels(DecodedImages(Noise(), range(7), limit_bytes=1e9), [0, 1], "cuda") == "resident"


def test_batches_are_prepared_in_advance():
    _, together = loaders()
    assert together.ahead == AHEAD


def test_pixels_are_placed_once_and_those_of_a_fold_replace_others():
    images = DecodedImages(Noise(), range(7), limit_bytes=1e9)
    first = store_pixels(images, (0, 1), "cpu")
    assert store_pixels(images, (0, 1), "cpu") is first
    assert store_pixels(images, (0, 2), "cpu") is not first
    assert len(images.stores) == 1


@pytest.mark.gpu
@pytest.mark.parametrize("store", ["resident", "host"])
def test_batches_on_a_gpu_are_the_same_and_nothing_waits(store):
    one_by_one, together = loaders(store, device="cuda")
    assert_same(together.epoch(1), one_by_one.epoch(1))
    with waiting_is_an_error():
        batches = list(together.epoch(2))
    assert all(part.device.type == "cuda" for batch in batches for part in batch)
    assert_same(batches, one_by_one.epoch(2))


class Large(Noise):
    """Images whose headers claim 100 megapixels; how many are decoded at the same time is counted."""

    sizes = [(10_000, 10_000)] * len(SHAPES)

    def __init__(self):
        super().__init__()
        self.now = self.most = 0
        self.lock = threading.Lock()

    def read(self, index):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self.lock:
            self.now -= 1
        return self.pairs[index]


def test_few_large_images_are_decoded_at_the_same_time(monkeypatch):
    for module in ("threads", "loading.pixel_store"):
        monkeypatch.setattr(f"segarena.{module}.count_cores", lambda: 16)
    everything, limit = range(7), at_a_time(10_000 * 10_000, 16)
    assert limit == 2
    source = Large()
    images = DecodedImages(source, everything, limit_bytes=0)
    augmentation = Augmentation(32, (32, 40), seed=3)
    plans = [augmentation.plan(*shape, None, epoch=1, index=index) for index, shape in enumerate(SHAPES)]
    HostPixels(images, everything, pin_memory=False).gather(everything, plans)
    assert source.most == limit
    for read in (
        lambda: DecodedImages(source, everything, limit_bytes=1e9),
        lambda: list(evaluation_loader(EvaluationSet(images, everything, 32), batch_size=4, workers=0)),
        lambda: hash_contents(images.pair, everything, pixels=images.most_pixels(everything)),
    ):
        source.most = 0
        read()
        assert 0 < source.most <= limit


def test_the_thread_selects_the_gpu_that_is_named(monkeypatch):
    selected = []
    monkeypatch.setattr(torch.cuda, "set_device", selected.append)
    for device in ("cpu", "cuda", "cuda:1"):
        images = DecodedImages(Noise(), range(7), limit_bytes=1e9)
        augmentation = Augmentation(32, (32, 40), seed=3)
        store = HostPixels(images, range(7), pin_memory=False)
        loader = DeviceLoader(images, range(7), augmentation, store, batch_size=3, seed=3, device=device)
        loader._thread.submit(int).result()
    assert selected == [1]
