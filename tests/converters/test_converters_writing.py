"""The folder that a conversion writes, and how the files below the source folder are found."""

from __future__ import annotations

import errno
import io
import os
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import yaml
from PIL import Image

from annotated import draw, read_back, write_image
from broken_folders import lock
from segarena.annotations import image_index
from segarena.annotations.annotations import Annotations, LabelledImage, Malformed, make_classes
from segarena.annotations.image_index import ImageFiles, split_of_file, walk
from segarena.annotations.write import write_annotations
from segarena.data.folder import FolderSource
from segarena.data.source import Split
from segarena.errors import DataError, RunError
from support import refuses

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
    progress: list[tuple[int, int]] = []
    write_annotations(tmp_path / "out", annotate(*images), lambda done, total: progress.append((done, total)))
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    source = FolderSource(tmp_path / "out")
    assert read_back(source) == {"train/Straße 1": ROWS, "test/b": ROWS}
    assert source.classes.names == ("background", "car", "Straße")
    with Image.open(tmp_path / "out/masks/test/b.png") as mask:
        assert mask.mode == "P"
        assert tuple(mask.getpalette()[3:6]) == source.classes.colors[1]
    assert progress == [(1, 2), (2, 2)]
    with (tmp_path / "out/classes.yaml").open(encoding="utf-8") as stream:
        written = yaml.safe_load(stream)["classes"]
    assert [entry["value"] for entry in written] == [0, 1, 2]
    assert [entry.get("background") for entry in written] == [True, None, None]


def test_a_folder_that_is_not_empty_is_refused_and_unchanged(tmp_path: Path) -> None:
    content = annotate(labelled(tmp_path / "in", "a"))
    write_annotations(tmp_path / "out", content)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    for taken in (tmp_path / "out", tmp_path / "in/a.png"):
        with refuses(RunError, where=taken):
            write_annotations(taken, content)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_nothing_is_left_if_writing_is_interrupted(stop: type[BaseException], tmp_path: Path) -> None:
    def fail() -> np.ndarray:
        raise stop

    images = [labelled(tmp_path / "in", "a"), replace(labelled(tmp_path / "in", "b"), labels=fail)]
    with pytest.raises(stop):
        write_annotations(tmp_path / "out", annotate(*images))
    assert not (tmp_path / "out").exists()


def test_an_image_that_disappears_is_named(tmp_path: Path) -> None:
    content = annotate(labelled(tmp_path / "in", "a"))
    (tmp_path / "in/a.png").unlink()
    with refuses(where=tmp_path / "in/a.png", value="No such file"):
        write_annotations(tmp_path / "out", content)


class Failing(io.BytesIO):
    """A file on a disk that fails after the first block."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(8)


def test_an_image_that_cannot_be_read_to_its_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = labelled(tmp_path / "in", "a")
    open_file = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, *how: Failing(bytes(99)) if path == image.image else open_file(path, *how)
    )
    with refuses(DataError, where=image.image, value=os.strerror(errno.EIO)):
        write_annotations(tmp_path / "out", annotate(image))
    assert not (tmp_path / "out").exists()


def test_names_that_differ_by_case_only_get_their_folders_in_front(tmp_path: Path) -> None:
    write_annotations(tmp_path / "out", annotate(labelled(tmp_path / "in", "x/a"), labelled(tmp_path / "in", "y/A")))
    assert sorted(path.name for path in (tmp_path / "out/images").iterdir()) == ["x__a.png", "y__A.png"]


@pytest.mark.parametrize(
    ("names", "splits", "value"),
    [("x/a x__a X/a", (None, None, None), "named x/a"), ("a b", ("train", None), "1 image (b) is in no split")],
)
def test_images_without_a_place_of_their_own_are_refused(
    names: str, splits: tuple[Split | None, ...], value: str, tmp_path: Path
) -> None:
    images = [labelled(tmp_path / "in", name, split) for name, split in zip(names.split(), splits, strict=True)]
    with refuses(value=value):
        write_annotations(tmp_path / "out", annotate(*images))


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    images = [
        replace(labelled(tmp_path / "in", "a"), name="../../evil"),
        replace(labelled(tmp_path / "in", "b"), name="../evil"),
    ]
    write_annotations(tmp_path / "out", annotate(*images))
    assert sorted(path.name for path in (tmp_path / "out/images").iterdir()) == ["______evil.png", "___evil.png"]
    assert not list(tmp_path.glob("*evil*"))


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
def test_a_split_is_in_the_name_of_a_file_or_else_of_a_folder(path: str, split: Split | None) -> None:
    assert split_of_file(Path(path)) == split


@pytest.mark.parametrize(
    ("split", "what"), [("test", r"'a\.png' is not below"), (None, r"train/a\.png or .*val/a\.png")]
)
def test_an_image_is_never_one_of_several_or_of_another_split(split: Split | None, what: str, tmp_path: Path) -> None:
    for folder in ("train", "val"):
        write_image(tmp_path / folder / "a.png")
    with pytest.raises(Malformed, match=what):
        ImageFiles(tmp_path).find("a.png", split)


def test_links_are_followed_once_and_hidden_files_skipped(tmp_path: Path) -> None:
    write_image(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/images").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/loop").symlink_to(tmp_path / "data")
    write_image(tmp_path / "data/.hidden/b.png")
    write_image(tmp_path / "data/__MACOSX/c.png")
    assert [path.name for path in walk(tmp_path / "data", [".png"])] == ["a.png"]


def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "locked" / "a.png")
    lock(monkeypatch, "locked")
    with refuses(where=str(tmp_path / "locked"), value="Permission denied"):
        list(walk(tmp_path, [".png"]))


def test_an_image_is_found_however_its_letters_are_composed(tmp_path: Path) -> None:
    """A name that an archive of macOS has, and one that a tool wrote elsewhere: they look the same."""
    composed, decomposed = (normalize(form, "Zürich/é.png") for form in ("NFC", "NFD"))
    for name, other in ((composed, decomposed), (decomposed, composed)):
        path = tmp_path / normalize("NFC", name[:1]) / str(len(name)) / name
        write_image(path, size=(3, 2))
        files = ImageFiles(path.parents[1])
        assert files.find(other) == files.find(path.name) == path
        assert files.notes() == ()
        assert files.beside(path.with_name(Path(other).name).with_suffix(".json")) == path


def test_of_thousands_of_images_of_one_name_each_is_found_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each was compared with all others: 4,000 took a quarter of an hour."""
    paths = [tmp_path / str(number) / "image.png" for number in range(10_000)]
    monkeypatch.setattr(image_index, "walk", lambda root, suffixes: iter(paths))
    files = ImageFiles(tmp_path)
    assert [files.find(f"{number}/image.png") for number in range(10_000)] == paths
