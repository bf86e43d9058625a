"""The folder that a conversion writes: complete, never over something, gone where it was stopped half-way."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from annotated import draw, read_back, write_image
from segarena.data.converters.annotations import Annotations, LabelledImage, make_classes
from segarena.data.converters.image_index import ImageFiles, split_of, walk
from segarena.data.converters.rasterize import Malformed
from segarena.data.converters.write import write_annotations
from segarena.data.folder import FolderSource
from segarena.data.source import Split
from segarena.errors import DataError, RunError

ROWS = ["..1", "x21"]


def labelled(root: Path, name: str, split: Split | None = None) -> LabelledImage:
    path = root / f"{name}.png"
    if not path.exists():
        write_image(path, size=(3, 2), seed=len(name))
    return LabelledImage(name, split, path, ".png", lambda: draw(ROWS))


def annotate(*images: LabelledImage) -> Annotations:
    return Annotations(make_classes(["car", "Straße"], where="test")[0], images)


def test_the_folder_is_complete_and_reads_back_to_the_same_labels(tmp_path: Path) -> None:
    images = [labelled(tmp_path / "in", "Straße 1", "train"), labelled(tmp_path / "in", "b", "test")]
    heard: list[tuple[int, int]] = []
    write_annotations(tmp_path / "out", annotate(*images), lambda done, total: heard.append((done, total)))
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    source = FolderSource(tmp_path / "out")
    assert read_back(source) == {"train/Straße 1": ROWS, "test/b": ROWS}
    assert source.classes.names == ("background", "car", "Straße")
    with Image.open(tmp_path / "out/masks/test/b.png") as mask:
        assert mask.mode == "P"
        assert tuple(mask.getpalette()[3:6]) == source.classes.colors[1]
    assert heard == [(1, 2), (2, 2)]
    with (tmp_path / "out/classes.yaml").open(encoding="utf-8") as stream:
        assert [entry["value"] for entry in yaml.safe_load(stream)["classes"]] == [0, 1, 2]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    content = annotate(labelled(tmp_path / "in", "a"))
    write_annotations(tmp_path / "out", content)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    for taken in (tmp_path / "out", tmp_path / "in/a.png"):
        with pytest.raises(RunError, match="not an empty folder"):
            write_annotations(taken, content)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_half_a_data_set_is_not_left_behind(stop: type[BaseException], tmp_path: Path) -> None:
    def fail() -> np.ndarray:
        raise stop

    images = [labelled(tmp_path / "in", "a"), labelled(tmp_path / "in", "b")]
    images[1] = LabelledImage("b", None, images[1].image, ".png", fail)
    with pytest.raises(stop):
        write_annotations(tmp_path / "out", annotate(*images))
    assert not list((tmp_path / "out").iterdir())


def test_an_image_that_goes_away_is_named(tmp_path: Path) -> None:
    content = annotate(labelled(tmp_path / "in", "a"))
    (tmp_path / "in/a.png").unlink()
    with pytest.raises(DataError, match=r"in/a\.png: cannot be read"):
        write_annotations(tmp_path / "out", content)


def test_names_that_differ_only_by_case_get_their_folders_in_front(tmp_path: Path) -> None:
    write_annotations(tmp_path / "out", annotate(labelled(tmp_path / "in", "x/a"), labelled(tmp_path / "in", "y/A")))
    assert sorted(path.name for path in (tmp_path / "out/images").iterdir()) == ["x__a.png", "y__A.png"]


def test_names_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two images would be called"):
        write_annotations(
            tmp_path / "out", annotate(labelled(tmp_path, "x/a"), labelled(tmp_path, "x__a"), labelled(tmp_path, "X/a"))
        )


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    first, second = labelled(tmp_path / "in", "a"), labelled(tmp_path / "in", "b")
    images = [
        LabelledImage("../../evil", None, first.image, ".png", first.labels),
        LabelledImage("../evil", None, second.image, ".png", second.labels),
    ]
    write_annotations(tmp_path / "out", annotate(*images))
    assert sorted(path.name for path in (tmp_path / "out/images").iterdir()) == ["______evil.png", "___evil.png"]
    assert not list(tmp_path.glob("*evil*"))


def test_images_of_a_split_beside_images_of_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="b belongs to no split"):
        write_annotations(tmp_path / "out", annotate(labelled(tmp_path, "a", "train"), labelled(tmp_path, "b")))


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("instances_train2017.json", "train"),
        ("annotations/instances_val2017.json", "val"),
        ("valid/_annotations.coco.json", "val"),
        ("stage1_test/labels.json", "test"),
        ("train.coco.json", "train"),
        ("trainval.json", None),
        ("train/val.json", "val"),
        ("labels.json", None),
        ("contest/training.json", "train"),
        ("restrained/labels.json", None),
    ],
)
def test_a_split_is_in_the_name_of_the_file_or_else_of_a_folder(path: str, split: Split | None) -> None:
    assert split_of(Path(path)) == split


def test_the_image_of_another_split_is_never_taken(tmp_path: Path) -> None:
    write_image(tmp_path / "val" / "0001.png")
    with pytest.raises(Malformed, match=r"'train/0001\.png' is not below"):
        ImageFiles(tmp_path).find("train/0001.png", "train")


def test_two_images_that_could_be_meant_are_both_named(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        write_image(tmp_path / folder / "a.png")
    with pytest.raises(Malformed, match=r"x/a\.png or .*y/a\.png"):
        ImageFiles(tmp_path).find("a.png")


def test_links_are_followed_once_and_hidden_files_passed_over(tmp_path: Path) -> None:
    write_image(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/images").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/loop").symlink_to(tmp_path / "data")
    write_image(tmp_path / "data/.hidden/b.png")
    write_image(tmp_path / "data/__MACOSX/c.png")
    assert [path.name for path in walk(tmp_path / "data", [".png"])] == ["a.png"]


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: object) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=f"{tmp_path}: cannot be listed .Permission denied"):
        list(walk(tmp_path, [".png"]))
