"""A file is decoded once, and its copies never; a cache that is damaged, full or not writable changes nothing."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawings import label_map, paint, save_all
from segarena.image_files import cache, image_facts, mask_facts, sample_files
from segarena.image_files.cache import FactCache, cache_folder
from segarena.image_files.mask_facts import MaskFacts, read_mask_facts
from segarena.image_files.sample_files import SampleFiles, read_samples


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SEGARENA_CACHE", str(folder))
    return folder


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are decoded for the cache."""
    seen: list[Path] = []
    for name in ("_IMAGES", "_MASKS"):
        decoder = getattr(sample_files, name)

        def decode(path: Path, content: bytes, real=decoder.decode) -> object:  # type: ignore[no-untyped-def]
            seen.append(path)
            return real(path, content)

        monkeypatch.setattr(sample_files, name, decoder._replace(decode=decode))
    return seen


def write_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Three images and their masks of 0, 1, 2."""
    labels = [label_map(seed, 3) for seed in range(3)]
    folder.mkdir(exist_ok=True)
    images = save_all(folder / "images", [paint(one, [(9, 9, 9), (80, 1, 2), (3, 4, 200)]) for one in labels], "jpg")
    return list(zip(images, save_all(folder / "masks", [paint(one, (0, 1, 2)) for one in labels]), strict=True))


def facts(pairs: list[tuple[Path, Path]]) -> list[bytes]:
    """All that was found in the files."""
    found: list[SampleFiles] = list(read_samples(pairs))
    return [file.checked().to_bytes() for image, mask, _ in found for file in (image, mask)]


def add(kind: str, key: str, content: bytes) -> None:
    with FactCache() as cache:
        cache.add(kind, key, content)


def get(*keys: str, kind: str = "a") -> list[bytes | None]:
    with FactCache() as cache:
        return [cache.get(kind, key) for key in keys]


def test_what_was_added_is_found_by_kind_and_key() -> None:
    assert get("1") == [None]
    add("a", "1", b"one")
    add("a", "2", b"two" * 2000)
    add("b", "1", b"other")
    assert get("1", "2", "3") == [b"one", b"two" * 2000, None]
    add("a", "1", b"new")
    assert get("1") == [b"new"]
    assert get("1", kind="b") == [b"other"]


def test_a_file_is_decoded_once_wherever_its_copies_are(tmp_path: Path, decoded: list[Path]) -> None:
    pairs = write_pairs(tmp_path / "data")
    first = facts(pairs)
    assert sorted(decoded) == sorted(path for pair in pairs for path in pair)
    decoded.clear()
    shutil.copytree(tmp_path / "data", tmp_path / "elsewhere" / "Kopie ü")
    copies = [
        (tmp_path / "elsewhere/Kopie ü/images" / image.name, tmp_path / "elsewhere/Kopie ü/masks" / mask.name)
        for image, mask in pairs
    ]
    assert facts(copies) == facts(pairs) == first
    assert decoded == []


def test_a_changed_file_is_decoded_again(tmp_path: Path, decoded: list[Path]) -> None:
    pairs = write_pairs(tmp_path)
    facts(pairs)
    decoded.clear()
    paint(label_map(0, 3), (0, 1, 7)).save(pairs[1][1])
    assert list(read_samples(pairs))[1].mask.checked().values.tolist() == [0, 1, 7]
    assert decoded == [pairs[1][1]]


@pytest.mark.parametrize("damage", [b"", b"nonsense" * 1000, None])
def test_a_damaged_cache_is_replaced(tmp_path: Path, store: Path, decoded: list[Path], damage: bytes | None) -> None:
    pairs = write_pairs(tmp_path)
    expected = facts(pairs)
    decoded.clear()
    file = store / "facts.sqlite"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 3] + b"\xff" * 5000 if damage is None else damage)
    assert facts(pairs) == facts(pairs) == expected
    assert len(decoded) == 6, "not kept again"


def test_a_damaged_entry_is_computed_again(tmp_path: Path, store: Path) -> None:
    pairs = write_pairs(tmp_path)
    expected = facts(pairs)
    with sqlite3.connect(store / "facts.sqlite") as database:
        database.execute("UPDATE facts SET content = substr(content, 1, 20)")
    database.close()
    assert facts(pairs) == expected


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]\n", b"\x93NUMPY", b"null\n[]\n"])
def test_facts_in_another_form_are_computed_again(tmp_path: Path, content: bytes) -> None:
    pairs = write_pairs(tmp_path)
    expected = facts(pairs)
    with FactCache() as cache:
        for image, mask, _ in read_samples(pairs):
            cache.add(image_facts.KIND, image.sha256, content)
            cache.add(mask_facts.KIND, mask.sha256, content)
    assert facts(pairs) == expected


def test_a_cache_that_cannot_be_written_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEGARENA_CACHE", str(tmp_path / "file" / "inside"))
    assert len(facts(write_pairs(tmp_path))) == 6
    add("a", "1", b"one")
    assert get("1") == [None]


def test_a_locked_cache_is_waited_for_once_and_kept(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add("a", "1", b"one")
    monkeypatch.setattr(cache, "_PATIENCE", 0.05)
    other = sqlite3.connect(store / "facts.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    add("a", "2", b"two")
    assert get(*["1"] * 100) == [None] * 100, "and this did not take 100 times as long"
    other.execute("ROLLBACK")
    other.close()
    assert get("1", "2") == [b"one", None]


def test_a_cache_that_grew_too_large_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    add("a", "1", b"one")
    monkeypatch.setattr(cache, "LIMIT", 100)
    add("a", "2", b"two")
    assert get("1", "2") == [None, b"two"]


def test_pictures_and_crowds_of_colours_do_not_fill_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_facts, "_MOST_KEPT", 100)
    noise = np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)
    masks = save_all(tmp_path, [paint(label_map(0, 2), [(0, 0, 0), (255, 0, 0)]), Image.fromarray(noise)], "jpg")
    found = [mask for _, mask, _ in read_samples([(mask, mask) for mask in masks])]
    assert all(mask.facts is not None and not mask.facts.is_worth_keeping for mask in found)
    for mask in found:
        assert get(mask.sha256, kind=mask_facts.KIND) == [None]
        assert get(mask.sha256, kind=image_facts.KIND) != [None]


def test_the_folder_is_the_users_own_choice_then_xdg_then_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("SEGARENA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "segarena"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "segarena"


def test_facts_survive_the_cache(tmp_path: Path) -> None:
    indexed = Image.fromarray(label_map(0, 3))
    indexed.putpalette([1, 2, 3, 4, 5, 6, 7, 8, 9])
    images = [indexed, paint(label_map(1, 3), (0, 9, 255)), paint(label_map(2, 2), [(0, 0, 0), (255, 0, 0)])]
    for path in save_all(tmp_path / "masks", images):
        known = read_mask_facts(path)
        again = MaskFacts.from_bytes(known.to_bytes())
        for name in vars(known):
            np.testing.assert_array_equal(getattr(again, name), getattr(known, name), err_msg=name)
