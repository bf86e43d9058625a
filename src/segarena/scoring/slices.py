"""Scores of parts of the images: by brightness, by size, by group, and the worst 5% of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from segarena.formats import defined
from segarena.records.error_analysis import ImageProperties
from segarena.records.slices import ImageSlice, WorstImages

#: Share of the images that are the worst ones.
WORST = 0.05
#: Images that each third needs at least.
FEWEST = 3
#: Groups that are listed at most: those with the lowest mIoU.
MOST_GROUPS = 8

_THIRDS = {
    "brightness": ("darkest third", "middle third", "brightest third"),
    "size": ("smallest third", "middle third", "largest third"),
}


def slice_images(counts: pd.DataFrame, properties: Mapping[str, ImageProperties]) -> tuple[ImageSlice, ...]:
    """Score the images by brightness, by size and by group.

    Args:
        counts: Columns model, seed, image, group, class_index, tp, fp, fn.
        properties: Of each image, by its name.
    """
    names = [str(name) for name in counts["image"].unique()]
    known = {name: properties[name] for name in names if name in properties}
    levels = {name: entry.brightness for name, entry in known.items() if entry.brightness is not None}
    sizes = {name: float(entry.height * entry.width) for name, entry in known.items()}
    found = []
    if len(levels) == len(names):
        found += _thirds(counts, "brightness", levels)
    if len(sizes) == len(names):
        found += _thirds(counts, "size", sizes)
    return (*found, *_groups(counts))


def with_iou(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the counts with a column iou, 0..1; NaN where neither truth nor prediction of an image have the class.

    Args:
        counts: A row for each image and class; columns tp, fp, fn and others.
    """
    union = counts["tp"] + counts["fp"] + counts["fn"]
    return counts.assign(iou=counts["tp"] / union.where(union > 0))


def find_worst(counts: pd.DataFrame) -> dict[str, WorstImages]:
    """Return the 5% of the images with the lowest mIoU of their own, by model.

    An image's own mIoU is the mean over the classes that its truth or prediction has, and over the seeds. At equal
    values the order is that of the names.

    Args:
        counts: Columns model, seed, image, tp, fp, fn.
    """
    table = with_iou(counts).dropna(subset=["iou"])
    own = table.groupby(["model", "image"], sort=True)["iou"].mean()
    found = {}
    for model in dict.fromkeys(table["model"]):
        mious = own[model].sort_values(kind="stable")
        worst = mious.iloc[: max(1, math.ceil(WORST * len(mious) - 1e-9))]
        found[str(model)] = WorstImages(
            names=tuple(str(name) for name in worst.index), miou=float(worst.mean()), all_miou=float(mious.mean())
        )
    return found


def _thirds(counts: pd.DataFrame, kind: Literal["brightness", "size"], values: Mapping[str, float]) -> list[ImageSlice]:
    """Three slices with about as many images each, or one for each value where there are at most three."""
    order = sorted(values, key=lambda name: (values[name], name))
    levels = sorted(set(values.values()))
    if len(levels) == 1:
        return []
    if len(levels) <= len(_THIRDS[kind]):
        parts = [[name for name in order if values[name] == level] for level in levels]
        titles: Sequence[str] = [f"{level:,.0f} pixels" if kind == "size" else f"{level:.0f}" for level in levels]
    else:
        # Equal values are not divided between two slices.
        edges = [values[order[len(order) * third // 3]] for third in (1, 2)]
        place = np.searchsorted(edges, [values[name] for name in order], side="right")
        parts = [[name for name, here in zip(order, place, strict=True) if here == third] for third in range(3)]
        titles = _THIRDS[kind]
    if min(map(len, parts)) < FEWEST:
        return []
    part_of = {name: number for number, part in enumerate(parts) for name in part}
    sums = _sums(counts, counts["image"].astype(str).map(part_of))
    truth = (sums["tp"] + sums["fn"]).groupby(["part", "class_index"]).max().unstack("part")
    common = truth.index[(truth > 0).all(axis=1)]
    scored = sums[sums.index.get_level_values("class_index").isin(common)]
    return [
        ImageSlice(
            property=kind,
            name=title,
            low=min(values[name] for name in part),
            high=max(values[name] for name in part),
            images=len(part),
            classes=len(common),
            miou=_mious(scored, number, counts),
        )
        for number, (title, part) in enumerate(zip(titles, parts, strict=True))
    ]


def _groups(counts: pd.DataFrame) -> list[ImageSlice]:
    """The groups with the lowest mIoU, mean over the models, the lowest first; none where each image is a unit."""
    groups = counts["group"].fillna("").astype(str)
    if groups.nunique() < 2 or (groups == "").any():
        return []
    sums = _sums(counts, groups)
    sums = sums[sums["tp"] + sums["fn"] > 0]
    number = counts.groupby(groups)["image"].nunique()
    found = [
        ImageSlice(
            property="group",
            name=str(name),
            low=None,
            high=None,
            images=int(number[name]),
            classes=int(part.index.get_level_values("class_index").nunique()),
            miou=_mious(sums, name, counts),
        )
        for name, part in sums.groupby("part")
    ]

    def mean(entry: ImageSlice) -> float:
        known = [miou for miou in entry.miou.values() if miou is not None]
        return math.fsum(known) / len(known) if known else 1.0

    return sorted(found, key=lambda entry: (mean(entry), entry.name))[:MOST_GROUPS]


def _sums(counts: pd.DataFrame, part: pd.Series) -> pd.DataFrame:
    """The counts of each part, model, seed and class."""
    return counts.assign(part=part).groupby(["part", "model", "seed", "class_index"])[["tp", "fp", "fn"]].sum()


def _mious(sums: pd.DataFrame, part: object, counts: pd.DataFrame) -> dict[str, float | None]:
    """The mIoU of each model on one part: of each seed over the classes, then the mean over the seeds."""
    here = sums[sums.index.get_level_values("part") == part]
    iou = here["tp"] / here.sum(axis=1)
    mious = iou.groupby(["model", "seed"]).mean().groupby("model").mean()
    return {str(model): defined(float(mious.get(model, math.nan))) for model in dict.fromkeys(counts["model"])}
