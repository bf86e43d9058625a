"""Find suspicious labels: regions in which all networks agree, confidently, on another class than the mask."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from segarena.experiment.prepared import Prepared
from segarena.files import write_text, write_with
from segarena.records.slices import SuspiciousRow
from segarena.records.tables import columns, to_columns
from segarena.runs import Run
from segarena.scoring.disagreement import ConfidentErrors, Region, find_agreement

#: The list of regions of a comparison.
SUSPICIOUS = "suspicious.csv"
#: Regions in it at most.
MOST_ROWS = 1_000
#: Regions that the page shows.
MOST_CROPS = 24
#: Longest side of the picture of a region, in pixels.
_SIDE = 320
#: Pixels around a region at least, and as a share of its longer side.
_MARGIN, _SHARE = 24, 0.6


@dataclass(frozen=True)
class Suspicion:
    """A region, and where it is."""

    index: int
    """The image, as its number in the source."""
    image: str
    """Its name."""
    fold: int | None
    """The fold that tested it."""
    networks: int
    """How many networks agree: all that tested the image."""
    region: Region
    """Its box, classes and size, in pixels of the image."""


@dataclass(frozen=True)
class Suspicions:
    """The regions to check first, and how many there are in all."""

    first: tuple[Suspicion, ...]
    """At most `MOST_ROWS`, the one to check first on top."""
    number: int
    """How many there are in all."""


def find_suspicious(prepared: Prepared, errors: Mapping[Run, Mapping[str, ConfidentErrors]]) -> Suspicions:
    """Find the regions in the scored images, the one to check first on top.

    Args:
        prepared: The data and the protocol.
        errors: The confident errors of each training, by image.
    """
    kept: list[tuple[float, int, Suspicion]] = []  # a heap, the lowest score first
    order, number = count(0, -1), 0  # of two equal ones, the first is kept
    for found in _search(prepared, errors):
        number += 1
        entry = (found.region.score, next(order), found)
        if len(kept) < MOST_ROWS:
            heapq.heappush(kept, entry)
        elif entry > kept[0]:
            heapq.heapreplace(kept, entry)
    ranked = [entry[2] for entry in sorted(kept, key=lambda entry: entry[:2], reverse=True)]
    shown = [_with_pixels(prepared, errors, entry) for entry in ranked[:MOST_CROPS]]
    return Suspicions((*shown, *ranked[MOST_CROPS:]), number)


def _search(prepared: Prepared, errors: Mapping[Run, Mapping[str, ConfidentErrors]]) -> Iterator[Suspicion]:
    """The regions, image by image."""
    source = prepared.source
    for split in prepared.splits:
        networks = [found for run, found in errors.items() if run.fold == split.fold]
        for index in split.splits.indices(split.splits.scored):
            name = source.samples[index].name
            of_image = [found[name] for found in networks if name in found]
            if len(of_image) < len(networks) or not all(len(one.starts) for one in of_image):
                continue
            for region in find_agreement(of_image, source.read_labels(index)):
                yield Suspicion(index, name, split.fold, len(networks), replace(region, inside=None))


def _with_pixels(
    prepared: Prepared, errors: Mapping[Run, Mapping[str, ConfidentErrors]], entry: Suspicion
) -> Suspicion:
    """The same with the pixels of its region, which would take much memory for all regions."""
    of_image = [found[entry.image] for run, found in errors.items() if run.fold == entry.fold]
    regions = find_agreement(of_image, prepared.source.read_labels(entry.index))
    return replace(entry, region=regions[regions.index(entry.region)])


def write_suspicious(prepared: Prepared, found: Suspicions, folder: Path) -> None:
    """Write suspicious.csv, and the pictures of the first regions: suspicious/RANK/image.png, truth.png, region.png.

    A picture shows the region and what is around it. Large ones are reduced; labels are not interpolated.

    Args:
        prepared: The data and the protocol.
        found: The regions.
        folder: The comparison folder.
    """
    names = prepared.source.classes.names
    rows = []
    for rank, entry in enumerate(found.first, start=1):
        left, top, right, bottom = entry.region.box
        row = SuspiciousRow(
            rank=rank,
            image=entry.image,
            true_class=names[entry.region.true],
            predicted_class=names[entry.region.predicted],
            pixels=entry.region.pixels,
            thickness=entry.region.thickness,
            confidence=round(entry.region.confidence, 4),
            networks=entry.networks,
            left=left,
            top=top,
            right=right,
            bottom=bottom,
        )
        rows.append(to_columns(row))
    table = pd.DataFrame(rows, columns=columns(SuspiciousRow))
    write_text(folder / SUSPICIOUS, table.to_csv(index=False, lineterminator="\n"))
    for rank, entry in enumerate(found.first[:MOST_CROPS], start=1):
        _write_crop(prepared, entry, folder / "suspicious" / f"{rank:02}")


def _write_crop(prepared: Prepared, entry: Suspicion, folder: Path) -> None:
    source = prepared.source
    image, truth = source.read(entry.index)
    colors = source.shown(image)
    left, top, right, bottom = entry.region.box
    inside = np.zeros(truth.shape, np.uint8)
    if entry.region.inside is not None:
        inside[top:bottom, left:right][entry.region.inside] = 255
    box = _around(entry.region.box, (truth.shape[1], truth.shape[0]))
    labels = Image.fromarray(truth).convert("P")
    labels.putpalette(source.classes.palette())
    for title, picture, way in (
        ("image", _as_image(colors), Image.Resampling.LANCZOS),
        ("truth", labels, Image.Resampling.NEAREST),
        ("region", Image.fromarray(inside), Image.Resampling.NEAREST),
    ):
        crop = picture.crop(box)
        scale = min(1.0, _SIDE / max(crop.size))
        size = (max(1, round(scale * crop.width)), max(1, round(scale * crop.height)))
        reduced = crop if scale == 1 else crop.resize(size, way)
        write_with(folder / f"{title}.png", partial(reduced.save, format="PNG"))


def _as_image(colors: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(colors).convert("RGB")


def _around(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A square around a region with some pixels of its surroundings, as far as the image goes.

    >>> _around((100, 100, 110, 104), (400, 300))
    (76, 73, 134, 131)
    """
    left, top, right, bottom = box
    longer = max(right - left, bottom - top)
    side = longer + 2 * round(max(_MARGIN, _SHARE * longer))
    x, y = ((low + high - side) // 2 for low, high in ((left, right), (top, bottom)))
    x, y = (max(0, min(place, length - side)) for place, length in zip((x, y), size, strict=True))
    return x, y, min(size[0], x + side), min(size[1], y + side)
