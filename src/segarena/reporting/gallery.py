"""Look at the predictions: coloured masks, error maps, and one sheet with all of them."""

from __future__ import annotations

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
from segarena.reporting.comparison import Comparison
from segarena.reporting.style import DPI

#: What a wrong pixel looks like in an error map: dark enough to stand out on pale grey without its hue.
WRONG = (196, 12, 64)
VOID, STRIPE = (255, 255, 255), (150, 158, 166)

_GAP, _TILE = 8, 250  # pixels of the sheet
_STRIPES = 8  # pixels from one void stripe to the next
_GREYS = 8  # step between greys of an error map: fewer greys compress better and look the same


@dataclass(frozen=True)
class Example:
    """A gallery image: `image` (H, W, 3) RGB, `truth` and `predictions` (H, W) uint8 labels with 255 for void."""

    name: str
    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    predictions: dict[str, NDArray[np.uint8]]

    def accuracy(self, model: str) -> float:
        """The fraction of the pixels with a true class that `model` gets right; NaN where there are none."""
        counted = self.truth != IGNORE_INDEX
        return float((self.predictions[model] == self.truth)[counted].mean()) if counted.any() else float("nan")


def read_example(comparison: Comparison, name: str) -> Example:
    """Read gallery/NAME. Raises RunError where an image is missing, damaged, or has another size."""
    folder = comparison.folder / "gallery" / name
    image = np.asarray(_open(folder / "image.png").convert("RGB"))
    labels = {stem: _read_labels(folder / f"{stem}.png", image.shape[:2]) for stem in ("truth", *comparison.names)}
    return Example(name, image, labels.pop("truth"), labels)


def color_labels(labels: NDArray[np.uint8], colors: list[tuple[int, int, int]]) -> NDArray[np.uint8]:
    """Labels (H, W) -> RGB (H, W, 3) in the class colours; void is striped, a label without a class black."""
    table = np.zeros((256, 3), dtype=np.uint8)
    table[: len(colors)] = colors
    return _stripe(table[labels], labels == IGNORE_INDEX)


def error_map(image: NDArray[np.uint8], truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB (H, W, 3): the image in pale grey, wrong pixels in the colour WRONG, void striped."""
    grey = image @ np.array([0.299, 0.587, 0.114])
    pale = (130 + 0.47 * grey).astype(np.uint8) // _GREYS * _GREYS
    result = np.repeat(pale[..., None], 3, axis=2)
    result[(prediction != truth) & (truth != IGNORE_INDEX)] = WRONG
    return _stripe(result, truth == IGNORE_INDEX)


def draw_gallery(comparison: Comparison, examples: list[Example]) -> Figure:
    """One sheet: an image, its truth, and for each model the prediction above its error map."""
    columns = 1 + len(comparison.names)
    blocks = [_block(comparison, example) for example in examples]
    width = columns * (_TILE + _GAP) - _GAP
    height = sum(len(block) + 3 * _GAP for block in blocks) - 3 * _GAP
    sheet = np.full((height, width, 3), 255, dtype=np.uint8)
    inches = width / DPI
    figure = Figure(figsize=(inches + 0.1, inches * height / width + 1.1), layout="constrained")
    axes = figure.add_subplot()
    top = 0
    for block in blocks:
        sheet[top : top + len(block)] = block
        top += len(block) + 3 * _GAP
    axes.imshow(sheet, interpolation="none", aspect="equal")
    axes.set_axis_off()
    heads = ["image above truth", *(comparison.styles[name].label for name in comparison.names)]
    for column, head in enumerate(heads):
        x = column * (_TILE + _GAP) + _TILE / 2
        axes.text(x, -_GAP, formats.shorten(head, 22), ha="center", va="bottom", fontsize=9, weight="bold")
    patches = [
        Patch(facecolor=_share(color), edgecolor="#888888", lw=0.4, label=formats.shorten(name))
        for name, color in zip(comparison.class_names, comparison.class_colors, strict=True)
    ]
    patches.append(Patch(facecolor=_share(WRONG), lw=0, label="wrong"))
    patches.append(Patch(facecolor="white", edgecolor="#969ea6", hatch="////", lw=0.4, label="void, not scored"))
    figure.legend(
        handles=patches, loc="outside lower center", ncols=max(2, int(inches / 1.3)), handlelength=1.2, fontsize=8
    )
    return figure


def _block(comparison: Comparison, example: Example) -> NDArray[np.uint8]:
    pairs = [(example.image, color_labels(example.truth, comparison.class_colors))]
    for name in comparison.names:
        labels = example.predictions[name]
        errors = error_map(example.image, example.truth, labels)
        pairs.append((color_labels(labels, comparison.class_colors), errors))
    height = max(1, round(_TILE * example.image.shape[0] / example.image.shape[1]))
    block = np.full((2 * height + _GAP, len(pairs) * (_TILE + _GAP) - _GAP, 3), 255, dtype=np.uint8)
    for column, (upper, lower) in enumerate(pairs):
        left = column * (_TILE + _GAP)
        block[:height, left : left + _TILE] = _resize(upper, height, smooth=column == 0)
        block[height + _GAP :, left : left + _TILE] = _resize(lower, height, smooth=False)
    return block


def _share(color: tuple[int, int, int]) -> tuple[float, float, float]:
    return color[0] / 255, color[1] / 255, color[2] / 255


def _resize(array: NDArray[np.uint8], height: int, *, smooth: bool) -> NDArray[np.uint8]:
    method = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(array).resize((_TILE, height), method))


def _stripe(rgb: NDArray[np.uint8], void: NDArray[np.bool_]) -> NDArray[np.uint8]:
    height, width = void.shape
    stripe = (np.arange(height)[:, None] + np.arange(width)) % _STRIPES < 2
    rgb[void] = VOID
    rgb[void & stripe] = STRIPE
    return rgb


def _open(path: Path) -> Image.Image:
    remedy = "Repeat the comparison in a new folder"
    try:
        image = Image.open(path)
        image.load()
    except FileNotFoundError as error:
        raise RunError("is missing", where=path, remedy=remedy) from error
    except (OSError, UnidentifiedImageError) as error:
        raise RunError(f"cannot be read ({error})", where=path, remedy=remedy) from error
    return image


def _read_labels(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    image = _open(path)
    labels = np.asarray(image)
    if image.mode not in ("P", "L") or labels.shape != shape:
        raise RunError(
            f"is a {image.mode} image of {image.height} x {image.width}, not labels of {shape[0]} x {shape[1]}",
            where=path,
            remedy="Repeat the comparison in a new folder",
        )
    return labels.astype(np.uint8)
