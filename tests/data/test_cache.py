"""What is known of a file is known of its copies; a cache that is damaged, full or forbidden changes nothing."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawings import label_map, paint, save_all
from segarena.data.encoding import infer as scan
from segarena.data.encoding import value_counts as facts
from segarena.data.encoding.infer import infer_encoding
from segarena.data.files import cache
from segarena.data.files.cache import cache_folder, recall, remember


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SEGARENA_CACHE", str(folder))
    return folder


def masks(folder: Path) -> list[Path]:
    return save_all(folder, [paint(label_map(seed, 3), (0, 1, 2)) for seed in range(3)])


def count_decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    seen: list[Path] = []

    def read(path: Path, content: bytes | None = None) -> facts.MaskFacts:
        seen.append(path)
        return facts.look_at(facts.read_plane(path, content))

    monkeypatch.setattr(facts, "read_facts", read)
    return seen


def test_what_is_remembered_is_recalled_by_kind_and_key() -> None:
    assert recall("a", ["1"]) == {}
    remember("a", {"1": b"one", "2": b"two" * 1000})
    remember("b", {"1": b"other"})
    assert recall("a", ["1", "2", "3"]) == {"1": b"one", "2": b"two" * 1000}
    remember("a", {"1": b"new"})
    assert recall("a", ["1"]) == {"1": b"new"}


def test_thousands_of_keys_are_asked_for_at_once() -> None:
    contents = {str(number): bytes([number % 256]) for number in range(2500)}
    remember("a", contents)
    assert recall("a", list(contents)) == contents


def test_a_mask_is_decoded_once_wherever_its_copies_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = count_decoded(monkeypatch)
    paths = masks(tmp_path / "masks")
    first = infer_encoding(paths)
    assert len(seen) == 3
    shutil.copytree(tmp_path / "masks", tmp_path / "elsewhere" / "Kopie ü")
    second = infer_encoding([tmp_path / "elsewhere" / "Kopie ü" / path.name for path in paths])
    assert len(seen) == 3
    assert second.encoding == first.encoding
    np.testing.assert_array_equal(second.pixels, first.pixels)


def test_a_changed_mask_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = masks(tmp_path / "masks")
    infer_encoding(paths)
    seen = count_decoded(monkeypatch)
    paint(label_map(0, 3), (0, 1, 7)).save(paths[1])
    assert infer_encoding(paths).encoding.classes.num_classes == 4
    assert seen == [paths[1]]


@pytest.mark.parametrize("damage", [b"", b"nonsense" * 1000, None])
def test_a_damaged_cache_is_replaced(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    paths = masks(tmp_path / "masks")
    expected = infer_encoding(paths)
    file = store / "facts.sqlite"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 3] + b"\xff" * 5000 if damage is None else damage)
    seen = count_decoded(monkeypatch)
    for _ in range(2):
        np.testing.assert_array_equal(infer_encoding(paths).pixels, expected.pixels)
    assert len(seen) == 3, "not remembered again"


def test_a_damaged_entry_is_computed_again(tmp_path: Path, store: Path) -> None:
    paths = masks(tmp_path / "masks")
    expected = infer_encoding(paths)
    with sqlite3.connect(store / "facts.sqlite") as database:
        database.execute("UPDATE facts SET content = substr(content, 1, 20)")
    database.close()
    np.testing.assert_array_equal(infer_encoding(paths).pixels, expected.pixels)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEGARENA_CACHE", str(tmp_path / "file" / "inside"))
    assert infer_encoding(masks(tmp_path / "masks")).encoding.classes.num_classes == 3
    remember("a", {"1": b"one"})
    assert recall("a", ["1"]) == {}


def test_a_cache_that_another_process_holds_is_not_waited_for_long_and_not_removed(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember("a", {"1": b"one"})
    monkeypatch.setattr(cache, "_PATIENCE", 0.05)
    other = sqlite3.connect(store / "facts.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    remember("a", {"2": b"two"})
    assert recall("a", ["1"]) == {}
    other.execute("ROLLBACK")
    other.close()
    assert recall("a", ["1", "2"]) == {"1": b"one"}


def test_a_cache_that_grew_too_large_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    remember("a", {"1": b"one"})
    monkeypatch.setattr(cache, "LIMIT", 100)
    remember("a", {"2": b"two"})
    assert recall("a", ["1", "2"]) == {"2": b"two"}


def test_photographs_and_crowds_of_colours_do_not_fill_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    monkeypatch.setattr(scan, "_WORTH_KEEPING", 100)
    paths = save_all(tmp_path / "jpegs", [paint(label_map(0, 2), [(0, 0, 0), (255, 0, 0)])], "jpg")
    assert infer_encoding(paths).encoding.classes.num_classes == 2
    assert not store.exists()


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
        known = facts.read_facts(path)
        again = facts.MaskFacts.from_bytes(known.to_bytes())
        for name in vars(known):
            np.testing.assert_array_equal(getattr(again, name), getattr(known, name), err_msg=name)
