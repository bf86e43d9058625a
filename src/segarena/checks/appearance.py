"""Images that do not look like images, masks that look like photographs, and splits of another brightness."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import numpy as np
from numpy.typing import NDArray

from segarena.checks.problem import Problem, names_of, parts_of
from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import Splits
from segarena.formats import plural
from segarena.image_files.images import DEPTHS

#: An image is flat if its grey levels span less than this, without a thousandth of the pixels at both ends.
FLAT_LEVELS = 8
#: An image has few levels, as a mask has, if this number of levels has all but a thousandth of its pixels;
#: photographs and scans have more than 60.
FEW_LEVELS = 12
#: ... or if this share of it is around two levels, and half of that on the levels themselves: a mask saved as JPEG.
TWO_LEVELS, _AROUND = 0.97, 6
#: A mask looks like a photograph if this share of the neighbouring pixels differs. Measured: at most 0.15 in masks of
#: street scenes, plants, tissue, roads and the built-in scenes.
BUSY, _BUSY_VALUES = 0.3, 8
#: A split is brighter than another one if its image is the brighter one in this share of all pairs, and the medians
#: differ by this number of grey levels. Measured: 0.76 and 18 between the published splits of street scenes.
APART, MIN_DIFFERENCE = 0.98, 25

_FEWEST = 5  # images in a split


def grey_histograms(source: FolderSource, bits: int) -> NDArray[np.float64]:
    """The share of pixels with each grey level of each image, (N, 256); NaN for an image that could not be decoded.

    Args:
        source: The folder.
        bits: Of images of 16 bits: those of their scale; an image with higher values has a scale of its own.
    """
    shares = np.full((len(source.images), 256), np.nan)
    for index, image in enumerate(source.images):
        if image.facts is not None:
            shares[index] = image.facts.histogram(bits)
    return shares


def check_appearance(source: FolderSource, splits: Splits) -> Iterator[Problem]:
    """Yield images of hardly more than one or two grey levels, masks like photographs, splits of another brightness."""
    histograms = grey_histograms(source, source.bits)
    yield from _flat_images(source, histograms)
    yield from _photographs_as_masks(source)
    yield from _splits_apart(source, splits, histograms @ np.arange(256))


def level_span(histograms: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The darkest and the brightest grey level of each histogram (N, 256), a thousandth of the pixels aside."""
    below = histograms.cumsum(axis=1)
    return (below > 0.001).argmax(axis=1), (below >= 0.999).argmax(axis=1)


def has_few_levels(histograms: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each histogram (N, 256) has a few levels or two, as that of a mask."""
    falling = np.sort(histograms, axis=1)[:, ::-1].cumsum(axis=1)
    few: NDArray[np.bool_] = falling[:, FEW_LEVELS - 1] >= 0.999
    for index in np.flatnonzero(~few & (falling[:, 2 * (2 * _AROUND + 1) - 1] >= TWO_LEVELS)):
        few[index] = _is_two_valued(histograms[index])
    return few


def _is_two_valued(shares: NDArray[np.float64]) -> bool:
    rest = shares.copy()
    around = []
    for _ in range(2):
        level = int(rest.argmax())
        window = slice(max(0, level - _AROUND), level + _AROUND + 1)
        around.append((float(rest[window].sum()), float(rest[max(0, level - 1) : level + 2].sum())))
        rest[window] = 0
    return sum(total for total, _ in around) >= TWO_LEVELS and all(
        total >= 0.005 and peak >= 0.5 * total for total, peak in around
    )


def _flat_images(source: FolderSource, histograms: NDArray[np.float64]) -> Iterator[Problem]:
    darkest, brightest = level_span(histograms)
    read = ~np.isnan(histograms[:, 0])
    flat = read & (brightest - darkest < FLAT_LEVELS)
    # Each image on its own scale: on that of all, a dark photograph of 16 bits has few levels.
    own = grey_histograms(source, DEPTHS[0])
    few = read & ~flat & has_few_levels(np.nan_to_num(own))
    number = len(source.images)
    for found, (low, high), code, what, remedy in (
        (
            flat,
            (darkest, brightest),
            "flat-image",
            "{} of {} nearly of a single grey: {} to {} of 255",
            "Look at them; if these are masks, name the folder of the images with --images DIR. An image that was saved"
            " too dark has to be exported again with the full range of brightness",
        ),
        (
            few,
            level_span(own),
            "image-like-a-mask",
            f"{{}} of {{}} with at most {FEW_LEVELS} grey levels, as masks have: {{}} to {{}} of 255",
            "Look at them; if these are masks, name the folder of the images with --images DIR",
        ),
    ):
        indices = np.flatnonzero(found)
        if len(indices):
            levels = low[indices].min(), high[indices].max()
            files = names_of(source, [source.images[index].path for index in indices])
            yield Problem(code, "warning", files, what.format(plural(len(indices), "image"), number, *levels), remedy)


def _photographs_as_masks(source: FolderSource) -> Iterator[Problem]:
    if source.encoding.kind not in ("index", "color"):  # of two levels, soft edges are cut
        return
    facts = [mask.facts for mask in source.masks]
    busy = np.array([one.borders / (2 * one.size[0] * one.size[1]) for one in facts])
    found = [
        index
        for index, one in enumerate(facts)
        if busy[index] >= BUSY and len(one.values) >= _BUSY_VALUES and not one.lossy
    ]
    if found:
        yield Problem(
            "mask-like-a-photograph",
            "warning",
            names_of(source, [source.masks[index].path for index in found]),
            f"{plural(len(found), 'mask')} of {len(facts)} with hardly an area of one value: up to"
            f" {max(busy[found]):.0%} of the neighbouring pixels differ, as in a photograph",
            "Look at them; if these are pictures, name the folder of the masks with --masks DIR",
        )


def _splits_apart(source: FolderSource, splits: Splits, brightness: NDArray[np.float64]) -> Iterator[Problem]:
    part = parts_of(splits)
    groups = {
        name: [i for i, p in part.items() if p == name and np.isfinite(brightness[i])]
        for name in ("train", "val", "test")
    }
    for name in ("val", "test"):
        train, other = brightness[groups["train"]], brightness[groups[name]]
        if min(len(train), len(other)) < _FEWEST:
            continue
        before, after = median(train.tolist()), median(other.tolist())
        difference = after - before
        brighter = (other[:, None] > train).mean()
        if abs(difference) >= MIN_DIFFERENCE and max(brighter, 1 - brighter) >= APART:
            yield Problem(
                "split-brightness",
                "warning",
                names_of(source, [source.samples[index].files[0] for index in groups[name]]),
                f"The {name} images are {'brighter' if difference > 0 else 'darker'} than those for training: mean grey"
                f" level {after:.0f} against {before:.0f} of 255 (medians)",
                "Check that both were exported in the same way, e.g. with the same bits and range; if they really"
                " differ, move some images from one split to the other",
            )
