"""Decoded images on disk: the same pixels, within a limit, whatever happens to the files."""

import multiprocessing
import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from segarena.loading import disk_cache
from segarena.loading.decoded import DecodedImages
from segarena.loading.disk_cache import PART, RETRY, DiskCache

SIZE = 32 + 4 * 20 * 30


def pair(number, shape=(20, 30)):
    random = np.random.default_rng(number)
    return random.integers(0, 256, (*shape, 3), dtype=np.uint8), random.integers(0, 256, shape, dtype=np.uint8)


def recall(cache, number, decoded=None, shape=(20, 30)):
    """Recall an image of noise; its number is appended to `decoded` if it is decoded."""

    def decode():
        if decoded is not None:
            decoded.append(number)
        return pair(number, shape)

    found = cache.recall(f"{number:064x}", decode)
    for part, expected in zip(found, pair(number, shape), strict=True):
        assert np.array_equal(part, expected)
    return found


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("shape", [(20, 30), (1, 1), (7, 1)])
def test_an_image_is_decoded_once_for_all_processes(tmp_path, shape):
    decoded = []
    for cache in (DiskCache(tmp_path / "new" / "folder", 1e6), DiskCache(tmp_path / "new" / "folder", 1e6)):
        for _ in range(2):
            recall(cache, 3, decoded, shape)
    assert decoded == [3]
    assert len(files(tmp_path / "new" / "folder")) == 1


def test_who_changes_pixels_changes_no_file(tmp_path):
    cache = DiskCache(tmp_path, 1e6)
    recall(cache, 1)
    image, mask = recall(cache, 1)
    torch.from_numpy(image).zero_()
    mask[:] = 0
    recall(cache, 1)


def header(*numbers):
    """Another header: format with type and channels, height, width."""
    return lambda content: np.array([numbers[0] | disk_cache._FORMAT, *numbers[1:]], np.int64).tobytes() + content[24:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c[:100],
        lambda c: b"",
        lambda c: b"x" * len(c),
        lambda c: c[:-1] + b"?",
        header(3 << 48 | 3 << 32, 20, 30),
        header(0, -20, -30),
        header(0, 0, 30),
    ],
)
def test_a_damaged_file_is_decoded_again_and_replaced(tmp_path, damage):
    recall(DiskCache(tmp_path, 1e6), 1)
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    decoded = []
    cache = DiskCache(tmp_path, 1e6)
    for _ in range(2):
        recall(cache, 1, decoded)
    assert decoded == [1]
    assert path.read_bytes() == whole


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with a name")
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: path.symlink_to(path)])
def test_pipes_and_folders_are_not_entries(tmp_path, make):
    make(tmp_path / f"{1:064x}.pixels")
    decoded = []
    recall(DiskCache(tmp_path, 1e6), 1, decoded)
    assert decoded == [1]


def test_a_file_that_is_deleted_is_decoded_again_and_what_is_mapped_stays(tmp_path):
    cache, decoded = DiskCache(tmp_path, 1e6), []
    recall(cache, 1)
    image, _ = recall(cache, 1)
    [path] = tmp_path.iterdir()
    path.unlink()
    assert np.array_equal(image, pair(1)[0])
    recall(cache, 1, decoded)
    assert decoded == [1]
    assert path.exists()


def test_the_limit_holds_and_what_is_used_now_is_not_deleted(tmp_path):
    cache = DiskCache(tmp_path, 3.5 * SIZE)
    for number in range(6):
        recall(cache, number)
    assert len(files(tmp_path)) == 3
    decoded = []
    for number in range(6):
        recall(cache, number, decoded)
    assert decoded == [3, 4, 5]


def test_a_full_cache_is_tried_again_after_a_while(tmp_path, monkeypatch):
    cache, now = DiskCache(tmp_path, 3.5 * SIZE), time.monotonic()
    for number in range(4):
        recall(cache, number)
    for name in files(tmp_path):  # another process ends, or its files are removed
        (tmp_path / name).unlink()
    recall(cache, 4)
    assert files(tmp_path) == []
    monkeypatch.setattr(disk_cache.time, "monotonic", lambda: now + 2 * RETRY)
    decoded = []
    for number in (5, 6, 5):
        recall(cache, number, decoded)
    assert (len(files(tmp_path)), decoded) == (2, [5, 6])


def test_a_folder_that_can_be_written_again_is_used(tmp_path, monkeypatch):
    (tmp_path / "folder").write_text("a file")
    cache, now = DiskCache(tmp_path / "folder", 1e6), time.monotonic()
    recall(cache, 1)
    (tmp_path / "folder").unlink()
    monkeypatch.setattr(disk_cache.time, "monotonic", lambda: now + 2 * RETRY)
    recall(cache, 1)
    assert len(files(tmp_path / "folder")) == 1


def test_the_limit_is_one_for_all_processes_that_write(tmp_path):
    caches = [DiskCache(tmp_path, 32 * SIZE) for _ in range(4)]
    for number in range(120):
        recall(caches[number % 4], number)
    assert 32 <= len(files(tmp_path)) <= 32 * (1 + 4 * PART)


def test_the_least_recently_used_make_room(tmp_path):
    cache = DiskCache(tmp_path, 3.5 * SIZE)
    for number in range(3):
        recall(cache, number)
    names = files(tmp_path)
    for age, name in zip((9000, 5000, 7000), names, strict=True):
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    recall(DiskCache(tmp_path, 3.5 * SIZE), 7)
    assert len(files(tmp_path)) == 3
    assert names[0] not in files(tmp_path)
    decoded = []
    recall(DiskCache(tmp_path, 3.5 * SIZE), 1, decoded)
    assert decoded == []


def test_an_image_in_use_for_hours_is_not_deleted_for_others(tmp_path, monkeypatch):
    cache = DiskCache(tmp_path, 3.5 * SIZE)
    for _ in range(2):
        recall(cache, 1)
    now = time.monotonic()
    (path,) = tmp_path.iterdir()
    os.utime(path, (time.time() - 9000,) * 2)  # two and a half hours later
    monkeypatch.setattr(disk_cache.time, "monotonic", lambda: now + 9000)
    recall(cache, 1)
    for number in range(2, 6):
        recall(DiskCache(tmp_path, 3.5 * SIZE), number)
    decoded = []
    recall(DiskCache(tmp_path, 3.5 * SIZE), 1, decoded)
    assert decoded == []


def test_another_thread_finds_the_cache_full_meanwhile(tmp_path, monkeypatch):
    """While this one deletes what was not used for long."""
    for number in range(3):
        recall(DiskCache(tmp_path, 3.5 * SIZE), number)
    for name in files(tmp_path):
        os.utime(tmp_path / name, (time.time() - 9000,) * 2)
    cache, unlink = DiskCache(tmp_path, 3.5 * SIZE), Path.unlink

    def slow_unlink(path, **options):
        cache._rest()
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", slow_unlink)
    recall(cache, 7)
    assert len(files(tmp_path)) == 3


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    decoded, cache = [], DiskCache(tmp_path / "file" / "inside", 1e6)
    for _ in range(2):
        recall(cache, 1, decoded)
    assert decoded == [1, 1]


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path):
    for name, age in ((".ab-12-34", 100_000), (".cd-12-34", 100)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    recall(DiskCache(tmp_path, 1e6), 1)
    assert [name for name in files(tmp_path) if name.startswith(".")] == [".cd-12-34"]


def fill(folder):
    for number in range(12):
        recall(DiskCache(folder, 1e6), number)


def test_processes_that_write_at_once_do_not_disturb_each_other(tmp_path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=fill, args=(tmp_path,), daemon=True) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(files(tmp_path)) == 12
    fill(tmp_path)


class Files:
    """A source whose images have hashes."""

    decoding_digest = "ab"

    def __init__(self):
        self.reads = []

    def read(self, index):
        self.reads.append(index)
        return pair(index)

    def digest(self, index):
        return f"{index:02x}"


def test_images_beyond_the_memory_are_decoded_once(tmp_path):
    images = DecodedImages(Files(), range(5), limit_bytes=2.5 * SIZE)
    kept = set(images.kept)
    images.disk = DiskCache(tmp_path, 1e6)
    images.source.reads.clear()
    for _ in range(3):
        for index in range(5):
            for found, expected in zip(images.pair(index), pair(index), strict=True):
                assert np.array_equal(found, expected)
    assert images.source.reads == [index for index in range(5) if index not in kept]
    there = pickle.loads(pickle.dumps(images))
    assert np.array_equal(there.pair(4)[1], pair(4)[1])
    other = DecodedImages(Files(), range(5), limit_bytes=0)
    other.disk, other.source.decoding_digest = DiskCache(tmp_path, 1e6), "cd"  # other labels for the values in masks
    other.pair(4)
    assert other.source.reads == [4]
