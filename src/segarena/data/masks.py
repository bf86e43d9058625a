"""Mask files to labels: what the values in the files mean, found out once by looking at all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from segarena.classes import IGNORE_INDEX, ClassTable, Value, name_classes
from segarena.data.images import decode, open_image
from segarena.errors import DataError

_Places = NDArray[np.integer[Any]]

#: Called with the number of masks looked at and their total.
Progress = Callable[[int, int], None]

_UNDECLARED = -1
_MAX_INDEX = 63
_FAR_GAP = 64
_LOSSY = frozenset({"JPEG", "MPO", "JPEG2000"})
#: Pillow spreads grey of 2 and 4 bits over 0..255; dividing gives back the number that the file holds.
_GREY_STEP = {"L;2": 85, "L;4": 17}
_DECLARE = "declare what each value means in a classes.yaml beside the folders of images and masks"


@dataclass(frozen=True)
class MaskEncoding:
    """What the values in the mask files mean.

    `kind`: "index" (a number per class), "two-level" (a low and a high grey, e.g. 0 and 255) or "color" ([r, g, b]).
    `lookup`: the label of each file value, -1 where it is undeclared; int16, 65536 entries, or 2**24 for colours,
    whose place is r * 65536 + g * 256 + b.
    """

    kind: Literal["index", "two-level", "color"]
    classes: ClassTable
    lookup: NDArray[np.int16] = field(repr=False, compare=False)

    @property
    def sentence(self) -> str:
        """One sentence for people: the kind, each value and its class, the void values."""
        shown = ", ".join(f"{_show(entry.value)} = {entry.name}" for entry in self.classes.classes[:12])
        more = self.classes.num_classes - 12
        shown += f" and {more} more" if more > 0 else ""
        void = ", ".join(_show(value) for value in self.classes.ignore)
        return f"{self.kind} masks: {shown}; " + (f"void: {void}" if void else "no void")


class MaskScan(NamedTuple):
    """What looking at all masks gave: the encoding, and `pixels` (N, num_classes + 1) int64, void last."""

    encoding: MaskEncoding
    pixels: NDArray[np.int64]


class _Values(NamedTuple):
    """The different values in one file, as places in a lookup table, and how many pixels have each."""

    path: Path
    values: NDArray[np.int64]
    counts: NDArray[np.int64]
    one_bit: bool


def infer_encoding(
    paths: Sequence[Path], classes: ClassTable | None = None, on_progress: Progress | None = None
) -> MaskScan:
    """Look at all masks and say what their values mean.

    With `classes` (a classes.yaml) its values and its `ignore` are the only ones allowed. Without: two levels far
    apart are background (low) and foreground (high); numbers 0..63 are class indices, and 255 beside them is void;
    anything else is refused rather than guessed. Raises DataError for that, for a value that is not declared, for a
    damaged file, and where all pixels are of one class.
    """
    color = classes is not None and _is_color(classes)
    found = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        for values in threads.map(lambda path: _count_values(path, color), paths):
            found.append(values)
            if on_progress is not None:
                on_progress(len(found), len(paths))
    encoding = _guess(found) if classes is None else _make("color" if color else "index", classes)
    pixels = np.stack([_count_labels(values, encoding) for values in found])
    present = np.flatnonzero(pixels[:, :-1].sum(axis=0))
    if len(present) < 2:
        only = f"only the class {encoding.classes.names[present[0]]!r}" if len(present) else "only void pixels"
        raise _one_class(paths, only)
    return MaskScan(encoding, pixels)


def read_mask(path: Path, encoding: MaskEncoding) -> NDArray[np.uint8]:
    """Read a mask file -> (H, W) uint8 labels 0..num_classes-1, 255 = void; palette files by index, not by colour.

    Raises DataError where the file is damaged, or holds a value that the encoding does not know.
    """
    places, one_bit = _read_places(path, color=encoding.kind == "color")
    return _look_up(path, places, one_bit, encoding).astype(np.uint8, copy=False)


def _make(kind: Literal["index", "two-level", "color"], classes: ClassTable) -> MaskEncoding:
    lookup = np.full(2**24 if kind == "color" else 2**16, _UNDECLARED, dtype=np.int16)
    for value in classes.ignore:
        lookup[_place(value)] = IGNORE_INDEX
    for label, entry in enumerate(classes.classes):
        lookup[_place(entry.value)] = label
    return MaskEncoding(kind, classes, lookup)


def _guess(found: Sequence[_Values]) -> MaskEncoding:
    seen = np.unique(np.concatenate([values.values for values in found])).tolist()
    if len(seen) == 1:
        raise _one_class([values.path for values in found], f"only the value {seen[0]}")
    if len(seen) == 2 and seen[1] - seen[0] >= _FAR_GAP:
        return _make("two-level", name_classes(seen, ("background", "foreground")))
    one_bit = [values.path for values in found if values.one_bit]
    if one_bit:
        raise DataError(
            "has 1 bit per pixel, but other masks beside it have more values",
            where=one_bit[0],
            remedy="Save all masks of a data set in the same way",
        )
    ignore = [value for value in seen if value == IGNORE_INDEX]
    indices = [value for value in seen if value != IGNORE_INDEX]
    if indices[-1] <= _MAX_INDEX:
        return _make("index", name_classes(indices, [f"class_{value}" for value in indices], ignore))
    culprit = next(values for values in found if (values.values > _MAX_INDEX).any())
    raise DataError(
        f"the masks (e.g. {culprit.path.name}) hold {len(seen)} different grey levels between {seen[0]} and "
        f"{seen[-1]}, which are neither two levels nor class numbers up to {_MAX_INDEX}; anti-aliased, resized or "
        "compressed masks look like this",
        where=culprit.path.parent,
        remedy="Save one value per class, e.g. by a threshold at 128 for two classes. "
        f"If each value is a class: {_DECLARE}",
    )


def _count_values(path: Path, color: bool) -> _Values:
    values, one_bit = _read_places(path, color)
    flat = values.ravel()
    # Masks are made of long runs: sorting one value per run is far cheaper than sorting pixels.
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(starts, append=flat.size)
    different, run_of = np.unique(flat[starts], return_inverse=True)
    counts = np.bincount(run_of, weights=lengths, minlength=len(different))
    return _Values(path, different.astype(np.int64), counts.astype(np.int64), one_bit)


def _count_labels(found: _Values, encoding: MaskEncoding) -> NDArray[np.int64]:
    labels = _look_up(found.path, found.values, found.one_bit, encoding)
    columns = np.where(labels == IGNORE_INDEX, encoding.classes.num_classes, labels)
    pixels = np.zeros(encoding.classes.num_classes + 1, dtype=np.int64)
    np.add.at(pixels, columns, found.counts)
    return pixels


def _look_up(path: Path, places: _Places, one_bit: bool, encoding: MaskEncoding) -> NDArray[np.int16]:
    if one_bit and not 0 <= encoding.lookup[IGNORE_INDEX] < IGNORE_INDEX:
        places = places // 255  # the classes are declared by the bit itself, 0 and 1
    labels: NDArray[np.int16] = encoding.lookup[places]
    if labels.min() == _UNDECLARED:
        raise _undeclared(path, int(places[labels == _UNDECLARED][0]), encoding)
    return labels


def _read_places(path: Path, color: bool) -> tuple[_Places, bool]:
    """Decode a mask -> (H, W) places in a lookup table, and whether the file has 1 bit per pixel."""
    with open_image(path) as image:
        if image.format in _LOSSY:
            raise DataError(
                f"is a {image.format}, whose compression changes the values of a mask",
                where=path,
                remedy="Export the masks as PNG, with one value per class",
            )
        step = _GREY_STEP.get(_raw_mode(image), 1)
        decoded = decode(image, path)
    mode = decoded.mode
    if color and mode in {"1", "L", "P", "RGB"}:
        decoded.info.pop("transparency", None)  # a palette's; Pillow warns of dropping it
        channels = np.asarray(decoded.convert("RGB"), dtype=np.int32)
        return channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2], False
    if mode == "1":
        return np.asarray(decoded.convert("L")), True
    values = np.asarray(decoded)
    if mode == "RGB" and (values == values[..., :1]).all():
        return values[..., 0], False
    if mode == "RGB":
        raise DataError(
            f"is a colour image with {_num_colors(values)} different colours, and no class has a colour as its value",
            where=path,
            remedy=f"If each colour is a class: {_DECLARE}, e.g. `value: [128, 64, 128]`",
        )
    if mode in {"L", "P"}:
        return values // step, False
    if mode.startswith("I") and values.min() >= 0 and values.max() <= 65535:
        return values.astype(np.uint16), False
    raise DataError(
        f"has the pixel format {mode}, which is none of a mask",
        where=path,
        remedy="Export the masks as PNG: 8- or 16-bit grey, palette, or RGB, without transparency",
    )


def _raw_mode(image: Image.Image) -> str:
    """How Pillow's decoder unpacks the pixels, e.g. "L;4"."""
    if not isinstance(image, ImageFile.ImageFile) or not image.tile:
        return ""
    arguments = image.tile[0][3]
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _num_colors(values: NDArray[np.uint8]) -> int:
    return len(np.unique(values.reshape(-1, 3).view(np.dtype((np.void, 3)))))


def _is_color(classes: ClassTable) -> bool:
    """Whether the declared values are colours; numbers and colours together cannot be looked up."""
    kinds = {isinstance(value, tuple) for value in (*(entry.value for entry in classes.classes), *classes.ignore)}
    if len(kinds) > 1:
        raise DataError(
            "classes.yaml has both numbers and colours [r, g, b] as mask values",
            remedy="Write all values, those of `ignore` too, in the one form that the mask files have",
        )
    return kinds == {True}


def _place(value: Value) -> int:
    return value if isinstance(value, int) else value[0] << 16 | value[1] << 8 | value[2]


def _show(value: Value) -> str:
    return str(value) if isinstance(value, int) else f"[{value[0]}, {value[1]}, {value[2]}]"


def _undeclared(path: Path, place: int, encoding: MaskEncoding) -> DataError:
    value = (place >> 16, place >> 8 & 255, place & 255) if encoding.kind == "color" else place
    return DataError(
        f"holds the value {_show(value)}, which is neither a class nor void",
        where=path,
        remedy="Add it to `classes` or to `ignore` in classes.yaml, or mend the mask",
    )


def _one_class(paths: Sequence[Path], seen: str) -> DataError:
    return DataError(
        f"all {len(paths)} masks hold {seen}",
        where=paths[0].parent,
        remedy="Check that these are the masks; a comparison needs two classes at least",
    )
