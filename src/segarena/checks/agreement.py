"""How well images agree with masks, by thumbnails: whether the image's edges and areas are those of the mask.

Compared are thumbnails of 64 x 64 pixels, by two measures: how the edges of the image correlate with the boundaries of
the mask, and how much of the image's variance the areas of the mask explain. What all images, or all masks, have in
common is subtracted from both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.checks.numerics import multiply
from segarena.checks.thumbnails import halve
from segarena.checks.turns import turn_masks

_MOST_CLASSES = 12

Score = NDArray[np.float32]


class Agreement(NamedTuple):
    """How well images (rows) agree with masks (columns), in units of the rows' standard deviation.

    Attributes:
        first: by the one half of the cells of a chessboard of 4 x 4 cells.
        second: by the other half.
    """

    first: Score
    second: Score

    @property
    def both(self) -> Score:
        """By all cells."""
        return np.asarray(self.first + self.second)


class Compared(NamedTuple):
    """Images, masks, and how well they agree as they are.

    Attributes:
        images: (R, 64, 64), grey.
        labels: (M, 64, 64).
        own: (R,), the column of each image's own mask.
        agreement: of the images with the masks.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    own: NDArray[np.intp]
    agreement: Agreement

    @classmethod
    def of(cls, images: NDArray[np.uint8], labels: NDArray[np.uint8], own: NDArray[np.intp]) -> Compared:
        """Compare the images with the masks."""
        return cls(images, labels, own, agree(images, labels))

    def turned(self, *, quarters: bool) -> Iterator[tuple[str, Agreement]]:
        """Yield each way in which masks are turned by mistake, in words, and how well the turned masks agree.

        Args:
            quarters: Whether a mask could be turned by a quarter without having another shape than its image.
        """
        for words, labels in turn_masks(self.labels, quarters=quarters):
            yield words, agree(self.images, labels)


def agree(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Agreement:
    """Compare images (R, 64, 64), grey, with masks (M, 64, 64), labels."""
    side = images.shape[1]
    cells = np.arange(side) * 4 // side
    halves = ((cells[:, None] + cells) % 2).astype(bool)
    first, second = (_agree_within(images, labels, half) for half in (halves, ~halves))
    return Agreement(first, second)


def _agree_within(images: NDArray[np.uint8], labels: NDArray[np.uint8], where: NDArray[np.bool_]) -> Score:
    by_edges = multiply(_unit(_edges(images)[:, where]), _unit(_boundaries(labels)[:, where]))
    by_areas = _explained(halve(images), labels[:, ::2, ::2], where[::2, ::2])
    return _center(by_edges) + _center(by_areas)


def _edges(images: NDArray[np.uint8]) -> Score:
    """Square root of the gradient, (R, 64, 64), less what the images have in common."""
    grey = images.astype(np.float32)
    down, right = np.zeros_like(grey), np.zeros_like(grey)
    down[:, 1:] = grey[:, 1:] - grey[:, :-1]
    right[:, :, 1:] = grey[:, :, 1:] - grey[:, :, :-1]
    edges = np.sqrt(np.hypot(down, right))
    return np.asarray(edges - edges.mean(axis=0))


def _boundaries(labels: NDArray[np.uint8]) -> Score:
    """Square root of the number of neighbours with another label, (M, 64, 64), less what the masks have in common."""
    number = np.zeros(labels.shape, dtype=np.uint8)
    beside, below = labels[:, :, 1:] != labels[:, :, :-1], labels[:, 1:] != labels[:, :-1]
    number[:, :, 1:] += beside
    number[:, :, :-1] += beside
    number[:, 1:] += below
    number[:, :-1] += below
    roots = np.sqrt(np.arange(5, dtype=np.float32))[number]
    return np.asarray(roots - roots.mean(axis=0))


def _explained(images: NDArray[np.uint8], labels: NDArray[np.uint8], where: NDArray[np.bool_]) -> Score:
    """The share of each image's variance between the areas of each mask: correlation ratio, (R, M)."""
    grey, areas = _unit(images[:, where].astype(np.float32)), labels[:, where]
    explained = np.zeros((len(grey), len(areas)), dtype=np.float32)
    for label in np.argsort(-np.bincount(areas.ravel(), minlength=256), kind="stable")[:_MOST_CLASSES]:
        member = (areas == label).astype(np.float32)
        sums = multiply(grey, member)
        explained += sums * sums / np.maximum(1, member.sum(axis=1))
    return explained


def _unit(rows: Score) -> Score:
    """Rows of mean 0 and length 1."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(1e-9, np.linalg.norm(rows, axis=1, keepdims=True)))


def _center(scores: Score) -> Score:
    """Less the means of rows and columns, divided by the standard deviation of each row."""
    scores = scores - scores.mean(axis=1, keepdims=True)
    scores -= scores.mean(axis=0)
    return np.asarray(scores / np.maximum(1e-9, scores.std(axis=1, keepdims=True)))


def share_below(scores: Score, columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """For each row (R, M), the share of the other columns with a score below that of its column in `columns`, (R,)."""
    chosen = scores[np.arange(len(scores)), columns]
    shares: NDArray[np.float64] = (scores < chosen[:, None]).sum(axis=1) / (scores.shape[1] - 1)
    return shares
