"""Processes that load images: what they are given, how many there are, and what Ctrl-C does to them."""

import multiprocessing
import os
import pickle
import signal
import time
from multiprocessing.reduction import ForkingPickler
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from segarena.errors import ConfigError
from segarena.experiment import training_task
from segarena.loading import processes
from segarena.loading.dataset import TrainingLoader, TrainingSet
from segarena.loading.decoded import DecodedImages
from segarena.loading.processes import Loader, affordable_workers
from segarena.loading.transforms import Augmentation
from support import refuses


class Noise:
    def read(self, index):
        random = np.random.default_rng(index)
        return random.integers(0, 256, (200, 300, 3), dtype=np.uint8), random.integers(0, 4, (200, 300), dtype=np.uint8)


def test_a_process_that_is_not_forked_is_given_no_copy_of_the_pixels():
    images = DecodedImages(Noise(), range(10), limit_bytes=9 * 200 * 300 * 4)
    before = {index: images.pair(index) for index in range(10)}
    dataset = TrainingSet(images, range(10), Augmentation(32, (32, 32), 0))
    for _ in range(2):
        sent = ForkingPickler.dumps(dataset)
        assert len(sent) < 20_000 < images.bytes
    there = pickle.loads(sent)
    assert there.images.kept.keys() == images.kept.keys() == set(range(9))
    for index in range(10):
        for found, here, expected in zip(there.images.pair(index), images.pair(index), before[index], strict=True):
            assert np.array_equal(found, expected)
            assert np.array_equal(here, expected)
    there.images.kept[0][0][0, 0] = 77  # it is the same memory
    assert (images.kept[0][0][0, 0] == 77).all()
    assert all(torch.equal(*parts) for parts in zip(there[1, 3], dataset[1, 3], strict=True))


def test_nothing_is_shared_where_nothing_is_kept():
    images = DecodedImages(Noise(), range(3), limit_bytes=0)
    assert pickle.loads(ForkingPickler.dumps(images)).kept == {}


@pytest.mark.parametrize(
    ("free", "batch_bytes", "expected"),
    [(10**9, 10**6, 8), (64 * 10**6, 4 * 10**6, 4), (10**6, 10**6, 0), (10**9, 0, 8)],
)
def test_few_processes_where_there_is_little_shared_memory(free, batch_bytes, expected, monkeypatch):
    monkeypatch.setattr(processes, "free_disk", lambda place: free)
    assert affordable_workers(8, batch_bytes) == expected


def test_a_system_without_that_folder_has_no_limit(tmp_path):
    assert affordable_workers(8, 10**12, tmp_path / "shm") == 8


def test_a_loader_uses_as_many_as_it_can(monkeypatch):
    monkeypatch.setattr(processes, "free_disk", lambda place: 40_000)
    dataset = TrainingSet(DecodedImages(Noise(), range(4), limit_bytes=0), range(4), Augmentation(32, (32, 32), 0))
    loader = TrainingLoader(dataset, batch_size=2, seed=0, workers=8, pin_memory=False)
    assert loader.ahead == 2  # of one process: a batch takes 8 kB, and each has three


class Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, item):
        time.sleep(0.1)
        return os.getpid()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_all_processes_get_does_not_end_the_workers(number):
    numbers = []
    for pid, *_ in Loader(Slow(), list, 1, batch_size=1):
        if not numbers:
            os.kill(pid, number)
        numbers.append(pid)
    assert len(numbers) == 4
    assert len(set(numbers)) == 1


def test_trainings_side_by_side_divide_the_shared_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "free_disk", lambda place: 64 * 10**6)
    found = []

    def train(*_, **__):
        found.append(affordable_workers(8, 4 * 10**6))

    monkeypatch.setattr(training_task, "train_run", train)
    training = SimpleNamespace(folder=tmp_path / "run", protocol=SimpleNamespace(threads=0))
    for number in (1, 2, 1):
        training_task.TrainingTask(training, None, number)(SimpleNamespace(should_stop=bool))
    assert found == [4, 2, 4]


def test_images_that_do_not_fit_into_the_shared_memory_are_refused(monkeypatch):
    images = DecodedImages(Noise(), range(3), limit_bytes=10**9)
    monkeypatch.setattr(processes, "free_disk", lambda place: images.bytes - 1)
    with refuses(ConfigError, where="--jobs", value=str(processes.SHARED_MEMORY)):
        ForkingPickler.dumps(images)
    monkeypatch.setattr(processes, "free_disk", lambda place: 2 * images.bytes)
    assert pickle.loads(ForkingPickler.dumps(images)).kept.keys() == {0, 1, 2}


class Hanging(Slow):
    def __getitem__(self, item):
        if item == 1:  # which is asked for before the first has arrived
            time.sleep(600)
        return os.getpid()


@pytest.mark.parametrize("dataset", [Slow(), Hanging()])
def test_a_closed_loader_has_no_workers_and_begins_with_new_ones(dataset, monkeypatch):
    monkeypatch.setattr(torch.utils.data._utils, "MP_STATUS_CHECK_INTERVAL", 0.2)  # it waits so long for one that hangs
    loader = Loader(dataset, list, 1, batch_size=1)
    first = next(iter(loader))[0]
    assert [process.pid for process in multiprocessing.active_children()] == [first]
    loader.close()
    loader.close()
    assert multiprocessing.active_children() == []
    second = next(iter(loader))[0]
    assert second not in (first, os.getpid())
    loader.close()
    assert multiprocessing.active_children() == []
