"""The folders that --images and --masks name: they override whatever would be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from layout_zoo import found, refuse_to_list, touch
from segarena.data.layout.layout import find_pairs
from segarena.errors import DataError


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"masks": "annotations"}, ("images/1.jpg", "annotations/1.png")),
        ({"masks": "masks"}, ("images/1.jpg", "masks/1.png")),
        ({"masks": "predictions"}, ("images/1.jpg", "predictions/1.png")),
        ({"masks": "odd name/here"}, ("images/1.jpg", "odd name/here/1.png")),
        ({"masks": "here"}, ("images/1.jpg", "odd name/here/1.png")),
        ({"masks": "masks", "images": "photos"}, ("photos/1.jpg", "masks/1.png")),
        ({"masks": "images", "images": "masks"}, ("masks/1.png", "images/1.jpg")),
        ({"masks": "annotations", "images": "./images"}, ("images/1.jpg", "annotations/1.png")),
    ],
)
def test_a_named_folder_overrides_the_search(
    options: dict[str, str], expected: tuple[str, str], tmp_path: Path
) -> None:
    touch(tmp_path, "images/1.jpg", "annotations/1.png", "masks/1.png", "predictions/1.png", "odd name/here/1.png")
    if "images" in options:
        touch(tmp_path, "photos/1.jpg")
    layout = find_pairs(tmp_path, **{key: Path(value) for key, value in options.items()})
    assert found(layout, tmp_path) == [(None, *expected)]


def test_a_name_alone_chooses_among_folders_of_several_places(tmp_path: Path) -> None:
    for folder, ending in (("images", "_{}.tif"), ("1st_manual", "_manual1.gif"), ("mask", "_{}_mask.gif")):
        for split in ("training", "test"):
            touch(tmp_path, *(f"{split}/{folder}/{n}{ending.format(split)}" for n in (21, 22)))
    with pytest.raises(DataError, match=r"\*/1st_manual/ and \*/mask/.*--masks 1st_manual or --masks mask"):
        find_pairs(tmp_path)
    layout = find_pairs(tmp_path, masks=Path("1st_manual"))
    assert found(layout, tmp_path) == [
        (split, f"{folder}/images/{n}_{folder}.tif", f"{folder}/1st_manual/{n}_manual1.gif")
        for split, folder in (("train", "training"), ("test", "test"))
        for n in (21, 22)
    ]


def test_a_name_with_a_star_chooses_among_folders_with_the_split_in_their_name(tmp_path: Path) -> None:
    folders = ("{}", "{}annot", "{}_labels")
    touch(tmp_path, *(f"{folder.format(split)}/{split}.png" for split in ("train", "val") for folder in folders))
    with pytest.raises(DataError, match=r'\*_labels/ and \*annot/.*--masks "\*_labels" or --masks "\*annot"'):
        find_pairs(tmp_path)
    layout = find_pairs(tmp_path, masks=Path("*annot"))
    assert found(layout, tmp_path) == [(s, f"{s}/{s}.png", f"{s}annot/{s}.png") for s in ("train", "val")]


def test_a_named_folder_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "data/images/1.jpg", "data/images/2.jpg", "tools/export/1.png")
    monkeypatch.chdir(tmp_path)
    here = find_pairs(Path("data"), masks=Path("tools/export"))
    absolute = find_pairs(tmp_path / "data", masks=tmp_path / "tools/export")
    beside = find_pairs(Path("data/images"), images=Path(), masks=Path("../../tools/export"))
    for layout in (here, absolute, beside):
        assert [(s.name, s.mask.name if s.mask else "") for s in layout.samples] == [("1", "1.png")]
        assert [path.name for path in layout.images_without_mask] == ["2.jpg"]


def test_a_path_from_the_current_folder_into_the_data_keeps_the_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, *(f"data/{kind}/{s}/{s}.png" for kind in ("images", "gt", "masks") for s in ("train", "val")))
    monkeypatch.chdir(tmp_path)
    layout = find_pairs(Path("data"), masks=Path("data/gt"))
    assert [(s.split, s.mask) for s in layout.samples] == [(s, Path(f"data/gt/{s}/{s}.png")) for s in ("train", "val")]


def test_named_folders_are_not_in_need_of_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "x/1.jpg", "y/1.png", "locked/1.png")
    refuse_to_list(monkeypatch, "locked")
    assert len(find_pairs(tmp_path, images=Path("x"), masks=Path("y")).samples) == 1


def test_one_folder_named_for_both_is_sorted_by_the_files(tmp_path: Path) -> None:
    touch(tmp_path, "all/a.jpg", "all/a_mask.png", "images/a.jpg", "masks/a.png")
    layout = find_pairs(tmp_path, images=Path("all"), masks=Path("all"))
    assert found(layout, tmp_path) == [(None, "all/a.jpg", "all/a_mask.png")]
