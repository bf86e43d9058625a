"""A number can mean another class in each file: the label table beside each mask is used, or the masks are refused.

- labelme's `json_to_dataset`: `label_names.txt` or `info.yaml` in the folder of each mask.
- The same in one folder: `a_label_names.txt` beside `a_label.png`.
- One table for all: its names are those of the classes.
- Tables that differ, and a mask without one, a number that is not in its table, colours, a classes.yaml of other names.
- Palettes: one file of many with its colours in another order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawings import infer, label_map
from segarena.classes import name_classes
from segarena.data.encoding.infer import infer_like
from segarena.data.encoding.mask_encoding import read_mask
from segarena.data.folder import FolderSource
from segarena.image_files.mask_facts import CountedMask, read_mask_facts
from support import refuses

NAMES = ("_background_", "crack", "rust", "moss")
#: The labels of NAMES that each image has, in the order of its numbers.
ORDERS = ((0, 1, 2, 3), (0, 2), (0, 3, 1), (0, 2, 1))
PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]


def draw(number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The labels of image `number` by NAMES, and the same by the numbers of its own table."""
    order = ORDERS[number % len(ORDERS)]
    own = label_map(number, len(order))
    return np.array(order, dtype=np.uint8)[own], own


def save(path: Path, numbers: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(numbers)
    image.putpalette(PALETTE)
    image.save(path)
    return path


def names_of(number: int) -> list[str]:
    return [NAMES[label] for label in ORDERS[number % len(ORDERS)]]


def write_names(folder: Path, number: int, kind: str) -> Path:
    """A mask with its table in one of the three ways."""
    if kind == "one folder":
        path = folder / f"{number}_label.png"
        table, text = folder / f"{number}_label_names.txt", "\n".join(names_of(number))
    else:
        path = folder / f"{number}_json" / "label.png"
        table = path.parent / kind
        text = "\n".join(names_of(number)) if kind.endswith("txt") else f"label_names: {names_of(number)}"
    save(path, draw(number)[1])
    table.write_text(text)
    return path


@pytest.mark.parametrize("kind", ["label_names.txt", "info.yaml", "one folder"])
def test_the_table_beside_each_mask_gives_the_meaning_of_its_numbers(kind: str, tmp_path: Path) -> None:
    paths = [write_names(tmp_path, number, kind) for number in range(6)]
    encoding = infer(paths).encoding
    assert encoding.classes.names == ("background", "crack", "moss", "rust")
    for number, path in enumerate(paths):
        np.testing.assert_array_equal(read_mask(path, encoding), np.array([0, 1, 3, 2])[draw(number)[0]])
    declared = name_classes((7, 3, 5, 4), ("moss", "background", "rust", "crack"))
    encoding = infer(paths, declared).encoding
    assert encoding.classes == declared
    for number, path in enumerate(paths):
        np.testing.assert_array_equal(read_mask(path, encoding), np.array([1, 3, 2, 0])[draw(number)[0]])


def test_a_folder_of_json_to_dataset_is_read_by_its_tables(tmp_path: Path) -> None:
    for number in range(6):
        folder = write_names(tmp_path, number, "label_names.txt").parent
        photograph = np.random.default_rng(number).integers(0, 256, (*draw(number)[0].shape, 3), dtype=np.uint8)
        for name in ("img.png", "label_viz.png"):
            Image.fromarray(photograph).save(folder / name)
    source = FolderSource(tmp_path)
    assert source.classes.names == ("background", "crack", "moss", "rust")
    for index, sample in enumerate(source.samples):
        labels = draw(int(sample.files[1].parent.name.partition("_")[0]))[0]
        np.testing.assert_array_equal(source.read(index)[1], np.array([0, 1, 3, 2])[labels])
        assert source.mask_pixels[index].sum() == labels.size
    before = source.decoding_digest
    (tmp_path / "1_json" / "label_names.txt").write_text("_background_\nmoss\n")
    assert FolderSource(tmp_path).decoding_digest != before


def test_one_table_for_all_names_the_classes(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{number}.png", draw(number)[0]) for number in range(4)]
    (tmp_path / "label_names.txt").write_text("\n".join(NAMES))
    encoding = infer(paths).encoding
    assert encoding.classes.names == ("background", *NAMES[1:])
    for number, path in enumerate(paths):
        np.testing.assert_array_equal(read_mask(path, encoding), draw(number)[0])
    assert infer(paths, encoding.classes).encoding.classes == encoding.classes
    assert infer(paths, name_classes((0, 1, 2, 3), "abcd")).encoding.classes.names == ("a", "b", "c", "d")


def test_other_data_with_a_single_table_get_the_classes_of_a_run_by_name(tmp_path: Path) -> None:
    """1 is rust in these masks, and crack in the run."""
    masks = []
    for number in (1, 5):
        path = write_names(tmp_path, number, "label_names.txt")
        masks.append(CountedMask(path, read_mask_facts(path)))
    run = name_classes((0, 1, 2), ("background", "crack", "rust"))
    encoding = infer_like(masks, run).encoding
    assert encoding.classes == run
    for number, (path, _) in zip((1, 5), masks, strict=True):
        np.testing.assert_array_equal(read_mask(path, encoding), draw(number)[0])
    with refuses(where=tmp_path / "1_json", value="rust"):
        infer([path for path, _ in masks], run)


def test_a_single_table_of_other_numbers_than_the_masks_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(label_map(0, 2) * 255).save(path)
    (tmp_path / "label_names.txt").write_text("background\nroad\n")
    assert [entry.value for entry in infer([path]).encoding.classes.classes] == [0, 255]


def test_tables_that_differ_and_do_not_fit_all_masks_are_refused(tmp_path: Path) -> None:
    paths = [write_names(tmp_path, number, "label_names.txt") for number in range(4)]
    with refuses(where=paths[0].parent, value="no class moss"):
        infer(paths, name_classes((0, 1, 2), ("background", "crack", "rust")))
    (paths[2].parent / "label_names.txt").write_text("_background_\nmoss\n")
    with refuses(where=paths[2], value="the number 2"):
        infer(paths)
    (paths[2].parent / "label_names.txt").unlink()
    with refuses(where=paths[2].parent, value="1 mask of 4"):
        infer(paths)
    write_names(tmp_path, 2, "label_names.txt")
    Image.open(paths[3]).convert("RGB").save(paths[3])
    with refuses(where=paths[3], value="has colours"):
        infer(paths)


def test_a_mask_whose_palette_has_another_order_is_read_by_its_colours(tmp_path: Path) -> None:
    paths, drawn = [], [label_map(seed, 4) for seed in range(5)]
    for number, labels in enumerate(drawn):
        image = Image.fromarray(labels)
        image.putpalette(PALETTE)
        order = [2, 0, 3, 1] if number == 3 else [0, 1, 2, 3]
        paths.append(tmp_path / f"{number}.png")
        image.remap_palette(order).save(paths[-1])
    encoding = infer(paths).encoding
    assert encoding.kind == "color"
    assert encoding.classes.names == ("background", "dark_green", "maroon", "olive")
    for path, labels in zip(paths, drawn, strict=True):
        np.testing.assert_array_equal(read_mask(path, encoding), np.array([0, 2, 1, 3])[labels])


def test_a_table_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", draw(0)[1])
    (tmp_path / "info.yaml").write_text("label_names: [a\nb: }")
    with refuses(where=tmp_path / "info.yaml", value="line 2"):
        infer([path])


def test_the_first_name_of_labelme2voc_is_no_number(tmp_path: Path) -> None:
    """Its lists begin with __ignore__, which is -1; the same file above the masks' folder is read so, too."""
    paths = [save(tmp_path / f"{number}.png", label_map(number, 3)) for number in range(4)]
    (tmp_path / "label_names.txt").write_text("__ignore__\n_background_\nroad\ncar\n")
    encoding = infer(paths).encoding
    assert (encoding.classes.names, encoding.classes.ignore) == (("background", "road", "car"), ())
    np.testing.assert_array_equal(read_mask(paths[0], encoding), label_map(0, 3))


def test_more_names_than_a_mask_has_values_are_refused(tmp_path: Path) -> None:
    """Labels from 256 on would be those of other classes: 256 is 0 in a byte."""
    paths = []
    for number in range(100):
        paths.append(save(tmp_path / str(number) / "label.png", label_map(number, 4)))
        names = ["_background_", *(f"object {3 * number + place}" for place in range(3))]
        (paths[-1].parent / "label_names.txt").write_text("\n".join(names))
    assert infer(paths[:84]).encoding.classes.num_classes == 253
    with refuses(value="301 classes"):
        infer(paths)


def test_one_table_of_more_names_than_a_mask_has_values_is_ignored(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{number}.png", label_map(number, 4)) for number in range(4)]
    (tmp_path / "label_names.txt").write_text("\n".join(map(str, range(300))))
    assert infer(paths).encoding.classes.names == ("class_0", "class_1", "class_2", "class_3")
