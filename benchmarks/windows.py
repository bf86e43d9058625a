"""What windows cost and keep on images larger than those of the training: `python benchmarks/windows.py RUN ...`.

Scored images of each run's own data are put together as mosaics, and labelled in windows, as a whole, and one by one.
docs/prediction.md has the numbers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from segarena.classes import IGNORE_INDEX
from segarena.config.views import View
from segarena.experiment.inputs import reopen_source
from segarena.loading.scaling import WindowPlan
from segarena.records.run import Data
from segarena.scoring.counts import confusion_per_image
from segarena.scoring.scores import score
from segarena.training import blending
from segarena.training.predictor import Predictor, load
from segarena.training.windows import window_weights

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Weights = Callable[[list[tuple[int, int]]], list[torch.Tensor]]


def scored_pairs(predictor: Predictor, most: int) -> list[Pair]:
    """Images that did not train the network, with their masks."""
    parts, source = Data.read(predictor.run).split, reopen_source(predictor.config.data)
    names = set(parts.test or parts.val)
    indices = [index for index, sample in enumerate(source.samples) if sample.name in names]
    return [source.read(index) for index in indices[:most]]


def mosaics(pairs: list[Pair], side: int) -> list[Pair]:
    """Put the pairs together, `side` by `side`; what is left over begins again at the first ones."""
    found = []
    for start in range(0, len(pairs), side * side):
        chosen = [pairs[(start + k) % len(pairs)] for k in range(side * side)]
        rows = [chosen[row * side : (row + 1) * side] for row in range(side)]
        image, mask = (
            np.concatenate([np.concatenate([pair[kind] for pair in row], axis=1) for row in rows]) for kind in (0, 1)
        )
        found.append((image, mask))
    return found


def inner(pairs: list[Pair]) -> list[Pair]:
    """Count only the pixels that are a fifth of the side or more from the border of their image.

    In a mosaic the neighbours of the others are of an unrelated image, whatever the windows.
    """
    found = []
    for image, mask in pairs:
        height, width = (length // 5 for length in mask.shape)
        kept = np.full_like(mask, IGNORE_INDEX)
        kept[height:-height, width:-width] = mask[height:-height, width:-width]
        found.append((image, kept))
    return found


def enlarged(pairs: list[Pair], factor: float) -> list[Pair]:
    """Enlarge the images, and their masks without interpolation."""

    def resize(pixels: NDArray[np.uint8], how: Image.Resampling) -> NDArray[np.uint8]:
        size = round(pixels.shape[1] * factor), round(pixels.shape[0] * factor)
        return np.asarray(Image.fromarray(pixels).resize(size, how))

    return [(resize(image, Image.Resampling.BICUBIC), resize(mask, Image.Resampling.NEAREST)) for image, mask in pairs]


def one_pass(predictor: Predictor, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Label an image at the training scale in one window."""
    assert predictor.sides is not None
    factor = predictor.size / predictor.sides.shorter
    working = round(image.shape[0] * factor), round(image.shape[1] * factor)
    return predictor.label_by(WindowPlan(working, working), image)


def miou(predictor: Predictor, pairs: list[Pair], in_one_pass: bool = False) -> tuple[float, float]:
    """The mIoU, and the seconds of the processor for a megapixel."""
    start = time.process_time()
    label = partial(one_pass, predictor) if in_one_pass else predictor.predict
    labels = [label(image) for image, _ in pairs]
    seconds = time.process_time() - start
    counts = [
        confusion_per_image(torch.from_numpy(found)[None], torch.tensor(mask)[None], predictor.classes.num_classes)
        for found, (_, mask) in zip(labels, pairs, strict=True)
    ]
    pixels = sum(mask.size for _, mask in pairs)
    return 100 * score(torch.cat(counts).numpy()).miou, seconds / pixels * 1e6


def show_mosaics(predictor: Predictor, pairs: list[Pair], sides: list[int], factor: float) -> None:
    """Print the mIoU of single images, and of mosaics in windows and as a whole."""
    smaller = predictor.with_views(scale=1 / factor)
    for what, chosen in (("all pixels", pairs), ("inner pixels", inner(pairs))):
        alone, cost = miou(predictor, chosen)
        print(f"{what}, single images: mIoU {alone:.1f}%, {cost:.2f} s per megapixel", flush=True)
        for side in sides:
            joined = mosaics(chosen, side)
            found = {
                "windows": miou(predictor, joined),
                "whole": miou(predictor.with_views(scale="whole"), joined),
                "one pass over all": miou(predictor, joined, in_one_pass=True),
            }
            if side == max(sides):
                joined = enlarged(joined, factor)
                found[f"enlarged {factor:g} times, --scale {smaller.scale}"] = miou(smaller, joined)
            for name, (value, cost) in found.items():
                lost = f"({value - alone:+.1f}), {cost:.2f} s per megapixel"
                print(f"{what}, {side} x {side}, {name}: mIoU {value:.1f}% {lost}", flush=True)


def hann(bounds: list[tuple[int, int]]) -> list[torch.Tensor]:
    """The weights that are used."""
    return window_weights(bounds)


def shaped(shape: Callable[[torch.Tensor], torch.Tensor]) -> Weights:
    """Weights of another shape, a function of the place in a window, -1 to 1."""

    def weights(bounds: list[tuple[int, int]]) -> list[torch.Tensor]:
        found = [shape((torch.arange(b - a, dtype=torch.float64) + 0.5) / (b - a) * 2 - 1) for a, b in bounds]
        total = torch.zeros(bounds[-1][1], dtype=torch.float64)
        for (first, last), weight in zip(bounds, found, strict=True):
            total[first:last] += weight
        return [(weight / total[first:last]).float() for weight, (first, last) in zip(found, bounds, strict=True)]

    return weights


#: Shapes of weights: Hann's, nnU-Net's Gaussian (a standard deviation of an eighth of the window), and none.
SHAPES: dict[str, Weights] = {
    "squared cosine": hann,
    "Gaussian": shaped(lambda place: (-0.5 * (place * 4).square()).exp()),
    "constant": shaped(torch.ones_like),
}


def show_seams(predictor: Predictor, pairs: list[Pair]) -> None:
    """Print the share of labels that differ between windows and one pass over the mosaic, and the mIoU of each."""
    joined = mosaics(pairs, 3)
    whole = [one_pass(predictor, image) for image, _ in joined]
    for name, weights in SHAPES.items():
        blending.window_weights = weights
        windowed = [predictor.predict(image) for image, _ in joined]
        differ = np.mean([np.mean(a != b) for a, b in zip(windowed, whole, strict=True)])
        found = miou(predictor, joined)[0]
        print(f"3 x 3, {name}: {100 * differ:.2f}% of labels differ from one pass over all, mIoU {found:.2f}%")
    blending.window_weights = window_weights


def show_views(predictor: Predictor, pairs: list[Pair]) -> None:
    """Print the gain and the cost of further views of single images."""
    choices: list[tuple[View, ...]] = [(), ("flip",), ("scales",), ("flip", "scales")]
    for views in choices:
        found, cost = miou(predictor.with_views(tta=views), pairs)
        print(f"--tta {' '.join(views) or 'none'}: mIoU {found:.2f}%, {cost:.2f} s per megapixel", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--images", type=int, default=36, help="images of a run at most")
    parser.add_argument("--sides", type=int, nargs="+", default=[2, 4], help="images along a side of a mosaic")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for run in options.runs:
        predictor = load(run, device="cpu")
        pairs = scored_pairs(predictor, options.images)
        print(f"{predictor.config.model}, {run.name}: {len(pairs)} images of {pairs[0][0].shape[1]} pixels", flush=True)
        show_mosaics(predictor, pairs, options.sides, 2)
        show_seams(predictor, pairs)
        show_views(predictor, pairs)


if __name__ == "__main__":
    main()
