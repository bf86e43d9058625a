"""Images of a run are recognised by what they show: moved, renamed, in another layout or encoding, with other masks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segarena.data.contents import hash_contents
from segarena.data.folder import FolderSource
from segarena.data.source import Source
from segarena.experiment.recognition import Recognised, recognise, uses_by_name
from segarena.experiment.scored import select
from segarena.published import ListedSource
from segarena.records.run import Data, Parts
from segarena.scenes.synthetic import SyntheticSource, write_scenes
from support import write_pair


def record(source: Source, *, val: int = 2, test: int = 2) -> Data:
    """What a run on the source would have recorded: the last images test, those before them choose the epoch."""
    names = tuple(sample.name for sample in source.samples)
    contents = hash_contents(source.read, range(len(names)))
    cut = len(names) - test
    return Data(
        name=source.name,
        origin="gone",
        fingerprint="",
        class_table=source.classes.to_dict(),
        counts={},
        split=Parts(train=names[: cut - val], val=names[cut - val : cut], test=names[cut:]),
        sha256={name: source.digest(index) for index, name in enumerate(names)},
        image_sha256=dict(zip(names, (one.image for one in contents), strict=True)),
        label_sha256=dict(zip(names, (one.labels for one in contents), strict=True)),
        train_class_pixels={},
        description={},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(8):
        write_pair(tmp_path / "data", f"s{number}", seed=number, size=64)
    return tmp_path / "data"


@pytest.fixture
def data(folder: Path) -> Data:
    return record(FolderSource(folder))


def move(folder: Path) -> Path:
    return folder.rename(folder.with_name("elsewhere"))


def rename_backwards(folder: Path) -> Path:
    for kind in ("images", "masks"):
        for number in range(8):
            (folder / kind / f"s{number}.png").rename(folder / kind / f"n{9 - number}.png")
    return folder


def exchange_names(folder: Path) -> Path:
    """Each name is that of another image: the names alone would restore a wrong split."""
    for kind in ("images", "masks"):
        shutil.copytree(folder / kind, folder.with_name(kind))
        for number in range(8):
            shutil.copy(folder.with_name(kind) / f"s{number}.png", folder / kind / f"s{7 - number}.png")
    return folder


def put_into_splits(folder: Path) -> Path:
    """Each image in another part than the run had it in."""
    for number in range(8):
        part = "test" if number < 4 else "train"
        for kind in ("images", "masks"):
            place = folder.with_name("other") / part / kind / f"s{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            (folder / kind / f"s{number}.png").rename(place)
    return folder.with_name("other")


def save_again(folder: Path) -> Path:
    for path in [*folder.glob("*/*.png")]:
        with Image.open(path) as image:
            image.save(path.with_suffix(".bmp"))
        path.unlink()
    return folder


@pytest.mark.parametrize("change", [move, rename_backwards, exchange_names, put_into_splits, save_again])
def test_the_same_images_are_recognised(folder: Path, data: Data, change: Callable[[Path], Path]) -> None:
    before = FolderSource(folder)
    part_of = {before.read(i)[0].tobytes(): part(data, before.samples[i].name) for i in range(8)}
    after = FolderSource(change(folder))
    found = recognise(after, data)
    assert [found.part(i) for i in range(8)] == [part_of[after.read(i)[0].tobytes()] for i in range(8)]
    assert not found.changed
    assert not found.missing


def part(data: Data, name: str) -> str:
    return next(part for part in ("train", "val", "test") if name in getattr(data.split, part))


def test_a_corrected_mask_does_not_hide_its_image(folder: Path, data: Data) -> None:
    mask = folder / "masks" / "s1.png"
    pixels = np.asarray(Image.open(mask)).copy()
    pixels[:5] = 255
    Image.fromarray(pixels).save(mask)
    found = recognise(FolderSource(folder), data)
    assert found.changed == {1}
    assert found.use(1) == "train"
    assert "s1" in found.describe()


def test_masks_that_are_read_with_other_values_are_other_masks(folder: Path, data: Data) -> None:
    source = FolderSource(folder)
    assert not recognise(source, data, decoded_alike=False).changed
    other = replace(data, label_sha256=dict.fromkeys(data.label_sha256, ""))
    assert len(recognise(source, other, decoded_alike=False).changed) == 8


def test_added_and_removed_images_are_counted(folder: Path, data: Data) -> None:
    for kind in ("images", "masks"):
        (folder / kind / "s0.png").unlink()
    write_pair(folder, "more", seed=50)
    found = recognise(FolderSource(folder), data)
    assert found.missing == ("s0",)
    assert [found.use(i) for i in range(8)] == ["new", *["train"] * 3, *["val"] * 2, *["test"] * 2]
    assert "1 new image" in found.describe()


def test_other_data_has_no_image_of_the_run(tmp_path: Path, data: Data) -> None:
    for number in range(3):
        write_pair(tmp_path / "other", f"s{number}", seed=50 + number)
    found = recognise(FolderSource(tmp_path / "other"), data)
    assert not found.found
    assert "none of the 8 images" in found.describe()


def test_an_image_that_equals_a_training_image_trained_the_model(folder: Path) -> None:
    """In data.json it is in val, or test."""
    for kind in ("images", "masks"):
        shutil.copy(folder / kind / "s0.png", folder / kind / "s7.png")
        shutil.copy(folder / kind / "s5.png", folder / kind / "s6.png")
    data = record(FolderSource(folder))
    assert uses_by_name(data) == dict(
        zip(sorted(data.sha256), ["train"] * 4 + ["val", "val", "val", "train"], strict=True)
    )
    found = recognise(FolderSource(folder), data)
    assert (found.part(7), found.use(7)) == ("test", "train")


def test_files_of_earlier_versions_have_no_hashes_of_images(folder: Path, data: Data) -> None:
    """A changed file is then found by its name, as long as other files are the same."""
    old = replace(data, image_sha256={}, label_sha256={})
    Image.new("L", (64, 64), 255).save(folder / "masks" / "s1.png")
    found = recognise(FolderSource(move(folder)), old)
    assert (found.use(1), found.changed) == ("train", {1})
    nothing = replace(old, sha256=dict.fromkeys(old.sha256, ""))
    unknown = recognise(FolderSource(folder.with_name("elsewhere")), nothing)
    assert not unknown.found
    assert "earlier version" in unknown.describe()
    assert not select(
        None, unknown, FolderSource(folder.with_name("elsewhere")).samples, with_new=True, again=""
    ).is_known


def test_the_built_in_scenes_are_recognised_in_a_folder(tmp_path: Path) -> None:
    scenes = SyntheticSource(size=64, counts={"train": 3, "val": 2, "test": 1})
    data = record(scenes, val=2, test=1)
    write_scenes(tmp_path / "scenes", scenes)
    found = recognise(FolderSource(tmp_path / "scenes"), data)
    check_all(found, 6)
    more = recognise(SyntheticSource(size=64, counts={"train": 8}), data)
    assert [more.use(i) for i in range(8)] == [*["train"] * 3, *["val"] * 2, "test", "new", "new"]


def test_published_data_is_recognised_in_a_folder(folder: Path, data: Data) -> None:
    source = FolderSource(folder)
    pairs = {"train": [sample.files for sample in source.samples]}
    published = ListedSource("set", folder, pairs, source.classes, lambda path: np.asarray(Image.open(path)))
    check_all(recognise(published, data), 8)
    check_all(recognise(source, record(published)), 8)


def check_all(found: Recognised, number: int) -> None:
    assert len(found.found) == number
    assert not found.changed
    assert not found.missing


def test_an_image_that_cannot_be_read_is_new(folder: Path, data: Data) -> None:
    source = FolderSource(folder)
    (folder / "images" / "s3.png").unlink()
    found = recognise(source, data)
    assert (found.use(3), found.missing) == ("new", ("s3",))
