"""Scores of parts of the images, against sums made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segarena.records.error_analysis import ImageProperties
from segarena.scoring.slices import MOST_GROUPS, find_worst, slice_images


def table(images: int, *, seeds: int = 2, groups: int = 0) -> pd.DataFrame:
    """Counts of two models; class 2 is in the truth of the first image only."""
    rng = np.random.default_rng(0)
    truth = rng.integers(20, 90, (images, 3))
    truth[1:, 2] = 0
    rows = []
    for model in ("unet", "fcn"):
        for seed in range(seeds):
            for image in range(images):
                for label in range(3):
                    tp = int(rng.integers(0, truth[image, label] + 1))
                    rows.append(
                        (model, seed, f"img{image:02}", label, tp, int(rng.integers(0, 30)), truth[image, label] - tp)
                    )
    counts = pd.DataFrame(rows, columns=["model", "seed", "image", "class_index", "tp", "fp", "fn"])
    number = counts["image"].str[3:].astype(int)
    return counts.assign(group=("film" + (number % groups).astype(str)) if groups else "")


def miou(counts: pd.DataFrame, model: str, classes: list[int]) -> float:
    seeds = []
    for _, run in counts[counts["model"] == model].groupby("seed"):
        sums = run.groupby("class_index")[["tp", "fp", "fn"]].sum().loc[classes]
        seeds.append((sums["tp"] / sums.sum(axis=1)).mean())
    return float(np.mean(seeds))


def properties(levels: list[float], sizes: list[int] | None = None) -> dict[str, ImageProperties]:
    sizes = sizes or [100] * len(levels)
    return {
        f"img{number:02}": ImageProperties(height=10, width=size // 10, brightness=level)
        for number, (level, size) in enumerate(zip(levels, sizes, strict=True))
    }


def test_thirds_by_brightness_score_the_classes_that_all_of_them_have() -> None:
    counts, levels = table(9), [50.0, 9, 200, 60, 8, 210, 70, 7, 220]
    found = slice_images(counts, properties(levels))
    assert [(one.name, one.images, one.low, one.high) for one in found] == [
        ("darkest third", 3, 7, 9),
        ("middle third", 3, 50, 70),
        ("brightest third", 3, 200, 220),
    ]
    dark = counts[counts["image"].isin(["img01", "img04", "img07"])]
    for model in ("unet", "fcn"):
        assert found[0].miou[model] == pytest.approx(miou(dark, model, [0, 1]))
    assert {one.classes for one in found} == {2}


def test_images_of_two_sizes_are_two_parts() -> None:
    found = slice_images(table(8), properties([5.0] * 8, [100, 400] * 4))
    assert [(one.property, one.name, one.images) for one in found] == [
        ("size", "100 pixels", 4),
        ("size", "400 pixels", 4),
    ]


@pytest.mark.parametrize("case", ["few images", "all alike", "no brightness", "unknown image"])
def test_no_part_is_scored_without_a_property_that_differs(case: str) -> None:
    known = properties([float(level) for level in range(9)])
    if case == "all alike":
        known = properties([1.0] * 9)
    elif case == "no brightness":
        known = {name: ImageProperties(height=10, width=10, brightness=None) for name in known}
    elif case == "unknown image":
        known.pop("img03")
    assert slice_images(table(8 if case == "few images" else 9), known) == ()


def test_groups_come_with_the_lowest_miou_first() -> None:
    counts = table(24, groups=12)
    found = slice_images(counts, {})
    assert len(found) == MOST_GROUPS
    means = [np.mean(list(one.miou.values())) for one in found]
    assert means == sorted(means)
    film = counts[counts["group"] == found[0].name]
    classes = sorted(film.loc[film["tp"] + film["fn"] > 0, "class_index"].unique())
    assert found[0].miou["fcn"] == pytest.approx(miou(film, "fcn", classes))
    assert (found[0].images, found[0].classes) == (2, len(classes))


def test_the_worst_images_are_those_with_the_lowest_own_miou() -> None:
    counts = table(41)
    found = find_worst(counts)["unet"]
    own = {}
    for image, rows in counts[counts["model"] == "unet"].groupby("image"):
        ious = [
            row.tp / (row.tp + row.fp + row.fn)
            for row in rows.itertuples()
            if row.tp + row.fp + row.fn  # per seed
        ]
        own[str(image)] = float(np.mean(ious))
    order = sorted(own, key=lambda name: own[name])
    assert found.names == tuple(order[:3])  # 5% of 41, rounded up
    assert found.miou == pytest.approx(np.mean([own[name] for name in order[:3]]))
    assert found.all_miou == pytest.approx(np.mean(list(own.values())))
