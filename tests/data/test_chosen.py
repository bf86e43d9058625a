"""What --images and --masks name: folders, names of folders, patterns of files; and sets of images with defects.

Two masks of each image in one folder; the other one named too late, in front, or in another folder; patterns with
folders, with `**`, in other capitals, that fit nothing; sets of anomalies, whose masks lie in folders of the same names
as the images. Each remedy of an error is followed and gives the pairs that it should.
"""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layout_zoo import Expected, found, touch, write_mask, write_photograph
from segarena.config import TrainOptions
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import find_pairs
from segarena.data.source import Sample
from segarena.data.splitting.splits import split_samples
from segarena.errors import DataError
from segarena.experiment.inputs import describe_inputs
from support import refuses

N = range(1, 5)
CITY = "leftImg8bit/train/aachen/a_{n}_leftImg8bit.png", "gtFine/train/aachen/a_{n}_gtFine_label{ids}.png"


def write(root: Path, image: str, *masks: str) -> Path:
    """Four images and their masks of each kind; the placeholder {n} is the number of the image."""
    for n in N:
        write_photograph(root / image.format(n=n), n)
        for kind, mask in enumerate(masks):
            write_mask(root / mask.format(n=n), n + 3 * kind)
    return root


def expected(image: str, mask: str, split: str | None = None) -> Expected:
    return [(split, image.format(n=n), mask.format(n=n)) for n in N]


def offered(error: DataError) -> list[dict[str, Path]]:
    """The options that a remedy offers, each choice as arguments."""
    choices = re.findall(r"--.*?(?= or |, |$)", error.remedy)
    return [
        {name.removeprefix("--"): Path(value) for name, value in pairwise(shlex.split(choice)) if name[:2] == "--"}
        for choice in choices
    ]


TWO_MASKS = {
    "two kinds of numbers": (CITY[0], CITY[1].replace("{ids}", "Ids"), CITY[1].replace("{ids}", "TrainIds")),
    "two observers": ("Image_{n}L.jpg", "Image_{n}L_1stHO.png", "Image_{n}L_2ndHO.png"),
    "two observers, one format, one folder down": (
        "d/Image_{n}L.png",
        "d/Image_{n}L_1stHO.png",
        "d/Image_{n}L_2ndHO.png",
    ),
    "two words behind": ("images/x{n}.jpg", "masks/x{n}_gt.png", "masks/x{n}_mask.png"),
    "two words in front": ("images/{n}.jpg", "masks/gt_{n}.png", "masks/label_{n}.png"),
    "two words in the middle": ("image_2/u_{n}.png", "gt_2/u_lane_{n}.png", "gt_2/u_road_{n}.png"),
    "two formats": ("images/{n}.jpg", "masks/{n}.png", "masks/{n}.tif"),
    "two words beside the image": ("x{n}.jpg", "x{n}_gt.png", "x{n}_mask.png"),
    "one name within the other": ("{n}.jpg", "{n}_label_truth.png", "{n}_label_truth_semantic.png"),
    "two folders of masks": ("images/{n}.jpg", "masks/a/{n}_gt.png", "masks/b/{n}_gt.png"),
}


@pytest.mark.parametrize(("image", "one", "two"), TWO_MASKS.values(), ids=TWO_MASKS)
def test_of_two_masks_each_option_in_the_remedy_chooses_one(image: str, one: str, two: str, tmp_path: Path) -> None:
    write(tmp_path, image, one, two)
    with refuses() as caught:
        find_pairs(tmp_path)
    choices = offered(caught.value)
    assert len(choices) == 2
    split = "train" if "train" in image else None
    for choice, mask in zip(choices, (one, two), strict=True):
        layout = find_pairs(tmp_path, **choice)
        assert found(layout, tmp_path) == expected(image, mask, split)
        assert layout.images_without_mask == layout.masks_without_image == ()


@pytest.mark.parametrize("end", ["_mask_color", "_edges", "_overlay"])
def test_files_of_other_kinds_beside_masks_are_no_other_masks(end: str, tmp_path: Path) -> None:
    write(tmp_path, "{n}.jpg", "{n}_mask.png", f"{{n}}{end}.png")
    assert found(find_pairs(tmp_path), tmp_path) == expected("{n}.jpg", "{n}_mask.png")


def test_labels_are_those_of_the_chosen_mask(tmp_path: Path) -> None:
    image, one, two = TWO_MASKS["two observers"]
    source = FolderSource(write(tmp_path, image, one, two), masks=Path("*_2ndHO.png"))
    for index, n in enumerate(N):
        labels = np.zeros((18, 24), dtype=np.uint8)
        labels[(n + 3) % 9 :, (n + 3) % 7 :] = 1
        assert np.array_equal(source.read(index)[1], labels)


@pytest.mark.parametrize(
    "pattern",
    ["*_labelIds.png", "gtFine/**/*_labelIds.png", "**/*_labelIds.*", "aachen/*Fine_labelIds.png", "*_LABELIDS.PNG"],
)
def test_a_pattern_may_have_folders_and_other_capitals(pattern: str, tmp_path: Path) -> None:
    image, ids, train_ids = TWO_MASKS["two kinds of numbers"]
    write(tmp_path, image, ids, train_ids)
    for given in (pattern, tmp_path / pattern):
        assert found(find_pairs(tmp_path, masks=Path(given)), tmp_path) == expected(image, ids, "train")


@pytest.mark.parametrize(
    ("options", "mask"),
    [
        ({"images": "*_sat.jpg"}, "{n}_mask.png"),
        ({"images": "*_sat.jpg", "masks": "*_mask.png"}, "{n}_mask.png"),
        ({"images": "*.jpg", "masks": "*.png"}, "{n}_mask.png"),
        ({"images": ".", "masks": "*.png"}, "{n}_mask.png"),
        ({"images": "*_sat.*", "masks": "."}, "{n}_mask.png"),
    ],
)
def test_patterns_choose_images_and_masks_of_one_folder(options: dict[str, str], mask: str, tmp_path: Path) -> None:
    write(tmp_path, "{n}_sat.jpg", mask)
    layout = find_pairs(tmp_path, **{key: Path(value) for key, value in options.items()})
    assert found(layout, tmp_path) == expected("{n}_sat.jpg", mask)


def test_a_pattern_outside_of_the_data_is_kept_as_a_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "data/images/{n}.jpg", "tools/{n}_a.png", "tools/{n}_b.png")
    monkeypatch.chdir(tmp_path)
    options = TrainOptions(model="unet", data=Path("data"), masks=Path("tools/*_b.png"))
    source = FolderSource(Path("data"), masks=options.masks)
    assert {sample.mask for sample in source.samples} == {Path(f"tools/{n}_b.png") for n in N}
    saved = describe_inputs(options, source)
    assert saved.masks == str(tmp_path / "tools/*_b.png")
    inside = describe_inputs(TrainOptions(model="unet", data=Path("data"), masks=Path("*_b.png")), source)
    assert inside.masks == "*_b.png"


def test_a_pattern_without_a_folder_is_not_looked_for_outside_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masks of other data below the working directory may have the same names."""
    write(tmp_path, "data/images/{n}.jpg", "other/masks/{n}_gt.png")
    monkeypatch.chdir(tmp_path)
    with refuses(where=Path("data"), value="'*_gt.png'"):
        find_pairs(Path("data"), masks=Path("*_gt.png"))


@pytest.mark.parametrize("pattern", ["*_3rd.png", "nowhere/*.png", "masks/**/x?.png"])
def test_a_pattern_that_fits_nothing_is_refused_with_those_that_work(pattern: str, tmp_path: Path) -> None:
    image, one, two = TWO_MASKS["two observers"]
    with refuses(where=write(tmp_path, image, one, two), value=pattern) as caught:
        find_pairs(tmp_path, masks=Path(pattern))
    choices = offered(caught.value)
    assert [found(find_pairs(tmp_path, **choice), tmp_path) for choice in choices] == [
        expected(image, one),
        expected(image, two),
    ]


def test_brackets_in_the_name_of_a_folder_are_letters(tmp_path: Path) -> None:
    write(tmp_path, "x/images/{n}.jpg", "x/labels [v2]/{n}.png", "x/masks/{n}.png")
    layout = find_pairs(tmp_path, masks=Path("labels [v2]"))
    assert found(layout, tmp_path) == expected("x/images/{n}.jpg", "x/labels [v2]/{n}.png")


def test_all_candidates_are_named_and_each_can_be_chosen(tmp_path: Path) -> None:
    folders = ("annotations", "gt", "labels", "masks")
    write(tmp_path, "images/{n}.jpg", *(f"{folder}/{{n}}.png" for folder in folders))
    with refuses(where=tmp_path, value="annotations/, gt/, labels/ and masks/ could all be the masks") as caught:
        find_pairs(tmp_path)
    assert [choice["masks"].name for choice in offered(caught.value)] == list(folders)


def test_of_dozens_of_candidates_a_message_has_the_first(tmp_path: Path) -> None:
    """A message had 40,000 characters of them."""
    for number in range(20):
        touch(tmp_path, "images/a.jpg", f"gt{number}/a.png")
    with refuses(where=tmp_path, value="12 more could all be") as caught:
        find_pairs(tmp_path)
    assert len(offered(caught.value)) == 8


def test_a_chosen_folder_of_images_and_masks_gives_one_of_the_two(tmp_path: Path) -> None:
    write(tmp_path, "data/images/{n}.jpg", "data/masks/{n}.png")
    for options in ({"images": "data"}, {"masks": "data"}, {"images": "data", "masks": "data"}):
        layout = find_pairs(tmp_path, **{key: Path(value) for key, value in options.items()})
        assert found(layout, tmp_path) == expected("data/images/{n}.jpg", "data/masks/{n}.png")


def test_of_two_formats_each_option_in_the_remedy_chooses_one(tmp_path: Path) -> None:
    for kind in ("png", "tif"):
        write(tmp_path, f"{kind}/images/{{n}}.{kind}", f"{kind}/masks/{{n}}.{kind}")
    with refuses(where=tmp_path, value="png/ and tif/") as caught:
        find_pairs(tmp_path)
    for kind, choice in zip(("png", "tif"), offered(caught.value), strict=True):
        layout = find_pairs(tmp_path, **choice)
        assert found(layout, tmp_path) == expected(f"{kind}/images/{{n}}.{kind}", f"{kind}/masks/{{n}}.{kind}")


# Sets of anomalies: the images of each kind of defect, and those without any

ANOMALIES = {
    "masks outside": ("test/{kind}/00{n}.png", "ground_truth/{kind}/00{n}_mask.png", "good"),
    "masks outside, of equal names": ("test/{kind}/00{n}.png", "ground_truth/{kind}/00{n}.png", "ok"),
    "one product down": ("bottle/test/{kind}/00{n}.png", "bottle/ground_truth/{kind}/00{n}_mask.png", "good"),
    "images and masks": ("Data/Images/{kind}/00{n}.jpg", "Data/Masks/{kind}/00{n}.png", "Normal"),
}


def write_anomalies(root: Path, image: str, mask: str, good: str) -> list[tuple[str, str]]:
    pairs = [(image.format(kind=k, n=n), mask.format(kind=k, n=n)) for k in ("crack", "scratch") for n in N]
    others = [image.format(kind=good, n=n) for n in N]
    if "test/" in image:
        others += [name.replace("test/", "train/") for name in others]
    touch(root, *others)
    for number, (image_name, mask_name) in enumerate(pairs):
        write_photograph(root / image_name, number)
        write_mask(root / mask_name, number)
    return pairs


@pytest.mark.parametrize(("image", "mask", "good"), ANOMALIES.values(), ids=ANOMALIES)
def test_masks_of_anomalies_are_masks_and_good_images_are_told(
    image: str, mask: str, good: str, tmp_path: Path
) -> None:
    pairs = write_anomalies(tmp_path, image, mask, good)
    layout = find_pairs(tmp_path)
    assert sorted((i, m) for _, i, m in found(layout, tmp_path)) == pairs
    assert {path.parent.name for path in layout.images_without_mask} == {good}


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"images": "crack"}, "crack"),
        ({"images": "test/crack"}, "crack"),
        ({"masks": "ground_truth/hole"}, "hole"),
        ({"masks": "hole"}, "hole"),
        ({"images": "test/hole", "masks": "ground_truth"}, "hole"),
    ],
)
def test_a_chosen_kind_of_defect_has_its_own_masks_alone(options: dict[str, str], kind: str, tmp_path: Path) -> None:
    # The masks of the other kind have the same names, and mark other pixels: they are no second class.
    for side, name in enumerate(("crack", "hole")):
        write(tmp_path, f"test/{name}/{{n}}.png", f"ground_truth/{name}/{{n}}_mask.png")
        for n in N:
            pixels = np.zeros((18, 24), dtype=np.uint8)
            pixels[:, 12 * side : 12 * side + 5 + n] = 255
            Image.fromarray(pixels).save(tmp_path / f"ground_truth/{name}/{n}_mask.png")
    touch(tmp_path, *(f"{split}/good/{n}.png" for split in ("train", "test") for n in N))
    layout = find_pairs(tmp_path, **{key: Path(value) for key, value in options.items()})
    pairs = [(i, m) for _, i, m in found(layout, tmp_path)]
    assert pairs == [(f"test/{kind}/{n}.png", f"ground_truth/{kind}/{n}_mask.png") for n in N]
    assert layout.layers == ()


@pytest.mark.parametrize("mask", ["ground_truth/crack/{n}_mask.png", "ground_truth/crack/{n}.png"])
@pytest.mark.parametrize("place", ["", "01/"])
def test_good_images_beside_a_single_kind_of_defect_are_told(place: str, mask: str, tmp_path: Path) -> None:
    write(tmp_path, f"{place}test/crack/{{n}}.png", place + mask)
    touch(tmp_path, *(f"{place}{split}/good/{n}.png" for split in ("train", "test") for n in N), "docs/figure.png")
    layout = find_pairs(tmp_path)
    assert found(layout, tmp_path) == expected(f"{place}test/crack/{{n}}.png", place + mask, "test")
    assert [path.parent.name for path in layout.images_without_mask] == ["good"] * 8


def test_copies_with_masks_of_their_own_are_offered_with_them_alone(tmp_path: Path) -> None:
    for end in ("", "_aug"):
        write(tmp_path, f"images{end}/{{n}}.jpg", f"masks{end}/{{n}}.png")
    with refuses(where=tmp_path, value="images/ with masks/ and images_aug/ with masks_aug/") as caught:
        find_pairs(tmp_path)
    assert offered(caught.value) == [
        {"images": Path(f"images{end}"), "masks": Path(f"masks{end}")} for end in ("", "_aug")
    ]


def test_images_are_never_taken_from_a_folder_of_masks(tmp_path: Path) -> None:
    image, mask, good = ANOMALIES["masks outside"]
    pairs = write_anomalies(tmp_path, image, mask, good)
    layout = find_pairs(tmp_path, images=Path("crack"))
    assert [(i, m) for _, i, m in found(layout, tmp_path)] == pairs[:4]
    layout = find_pairs(tmp_path, masks=Path("crack"))
    assert all(m.startswith("ground_truth/") for _, _, m in found(layout, tmp_path))


def test_labels_in_test_alone_can_be_divided_anew_by_the_remedy(tmp_path: Path) -> None:
    image, mask, good = ANOMALIES["masks outside"]
    pairs = write_anomalies(tmp_path, image, mask, good)
    with refuses(where=tmp_path, value="0 labelled images for train") as caught:
        split_samples(find_pairs(tmp_path).samples, where=tmp_path)
    (choice,) = offered(caught.value)
    assert find_pairs(tmp_path, images=Path("test")).samples  # and ground_truth/ is found
    samples: tuple[Sample, ...] = find_pairs(tmp_path, **choice).samples
    assert sorted((i, m) for _, i, m in found(find_pairs(tmp_path, **choice), tmp_path)) == pairs
    splits = split_samples(samples, where=tmp_path)
    assert splits.counts == {"train": 6, "val": 2, "test": 0}


@pytest.mark.parametrize("is_absolute", [True, False])
def test_a_folder_elsewhere_may_be_absolute_and_the_data_not(
    is_absolute: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        write_photograph(tmp_path / "elsewhere" / f"{name}.jpg")
        write_mask(tmp_path / "data" / "masks" / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    root, images = Path("data"), Path("elsewhere")
    layout = find_pairs(root, images=tmp_path / images) if is_absolute else find_pairs(tmp_path / root, images=images)
    assert len(layout.samples) == 2
    place = (tmp_path / images).as_posix() if is_absolute else "elsewhere"
    assert layout.sentence == f"images in {place}/, masks in masks/"
