"""Which mask belongs to which image: one rule for the whole set, by names, in any order of the files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.data.layout.pairing import Pairing, pair_files
from segarena.data.layout.tree import File, read_location


def files(paths: Sequence[str]) -> list[File]:
    return [File(Path(path), read_location(Path(path).parent.parts)) for path in paths]


def pair(images: Sequence[str], masks: Sequence[str]) -> Pairing:
    """Pair images/NAME.jpg and masks/NAME.png; a name may have folders in front."""
    return pair_files(files([f"images/{name}.jpg" for name in images]), files([f"masks/{name}.png" for name in masks]))


def stems(pairing: Pairing) -> dict[str, str]:
    return {image.path.stem: mask.path.stem for image, mask in pairing.pairs}


@pytest.mark.parametrize(
    ("image", "mask", "end"),
    [
        ("a", "a_mask", 'the ending "mask" of masks'),
        ("a", "a-labels", 'the ending "labels" of masks'),
        ("a", "a_GT", 'the ending "GT" of masks'),
        ("a", "a.ground_truth", 'the ending "ground_truth" of masks'),
        ("a", "aMask", 'the ending "Mask" of masks'),
        ("01_image", "01_annotation", 'the ending "annotation" of masks and the ending "image" of images'),
        ("image001", "mask001", 'the beginning "image" of images and the beginning "mask" of masks'),
        ("img (1)", "label (1)", 'the beginning "img" of images'),
        ("k_leftImg8bit", "k_gtFine_labelTrainIds", 'the ending "gtFine_labelTrainIds" of masks'),
        ("a_image", "a", 'the ending "image" of images'),
        ("mask_of_a_face", "mask_of_a_face_mask", 'the ending "mask" of masks'),
    ],
)
def test_stems_may_differ_by_words_of_their_kind_at_the_ends(image: str, mask: str, end: str) -> None:
    pairing = pair([image], [mask])
    assert stems(pairing) == {image: mask}
    assert pairing.is_by_stem
    assert end in pairing.rule


@pytest.mark.parametrize(
    ("images", "masks", "pairs"),
    [
        (["a", "b", "c"], ["b", "c", "d"], {"b": "b", "c": "c"}),  # by sorted order a would get the mask of b
        (["a", "b"], ["a", "a_mask", "b_mask"], {"a": "a", "b": "b_mask"}),
        (["a", "B"], ["a", "b"], {"a": "a"}),
        (["A1", "B1"], ["a1", "b1"], {"A1": "a1", "B1": "b1"}),
        (["IMG_7", "IMG_8"], ["img_7_mask", "img_8_mask"], {"IMG_7": "img_7_mask", "IMG_8": "img_8_mask"}),
        (["1", "2", "3"], ["seg-x1", "seg-x2", "seg-x3"], {"1": "seg-x1", "2": "seg-x2", "3": "seg-x3"}),
        (["c1_img_5", "c2_img_5"], ["c1_mask_5", "c2_mask_5"], {"c1_img_5": "c1_mask_5", "c2_img_5": "c2_mask_5"}),
        (["image_001", "image_010"], ["gt_1", "gt_10"], {"image_001": "gt_1", "image_010": "gt_10"}),
        (["v2_001", "v2_002"], ["s1", "s2"], {"v2_001": "s1", "v2_002": "s2"}),
        (["a_1", "b_1", "b_12"], ["a_001", "b_001", "b_012"], {"a_1": "a_001", "b_1": "b_001", "b_12": "b_012"}),
        (["u_1", "u_2", "v_1"], ["u_lane_1", "u_lane_2"], {"u_1": "u_lane_1", "u_2": "u_lane_2"}),
        (["um_1", "uu_1"], ["um_road_1", "uu_road_1"], {"um_1": "um_road_1", "uu_1": "uu_road_1"}),
        (["a", "b", "c"], ["a.jpg", "b.JPEG", "c.png"], {"a": "a.jpg", "b": "b.JPEG", "c": "c.png"}),
        (["a.png", "b.tif"], ["a", "b"], {"a.png": "a", "b.tif": "b"}),
        (["4", "6", "2", "5", "0"], ["2_L", "5_L"], {"2": "2_L", "5": "5_L"}),
        (["1", "5", "2", "6", "0"], ["5_L", "6_L"], {"5": "5_L", "6": "6_L"}),
        # label-studio #1266: names as in an address; and the hash of an upload
        (["d’écran 1", "d’écran 2"], [f"d%E2%80%99%C3%A9cran%20{n}" for n in (1, 2)], "in order"),
        (["s1", "s2"], ["06eca1b4-s1", "9f00d3aa-s2"], "in order"),
        (["s1", "s2"], [f"s{n}_jpg.rf.{n}0123456789abcdef0123456789abcde_mask" for n in (1, 2)], "in order"),
        (["s1", "s2"], ["06eca1b4-s1", "9f00d3aa-s1"], {}),  # two versions of one image
    ],
)
def test_one_rule_pairs_the_whole_set(images: list[str], masks: list[str], pairs: dict[str, str] | str) -> None:
    expected = dict(zip(images, masks, strict=True)) if pairs == "in order" else pairs
    assert stems(pair(images, masks)) == expected


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (["cat"], ["hat"]),
        (["photo_1"], ["photo_2"]),
        (["x1", "x2", "x3"], ["y11", "y12", "y13"]),
        (["a1", "b2"], ["b1", "a2"]),
        (["image_1", "image_01"], ["gt_001", "gt_002"]),
        (["a_1", "a_01", "b_2"], ["a_001", "a_0001", "b_3"]),
        (["2020_1", "2021_2"], ["gt_1", "gt_2"]),
        (["5", "000"], ["x5", "x0"]),
        (["p1", "p2", "p3", "p4", "p5", "p6"], ["q01", "q2"]),
        (["h1/h1", "h2/h2"], ["h1/m1", "h1/m2", "h2/m3"]),
    ],
)
def test_names_that_are_similar_by_chance_do_not_pair(images: list[str], masks: list[str]) -> None:
    assert pair(images, masks).pairs == ()


@pytest.mark.parametrize(
    ("images", "masks", "value"),
    [
        (["a"], ["a_gt", "a_mask"], "a_gt.png or masks/a_mask.png"),
        (["a", "a_image"], ["a_mask"], "a.jpg or images/a_image.jpg"),
        (["a"], ["a_mask", "a_mask_1"], "a_mask.png"),
        (["Ab", "aB"], ["ab"], "upper and lower case"),
    ],
)
def test_two_files_for_one_are_a_problem_that_names_both(images: list[str], masks: list[str], value: str) -> None:
    problem = pair(images, masks).problem
    assert problem
    assert value in problem.what


def test_folders_and_splits_have_to_be_equal_if_both_kinds_have_them() -> None:
    pairing = pair(["train/x/1", "train/y/1", "val/x/1"], ["train/y/1", "val/x/1", "val/y/1"])
    assert [(image.path.parent.as_posix(), mask.path.parent.as_posix()) for image, mask in pairing.pairs] == [
        ("images/train/y", "masks/train/y"),
        ("images/val/x", "masks/val/x"),
    ]


def by_value(core: str) -> str:
    """007 and 7 may be the same sample, which is not clear, so that no folder has both."""
    return re.sub(r"\d+", lambda digits: str(int(digits[0])), core)


CORES = st.lists(st.from_regex(r"[b-dx-z0-9]{1,5}", fullmatch=True), min_size=2, max_size=8, unique_by=by_value)
SIDES = st.sampled_from(
    [
        ("{}", "{}"),
        ("{}", "{}_mask"),
        ("{}", "mask_{}"),
        ("{}_image", "{}_annotation"),
        ("img-{}", "gt-{}"),
        ("{}", "{}_L"),
        ("K {} q", "W_{}"),
        ("rgb/{}", "{}.seg"),
        ("u_img_{}", "u_mask_{}"),
        ("{}", "{}/label"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.data(), CORES, SIDES)
def test_each_pair_is_right_in_any_order_with_any_files_missing(
    data: st.DataObject, cores: list[str], sides: tuple[str, str]
) -> None:
    with_image = [core for core in cores if data.draw(st.integers(0, 4), label=f"image of {core}")]
    with_mask = [core for core in cores if data.draw(st.integers(0, 4), label=f"mask of {core}")]
    if not with_image or not with_mask:
        return
    image_of, mask_of = ({side.format(core): core for core in cores} for side in sides)
    images = data.draw(st.permutations([name for name, core in image_of.items() if core in with_image]))
    masks = data.draw(st.permutations([name for name, core in mask_of.items() if core in with_mask]))
    pairing = pair(images, masks)
    got = {
        image.path.relative_to("images").with_suffix("").as_posix(): mask.path.relative_to("masks")
        .with_suffix("")
        .as_posix()
        for image, mask in pairing.pairs
    }
    assert pairing.problem is None
    assert all(image_of[image] == mask_of[mask] for image, mask in got.items())
    shared = set(with_image) & set(with_mask)
    # The weaker rules, which these names need, pair nothing unless they pair half of what could be paired.
    weak = sides[0].startswith(("K", "u_")) or "_L" in sides[1]
    few = 2 * len(shared) < min(len(with_image), len(with_mask))
    if not weak or (sides[0].startswith("u_") and not few):
        assert {image_of[image] for image in got} == shared
    again = pair(sorted(images), sorted(masks))
    assert {(i.path, m.path) for i, m in again.pairs} == {(i.path, m.path) for i, m in pairing.pairs}


@settings(max_examples=50, deadline=None)
@given(st.data(), st.lists(st.integers(0, 3000), min_size=2, max_size=9, unique=True))
def test_equal_numbers_pair_whatever_their_width_and_order(data: st.DataObject, numbers: list[int]) -> None:
    images = data.draw(st.permutations([f"cam2_{number:04}" for number in numbers]))
    masks = data.draw(st.permutations([f"gt {number}" for number in numbers]))
    assert stems(pair(images, masks)) == {f"cam2_{number:04}": f"gt {number}" for number in numbers}
