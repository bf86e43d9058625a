"""Run lengths in CSV files: their columns, where counting begins and which way it goes, names with a class in them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotated import HEIGHT, WIDTH, check_refusal, convert, write_image
from broken_folders import Spoil, both, fill
from drawn_annotations import draw_scene, runs_of, write_rle_csv
from segarena.annotations.peek import Peek
from segarena.converters.rle_csv import read_rle_csv, recognise_rle_csv
from segarena.data.folder import FolderSource
from support import refuses

#: The pixels (2, 1) to (4, 3) of an image of 8 x 6, down the columns from 1.
SQUARE = "14 3 20 3 26 3"
ROWS = ["........", "..111...", "..111...", "..111...", "........", "........"]
EMPTY = ["........"] * 6


def write(root: Path, text: str | bytes, *names: str) -> Path:
    for name in names or ("a.png",):
        write_image(root / name)
    (root / "train.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"ImageId,EncodedPixels\na.png,{SQUARE}\n", ("foreground",)),
        (f"id,rle_mask\na,{SQUARE}\n", ("foreground",)),
        (f"\ufeffimg;rle\na.png;{SQUARE}\n", ("foreground",)),
        (f"img,rle,class\na.png,{SQUARE},Fläche\n".encode("cp1252"), ("Fläche",)),
        (f"img,rle\na.png,{SQUARE}\n".encode("utf-16"), ("foreground",)),
        (f"ImageId,ClassId,EncodedPixels\na.png,3,{SQUARE}\n", ("class_3",)),
        (f"ImageId, EncodedPixels,ClassId,Height,Width\na.png,{SQUARE},3.0,{HEIGHT},{WIDTH}\n", ("class_3",)),
        (f"Image_Label,EncodedPixels\na.png_Fish,{SQUARE}\na.png_Sugar,\n", ("Fish", "Sugar")),
        (f"ImageId_ClassId,EncodedPixels\na.png_2,{SQUARE}\na.png_10,\n", ("class_2", "class_10")),
    ],
)
def test_columns_and_classes(text: str | bytes, names: tuple[str, ...], tmp_path: Path) -> None:
    assert convert(read_rle_csv, write(tmp_path / "in", text), tmp_path / "out") == {"a": ROWS}
    assert FolderSource(tmp_path / "out").classes.names == ("background", *names)


@pytest.mark.parametrize("nothing", ["", "-1", " -1", "nan", "0 0", "1 0 1 0"])
def test_rows_without_pixels_are_background(nothing: str, tmp_path: Path) -> None:
    root = write(
        tmp_path / "in", f"ImageId,EncodedPixels,ClassId\na.png,{SQUARE},1\nb.png,{nothing},\n", "a.png", "b.png"
    )
    write_image(root / "c.png")
    assert convert(read_rle_csv, root, tmp_path / "out") == {"a": ROWS, "b": EMPTY}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "class_1")
    assert "1 image not in the annotations: left out (c.png)" in read_rle_csv(root).notes


@pytest.mark.parametrize("order", ["F", "C"])
def test_runs_along_the_rows_are_recognised_by_compact_objects(order: str, tmp_path: Path) -> None:
    drawn = [draw_scene(seed, holes=True) for seed in range(4)]
    write_rle_csv(tmp_path, {f"s{seed}": objects for seed, (objects, _) in enumerate(drawn)}, order=order)
    annotations = read_rle_csv(tmp_path)
    assert any("along the rows" in note for note in annotations.notes) == (order == "C")
    for image, (_, labels) in zip(annotations.images, drawn, strict=True):
        np.testing.assert_array_equal(image.labels(), labels)


def test_on_square_images_the_column_decides(tmp_path: Path) -> None:
    region = np.zeros((9, 9), dtype=bool)
    region[1:3, 2:8] = True
    write_image(tmp_path / "a.png", size=(9, 9))
    runs = " ".join(f"{start + 1} {length}" for start, length in runs_of(region.ravel()))
    for column, expected in (("annotation", region), ("EncodedPixels", region.T)):
        (tmp_path / "train.csv").write_text(f"id,{column}\na,{runs}\n")
        np.testing.assert_array_equal(read_rle_csv(tmp_path).images[0].labels(), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("by_rows", [False, True])
def test_on_square_images_with_edges_the_images_decide(by_rows: bool, dtype: type, tmp_path: Path) -> None:
    lines, drawn = ["ImageId,EncodedPixels"], []
    random = np.random.default_rng(0)
    for number in range(6):
        region = np.zeros((24, 24), dtype=bool)
        top, left = random.integers(2, 16, 2)
        region[top : top + 4, left : left + 7] = True
        pixels = np.where(region, 200, 60) + random.integers(-20, 20, region.shape)
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels.astype(dtype) * dtype(1 if dtype is np.uint8 else 16)).save(
            tmp_path / f"images/s{number}.png"
        )
        runs = runs_of(region.ravel() if by_rows else region.T.ravel())
        lines.append(f"s{number}.png,{' '.join(f'{start + 1} {length}' for start, length in runs)}")
        drawn.append(region)
    (tmp_path / "train.csv").write_text("\n".join(lines))
    annotations = read_rle_csv(tmp_path)
    assert any("along the rows" in note for note in annotations.notes) == by_rows
    for image, region in zip(annotations.images, drawn, strict=True):
        np.testing.assert_array_equal(image.labels(), region)


def test_a_run_that_begins_at_0_shows_that_counting_does(tmp_path: Path) -> None:
    root = write(tmp_path / "in", "ImageId,EncodedPixels\na.png,13 3 19 3 25 3\nb.png,0 1\n", "a.png", "b.png")
    first = ["1.......", *EMPTY[1:]]
    assert convert(read_rle_csv, root, tmp_path / "out") == {"a": ROWS, "b": first}
    assert "from 0" in " ".join(read_rle_csv(root).notes)


def test_sample_submissions_are_skipped_and_splits_are_in_the_names(tmp_path: Path) -> None:
    root = write(tmp_path / "in", f"ImageId,EncodedPixels\na.png,{SQUARE}\n", "a.png", "b.png")
    (root / "sample_submission.csv").write_text("ImageId,EncodedPixels\nb.png,1 1\n")
    assert convert(read_rle_csv, root, tmp_path / "out") == {"a": ROWS}
    (root / "val.csv").write_text("ImageId,EncodedPixels\nb.png,1 1\n")
    assert set(convert(read_rle_csv, root, tmp_path / "out2")) == {"train/a", "val/b"}


def test_long_fields_are_read_and_the_limit_of_csv_stays(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    lines = "\n".join(f"a.png,{' ' * 200_000}{SQUARE}" for _ in range(2))
    assert len(read_rle_csv(write(tmp_path, f"ImageId,EncodedPixels\n{lines}\n")).images) == 1
    assert csv.field_size_limit() == before


def test_the_last_pixel_can_be_an_object(tmp_path: Path) -> None:
    root = write(tmp_path / "in", f"ImageId,EncodedPixels\na.png,{HEIGHT * WIDTH} 1\n")
    assert convert(read_rle_csv, root, tmp_path / "out") == {"a": [*EMPTY[1:], ".......1"]}


def test_a_run_without_pixels_removes_none_of_the_others(tmp_path: Path) -> None:
    """Two runs from one pixel on, the first of them empty, were counted as one."""
    root = write(tmp_path / "in", "ImageId,EncodedPixels\na.png,14 0 14 3 20 3 20 0 26 3\n")
    assert convert(read_rle_csv, root, tmp_path / "out") == {"a": ROWS}


@pytest.mark.parametrize(
    ("name", "others"),
    [("a", ("masks/a.png",)), ("a.b", ("images/a.jpg", "images/a.b.png")), ("A", ("masks/a.png",))],
    ids=["a mask", "a shorter name", "letter case"],
)
def test_a_name_without_an_ending_is_that_of_an_image(name: str, others: tuple[str, ...], tmp_path: Path) -> None:
    images = ("images/a.jpg", *others) if len(others) == 1 else others
    root = write(tmp_path / "in", f"ImageId,EncodedPixels\n{name},{SQUARE}\n", *images)
    annotations = read_rle_csv(root)
    assert [image.image for image in annotations.images] == [
        root / ("images/a.b.png" if name == "a.b" else "images/a.jpg")
    ]
    assert any("another name" in note for note in annotations.notes) == (name == "A")


def test_a_name_without_an_ending_of_two_images_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "in", f"ImageId,EncodedPixels\na,{SQUARE}\n", "one/a.png", "two/a.jpg")
    check_refusal(read_rle_csv, root, "train.csv | line 2 | a.png | a.jpg")


def test_a_table_of_something_else_is_not_recognised(tmp_path: Path) -> None:
    write(tmp_path, "id,annotation\na.png,cat\n")
    assert recognise_rle_csv(Peek(tmp_path)) is None
    write(tmp_path, "id,annotation\na.png,1 5\n")
    assert recognise_rle_csv(Peek(tmp_path)) is not None


def rows(*lines: str, header: str = "ImageId,EncodedPixels") -> Spoil:
    return fill("train.csv", "\n".join([header, *lines]))


def test_rows_of_images_that_are_not_there_are_left_out_and_counted(tmp_path: Path) -> None:
    """Of a competition's images, often a part is downloaded; the table has all."""
    write_image(tmp_path / "in/a.png")
    rows(f"gone.png,{SQUARE}\na.png,{SQUARE}\ngone.png,1 2\nlost.png,1 2")(tmp_path / "in")
    annotations = read_rle_csv(tmp_path / "in")
    assert [image.name for image in annotations.images] == ["a"]
    [note] = [note for note in annotations.notes if "left out" in note]
    assert note.startswith("2 images of the annotations")
    assert "gone.png, lost.png" in note


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(spoil, expected, id=title)
        for title, spoil, expected in (
            ("no run lengths", rows("a.png,1", header="image,width"), " | run lengths"),
            (
                "two files",
                both(rows(f"a.png,{SQUARE}"), fill("train2.csv", "id,rle\na,1 1")),
                " | train.csv, train2.csv",
            ),
            ("a missing image", rows("b.png,1 2"), "train.csv | line 2 | 'b.png'"),
            ("an odd number", rows("a.png,1 2 3"), "train.csv | line 2 | '1 2 3'"),
            ("no numbers", rows("a.png,eNq1"), "train.csv | line 2 | 'eNq1'"),
            ("relative offsets", rows("a.png,10 3 2 3"), "train.csv | line 2 | order"),
            ("another size", rows(f"a.png,{HEIGHT * WIDTH} 2"), "train.csv | line 2 | pixel 49 | 8 x 6"),
            ("an end after 0", rows("a.png,0 3", f"a.png,{HEIGHT * WIDTH} 1"), "train.csv | line 3 | pixel 48 | 8 x 6"),
            ("a declared size", rows("a.png,1 1,9,9", header="id,rle,width,height"), "train.csv | line 2 | 9 x 9"),
            ("only background", rows("a.png,"), " | only the class"),
            ("bytes", fill("train.csv", b"\xff\xfe\x00\xd8\x00"), " | no CSV file"),
        )
    ],
)
def test_wrong_files_are_refused_by_name(spoil: Spoil, expected: str, tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    spoil(tmp_path / "in")
    check_refusal(read_rle_csv, tmp_path / "in", expected)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_may_end_as_on_other_systems(end: str, tmp_path: Path) -> None:
    """Excel's "CSV (Macintosh)" ends them with a carriage return alone."""
    src = write(tmp_path / "in", f"ImageId,EncodedPixels{end}a.png,{SQUARE}{end}")
    assert recognise_rle_csv(Peek(src)) is not None
    assert convert(read_rle_csv, src, tmp_path / "out") == {"a": ROWS}


def test_a_file_whose_first_cell_is_too_long_is_none_with_run_lengths(tmp_path: Path) -> None:
    src = write(tmp_path / "in", "x" * 200_000 + ",EncodedPixels\n")
    with refuses(where=src):
        read_rle_csv(src)
