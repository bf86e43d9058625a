"""Several masks of one image that are objects: numbered ones are put together, a table gives others their classes.

What only looks like this is refused: two versions of a mask, numbers with gaps, segments without a class, and images
that are in several files.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from layer_zoo import CLASSES, WIDTH, draw, photograph, white
from segarena.data.folder import FolderSource
from support import refuses

COUNT = 6
#: Labels as Open Images has them, and their names.
LABELS = dict(zip(("/m/01940j", "/m/0k4j", "/m/0h8mhzd"), CLASSES, strict=True))
HEADER = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"


def parts(number: int, label: int) -> list[np.ndarray]:
    """One to three objects of a class: columns of the image."""
    third = np.arange(WIDTH) * (1 + number % 3) // WIDTH
    return [(draw(number) == label) & (third == place) for place in range(1 + number % 3)]


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("Dataset_BUSI_with_GT/benign/benign ({n}).png", "Dataset_BUSI_with_GT/benign/benign ({n})_mask{k}.png"),
        ("benign/benign ({n}).png", "benign/benign ({n})_mask{k}.png"),
        ("images/x{n}.jpg", "masks/x{n}_mask{k}.png"),
        ("images/x{n}.jpg", "masks/x{n}_segmentation{k}.png"),
        ("train/images/x{n}.jpg", "train/masks/x{n}_mask{k}.png"),
    ],
    ids=["BUSI", "BUSI without its root", "two folders", "another word", "in a split"],
)
@pytest.mark.parametrize("first", [1, 2])
def test_further_masks_of_an_image_are_put_together(image: str, mask: str, first: int, tmp_path: Path) -> None:
    """Breast Ultrasound Images: `benign (4)_mask.png` and `benign (4)_mask_1.png` are two lesions."""
    for number in range(COUNT):
        photograph(tmp_path / image.format(n=number), number)
        for place, part in enumerate(parts(number, 1)):
            white(part, tmp_path / mask.format(n=number, k=f"_{place - 1 + first}" if place else ""))
    source = FolderSource(tmp_path)
    assert source.classes.names == ("background", "foreground")
    for index in range(COUNT):
        np.testing.assert_array_equal(source.read(index)[1], draw(index) == 1)


@pytest.mark.parametrize("numbers", [("", "_1"), ("", "_2"), ("", "_1", "_3")], ids=["1", "2", "a gap"])
def test_versions_of_a_mask_are_not_put_together(numbers: Sequence[str], tmp_path: Path) -> None:
    for number in range(COUNT):
        photograph(tmp_path / "images" / f"x{number}.jpg", number)
        for place, ending in enumerate(numbers):
            white(np.roll(draw(number) == 1, place, axis=1), tmp_path / "masks" / f"x{number}_mask{ending}.png")
    with refuses(where=tmp_path / "masks/x0_mask_1.png" if "_1" in numbers else tmp_path / "masks/x0_mask_2.png"):
        FolderSource(tmp_path)


def write_open_images(root: Path, images: str, masks: str, table: str, descriptions: str = "") -> None:
    rows = [HEADER]
    for number in range(COUNT):
        photograph(root / images / f"{number:016x}.jpg", number)
        for label, name in enumerate(LABELS, start=1):
            for place, part in enumerate(parts(number, label)):
                file = f"{number:016x}_{name[1:].replace('/', '')}_{place:08x}.png"
                white(part, root / masks / file)
                rows.append(f"{file},{number:016x},{name},{place:08x},0.1,0.2,0.3,0.4,0.8,")
    rows.append("absent.png,ffffffffffffffff,/m/0zzz,0,0,0,0,0,0,")
    for path, text in ((table, "\n".join(rows)), (descriptions, "\n".join(f"{a},{b}" for a, b in LABELS.items()))):
        if path:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"{text}\n")


@pytest.mark.parametrize(
    "places",
    [
        ("images", "masks", "train-annotations-object-segmentation.csv", "class-descriptions-boxable.csv"),
        ("train", "train-masks-0", "train-annotations-object-segmentation.csv", "class-descriptions.csv"),
        ("train/data", "train/labels/masks/0", "train/labels/segmentations.csv", "train/metadata/classes.csv"),
    ],
    ids=["two folders", "as downloaded", "FiftyOne"],
)
def test_a_table_gives_objects_their_classes(places: tuple[str, str, str, str], tmp_path: Path) -> None:
    """Open Images: `ID_m0k4j_BOX.png`; the table was taken for a list that gives an image two masks."""
    write_open_images(tmp_path, *places)
    source = FolderSource(tmp_path)
    assert source.classes.names == ("background", *CLASSES)
    for index, sample in enumerate(source.samples):
        np.testing.assert_array_equal(source.read(index)[1], draw(int(sample.image.stem, 16)))


def test_without_descriptions_classes_have_the_names_of_the_table(tmp_path: Path) -> None:
    write_open_images(tmp_path, "images", "masks", "objects.csv")
    assert set(FolderSource(tmp_path).classes.names) == {"background", *LABELS}


def test_more_classes_than_masks_may_have_are_refused(tmp_path: Path) -> None:
    write_open_images(tmp_path, "images", "masks", "objects.csv")
    table = tmp_path / "objects.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([HEADER, *(line.replace("/m/", f"/m/{n}") for n, line in enumerate(lines[1:]))]))
    with refuses(where=table, value="24"):
        FolderSource(tmp_path)


def test_segments_without_a_class_are_refused(tmp_path: Path) -> None:
    """Segment Anything writes all segments of an image into a folder, with a table: they were one class together."""
    for number in range(COUNT):
        photograph(tmp_path / "images" / f"x{number}.jpg", number)
        for place, part in enumerate([*parts(number, 1), *parts(number, 2)]):
            white(part, tmp_path / "masks" / f"x{number}" / f"{place}.png")
        (tmp_path / "masks" / f"x{number}" / "metadata.csv").write_text("id,area,predicted_iou,stability_score\n")
    with refuses(value="Segment Anything"):
        FolderSource(tmp_path)
    for table in tmp_path.rglob("metadata.csv"):  # as the remedy says
        table.unlink()
    assert FolderSource(tmp_path).classes.names == ("background", "foreground")


@pytest.mark.parametrize("channel", ["0000", "0001"])
def test_a_channel_of_nnunet_is_chosen_by_the_options_of_the_message(channel: str, tmp_path: Path) -> None:
    for number in range(COUNT):
        for other in ("0000", "0001"):
            photograph(tmp_path / "imagesTr" / f"case_{number:03}_{other}.png", number)
        white(draw(number) == 1, tmp_path / "labelsTr" / f"case_{number:03}.png")
    with refuses(where=tmp_path, value="2 files") as caught:
        FolderSource(tmp_path)
    assert f"--images '*_{channel}.png'" in caught.value.remedy
    source = FolderSource(tmp_path, images=Path(f"*_{channel}.png"))
    assert [sample.files[0].name for sample in source.samples] == [f"case_{n:03}_{channel}.png" for n in range(COUNT)]
    for index in range(COUNT):
        np.testing.assert_array_equal(source.read(index)[1], draw(index) == 1)


@pytest.mark.skipif(shutil.which("sh") is None, reason="sh, which the remedy is for, is not installed")
@pytest.mark.parametrize("separator", "_-. ")
def test_numbered_masks_become_objects_by_the_command(separator: str, tmp_path: Path) -> None:
    """Of a.0.png, the ending `.*` would be `.png` alone. What else is in the folder stays there."""
    root = tmp_path / "my data"
    for number in range(COUNT):
        photograph(root / "images" / f"x{number}.jpg", number)
        for place, part in enumerate(parts(number, 1)):
            white(part, root / "masks" / f"x{number}{separator}{place}.png")
    (root / "masks" / "notes.txt").touch()
    with refuses(where=root / "masks", value="numbers are objects or classes") as caught:
        FolderSource(root)
    command = re.search(r"for f in .*done", caught.value.remedy)
    assert command
    subprocess.run(["sh", "-c", command.group()], check=True)
    source = FolderSource(root)
    assert source.classes.names == ("background", "foreground")
    for index in range(COUNT):
        np.testing.assert_array_equal(source.read(index)[1], draw(index) == 1)
    assert (root / "masks" / "notes.txt").exists()


def test_masks_of_objects_are_no_pairs_where_a_number_is_that_of_an_image(tmp_path: Path) -> None:
    """Of 40 images, number 1 had its own first object as mask, number 2 its second, and the others none."""
    for number in range(40):
        photograph(tmp_path / f"{number}/images/{number}.png", number)
        for place in (1, 2):
            white(np.arange(WIDTH)[None] // 9 == place, tmp_path / f"{number}/masks/{place}.png")
    with refuses(where=tmp_path, value="one image and 2 masks") as caught:
        FolderSource(tmp_path)
    assert "--from instances" in caught.value.remedy
