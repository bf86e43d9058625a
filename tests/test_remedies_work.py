"""Every remedy of a problem is followed on a folder that provokes it: the problem is gone, and no error came.

Pairs, lists and splits; labels and encodings; pictures; channels of the images; a mask in several files; class files.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawings import label_map, paint, soften
from followed_remedies import (
    COUNT,
    Case,
    both,
    check,
    copy,
    copy_masks,
    copy_pairs,
    declare,
    each_image,
    each_mask,
    empty,
    gets_further,
    in_two_splits,
    lists,
    make_one_class,
    masks_for_images,
    move,
    move_masks,
    name,
    number_objects,
    remove,
    rename_masks,
    save,
    text,
    write,
    write_discs,
    write_layers,
    write_sequence,
)
from support import scene
from tiff_files import save_tiff

BAND = np.asarray(scene(99, 80))[:64, :, :1]
DISC = 255 * (np.hypot(*(np.mgrid[:64, :80] - 30)) < 20).astype(np.uint8)


def add_corner(value: int) -> Callable[[np.ndarray], np.ndarray]:
    """Labels with this value in a corner."""

    def change(labels: np.ndarray) -> np.ndarray:
        changed = labels.copy()
        changed[:9, :9] = value
        return changed

    return change


def blank_edge(pixels: np.ndarray) -> np.ndarray:
    """Without data on the left."""
    blank = pixels.copy()
    blank[:, :12] = 0
    return blank


def exchange(labels: np.ndarray) -> np.ndarray:
    """0 for 2, and 2 for 0."""
    return 2 - labels


def number_masks(root: Path) -> None:
    """Masks whose names are not those of the images."""
    for number in range(COUNT):
        move(f"masks/{name(number)}.png", f"labels/Q{number}.png")(root)
    (root / "masks").rmdir()


def list_pairs(last: int) -> Callable[[Path], None]:
    """A list of pairs in which no image has the mask of a higher number than this."""
    rows = [f"images/{name(number)}.png,labels/Q{min(number, last)}.png" for number in range(COUNT)]
    return text("pairs.csv", "\n".join(["image,mask", *rows]))


def deepen(pixels: np.ndarray) -> np.ndarray:
    """A grey image of 16 bits, with values of 12 bits."""
    return pixels[..., 1].astype(np.uint16) * 16


def stretch(root: Path) -> None:
    """Grey photographs, each from black to white."""
    shutil.rmtree(root)
    for number in range(8):
        grey = np.asarray(scene(number, 200).convert("L"), dtype=np.float64)
        save(root / "images" / f"{name(number)}.png", (grey - grey.min()) / (grey.max() - grey.min()) * 255)
        save(root / "masks" / f"{name(number)}.png", label_map(number, 3, 200, 200))


def add_bands(root: Path) -> None:
    """Each image as a TIFF with two bands more."""
    for path in sorted((root / "images").iterdir()):
        save_tiff(path.with_suffix(".tif"), np.dstack([np.asarray(Image.open(path)), BAND, BAND]), extra=0)
        path.unlink()


def lighter_copy(root: Path) -> None:
    """Of the first image of train, in val."""
    for kind in ("images", "masks"):
        pixels = np.asarray(Image.open(root / "train" / kind / f"{name(0)}.png"))
        save(root / "val" / kind / "again.png", pixels if kind == "masks" else pixels * 0.8 + 40)


def draw_flowers(root: Path) -> None:
    """Soft masks of three colours, in one of which are strokes of a fourth."""
    shutil.rmtree(root)
    for number in range(5):
        mask = soften(paint(label_map(number, 3, 120, 160), ((0, 0, 0), (0, 255, 0), (255, 0, 0))), 1.5)
        pixels = np.asarray(mask).copy()
        if number == 3:
            for left in (20, 60, 110, 160):
                pixels[80:92, left : left + 2] = 255
        save(root / "masks" / f"{name(number)}.png", pixels)
        save(root / "images" / f"{name(number)}.png", scene(number, 240).crop((0, 0, 240, 180)))


def declare_colors(one: str, other: str) -> Callable[[Path], None]:
    classes = f"{{name: a, value: 0}}, {{name: b, value: 1, color: {one}}}, {{name: c, value: 2, color: {other}}}"
    return text("classes.yaml", f"{{classes: [{classes}]}}")


def noisy_masks(root: Path) -> None:
    """The folder of the masks holds pictures of few levels; the masks are elsewhere."""
    (root / "masks").rename(root.parent / "labels")
    for number in range(COUNT):
        save(root / "masks" / f"{name(number)}.png", np.random.default_rng(number).integers(0, 10, (64, 80)))


def one_hot(root: Path) -> None:
    """The masks as arrays of shape (3, 64, 80)."""
    for path in sorted((root / "masks").iterdir()):
        labels = np.asarray(Image.open(path))
        np.save(path.with_suffix(".npy"), np.stack([labels == label for label in range(3)]).astype(np.uint8))
        path.unlink()


PAIRS_2_AND_3 = [f"{kind}/{name(number)}.png" for number in (2, 3) for kind in ("images", "masks")]

CASES = [
    Case("no mask", remove(f"masks/{name(3)}.png"), "image-without-mask", "move them elsewhere",
         remove(f"images/{name(3)}.png")),
    Case("no image", remove(f"images/{name(3)}.png"), "mask-without-image", "remove them",
         remove(f"masks/{name(3)}.png")),
    Case("another mask of an image", copy_masks("_color"), "further-file", "--masks '*_color.png'"),
    Case("listed twice", lists(train=range(12), val=range(11, 16)), "leak-listed-twice", "one of the lists",
         lists(train=range(11))),
    Case("in no list", lists(train=range(10), val=range(11, 16)), "unlisted-image", "Add them to a list",
         lists(train=range(11))),
    Case("smaller masks", each_mask(lambda labels: labels[::2, ::2]), "resized-mask", "at the images' size",
         each_mask(lambda labels: labels.repeat(2, 0).repeat(2, 1))),
    Case("turned masks", each_mask(lambda labels: labels.T), "size-mismatch", "in the shape in which its image is",
         each_mask(lambda labels: labels.T)),
    Case("a rare class", each_mask(lambda labels: np.where(labels == 2, 3, labels), range(2)), "rare-class",
         "merge such a class", declare(0, 1, [2, 3])),
    Case("void as a class", text("classes.yaml", "classes: [{name: a, value: 0}, {name: b, value: 1}, {name: void,"
                                                 " value: 2}]"), "void-as-class", "into `ignore`",
         declare(0, 1, ignore="2")),
    Case("a class in no mask", declare(0, 1, 2, 9), "rare-class", "remove it there", declare(0, 1, 2)),
    Case("another value", declare(0, 1), "undeclared-value", "Add it to `classes` or to `ignore`",
         declare(0, 1, ignore="2")),
    Case("a class absent from val", in_two_splits((0, 1, 2), (0, 1)), "class-absent-from-split", "move some",
         in_two_splits((0, 1, 2), (0, 1, 2))),
    Case("only void", both(declare(0, 1, ignore="2"), each_mask(lambda labels: 0 * labels + 2, range(1))),
         "void-mask", "remove them with their images", remove(f"masks/{name(0)}.png", f"images/{name(0)}.png")),
    Case("empty images", empty(*PAIRS_2_AND_3[::2]), "unreadable-image", "remove it", remove(*PAIRS_2_AND_3)),
    Case("empty masks", empty(*PAIRS_2_AND_3[1::2]), "unreadable-mask", "remove it", remove(*PAIRS_2_AND_3)),
    Case("copies", copy_pairs((0, "again")), "duplicate-images|leak-duplicates", "Keep one of each|remove the copies",
         remove("images/again.png", "masks/again.png")),
    Case("frames", write_sequence, "leak-sequence", "--group-by blocks"),
    Case("shuffled pairs", rename_masks(1), "mismatched-pairs", "rename the masks after", rename_masks(-1)),
    Case("mirrored masks", each_mask(lambda labels: labels[:, ::-1]), "turned-masks", "export the masks again",
         each_mask(lambda labels: labels[:, ::-1])),
    Case("shifted masks", move_masks(5), "shifted-mask", "on the images' own grid", move_masks(-5)),
    Case("two numberings", each_mask(lambda labels: np.array([0, 3, 4])[labels], range(8)), "mixed-numbering",
         "`value: [1, 3]`", declare(0, [1, 3], [2, 4])),
    Case("numbers of objects", number_objects, "numbered-objects", "segarena convert", make_one_class),
    Case("a darker split",
         both(in_two_splits((0, 1, 2), (0, 1, 2)), each_image(lambda rgb: rgb // 5, range(10, COUNT))),
         "split-brightness", "exported in the same way", each_image(lambda rgb: rgb * 5, range(10, COUNT))),
    Case("masks as images", masks_for_images, "image-like-a-mask", "--images DIR=../photos"),
    Case("images too dark", each_image(lambda rgb: rgb // 64), "flat-image", "exported again",
         each_image(lambda rgb: rgb * 64 + np.asarray(scene(1, 80))[:64] // 8)),
    Case("255 beside sparse numbers", each_mask(lambda labels: np.array([0, 97, 255])[labels]),
         "unclear-encoding", "classes.yaml"),
    Case("two ways of void",
         both(each_mask(lambda labels: np.where(labels == 2, 255, 0), range(8)),
              each_mask(lambda labels: np.where(labels == 2, 1, 0), range(8, 16))),
         "unclear-encoding", "classes.yaml"),
    Case("a lighter copy", both(in_two_splits((0, 1, 2), (0, 1, 2)), lighter_copy), "leak-near-duplicates",
         "into one split", both(move("val/images/again.png", "train/images/again.png"),
                                move("val/masks/again.png", "train/masks/again.png"))),
    Case("a lighter copy in one split", both(in_two_splits((0, 1, 2), (0, 1, 2)), lighter_copy,
                                              move("val/images/again.png", "train/images/again.png"),
                                              move("val/masks/again.png", "train/masks/again.png")),
         "near-duplicate-images", "keep such images in one split", stays=True),
    Case("one inverted mask", both(write_discs, each_mask(lambda labels: 255 - labels, range(4, 5))), "inverted-mask",
         "exchange the two values in the mask", each_mask(lambda labels: 255 - labels, range(4, 5))),
    Case("all masks inverted", both(write_discs, each_mask(lambda labels: 255 - labels)), "inverted-mask",
         "exchange the names of the two values in a classes.yaml",
         text("classes.yaml", "{classes: [{name: foreground, value: 0}, {name: background, value: 255}]}")),
    Case("unfinished masks", each_mask(lambda labels: 0 * labels, range(9)), "empty-mask", "remove them with",
         remove(*(f"{kind}/{name(number)}.png" for number in range(9) for kind in ("images", "masks")))),
    Case("two reds", declare_colors("[200, 0, 0]", "[201, 2, 0]"), "similar-colors", "another `color` in classes.yaml",
         declare_colors("[200, 0, 0]", "[0, 0, 200]")),
    Case("a picture as mask", noisy_masks, "mask-like-a-photograph", "--masks DIR=../labels"),
    Case("a thin colour", draw_flowers, "merged-value", "declare all colours in a classes.yaml", text("classes.yaml",
         "{classes: [{name: soil, value: [0, 0, 0]}, {name: crop, value: [0, 255, 0]}, {name: weed,"
         " value: [255, 0, 0]}, {name: flower, value: [255, 255, 255]}]}")),
    Case("a band as alpha", each_image(lambda rgb: np.dstack([rgb, BAND])), "alpha-left-out", "--channels all"),
    Case("alpha of 0", each_image(lambda rgb: np.dstack([rgb, 0 * BAND])), "alpha-left-out", "nothing has to be done",
         stays=True),
    Case("a hidden picture", each_image(lambda rgb: np.dstack([rgb, DISC])), "hidden-by-alpha",
         "without the alpha channel", each_image(lambda rgba: rgba[..., :3])),
    Case("five bands", add_bands, "extra-bands", "--channels all"),
    Case("two cameras", both(each_image(deepen), each_image(lambda grey: grey * 16, range(6))), "mixed-scales",
         "Save all images on one scale", each_image(lambda grey: grey // 16, range(6))),
    Case("stretched images", stretch, "stretched-images", "on one scale for all",
         each_image(lambda grey: grey * 0.7 + 20)),
    Case("a layer that is not there", both(write_layers, move("masks/rust/b-20.png", "elsewhere.txt")),
         "missing-layer", "restore the files", move("elsewhere.txt", "masks/rust/b-20.png")),
    Case("a class named trash", both(write_layers, move("masks/rust", "masks/trash")), "skipped-folder",
         "Rename it if it is a class", move("masks/trash", "masks/litter")),
    Case("old masks", both(write_layers, move("masks/rust", "masks/trash")), "skipped-folder",
         "move it elsewhere", move("masks/trash", "../trash")),
    Case("a channel per class", one_hot, "one-channel-per-class", "name the classes", declare(0, 1, 2), stays=True),
    Case("a number far above the others", each_mask(add_corner(254)), "isolated-value", "if so"),
    Case("edges of images without data", both(each_mask(lambda labels: labels + 1),
         each_mask(blank_edge, range(0, COUNT, 2)), each_image(blank_edge, range(0, COUNT, 2))), "no-data-class",
         "if so"),
    Case("numbers exchanged in half of the masks", each_mask(exchange, range(0, COUNT, 2)), "class-changes",
         "save all masks alike", each_mask(exchange, range(0, COUNT, 2))),
    Case("a mask listed for two images", both(number_masks, list_pairs(COUNT - 2)), "shared-mask",
         "Correct the list of pairs", list_pairs(COUNT - 1)),
    Case("masks that a model predicted", text("masks/predictions.json", "{}"), "predicted-mask",
         "remove predictions.json", remove("masks/predictions.json")),
    Case("a table in the folder above", text("../classes.yaml",
         "{classes: [{name: a, value: 0}, {name: b, value: 1}, {name: c, value: 2}]}"), "unused-class-file",
         "copy it to", copy("../classes.yaml", "classes.yaml")),
]  # fmt: skip

#: The tests that follow the other remedies: those that are a command or an option of another command.
ELSEWHERE = {
    "before-and-after": "checks/test_before_and_after.py::test_values_of_one_time_are_reported_with_options_that_work",
    "extreme-imbalance": "experiment/test_inputs.py::test_class_weights_and_foreground_crops_train",
    "overlapping-layers": "data/test_mask_layer_values.py::test_the_values_of_a_classes_yaml_order_the_layers",
    "unused-folders": "data/test_mask_class_folders.py::test_folders_of_single_masks_may_be_classes",
}


@pytest.mark.long
def test_the_good_folder_has_no_problem(tmp_path: Path) -> None:
    write(tmp_path / "my data")
    assert check(tmp_path / "my data") == []


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_remedy_gets_further(case: Case, tmp_path: Path) -> None:
    gets_further(case, tmp_path)


def test_the_remedy_of_every_code_is_followed(request: pytest.FixtureRequest) -> None:
    """By a case above or by the test that is named."""
    table = (request.config.rootpath / "docs" / "problems.md").read_text().partition("## Codes")[2]
    codes = set(re.findall(r"^\| `([a-z-]+)`", table.partition("\n## ")[0], flags=re.MULTILINE))
    here = {code for case in CASES for code in case.code.split("|")}
    assert codes == here | set(ELSEWHERE)
    assert not here & set(ELSEWHERE)
    for place in ELSEWHERE.values():
        file, _, test = place.partition("::")
        assert f"def {test}(" in (Path(__file__).parent / file).read_text()
