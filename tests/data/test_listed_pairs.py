"""Lists that name an image and its mask on each line, where the names of the two differ: pairs are as listed.

Kinds of lists: separators, order and number of columns; paths from the root, from the list's folder, with another
folder in front, from another machine; names and stems alone; tables in JSON; a column for the split. A list that
contradicts equal names, has an image twice or a file that is not there is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from layout_zoo import SIZE, found, touch, write_lists, write_mask, write_photograph
from segarena.checks.pairs import check_pairs
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import find_pairs
from segarena.data.layout.lists.entries import NamedFiles
from segarena.data.layout.tree import File, read_location
from segarena.errors import DataError
from segarena.records.prediction import PredictionRecord
from support import refuses

#: Image P0 has the mask Q1, P1 the mask Q4, ...: equal numbers are always wrong.
NUMBERS = [(i, (3 * i + 1) % 10) for i in range(10)]
ROWS = [(f"images/P{i:04}.jpg", f"labels/Q{j:04}.png") for i, j in NUMBERS]

Write = Callable[[str, str], str]


def lines(write: Write, start: str = "") -> dict[str, str]:
    """train.txt of the first seven rows and val.txt of the others, each line written by `write`."""
    text = [write(*row) for row in ROWS]
    return {"train.txt": start + "\n".join(text[:7]), "val.txt": start + "\n".join(text[7:]) + "\n"}


def stem(path: str) -> str:
    return Path(path).stem


LISTS = {
    "spaces": lines(lambda image, mask: f"{image} {mask}"),
    "tabs": lines(lambda image, mask: f"{image}\t{mask}"),
    "commas and a header": lines(lambda image, mask: f"{image},{mask}", "image,mask\n"),
    "semicolons": lines(lambda image, mask: f"{image};{mask}"),
    "bars": lines(lambda image, mask: f"{image} | {mask}"),
    "colons": lines(lambda image, mask: f"{image}:{mask}"),
    "arrows": lines(lambda image, mask: f"{image} -> {mask}"),
    "now the one and now the other first": lines(
        lambda image, mask: f"{image} {mask}" if image < "images/P0004" else f"{mask} {image}"
    ),
    "a table in YAML": {
        f"{name}.yaml": "\n".join(f"- {{image: {image}, mask: {mask}}}" for image, mask in rows)
        for name, rows in (("train", ROWS[:7]), ("val", ROWS[7:]))
    },
    "commas with spaces": lines(lambda image, mask: f"{image}, {mask}"),
    "quotation marks": lines(lambda image, mask: f'"{image}" "{mask}"'),
    "the mask first": lines(lambda image, mask: f"{mask} {image}"),
    "the mask first, with a header": lines(lambda image, mask: f"{mask},{image}", "label,input\n"),
    "a dot in front": lines(lambda image, mask: f"./{image} ./{mask}"),
    "a slash in front": lines(lambda image, mask: f"/{image} /{mask}"),
    "a folder in front": lines(lambda image, mask: f"my_data/{image} my_data/{mask}"),
    "another machine": lines(lambda image, mask: f"/home/me/set/{image} /home/me/set/{mask}"),
    "another machine's drive": lines(lambda image, mask: rf"C:\set\{image} C:\set\{mask}".replace("/", "\\")),
    "names alone": lines(lambda image, mask: f"{Path(image).name} {Path(mask).name}"),
    "stems alone": lines(lambda image, mask: f"{stem(image)} {stem(mask)}"),
    "other capitals": lines(lambda image, mask: f"{image.upper()} {mask.upper()}"),
    "an index in front": lines(lambda image, mask: f"{image[8:11]},{image},{mask}", ",image,mask\n"),
    "a column of numbers behind": lines(lambda image, mask: f"{image} {mask} 0.25"),
    "in a folder of lists": {f"lists/{name}": text for name, text in lines(lambda *row: " ".join(row)).items()},
    "from a folder of lists": {f"lists/{n}": t for n, t in lines(lambda a, b: f"../{a} ../{b}").items()},
    "a table in JSON": {
        f"{name}.json": json.dumps([{"image": image, "mask": mask} for image, mask in rows])
        for name, rows in (("train", ROWS[:7]), ("val", ROWS[7:]))
    },
    "one JSON file": {
        "dataset.json": json.dumps(
            {"training": [{"image": f"./{image}", "label": f"./{mask}"} for image, mask in ROWS]}
        )
    },
    "a table in JSON, line by line": {
        "metadata.jsonl": "\n".join(json.dumps({"file_name": image, "mask_file_name": mask}) for image, mask in ROWS)
    },
    "object detection ground truth, as MIT writes it": {
        f"{name}.odgt": "\n".join(
            json.dumps({"fpath_img": a, "fpath_segm": b, "width": 24, "height": 18}) for a, b in rows
        )
        for name, rows in (("train", ROWS[:7]), ("val", ROWS[7:]))
    },
    "one list of all": {"pairs.csv": "\n".join(",".join(row) for row in ROWS)},
    "a column for the split": {
        "pairs.csv": "image,mask,split\n"
        + "\n".join(f"{image},{mask},{'train' if i < 7 else 'val'}" for i, (image, mask) in enumerate(ROWS))
    },
}


@pytest.mark.parametrize("lists", LISTS.values(), ids=LISTS)
def test_pairs_are_as_listed_where_the_names_differ(lists: dict[str, str], tmp_path: Path) -> None:
    touch(tmp_path, *(path for row in ROWS for path in row))
    layout = find_pairs(write_lists(tmp_path, lists))
    has_splits = len(lists) > 1 or "split" in str(lists)
    expected = [(("train" if i < 7 else "val") if has_splits else None, *row) for i, row in enumerate(ROWS)]
    assert found(layout, tmp_path) == expected
    assert "as listed in " in layout.pairing
    assert layout.images_without_mask == layout.masks_without_image == layout.unlisted == ()


def test_labels_are_those_of_the_listed_mask(tmp_path: Path) -> None:
    for (i, j), (image, mask) in zip(NUMBERS, ROWS, strict=True):
        write_photograph(tmp_path / image, i)
        write_mask(tmp_path / mask, j)
    write_lists(tmp_path, {"all.txt": "\n".join(" ".join(row) for row in ROWS)})
    source = FolderSource(tmp_path)
    for index, (_, j) in enumerate(NUMBERS):
        expected = np.zeros((SIZE[1], SIZE[0]), dtype=np.uint8)
        expected[j % 9 :, j % 7 :] = 1
        assert np.array_equal(source.read(index)[1], expected)


@pytest.mark.parametrize("is_image_first", [True, False])
def test_pixels_show_which_column_has_the_masks_if_names_do_not(is_image_first: bool, tmp_path: Path) -> None:
    rows = [(f"a/x{i}.png", f"b/y{3 - i}.png") for i in range(4)]
    for i, (image, mask) in enumerate(rows):
        write_photograph(tmp_path / image, i)
        write_mask(tmp_path / mask, i)
    write_lists(tmp_path, {"pairs.txt": "\n".join(" ".join(row if is_image_first else row[::-1]) for row in rows)})
    assert found(find_pairs(tmp_path), tmp_path) == [(None, *row) for row in rows]


@pytest.mark.parametrize(
    ("files", "text", "pairs"),
    [
        (  # two kinds of masks for each image: the list has one of them
            "um_0.png um_1.png gt/um_lane_0.png gt/um_lane_1.png gt/um_road_0.png gt/um_road_1.png",
            "um_0.png gt/um_road_0.png\num_1.png gt/um_road_1.png",
            {"um_0.png": "gt/um_road_0.png", "um_1.png": "gt/um_road_1.png"},
        ),
        (  # folders that could both be the masks
            "images/a.jpg images/b.jpg masks/a.png masks/b.png labels/a.png labels/b.png",
            "images/a.jpg labels/a.png\nimages/b.jpg labels/b.png",
            {"images/a.jpg": "labels/a.png", "images/b.jpg": "labels/b.png"},
        ),
        (  # names with spaces
            "images/my photo 1.jpg images/my photo 2.jpg labels/area b.png labels/area a.png".replace(
                " images", "|images"
            ).replace(" labels", "|labels"),
            "images/my photo 1.jpg labels/area a.png\nimages/my photo 2.jpg labels/area b.png",
            {"images/my photo 1.jpg": "labels/area a.png", "images/my photo 2.jpg": "labels/area b.png"},
        ),
    ],
)
def test_a_list_decides_what_names_leave_open(files: str, text: str, pairs: dict[str, str], tmp_path: Path) -> None:
    touch(tmp_path, *(files.split("|") if "|" in files else files.split()))
    layout = find_pairs(write_lists(tmp_path, {"all.txt": text}))
    assert {image: mask for _, image, mask in found(layout, tmp_path)} == pairs


def test_a_list_that_agrees_with_the_names_changes_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg, images/b.jpg, masks/a.png, masks/b.png")
    without = find_pairs(tmp_path)
    assert (
        find_pairs(write_lists(tmp_path, {"all.txt": "images/a.jpg masks/a.png\nimages/b.jpg masks/b.png"})) == without
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("images/a.jpg masks/b.png\nimages/b.jpg masks/a.png", "images/a.jpg with masks/b.png"),
        ("masks/b.png images/a.jpg\nmasks/c.png images/b.jpg", "masks/b.png has the name of images/b.jpg"),
        ("a.jpg,b.png\nb.jpg,c.png", "images/a.jpg with masks/b.png"),
        ("images/a.jpg masks/a.png\nimages/b.jpg masks/b.png\nimages/b.jpg masks/c.png", "two masks"),
        ("images/a.jpg masks/a.png\nimages/zebra.jpg masks/b.png", "'images/zebra.jpg'"),
        ("images/zebra.jpg masks/a.png\nimages/b.jpg masks/b.png", "'images/zebra.jpg'"),
        ("images/a.jpg masks/a.png\nimages/b.jpg masks/yak.png", "'masks/yak.png'"),
        ("images/a.jpg masks/a.png\nimages/b.jpg", "'images/b.jpg'"),
        ("images/a.jpg old/x.png\nimages/b.jpg old/y.png", "'old/x.png', 'old/y.png'"),
        ("old/x.jpg masks/a.png\nold/y.jpg masks/b.png", "'old/x.jpg', 'old/y.jpg'"),
    ],
)
@pytest.mark.parametrize("name", ["train.txt", "lists/val.csv"])
def test_a_list_that_contradicts_the_files_is_refused(name: str, text: str, value: str, tmp_path: Path) -> None:
    touch(tmp_path, *(f"images/{c}.jpg, masks/{c}.png" for c in "abc"))
    write_lists(tmp_path, {name: text})
    with refuses(where=tmp_path / name, value=value) as caught:
        find_pairs(tmp_path)
    assert "move" in caught.value.remedy
    (tmp_path / name).rename(tmp_path / "moved")
    assert len(find_pairs(tmp_path).samples) == 3


@pytest.mark.parametrize(
    "lists",
    [
        {"flow.txt": "images/a.jpg images/b.jpg\nimages/b.jpg images/c.jpg"},  # pairs of frames
        {"depth.txt": "images/a.jpg depth/a.npy\nimages/b.jpg depth/b.npy"},
        {"old.txt": "photos/x.jpg labels/x.png\nphotos/y.jpg labels/y.png"},  # of other data
        {"scores.csv": "image,class,score\na,1,0.3\nb,2,0.5"},
        {"broken.csv": '"images/a.jpg, "masks/a.png\n"'},
        {"zero.txt": "\x00\x01\n\x02"},
    ],
)
def test_other_lists_of_files_are_passed_over(lists: dict[str, str], tmp_path: Path) -> None:
    touch(tmp_path, *(f"images/{c}.jpg, masks/{c}.png" for c in "abc"))
    layout = find_pairs(write_lists(tmp_path, lists))
    assert found(layout, tmp_path) == [(None, f"images/{c}.jpg", f"masks/{c}.png") for c in "abc"]


def test_numbers_are_names_if_the_header_names_images_and_masks(tmp_path: Path) -> None:
    touch(tmp_path, *(f"images/{n}.jpg, masks/{n}.png" for n in range(4)))
    text = "\n".join(f"{n},{3 - n}" for n in range(4))
    with refuses(where=tmp_path / "pairs.csv", value="images/0.jpg with masks/3.png"):
        find_pairs(write_lists(tmp_path, {"pairs.csv": f"image,mask\n{text}"}))
    assert len(find_pairs(write_lists(tmp_path, {"pairs.csv": f"image,class\n{text}"})).samples) == 4


def test_images_that_change_between_two_dates_are_not_taken_for_one(tmp_path: Path) -> None:
    rows = [f"A/{c}.png B/{c}.png label/{c}.png" for c in "xyz"]
    touch(tmp_path, *(name for row in rows for name in row.split()))
    with refuses(where=tmp_path / "train.txt", value="3 files on a line"):
        find_pairs(write_lists(tmp_path, {"train.txt": "\n".join(rows)}))


def test_a_picture_in_the_list_has_no_effect_on_other_columns(tmp_path: Path) -> None:
    touch(tmp_path, *(f"images/{i}.jpg, masks/{3 - i}m.png" for i in range(4)))
    text = "id,class,image,mask\n" + "\n".join(f"{i},{i % 2},images/{i}.jpg,masks/{i}m.png" for i in range(4))
    layout = find_pairs(write_lists(tmp_path, {"data.csv": text}))
    assert [(i, m) for _, i, m in found(layout, tmp_path)] == [(f"images/{i}.jpg", f"masks/{i}m.png") for i in range(4)]


def test_a_mask_that_is_listed_for_two_images_is_pointed_out(tmp_path: Path) -> None:
    """A slip in a list that was filled down: no file is missing, and no line is wrong by itself."""
    for number in range(6):
        write_photograph(tmp_path / f"images/P{number}.png", number)
        write_mask(tmp_path / f"labels/Q{number}.png", number)
    rows = [f"images/P{number}.png labels/Q{min(number, 4)}.png" for number in range(6)]
    write_lists(tmp_path, {"pairs.txt": "\n".join(rows)})
    [problem] = [one for one in check_pairs(FolderSource(tmp_path)) if one.code == "shared-mask"]
    assert (problem.severity, problem.files) == ("warning", ("labels/Q4.png",))


def test_the_table_that_predict_writes_is_no_list_of_labels(tmp_path: Path) -> None:
    """names.csv names each image with the mask that a model predicted for it."""
    touch(tmp_path, *(f"photos/{place}/a.jpg, labelled/a-{place}.png" for place in "xyz"))
    text = "image,mask\n" + "\n".join(f"photos/{place}/a.jpg,a-{place}.png" for place in "xyz")
    write_lists(tmp_path, {"labelled/names.csv": text})
    assert len(found(find_pairs(tmp_path), tmp_path)) == 3
    (tmp_path / "labelled" / PredictionRecord.file).write_text("{}")
    with refuses(DataError, where=tmp_path, value="no mask"):
        find_pairs(tmp_path)


def test_of_thousands_of_files_of_one_name_a_list_has_one_by_its_folder() -> None:
    """Each line was compared with all files: 3,000 pairs took 45 seconds, 10,000 nine minutes."""
    files = [File(Path(f"/x/{number}/image.png"), read_location((str(number),))) for number in range(10_000)]
    named = NamedFiles(Path("/x"), files)
    for form in ("{n}/image.png", "/old/{n}/IMAGE.png", "{n}/image.jpg", "{n}/image"):
        assert [named.find(form.format(n=n)) for n in range(10_000)] == [[file] for file in files]
