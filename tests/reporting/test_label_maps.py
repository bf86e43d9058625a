"""The scored images and their labels in ZIP files: written whole, read back to the pixel, damage named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segarena.classes import name_classes
from segarena.errors import RunError
from segarena.reporting import label_maps
from segarena.reporting.label_maps import (
    Pictures,
    decode_labels,
    encode_labels,
    encode_photo,
    kept_names,
    writing_pictures,
)
from support import refuses

PALETTE = name_classes(range(3), ["sea", "land", "road"]).palette()


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.integers(0, 255)))
def test_labels_come_back_to_the_pixel(labels: np.ndarray) -> None:
    assert np.array_equal(decode_labels(encode_labels(labels, PALETTE)), labels)


def test_larger_labels_are_reduced_to_some_of_their_own() -> None:
    four = np.array([[0, 1], [2, 255]], dtype=np.uint8)
    labels = np.kron(four, np.ones((60, 100), dtype=np.uint8))
    small = decode_labels(encode_labels(labels, PALETTE, longest=20))
    assert small.shape == (12, 20)
    assert np.array_equal(
        small, np.kron(np.array([[0, 1], [2, 255]], dtype=np.uint8), np.ones((6, 10), dtype=np.uint8))
    )


@pytest.mark.parametrize(("total", "most", "expected"), [(3, 5, [0, 1, 2]), (9, 3, [0, 4, 8]), (5, 5, [0, 1, 2, 3, 4])])
def test_of_too_many_images_evenly_spaced_ones_are_kept(
    monkeypatch, total: int, most: int, expected: list[int]
) -> None:
    monkeypatch.setattr(label_maps, "MOST_IMAGES", most)
    assert kept_names([str(number) for number in range(total)]) == [str(number) for number in expected]


def test_pictures_of_folds_are_one(tmp_path) -> None:
    maps = {f"drive/{name}": np.full((4, 6), place, dtype=np.uint8) for place, name in enumerate("ab")}
    paths = [tmp_path / f"fold{place}.zip" for place in range(2)]
    for path, (name, labels) in zip(paths, maps.items(), strict=True):
        with writing_pictures(path) as writer:
            writer.add(f"{name}.png", encode_labels(labels, PALETTE))
    found = Pictures(paths)
    assert found.names == list(maps)
    assert all(np.array_equal(found.labels(name), labels) for name, labels in maps.items())
    assert found.size == sum(len(encode_labels(labels, PALETTE)) for labels in maps.values())


def test_a_file_whose_writing_fails_is_not_there(tmp_path) -> None:
    with pytest.raises(KeyError), writing_pictures(tmp_path / "some.zip") as writer:
        writer.add("a.png", b"")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PK no zip"])
def test_a_damaged_file_is_named(tmp_path, content: bytes) -> None:
    path = tmp_path / "pictures.zip"
    path.write_bytes(content)
    with refuses(RunError, where=path):
        Pictures([path])


@pytest.mark.parametrize("content", [b"no png", encode_photo(np.zeros((4, 4, 3), np.uint8))])
def test_damaged_labels_are_named(tmp_path, content: bytes) -> None:
    path = tmp_path / "predictions.zip"
    with writing_pictures(path) as writer:
        writer.add("a.png", content)
    with refuses(RunError, where=path, value="a.png"):
        Pictures([path]).labels("a")
