"""YOLO: where labels, names and splits are, and lines that are no masks: boxes, oriented boxes, key points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from annotated import check_refusal, convert, write_image
from broken_folders import Spoil, both, fill
from segarena.annotations.annotations import Annotations
from segarena.converters.registry import choose_format, recognise
from segarena.converters.yolo import read_yolo
from segarena.data.folder import FolderSource
from support import refuses

#: Corners of the pixels (2, 1) to (4, 3) of an image of 8 x 6.
SQUARE = "0.25 0.16667 0.625 0.16667 0.625 0.66667 0.25 0.66667"
ROWS = ["........", "..{0}{0}{0}...", "..{0}{0}{0}...", "..{0}{0}{0}...", "........", "........"]
BOX = "0 0.5 0.5 0.2 0.2"


def square(label: int) -> list[str]:
    return [row.format(label) for row in ROWS]


def write(root: Path, *pairs: tuple[str, str], lines: str = f"1 {SQUARE}\n", yaml: str = "names: [cat, dog]\n") -> Path:
    for image, label in pairs:
        write_image(root / image)
        (root / label).parent.mkdir(parents=True, exist_ok=True)
        (root / label).write_text(lines)
    (root / "data.yaml").write_text(yaml)
    return root


def notes(annotations: Annotations) -> str:
    return " | ".join(annotations.notes)


@pytest.mark.parametrize(
    ("image", "label", "name"),
    [
        ("images/a.png", "labels/a.txt", "a"),
        ("a.png", "a.txt", "a"),
        ("images/a.png", "labels_polygons/a.txt", "a"),
        ("obj_train_data/a.png", "obj_train_data/a.txt", "a"),
    ],
)
def test_labels_are_found(image: str, label: str, name: str, tmp_path: Path) -> None:
    assert convert(read_yolo, write(tmp_path / "in", (image, label)), tmp_path / "out") == {name: square(2)}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(" ", ","),
        lambda text: text.replace(" ", ", "),
        lambda text: text.replace(" ", ";"),
        lambda text: text.replace(".", ","),
    ],
    ids=["commas", "commas and spaces", "semicolons", "decimal commas"],
)
def test_commas_between_and_in_numbers_are_understood(change: Callable[[str], str], tmp_path: Path) -> None:
    """A comma was read as a part of a number, so that the file was none of labels."""
    write(tmp_path / "in", ("images/a.png", "labels/a.txt"), lines=change(f"1 {SQUARE}\n"))
    assert choose_format(tmp_path / "in", tmp_path / "out")[0] == "yolo"
    assert convert(read_yolo, tmp_path / "in", tmp_path / "out") == {"a": square(2)}


@pytest.mark.parametrize(
    "places", ["{split}/{kind}", "{kind}/{split}", "data/{kind}/{split}"], ids=["split first", "kind first", "deeper"]
)
def test_equal_names_in_two_splits_keep_their_own_labels(places: str, tmp_path: Path) -> None:
    for split, number in (("train", 0), ("valid", 1)):
        image, label = (places.format(split=split, kind=kind) for kind in ("images", "labels"))
        write(tmp_path / "in", (f"{image}/a.png", f"{label}/a.txt"), lines=f"{number} {SQUARE}\n")
    assert convert(read_yolo, tmp_path / "in", tmp_path / "out") == {"train/a": square(1), "val/a": square(2)}


@pytest.mark.parametrize(
    "yaml",
    [
        "train: ../one/images\nval: ../two/images\nnames: [cat, dog]\n",
        "path: /home/me/data\ntrain: one\nval: [two]\nnames: {0: cat, 1: dog}\n",
        "train: train_list.txt\nval: val_list.txt\nnames: [cat, dog]\n",
    ],
    ids=["folders", "a table of names", "lists"],
)
def test_splits_and_names_are_those_of_data_yaml(yaml: str, tmp_path: Path) -> None:
    root = write(tmp_path / "in", *((f"{n}/images/{n}.png", f"{n}/labels/{n}.txt") for n in ("one", "two")), yaml=yaml)
    (root / "train_list.txt").write_text("data/one/images/one.png\n")
    (root / "val_list.txt").write_text("./two/images/two.png\n")
    assert set(convert(read_yolo, root, tmp_path / "out")) == {"train/one", "val/two"}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "cat", "dog")


@pytest.mark.parametrize(
    ("yaml", "splits"),
    [
        ("train: /content/set/one/images\nval: /content/set/two/images", {"one": "train", "two": "val"}),
        ("train: C:\\set\\one\\images\nval: ..\\two\\images", {"one": "train", "two": "val"}),
        ("train: /content/set/train_list.txt\nval: lists\\val_list.txt", {"one": "train", "two": "val"}),
        ("train: one/images\nval: one/images\ntest: two/images", {"one": "train", "two": "test"}),
        ("train: one\nval: gone.txt\ntest: two\nother: 1", {"one": "train", "two": "test"}),
    ],
    ids=["of another machine", "of Windows", "lists of another machine", "validation on training", "a list is missing"],
)
def test_paths_in_data_yaml_give_the_splits(yaml: str, splits: dict[str, str], tmp_path: Path) -> None:
    """Absolute paths, as in most data.yaml files, were compared from their beginning and gave no split."""
    pairs = ((f"{n}/images/{n}.png", f"{n}/labels/{n}.txt") for n in ("one", "two"))
    root = write(tmp_path, *pairs, yaml=f"{yaml}\nnames: [cat, dog]\n")
    (root / "train_list.txt").write_text("C:\\set\\one\\images\\one.png\n\n")
    (root / "lists").mkdir()
    (root / "lists/val_list.txt").write_text("/content/set/two/images/two.png\n")
    annotations = read_yolo(root)
    assert {Path(image.name).name: image.split for image in annotations.images} == splits
    assert ("one/images" in notes(annotations)) == ("val: one/images" in yaml)
    assert ("gone.txt" in notes(annotations)) == ("gone.txt" in yaml)


@pytest.mark.parametrize(("yaml", "names"), [("names: [no, yes]", ("no", "yes")), ("names: ['1', 2]", ("1", "2"))])
def test_names_are_words_whatever_yaml_makes_of_them(yaml: str, names: tuple[str, ...], tmp_path: Path) -> None:
    root = write(tmp_path, ("images/a.png", "labels/a.txt"), yaml=yaml)
    assert read_yolo(root / "data.yaml").classes.names[1:] == names


def test_of_nested_folders_the_innermost_is_the_split(tmp_path: Path) -> None:
    pairs = (("images/a.png", "labels/a.txt"), ("images/later/b.png", "labels/later/b.txt"))
    root = write(tmp_path, *pairs, yaml="train: images\nval: images/later\nnames: [cat, dog]\n")
    assert {image.name: image.split for image in read_yolo(root).images} == {
        "images/a": "train",
        "images/later/b": "val",
    }


def test_names_in_classes_txt_and_no_names_at_all(tmp_path: Path) -> None:
    root = write(tmp_path, ("images/a.png", "labels/a.txt"), yaml="")
    assert read_yolo(root).classes.names == ("background", "class_0", "class_1")
    assert "named by its number" in notes(read_yolo(root))
    (root / "classes.txt").write_text("cat\ndog\n")
    assert read_yolo(root).classes.names == ("background", "cat", "dog")


def test_boxes_are_left_out_and_counted(tmp_path: Path) -> None:
    write(tmp_path / "in", ("images/a.png", "labels/a.txt"), lines=f"{BOX}\n0 {SQUARE}\n{BOX} 0.87\n")
    assert convert(read_yolo, tmp_path / "in", tmp_path / "out") == {"a": square(1)}
    assert "2 objects with a bounding box and no mask: left out (a.txt)" in read_yolo(tmp_path / "in").notes


def test_an_empty_file_is_background_and_a_missing_one_is_no_label(tmp_path: Path) -> None:
    root = write(tmp_path / "in", ("images/a.png", "labels/a.txt"))
    write(root, ("images/empty.png", "labels/empty.txt"), lines="")
    write_image(root / "images/unlabelled.png")
    (root / "labels/orphan.txt").write_text(f"0 {SQUARE}\n")
    assert convert(read_yolo, root, tmp_path / "out") == {"a": square(2), "empty": ["........"] * 6}
    assert "1 image without a label file: left out" in notes(read_yolo(root))
    assert "1 label file without an image: left out" in notes(read_yolo(root))


def test_labels_of_another_split_are_not_taken(tmp_path: Path) -> None:
    root = write(tmp_path, ("images/train/a.png", "labels/train/a.txt"))
    write_image(root / "images/train/b.png")
    (root / "labels/val").mkdir()
    (root / "labels/val/b.txt").write_text(f"0 {SQUARE}\n")
    assert [image.name for image in read_yolo(root).images] == ["images/train/a"]
    assert "1 label file without an image: left out" in notes(read_yolo(root))


def test_a_class_background_is_the_background(tmp_path: Path) -> None:
    everything = "0 0 0 1 0 1 1 0 1"
    names = "names: [background, dog]\n"
    root = write(tmp_path / "in", ("images/a.png", "labels/a.txt"), lines=f"{everything}\n1 {SQUARE}\n", yaml=names)
    assert convert(read_yolo, root, tmp_path / "out") == {"a": square(1)}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "dog")


def test_objects_of_four_corners_only_may_be_oriented_boxes(tmp_path: Path) -> None:
    root = write(tmp_path, ("images/a.png", "labels/a.txt"))
    assert "oriented boxes" in notes(read_yolo(root))
    (root / "labels/a.txt").write_text(f"0 {SQUARE}\n0 0 0 1 0 1 1\n")
    assert "oriented boxes" not in notes(read_yolo(root))


def label(line: str) -> Spoil:
    return both(lambda root: write(root, ("images/a.png", "labels/a.txt")), fill("labels/a.txt", line))


def config(yaml: str) -> Spoil:
    return both(label(f"0 {SQUARE}\n"), fill("data.yaml", yaml))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(spoil, expected, id=title)
        for title, spoil, expected in (
            ("only boxes", label(f"{BOX}\n{BOX}"), " | only bounding boxes"),
            ("an unknown class", label(f"0 {SQUARE}\n2 {SQUARE}"), "labels/a.txt | line 2 | '2' | 0 to 1"),
            ("a class that is no number", label(f"cat {SQUARE}"), "labels/a.txt | line 1 | cat"),
            ("pixels in place of fractions", label("0 2 1 5 1 5 4 2 4"), "labels/a.txt | line 1 | 5 is not a fraction"),
            (
                "more classes than a mask holds",
                both(label(f"1e300 {SQUARE}"), fill("data.yaml", "")),
                "labels/a.txt | line 1 | '1e300' | 0 to 254",
            ),
            ("a class alone", label("0\n"), "labels/a.txt | line 1 | without corners"),
            ("an odd coordinate", label(f"0 {SQUARE} 0.9"), "labels/a.txt | line 1 | 9 numbers"),
            ("a negative fraction", label("0 -0.5 0 1 0 1 1"), "labels/a.txt | line 1 | -0.5"),
            ("not a number", label("0 nan 0 1 0 1 1"), "labels/a.txt | line 1 | nan"),
            ("bytes", label(b"\xff\xfe\x00"), "labels/a.txt | cannot be read"),
            ("key points", config("names: [cat]\nkpt_shape: [17, 3]\n"), "data.yaml | kpt_shape"),
            ("names that are none", config("names: 2\n"), "data.yaml | names | '2'"),
            ("a gap in the names", config("names: {0: cat, 2: dog}\n"), "data.yaml | names | 2"),
            ("other names", both(config("names: [a]\n"), fill("x.yaml", "names: [b]")), "data.yaml | x.yaml"),
            ("broken YAML", config("names: [\n"), "data.yaml | cannot be read"),
            ("two label files", both(label(""), fill("labels2/a.txt", "")), "labels2/a.txt | labels/a.txt"),
            (
                "an image in two lists",
                both(
                    config("names: [cat]\ntrain: a.list.txt\nval: b.list.txt"),
                    both(fill("a.list.txt", "images/a.png"), fill("b.list.txt", "images/a.png")),
                ),
                "b.list.txt | images/a.png",
            ),
            ("no labels", lambda root: write_image(root / "images/a.png"), " | .txt"),
            ("no images", fill("labels/a.txt", ""), " | no images"),
        )
    ],
)
def test_wrong_files_are_refused_by_name(spoil: Spoil, expected: str, tmp_path: Path) -> None:
    spoil(tmp_path / "in")
    check_refusal(read_yolo, tmp_path / "in", expected)


def test_all_wrong_lines_of_all_files_are_reported(tmp_path: Path) -> None:
    write(tmp_path, ("images/a.png", "labels/a.txt"), ("images/b.png", "labels/b.txt"))
    (tmp_path / "labels/a.txt").write_text(f"0 {SQUARE}\n0 2 1 5 1 5 4 2 4\n0 {SQUARE}\n0 3 1 5 1 5 4 2 4\n")
    (tmp_path / "labels/b.txt").write_text("0 nan 0 1 0 1 1\n0\n")
    with refuses(value="2 entries have") as caught:
        read_yolo(tmp_path)
    assert [(part.where.name, part.what.partition(":")[0]) for part in caught.value.parts] == [
        *(("a.txt", "line 2"), ("a.txt", "line 4")),
        *(("b.txt", "line 1"), ("b.txt", "line 2")),
    ]


def test_a_line_of_separators_is_an_empty_line(tmp_path: Path) -> None:
    write(tmp_path / "in", ("images/a.png", "labels/a.txt"), lines=f" , ;\n1 {SQUARE}\n,\n")
    assert convert(read_yolo, tmp_path / "in", tmp_path / "out") == {"a": square(2)}


def test_coordinates_in_pixels_are_recognised_and_refused_with_what_to_do(tmp_path: Path) -> None:
    write_image(tmp_path / "images/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 1 1 5 1 5 4 1 4\n")
    assert choose_format(tmp_path, tmp_path / "out")[0] == "yolo"
    with refuses(where=tmp_path / "labels/a.txt", value="5 is not a fraction") as caught:
        read_yolo(tmp_path)
    assert "Divide x by the image's width" in caught.value.remedy


@pytest.mark.parametrize("text", ["0.5 1 2 3 4 5 6\n", "1 2 3\n", "17 1 2 3 4 5 6 7\n"])
def test_other_numbers_are_no_coordinates(text: str, tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text(text)
    assert recognise(tmp_path) == {}
