"""Files that are named like images and are something else, and folders of files that are not read, are named.

The kinds of situations: what a download or git left in place of a file; a format that needs a program or an extra; a
folder that holds nothing else; files without an ending.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from drawings import label_map
from layout_zoo import SIZE, touch, write_mask, write_photograph
from segarena.classes import read_class_table
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import find_pairs
from segarena.image_files.images import read_image
from support import refuses

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "value", "remedy"),
    [
        (POINTER, "git-lfs", "git lfs pull"),
        (b"\n<!DOCTYPE html><html><body>404", "HTML", "Download"),
        (b'{"message": "Not Found"}', "text", "Download"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "text", "Download"),
        (b'<?xml version="1.0"?>\n<svg xmlns="">', "SVG", "PNG"),
        (bytes(1000), "zero", "Copy"),
        (b"\0" * 128 + b"DICM" + b"\0" * 200, "DICOM", "dcmj2pnm"),
        (b"\0" * 344 + b"n+1\0", "NIfTI", "PNG"),
        (b"\0\0\0\x18ftypisom", "video", "ffmpeg"),
        (b"%PDF-1.7", "PDF", "PNG"),
        (b"PK\x03\x04rest", "zip", "Unpack"),
        (b"\x93NUMPY\1\0", "NumPy", ".npy"),
    ],
)
def test_what_is_no_image_is_named_for_what_it_is(content: bytes, value: str, remedy: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with refuses(where=path, value=value) as caught:
        read_image(path)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("name", ["images/1.png", "masks/1.png", "masks/1.npy", "images/1.jfif"])
def test_a_pointer_of_git_lfs_is_named_in_a_folder(name: str, tmp_path: Path) -> None:
    for number in range(3):
        write_photograph(tmp_path / "images" / f"{number}.png", number)
        write_mask(tmp_path / "masks" / f"{number}.png", number)
    path = tmp_path / name
    path.with_suffix(".png").unlink()
    path.write_bytes(POINTER)
    with refuses(where=path, value="git-lfs") as caught:
        FolderSource(tmp_path)
    assert "git lfs pull" in caught.value.remedy


@pytest.mark.parametrize(
    "masks", ["masks/{n}_crack.png, masks/{n}_dent.png", "b/{n}.png", "masks/crack/{n}.png, masks/dent/{n}.png"]
)
def test_files_that_were_not_fetched_are_named_first(masks: str, tmp_path: Path) -> None:
    for number in range(4):
        for name in ("a/{n}.jpg" if masks[0] == "b" else "images/{n}.jpg", *masks.split(", ")):
            path = tmp_path / name.format(n=number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(POINTER)
    with refuses(where=tmp_path, value="git-lfs") as caught:
        find_pairs(tmp_path)
    assert "git lfs pull" in caught.value.remedy


@pytest.mark.parametrize("name", ["train.txt", "splits.json"])
def test_a_list_that_is_a_pointer_is_refused(name: str, tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png, masks/a.png")
    (tmp_path / name).write_bytes(POINTER)
    with refuses(where=tmp_path / name, value="git-lfs"):
        find_pairs(tmp_path)


def test_a_classes_yaml_that_is_a_pointer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_bytes(POINTER)
    with refuses(where=tmp_path / "classes.yaml", value="git-lfs"):
        read_class_table(tmp_path / "classes.yaml")


@pytest.mark.parametrize(
    ("names", "value", "remedy"),
    [
        ("images/1.dcm, images/2.dcm", "2 .dcm files (DICOM)", "dcmj2pnm"),
        ("images/1.dcm, masks/1.png", ".dcm file (DICOM)", "dcmj2pnm"),
        ("images/1.png, masks/1.nii.gz", ".nii.gz file (NIfTI)", "med2image"),
        ("imagesTr/1_0000.nii.gz, labelsTr/1.nii.gz", "2 .nii.gz files", "med2image"),
        ("a.mp4, b.MOV, c.mp4", "2 .mp4 files (video)", "ffmpeg"),
        ("images/a.NEF", ".nef file", "darktable-cli"),
        ("slides/a.svs", ".svs file", "vips"),
        ("X_train.npy, y_train.npy", "X_train.npy", "images/00000.npy"),
        ("data.npz", "data.npz", "images/00000.npy"),
        ("train.h5", ".h5 file", "PNG"),
    ],
)
def test_a_folder_of_other_formats_is_told_what_to_do(names: str, value: str, remedy: str, tmp_path: Path) -> None:
    touch(tmp_path, names)
    with refuses(where=tmp_path, value=value) as caught:
        find_pairs(tmp_path)
    assert remedy in caught.value.remedy


@pytest.mark.skipif(shutil.which("sh") is None, reason="sh, which the remedy is for, is not installed")
def test_files_without_an_ending_are_named_and_the_remedy_works(tmp_path: Path) -> None:
    root = tmp_path / "my data"
    for number in range(3):
        write_photograph(root / "images" / f"{number}.png", number)
        write_mask(root / "masks" / f"{number}.png", number)
    for path in [*root.rglob("*.png")]:
        path.rename(path.with_suffix(""))
    (root / "images" / "notes.txt").touch()
    for _ in range(2):  # a command for each folder
        with refuses(where=root, value="without an ending") as caught:
            find_pairs(root)
        command = re.search(r"find .*;", caught.value.remedy)
        assert command
        subprocess.run(["sh", "-c", command.group()], check=True)
    assert len(find_pairs(root).samples) == 3
    assert (root / "images" / "notes.txt").exists()


@pytest.mark.parametrize(
    ("kinds", "separator", "kept"),
    [
        (("layers.txt", "regions.txt", "surfaces.txt"), " ", "regions.txt"),
        (("txt",), " ", "txt"),
        (("csv",), ",", "csv"),
        (("csv",), ";", "csv"),
        (("txt",), ", ", "txt"),
    ],
    ids=["Stanford Background", "text", "CSV", "CSV of a German Excel", "text with commas"],
)
def test_masks_in_text_become_png_by_the_command(
    kinds: tuple[str, ...], separator: str, kept: str, tmp_path: Path
) -> None:
    """A row of the image in each line, -1 for void; of several files for an image, the regions are the classes."""
    drawn = {}
    for number in range(4):
        write_photograph(tmp_path / "images" / f"{number:07}.jpg", number)
        drawn[number] = label_map(number, 4, SIZE[1], SIZE[0]).astype(int) - 1
        for kind in kinds:
            values = drawn[number] if kind == kept else drawn[number] % 2
            (tmp_path / "labels").mkdir(exist_ok=True)
            np.savetxt(tmp_path / f"labels/{number:07}.{kind}", values, fmt="%d", delimiter=separator)
    with refuses(where=tmp_path, value=f"*.{kept}") as caught:
        FolderSource(tmp_path)
    python, *arguments = shlex.split(caught.value.remedy.partition(": ")[2])
    assert python == "python"
    subprocess.run([sys.executable, *arguments], check=True)
    source = FolderSource(tmp_path)
    assert [entry.value for entry in source.classes.classes] == [0, 1, 2]
    for number, values in drawn.items():
        np.testing.assert_array_equal(source.read(number)[1], np.where(values < 0, 255, values))


def test_masks_in_text_beside_their_images_leave_these_as_they_are(tmp_path: Path) -> None:
    images = {}
    for number in range(4):
        path = tmp_path / f"{number}.png"
        write_photograph(path, number)
        images[path] = path.read_bytes()
        np.savetxt(path.with_suffix(".txt"), label_map(number, 2, SIZE[1], SIZE[0]), fmt="%d")
    with refuses(where=tmp_path, value="*.txt") as caught:
        FolderSource(tmp_path)
    _, *arguments = shlex.split(caught.value.remedy.partition(": ")[2])
    subprocess.run([sys.executable, *arguments], check=True)
    assert len(FolderSource(tmp_path).samples) == 4
    assert all(path.read_bytes() == content for path, content in images.items())


@pytest.mark.parametrize("text", ["0 0.5 0.5\n" * 40, "1 2 3\n" * 40, f"{'1 ' * 40}\n", f"{'1 ' * 40}\n2\n" * 30])
def test_other_text_is_no_mask(text: str, tmp_path: Path) -> None:
    for number in range(4):
        write_photograph(tmp_path / "images" / f"{number}.jpg", number)
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / f"labels/{number}.txt").write_text(text)
    with refuses(where=tmp_path, value="no masks") as caught:
        FolderSource(tmp_path)
    assert "python" not in caught.value.remedy
