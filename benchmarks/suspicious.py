"""How many wrong labels the list of suspicious regions finds: masks of the built-in scenes with some regions changed.

Of the scored images of a finished comparison, a share of the objects with at least 16 pixels gets another class. The
list is made as in a comparison. A listed region is right if at least half of its pixels are in a changed object, and a
changed object is found if a listed region has at least half of its pixels there. Means over several draws:

    segarena compare --epochs 10 --batch-size 4 --out runs/demo
    python benchmarks/suspicious.py runs/demo
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from segarena.experiment.inputs import reopen_source
from segarena.experiment.progress import Reporter
from segarena.loading.dataset import EvaluationItem, EvaluationSet, evaluation_loader
from segarena.loading.decoded import DecodedImages
from segarena.records.comparison import ComparisonRecord
from segarena.records.run import Data
from segarena.runs import finished_runs
from segarena.scoring.disagreement import SMALLEST, Region, find_agreement, find_confident_errors
from segarena.scoring.objects import Objects
from segarena.training.confidence import Confidence
from segarena.training.counting import evaluate
from segarena.training.evaluation import evaluation_pixels
from segarena.training.predictor import load

Mask = NDArray[np.uint8]


class Prediction(NamedTuple):
    """Of one network for one image."""

    labels: Mask
    confidence: NDArray[np.float32]


class Listed(NamedTuple):
    """A region of the list."""

    image: int
    region: Region


#: What the list may be ranked by, the largest first.
RANKINGS: dict[str, Callable[[Region], float]] = {
    "area": lambda region: region.pixels,
    "area x confidence": lambda region: region.pixels * region.confidence,
    "confidence": lambda region: region.confidence,
    "thickness x confidence": lambda region: region.score,
}


def predict(folder: Path, part: str = "scored") -> tuple[list[str], list[Mask], list[list[Prediction]], int]:
    """What each network of a comparison predicts for the images that were scored, or for those that it trained on.

    With folds, an image has the predictions of the networks of its fold.

    Args:
        folder: The comparison.
        part: "scored" or "train".

    Returns:
        The names of the images, their masks, their predictions, and the number of classes.
    """
    masks: dict[str, Mask] = {}
    predictions: dict[str, list[Prediction]] = {}
    folds = ComparisonRecord.read(folder).folds
    for run in (part for whole in finished_runs(folder) for part in whole.folds(folds)):
        predictor = load(folder / run.path, device="cpu")
        data = Data.read(folder / run.path)
        source = reopen_source(predictor.config.data, Reporter())
        place = {sample.name: index for index, sample in enumerate(source.samples)}
        names = list(data.split.train if part == "train" else data.split.test or data.split.val)
        indices = [place[name] for name in names]
        dataset = EvaluationSet(
            DecodedImages(source, indices, limit_bytes=0), indices, predictor.size, predictor.scaling
        )
        for name, index in zip(names, indices, strict=True):
            if name not in masks:
                masks[name] = source.read_labels(index)

        def keep(item: EvaluationItem, labels: Tensor, confidence: Confidence | None, names: list[str] = names) -> None:
            assert confidence is not None
            found = Prediction(labels.numpy().copy(), confidence.predicted.numpy().copy())
            predictions.setdefault(names[item.position], []).append(found)

        evaluate(
            predictor.model,
            evaluation_loader(dataset, batch_size=4, workers=0),
            source.classes.num_classes,
            device="cpu",
            precision=predictor.precision,
            most_pixels=evaluation_pixels(predictor.config.protocol),
            observe=keep,
        )
    return list(masks), list(masks.values()), [predictions[name] for name in masks], source.classes.num_classes


def change(masks: list[Mask], share: float, num_classes: int, rng: np.random.Generator) -> list[tuple[int, Mask, int]]:
    """Choose objects and other classes for them: (image, which of its pixels, the new class)."""
    objects = []
    for image, mask in enumerate(masks):
        found = Objects.of(mask)
        area = found.sums(mask)[:, 0]
        objects += [(image, root) for root in np.flatnonzero((area >= SMALLEST) & (found.labels != 255))]
    chosen = rng.choice(len(objects), max(1, round(share * len(objects))), replace=False)
    changes = []
    for image, root in (objects[number] for number in sorted(chosen)):
        found = Objects.of(masks[image])
        lengths = np.diff(np.append(found.row_of * masks[image].shape[1] + found.starts, masks[image].size))
        inside = np.repeat(found.first == root, lengths).reshape(masks[image].shape)
        label = int(found.labels[root])
        changes.append((image, inside, int(rng.choice([c for c in range(num_classes) if c != label]))))
    return changes


def make_list(masks: list[Mask], predictions: list[list[Prediction]]) -> list[Listed]:
    listed = []
    for image, (mask, of_image) in enumerate(zip(masks, predictions, strict=True)):
        errors = [find_confident_errors(mask, one.labels, one.confidence) for one in of_image]
        listed += [Listed(image, region) for region in find_agreement(errors, mask)]
    return listed


def pixels_of(listed: Listed, mask: Mask, predictions: list[Prediction]) -> NDArray[np.bool_]:
    """The pixels of a region: within its box, of its two classes."""
    left, top, right, bottom = listed.region.box
    inside = np.zeros(mask.shape, bool)
    inside[top:bottom, left:right] = True
    for one in predictions:
        inside &= one.labels == listed.region.predicted
    chosen: NDArray[np.bool_] = inside & (mask == listed.region.true)
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=float, default=0.02, help="share of the objects that get another class")
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    _, masks, predictions, num_classes = predict(options.folder)
    on_truth = make_list(masks, predictions)
    print(f"{len(masks)} images, {len(predictions[0])} networks; masks as they are: {len(on_truth)} regions listed")
    rows: dict[tuple[str, float], list[tuple[float, float, float]]] = {}
    numbers = []
    for draw in range(options.draws):
        rng = np.random.default_rng(draw)
        changes = change(masks, options.share, num_classes, rng)
        changed = [mask.copy() for mask in masks]
        owner = [np.full(mask.shape, -1) for mask in masks]
        for number, (image, inside, label) in enumerate(changes):
            changed[image][inside] = label
            owner[image][inside] = number
        listed = make_list(changed, predictions)
        hits = {}
        for entry in listed:
            owners = owner[entry.image][pixels_of(entry, changed[entry.image], predictions[entry.image])]
            number, count = (-1, 0) if not (owners >= 0).any() else most_frequent(owners)
            hits[id(entry)] = number if 2 * count >= owners.size else -1
        numbers.append((len(changes), len(listed)))
        for name, key in RANKINGS.items():
            ranked = sorted(listed, key=lambda entry: -key(entry.region))
            for factor in (0.5, 1.0, 2.0, 4.0):
                top = [hits[id(entry)] for entry in ranked[: max(1, round(factor * len(changes)))]]
                right = [number for number in top if number >= 0]
                rows.setdefault((name, factor), []).append(
                    (len(top), len(right) / max(1, len(top)), len(set(right)) / len(changes))
                )
    print("changed, listed (mean):", *np.mean(numbers, axis=0).round(1))
    print(f"{'ranked by':24} {'listed':>8} {'precision':>10} {'recall':>8}")
    for (name, factor), values in rows.items():
        listed_, precision, recall = np.mean(values, axis=0)
        print(f"{name:24} {listed_:8.1f} {precision:10.0%} {recall:8.0%}   ({factor} x changed)")


def most_frequent(owners: NDArray[np.int64]) -> tuple[int, int]:
    """The most frequent changed object, and its pixels."""
    counts = np.bincount(owners[owners >= 0])
    return int(counts.argmax()), int(counts.max())


if __name__ == "__main__":
    main()
