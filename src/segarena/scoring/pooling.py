"""The scores of several sets of images together, as if they had been scored as one set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segarena.records.metrics import Metrics
from segarena.scoring.scores import Scores, score


def pool(parts: Sequence[Metrics], *, background: int | None = None) -> Scores:
    """Score the union of sets of images that have no image in common.

    The pixel counts are summed before anything is divided, so the result is that of `score` on all images. It is not
    the mean of the parts' scores, in which a part with few pixels would count as much as one with many (Forman and
    Scholz 2010, "Apples-to-apples in cross-validation studies", SIGKDD Explorations 12(1), on F1).

    Args:
        parts: The scores of each set, with the same classes.
        background: As for `score`.

    Raises:
        ValueError: There is no part, or their numbers of classes differ.
    """
    shapes = {np.shape(part.confusion) for part in parts}
    if len(shapes) != 1:
        raise ValueError(f"parts must be one or more with the same classes, got confusion matrices {sorted(shapes)}")
    total = score(np.array([part.confusion for part in parts], dtype=np.int64), background=background)
    images, void_images = sum(part.images for part in parts), sum(part.void_images for part in parts)
    known = [(part.mean_image_iou, part.images - part.void_images) for part in parts]
    weighted = math.fsum(iou * number for iou, number in known if iou is not None)
    return replace(
        total,
        mean_image_iou=weighted / (images - void_images) if images > void_images else math.nan,
        images=images,
        void_images=void_images,
    )
