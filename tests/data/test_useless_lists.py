"""Files named as lists of splits that give none: broken links, digits, columns of other things, no labelled image."""

from __future__ import annotations

from pathlib import Path

import pytest

from layout_zoo import splits, touch, write_lists
from segarena.data.layout.layout import find_pairs
from support import refuses


def write_data(root: Path, lists: dict[str, str]) -> Path:
    touch(root, *(f"images/{name}.jpg" for name in "abcd"), *(f"masks/{name}_mask.png" for name in "abcd"))
    return write_lists(root, lists)


def test_a_list_that_is_a_broken_link_is_refused_and_another_file_is_not(tmp_path: Path) -> None:
    write_data(tmp_path, {"notes.csv": "image,score\na,1"})
    (tmp_path / "scores.csv").symlink_to("gone.csv")
    (tmp_path / "notes.txt").symlink_to("gone.txt")
    assert splits(find_pairs(tmp_path)) == dict.fromkeys("abcd")
    for name in ("train.txt", "train.json"):
        (tmp_path / name).symlink_to("gone")
        with refuses(where=tmp_path / name, value="a link"):
            find_pairs(tmp_path)
        (tmp_path / name).unlink()


@pytest.mark.parametrize("text", ["1" * 5000, "# all of it\n'"], ids=["digits", "a quotation mark"])
def test_a_list_without_names_of_any_kind_is_ignored(text: str, tmp_path: Path) -> None:
    layout = find_pairs(write_data(tmp_path, {"train.txt": text}))
    assert "train.txt ignored" in layout.sentence


def test_a_column_without_a_name_is_no_split_for_one_word_alone(tmp_path: Path) -> None:
    """A column that pandas wrote for its index has no name; all images but two would be left out."""
    write_data(tmp_path, {"scores.csv": ",image,score\ntrain,a,1\ntrain,b,2\n"})
    assert splits(find_pairs(tmp_path)) == dict.fromkeys("abcd")


def test_a_list_of_nothing_but_images_without_masks_is_refused(tmp_path: Path) -> None:
    write_data(tmp_path, {"train.txt": "e\nf\n"})
    touch(tmp_path, "images/e.jpg", "images/f.jpg")
    with refuses(where=tmp_path / "train.txt", value="4 images"):
        find_pairs(tmp_path)
