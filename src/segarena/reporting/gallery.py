"""The gallery: images, labels and error maps, as one figure and as pictures inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from segarena import formats
from segarena.classes import IGNORE_INDEX
from segarena.errors import RunError
from segarena.reporting.comparison import REPEAT, Comparison
from segarena.reporting.fonts import class_label, shorten_to
from segarena.reporting.label_pictures import color_labels, error_map, wrong_color
from segarena.reporting.spots import Spot
from segarena.reporting.style import DPI, legend_columns, to_unit

#: The longest side of a gallery picture in the page, in pixels.
LONGEST_SIDE = 420

_GAP, _TILE = 8, 250  # pixels of the figure
_HEAD, _HEAD_ROW, _LEGEND_ROW = 0.25, 0.15, 0.17  # inches
_LEGEND_POINTS = 8.0
_HEAD_LINE, _HEAD_LINES = 17, 4  # characters of a line of a model's name, and lines


@dataclass(frozen=True)
class Example:
    """One image of the gallery.

    Args:
        name: The image's name.
        image: RGB, (H, W, 3), 0..255.
        truth: Labels, (H, W); 255 is void.
        predictions: Labels by model, each (H, W).
    """

    name: str
    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    predictions: dict[str, NDArray[np.uint8]]

    @property
    def labels(self) -> set[int]:
        """The labels that occur in the truth or in a prediction, void among them."""
        return {int(label) for one in (self.truth, *self.predictions.values()) for label in np.unique(one)}

    def accuracy(self, model: str) -> float:
        """The fraction of the pixels with a true class that `model` predicts correctly; NaN where there are none."""
        counted = self.truth != IGNORE_INDEX
        return float((self.predictions[model] == self.truth)[counted].mean()) if counted.any() else float("nan")


def read_example(comparison: Comparison, name: str) -> Example:
    """Read gallery/NAME. Raises RunError where an image is missing, damaged, or has another size."""
    folder = comparison.folder / "gallery" / name
    image = np.asarray(_open(folder / "image.png").convert("RGB"))
    labels = {stem: _read_labels(folder / f"{stem}.png", image.shape[:2]) for stem in ("truth", *comparison.names)}
    return Example(name, image, labels.pop("truth"), labels)


def occurring(examples: Sequence[Example]) -> set[int]:
    """Return the labels that occur in any of the examples; IGNORE_INDEX among them if there is void."""
    return set().union(*(example.labels for example in examples))


def draw_gallery(comparison: Comparison, examples: list[Example]) -> Figure:
    """Draw all examples: the image above its truth, and for each model the prediction above its error map."""
    columns = 1 + len(comparison.names)
    blocks = [_block(comparison, example) for example in examples]
    width = columns * (_TILE + _GAP) - _GAP
    height = sum(len(block) + 3 * _GAP for block in blocks) - 3 * _GAP
    sheet = np.full((height, width, 3), 255, dtype=np.uint8)
    inches = width / DPI
    heads = [["image / truth"], *(comparison.styles[name].wrap(_HEAD_LINE, _HEAD_LINES) for name in comparison.names)]
    above = _HEAD + _HEAD_ROW * (max(map(len, heads)) - 1)
    patches = _legend(comparison, examples)
    ncols = legend_columns(patches, inches, len(patches), _LEGEND_POINTS)
    legend_height = 0.3 + _LEGEND_ROW * -(-len(patches) // ncols)
    figure = Figure(figsize=(inches + 0.1, inches * height / width + above + legend_height), layout="constrained")
    axes = figure.add_subplot()
    top = 0
    for block in blocks:
        sheet[top : top + len(block)] = block
        top += len(block) + 3 * _GAP
    axes.imshow(sheet, interpolation="none", aspect="equal")
    axes.set_axis_off()
    axes.set_anchor("S")  # the room that is left is above, for the heads
    for column, head in enumerate(heads):
        x = column * (_TILE + _GAP) + _TILE / 2
        text = "\n".join(shorten_to(line, round(9 * DPI / 72), 0.87 * _TILE) for line in head)  # bold letters are wider
        axes.text(x, -_GAP, text, ha="center", va="bottom", fontsize=9, weight="bold")
    figure.legend(handles=patches, loc="outside lower center", ncols=ncols, handlelength=1.2, fontsize=_LEGEND_POINTS)
    return figure


def _legend(comparison: Comparison, examples: list[Example]) -> list[Patch]:
    labels = occurring(examples)
    patches = [
        Patch(
            facecolor=to_unit(entry.color),
            edgecolor="#888888",
            lw=0.4,
            label=formats.shorten(class_label(entry.name, entry.index)),
        )
        for entry in comparison.record.data.classes
        if entry.index in labels
    ]
    patches.append(Patch(facecolor=to_unit(wrong_color(comparison.class_colors)), lw=0, label="wrong"))
    if IGNORE_INDEX in labels:
        patches.append(Patch(facecolor="white", edgecolor="#969ea6", hatch="////", lw=0.4, label="void, not scored"))
    return patches


@dataclass(frozen=True)
class Picture:
    """An image inside the page.

    Args:
        address: The image itself, as a `data:` address.
        alt: What it shows, in words.
        width: In pixels.
        height: In pixels.
        spots: Its clickable areas.
    """

    address: str
    alt: str
    width: int
    height: int
    spots: tuple[Spot, ...] = ()


def photo(array: NDArray[np.uint8], alt: str) -> Picture:
    """Embed a photograph as JPEG, reduced to LONGEST_SIDE where it is larger.

    Args:
        array: RGB, (H, W, 3), 0..255.
        alt: What it shows, in words.
    """
    image = Image.fromarray(array)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=86)
    return embed(stream.getvalue(), alt)


def labels_picture(array: NDArray[np.uint8], alt: str) -> Picture:
    """Embed coloured labels or an error map as PNG, resized to the nearest pixels, so that no colours are mixed.

    Args:
        array: RGB, (H, W, 3), 0..255.
        alt: What it shows, in words.
    """
    image = Image.fromarray(array)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.NEAREST)
    enlarge = LONGEST_SIDE // max(image.size)  # a browser would blur the edges of a small one
    if enlarge > 1:
        image = image.resize((enlarge * image.width, enlarge * image.height), Image.Resampling.NEAREST)
    stream = io.BytesIO()
    _with_palette(image).save(stream, format="PNG")
    return embed(stream.getvalue(), alt)


def embed(content: bytes, alt: str) -> Picture:
    """Embed an image file as it is.

    Args:
        content: The bytes of a file that browsers show, e.g. a PNG.
        alt: What it shows, in words.
    """
    with Image.open(io.BytesIO(content)) as image:
        kind, (width, height) = image.get_format_mimetype(), image.size
    return Picture(f"data:{kind};base64,{base64.b64encode(content).decode()}", alt, width, height)


def _with_palette(image: Image.Image) -> Image.Image:
    """The same colours in a third of the bytes, where there are at most 256 of them."""
    pixels = np.asarray(image)
    packed = pixels @ np.array([1 << 16, 1 << 8, 1])
    colors, indices = np.unique(packed, return_inverse=True)
    if len(colors) > 256:
        return image
    result = Image.fromarray(indices.reshape(packed.shape).astype(np.uint8))
    result.putpalette([channel for color in colors.tolist() for channel in color.to_bytes(3)])
    return result


def _block(comparison: Comparison, example: Example) -> NDArray[np.uint8]:
    """The tiles of one example, side by side: two rows of pictures of the same size."""
    pairs = [(example.image, color_labels(example.truth, comparison.class_colors))]
    wrong = wrong_color(comparison.class_colors)
    for name in comparison.names:
        labels = example.predictions[name]
        errors = error_map(example.image, example.truth, labels, wrong)
        pairs.append((color_labels(labels, comparison.class_colors), errors))
    height = max(1, round(_TILE * example.image.shape[0] / example.image.shape[1]))
    block = np.full((2 * height + _GAP, len(pairs) * (_TILE + _GAP) - _GAP, 3), 255, dtype=np.uint8)
    for column, (upper, lower) in enumerate(pairs):
        left = column * (_TILE + _GAP)
        block[:height, left : left + _TILE] = _resize(upper, height, smooth=column == 0)
        block[height + _GAP :, left : left + _TILE] = _resize(lower, height, smooth=False)
    return block


def _resize(array: NDArray[np.uint8], height: int, *, smooth: bool) -> NDArray[np.uint8]:
    method = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(array).resize((_TILE, height), method))


def _open(path: Path) -> Image.Image:
    try:
        image = Image.open(path)
        image.load()
    except FileNotFoundError as error:
        raise RunError("is missing", where=path, remedy=REPEAT) from error
    except (OSError, UnidentifiedImageError) as error:
        raise RunError(f"cannot be read ({error})", where=path, remedy=REPEAT) from error
    return image


def _read_labels(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    image = _open(path)
    labels = np.asarray(image)
    if image.mode not in ("P", "L") or labels.shape != shape:
        raise RunError(
            f"is a {image.mode} image of {image.height} x {image.width}, not labels of {shape[0]} x {shape[1]}",
            where=path,
            remedy=REPEAT,
        )
    return labels.astype(np.uint8)
