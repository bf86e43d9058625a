"""Names with mistakes: two of a hundred are mistyped, or images and masks are numbered from different starts.

The rule of all other names still pairs them, and the mistyped ones are named with what they probably belong to. Equal
numbers of series that begin with different ones are refused: each image may have its neighbour's mask. A series may
start again in each folder, have gaps, other words around its number, or steps of more than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from layout_zoo import found, touch, write_lists, write_mask, write_photograph
from segarena.checks.pairs import check_pairs
from segarena.data.folder import FolderSource
from segarena.data.layout.doubtful_pairs import find_likely_pairs
from segarena.data.layout.layout import find_pairs
from segarena.data.layout.tree import File, read_location
from support import refuses

RULES = {
    "equal stems": ("images/{n:03}.jpg", "masks/{n:03}.png"),
    "a word behind": ("images/r{n:03}.jpg", "masks/r{n:03}_mask.png"),
    "beginnings of their own": ("images/IMG_2024_{n:03}.jpg", "masks/tool7-{n:03}.png"),
    "endings of their own": ("photos/x{n:03}_L1.jpg", "masks/x{n:03}-final.png"),
    "numbers of another width": ("images/image_{n:03}.jpg", "masks/gt_{n}.png"),
    "a word in the middle": ("images/cam_img_{n:03}.jpg", "masks/cam_mask_{n:03}.png"),
    "side by side": ("all/{n:03}.jpg", "all/{n:03}_mask.png"),
}


def write_names(root: Path, rule: tuple[str, str], images: Sequence[int], masks: Sequence[int]) -> None:
    image, mask = rule
    touch(root, *(image.format(n=n) for n in images), *(mask.format(n=n) for n in masks))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("count", [9, 50])
def test_two_mistyped_names_leave_the_others_paired(count: int, rule: tuple[str, str], tmp_path: Path) -> None:
    write_names(tmp_path, rule, range(count), range(count))
    (tmp_path / rule[1].format(n=3)).rename(tmp_path / rule[1].format(n=3).replace(".png", "x.png"))
    (tmp_path / rule[0].format(n=7)).rename(tmp_path / rule[0].format(n=7).replace(".jpg", "q.jpg"))
    layout = find_pairs(tmp_path)
    expected = [(None, *(name.format(n=n) for name in rule)) for n in range(count) if n not in (3, 7)]
    assert found(layout, tmp_path) == expected
    left = {
        path.relative_to(tmp_path).as_posix() for path in (*layout.images_without_mask, *layout.masks_without_image)
    }
    names = {name.format(n=n) for name in rule for n in (3, 7)}
    assert len(left) == 4
    assert len(left & names) == 2


@pytest.mark.parametrize("rule", [RULES[name] for name in RULES if "width" not in name])
@pytest.mark.parametrize("mistake", [(".png", "x.png"), ("01", "o1")])
def test_a_mistyped_mask_is_named_with_its_image(
    rule: tuple[str, str], mistake: tuple[str, str], tmp_path: Path
) -> None:
    write_names(tmp_path, rule, range(50), range(50))
    image, mask = (tmp_path / name.format(n=17) for name in rule)
    odd = mask.rename(mask.with_name(mask.name.replace(*mistake)))
    assert find_pairs(tmp_path).likely_pairs == ((image, odd),)


def test_check_names_what_may_belong_together(tmp_path: Path) -> None:
    for n in range(4):
        write_photograph(tmp_path / f"images/river_{n}.jpg", n)
        write_mask(tmp_path / f"masks/{'rivre' if n == 2 else 'river'}_{n}.png", n)
    problems = {problem.code: problem for problem in check_pairs(FolderSource(tmp_path))}
    for code in ("image-without-mask", "mask-without-image"):
        assert "images/river_2.jpg and masks/rivre_2.png" in problems[code].message


def test_different_numbers_are_no_mistake(tmp_path: Path) -> None:
    write_names(tmp_path, RULES["equal stems"], range(20), [*range(18), 40, 50])
    assert find_pairs(tmp_path).likely_pairs == ()


def test_long_names_are_compared_as_far_as_two_mistakes() -> None:
    """Names of 50,000 letters took a quarter of an hour, 200 names of 40 letters half a minute."""
    images, masks = (
        [File(Path(kind, f"{stem}.png"), read_location((kind,))) for stem in ("a", letters * 5000)]
        for kind, letters in (("images", "abcdefghij"), ("masks", "klmnopqrst"))
    )
    assert find_likely_pairs([(images[0], masks[0])], images[1:], masks[1:]) == ()


# Numbers from different starts

SHIFTED = {
    "by one": (range(10), range(1, 11)),
    "by one, the masks first": (range(1, 11), range(10)),
    "by two": (range(10), range(2, 12)),
    "three": (range(3), range(1, 4)),
    "with a gap": ([0, 1, 2, 5, 6, 7], [1, 2, 3, 6, 7, 8]),
    "in steps": (range(0, 100, 10), range(10, 110, 10)),
    "one mask more": (range(10), range(1, 12)),
    "one mask less": (range(11), range(2, 12)),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize(("images", "masks"), SHIFTED.values(), ids=SHIFTED)
def test_numbers_from_different_starts_are_refused(
    images: Sequence[int], masks: Sequence[int], rule: tuple[str, str], tmp_path: Path
) -> None:
    write_names(tmp_path, rule, images, masks)
    with refuses(where=tmp_path) as caught:
        find_pairs(tmp_path)
    if "no mask" in caught.value.what:  # by numbers of another width, few are no pairs
        return
    for name, numbers in zip(rule, (images, masks), strict=True):
        assert name.format(n=min(numbers)) in caught.value.what
    for lone in (set(images) - set(masks), set(masks) - set(images)):
        for n in lone:
            for name in rule:
                (tmp_path / name.format(n=n)).unlink(missing_ok=True)
    assert len(find_pairs(tmp_path).samples) == len(set(images) & set(masks))


@pytest.mark.parametrize("shift", [0, 1])
def test_a_list_decides_what_shifted_numbers_leave_open(shift: int, tmp_path: Path) -> None:
    image, mask = RULES["equal stems"]
    write_names(tmp_path, (image, mask), range(6), range(1, 7))
    rows = [(image.format(n=n), mask.format(n=n + shift)) for n in range(1 - shift, 6)]
    with refuses(where=tmp_path) as caught:
        find_pairs(tmp_path)
    assert "pairs.csv" in caught.value.remedy
    write_lists(tmp_path, {"pairs.csv": "\n".join(map(",".join, rows))})
    assert found(find_pairs(tmp_path), tmp_path) == [(None, *row) for row in rows]


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/{group}/{n}.jpg", "masks/{group}/{n}.png"),
        ("{group}/images/{n}.jpg", "{group}/masks/{n}.png"),
        ("images/{group}_{n}.jpg", "masks/{group}_{n}.png"),
        ("train/images/{group}_{n}_x5.jpg", "train/masks/{group}_{n}_x5.png"),
        ("images/{group}/{group}_{n}.jpg", "masks/{group}_{n}.png"),
    ],
)
def test_series_that_start_again_in_each_folder_are_refused(image: str, mask: str, tmp_path: Path) -> None:
    for group, count in (("east", 5), ("west", 7)):
        touch(tmp_path, *(image.format(group=group, n=n) for n in range(count)))
        touch(tmp_path, *(mask.format(group=group, n=n + 1) for n in range(count)))
    with refuses(where=tmp_path, value="numbers from"):
        find_pairs(tmp_path)


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (range(10), range(1, 10)),  # the first has no mask yet
        (range(10), range(9)),
        (range(10), range(3, 7)),
        (range(10), [0, 2, 4, 6, 8]),
        ([0, 1, 2, 3, 7, 9], [0, 1, 2, 3, 8]),
        ([1, 2, 4, 8, 16], [2, 4, 8, 16, 17]),
        (range(10), range(10)),
    ],
)
def test_some_missing_files_are_no_shift(images: Sequence[int], masks: Sequence[int], tmp_path: Path) -> None:
    write_names(tmp_path, RULES["a word behind"], images, masks)
    assert len(find_pairs(tmp_path).samples) == len(set(images) & set(masks))
