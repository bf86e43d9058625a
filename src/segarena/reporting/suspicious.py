"""Labels to check first: pictures of regions in which all networks agree on another class than the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.errors import RunError
from segarena.formats import plural
from segarena.records.slices import Slices, SuspiciousRow
from segarena.reporting import gallery, label_pictures
from segarena.reporting.comparison import REPEAT, Comparison, read_table
from segarena.reporting.gallery import Picture

#: The shorter side of a picture is enlarged to about this number of pixels.
_SIDE = 160
#: Regions that are shown; the others are folded.
_UNFOLDED = 6
#: The line around a region, dark beside light: visible on any image.
_LINE, _BESIDE = (255, 255, 255), (0, 0, 0)

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Suspect:
    """A region to check: two pictures of the same place, and what is written below them."""

    title: str
    place: str
    facts: str
    image: Picture
    mask: Picture


@dataclass(frozen=True)
class SuspiciousSection:
    """What the section shows."""

    introduction: str
    suspects: tuple[Suspect, ...]
    complete: bool
    """Whether the section has all regions."""
    unfolded: int = _UNFOLDED
    """Regions that are seen at once; the others are folded."""


def describe_suspicious(comparison: Comparison) -> SuspiciousSection | None:
    """Return the content of the section; None where nothing was found, or the comparison has no slices.json."""
    path = comparison.folder / "suspicious.csv"
    if not (comparison.folder / Slices.file).exists() or not path.exists():
        return None
    number = Slices.read(comparison.folder).suspicious
    rows = read_table(path, SuspiciousRow)
    if not number or rows.empty:
        return None
    suspects = []
    for entry in rows.to_dict("records"):
        folder = comparison.folder / "suspicious" / f"{entry['rank']:02}"
        if not folder.is_dir():
            break
        image, truth, region = (_read(folder / f"{name}.png", name) for name in ("image", "truth", "region"))
        if not image.shape[:2] == truth.shape == region.shape:
            raise RunError("has pictures of different sizes", where=folder, remedy=REPEAT)
        title = (
            f"“{entry['true_class']}” in the mask, “{entry['predicted_class']}” for all {entry['networks']} networks"
        )
        colored = label_pictures.color_labels(truth, comparison.class_colors)
        suspects.append(
            Suspect(
                title=title,
                place=f"{entry['image']}, row {(entry['top'] + entry['bottom']) // 2:,}, column"
                f" {(entry['left'] + entry['right']) // 2:,}",
                facts=f"{plural(int(entry['pixels']), 'pixel')}, confidence {100 * entry['confidence']:.0f}%",
                image=gallery.photo(_outlined(image, region), f"Image {entry['image']} around the region: {title}"),
                mask=gallery.labels_picture(_outlined(colored, region), f"Mask of {entry['image']} at the same place"),
            )
        )
    others = " Only scored images were searched; with --folds these are all images." if comparison.folds is None else ""
    introduction = (
        f"In {plural(number, 'region')} of the scored images all networks predict one class, and the mask has another."
        " Either the mask is wrong there, or all networks make the same error: only the image itself can tell."
        " Thick regions with a high confidence are first, because a thin one is usually a boundary that was drawn"
        f" differently.{others}"
    )
    return SuspiciousSection(introduction, tuple(suspects), len(suspects) == number)


def _read(path: object, name: str) -> Bytes:
    try:
        with Image.open(str(path)) as picture:
            return np.asarray(picture.convert("RGB") if name == "image" else picture)
    except OSError as error:
        raise RunError(f"cannot be read ({error})", where=path, remedy=REPEAT) from error


def _outlined(picture: Bytes, region: Bytes) -> Bytes:
    """The picture (H, W, 3), enlarged, with a line around the region (H, W)."""
    factor = max(1, -(-_SIDE // min(region.shape)))
    large = np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)
    inside = np.repeat(np.repeat(region > 0, factor, axis=0), factor, axis=1)
    line = max(1, round(min(inside.shape) / _SIDE))
    light = _grow(inside, line)
    large[_grow(light, line) & ~light] = _BESIDE
    large[light & ~inside] = _LINE
    return large


def _grow(inside: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """The pixels, and those that are up to that many steps to one of 4 neighbours away."""
    for _ in range(steps):
        grown = inside.copy()
        grown[1:] |= inside[:-1]
        grown[:-1] |= inside[1:]
        grown[:, 1:] |= inside[:, :-1]
        grown[:, :-1] |= inside[:, 1:]
        inside = grown
    return inside
