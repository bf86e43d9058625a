"""Classes that mean another thing in some masks than in others, found by the colours of the images below them.

Masks that were stretched by each file's own highest number, numbered by what each file shows, counted from 0 in one
group and from 1 in another, or saved with red and blue exchanged have the same values, with other meanings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.checks.measurements import PairMeasurement
from segarena.checks.problem import Problem
from segarena.data.folder import FolderSource
from segarena.data.layout.tree import relative_name

#: Smallest number of images, and smallest share of those that show a class, in which it means another thing.
FEWEST, MIN_SHARE = 5, 0.2
#: The mean colors (RGB, 0 to 255) of two classes must be so far apart, ...
MIN_APART = 25
#: ... a class that looks like another one must be nearer to it than this share of that distance, ...
MAX_DISTANCE = 0.35
#: ... so must half of the images to the median of their group, and this share of them must be nearer to the class that
#: they look like than to the other one. Measured on 60 subsets of 24 images of street scenes, plants, slices of tissue,
#: roads and the built-in scenes each: none is reported, the share is at most 0.82 with a distance to the median of
#: 0.45. Of 30 such subsets of plants, scenes and streets in half of which the numbers began with 1, 30, 30 and 7 are.
MAX_SPREAD, MIN_NEARER = 0.35, 0.9

Colors = NDArray[np.float64]


class Change(NamedTuple):
    """A class that looks like another one in some of the images.

    Attributes:
        label: of the class.
        other: the label of the class that it looks like.
        both: whether that one looks like the first in the same images; else it does not occur in them.
        members: (N,), the images.
        distance: between the two looks, as a share of that between the classes.
    """

    label: int
    other: int
    both: bool
    members: NDArray[np.bool_]
    distance: float


def check_class_appearance(source: FolderSource, pairs: Sequence[PairMeasurement]) -> Iterator[Problem]:
    """Yield classes that look in some of the images as another class does in the others."""
    if source.classes.num_classes < 3 or len(pairs) < 2 * FEWEST:
        return
    found = find_change(np.stack([pair.colors for pair in pairs]))
    if found is None:
        return
    names = [repr(source.classes.names[label]) for label in (found.label, found.other)]
    where = f"in {found.members.sum()} of {len(pairs)} images that were compared"
    what = (
        f"{names[0]} and {names[1]} look exchanged {where}"
        if found.both
        else f"{names[0]} looks like {names[1]} of the other images {where}, which have no {names[1]}"
    )
    yield Problem(
        "class-changes",
        "warning",
        tuple(
            relative_name(source.root, source.masks[pair.index].path)
            for pair, member in zip(pairs, found.members, strict=True)
            if member
        ),
        f"The same value may mean different things in different masks: by the colours of the images, {what}",
        "Look at the overlays in check.png. If so, save all masks alike: each class with the same number in every file,"
        " not stretched by the file's highest one, not numbered by what the file shows, red and blue in one order",
    )


def find_change(colors: Colors) -> Change | None:
    """Return the clearest change of a class, None if there is none.

    Args:
        colors: (N, num_classes, 3), mean RGB of each class in each image, NaN where it does not occur.
    """
    changes = [*_exchanged(colors), *_renamed(colors)]
    return min(changes, key=lambda change: change.distance) if changes else None


def _exchanged(colors: Colors) -> Iterator[Change]:
    """Two classes whose colours are exchanged in some of the images that show both."""
    seen = np.isfinite(colors[..., 0])
    for label, other in combinations(range(colors.shape[1]), 2):
        both = np.flatnonzero(seen[:, label] & seen[:, other])
        if len(both) < 2 * FEWEST:
            continue
        first, second = colors[both, label], colors[both, other]
        contrast = first - second
        direction = np.linalg.svd(contrast, full_matrices=False)[2][0]
        group = contrast @ direction < 0
        if 2 * group.sum() > len(group):
            group = ~group
        if group.sum() < max(FEWEST, MIN_SHARE * len(both)):
            continue
        looks = first[~group], second[~group]
        distance = max(_distance(*looks, first[group]), _distance(*looks[::-1], second[group]))
        if distance <= MAX_DISTANCE:
            members = np.zeros(len(colors), dtype=bool)
            members[both[group]] = True
            yield Change(label, other, both=True, members=members, distance=distance)


def _renamed(colors: Colors) -> Iterator[Change]:
    """A class that, in images without another one, looks as that one does where both occur."""
    seen = np.isfinite(colors[..., 0])
    for label, other in permutations(range(colors.shape[1]), 2):
        both, alone = seen[:, label] & seen[:, other], seen[:, label] & ~seen[:, other]
        if min(both.sum(), alone.sum()) < max(FEWEST, MIN_SHARE * seen[:, label].sum()):
            continue
        distance = _distance(colors[both, label], colors[both, other], colors[alone, label])
        if distance <= MAX_DISTANCE:
            yield Change(label, other, both=False, members=alone, distance=distance)


def _distance(own: Colors, other: Colors, changed: Colors) -> float:
    """How far a class in some images is from the look of another class, as a share of the distance of the two looks.

    Args:
        own: (A, 3), the class in the other images.
        other: (A, 3), the other class in these.
        changed: (B, 3), the class in the images in question.

    Returns:
        The distance, infinite if the looks are not distinct.
    """
    here, there = np.median(own, axis=0), np.median(other, axis=0)
    apart = float(np.linalg.norm(here - there))
    if apart < MIN_APART:
        return np.inf
    for looks, near, far in ((own, here, there), (other, there, here), (changed, there, here)):
        nearer = np.linalg.norm(looks - near, axis=1) < np.linalg.norm(looks - far, axis=1)
        spread = np.median(np.linalg.norm(looks - np.median(looks, axis=0), axis=1))
        if nearer.mean() < MIN_NEARER or spread > MAX_SPREAD * apart:
            return np.inf
    return float(np.linalg.norm(np.median(changed, axis=0) - there)) / apart
