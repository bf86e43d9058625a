"""The list of suspicious regions where the networks were trained on wrong labels too, as with data that has some.

`write` copies the built-in scenes with a share of the objects of every split given another class; `score` counts how
many of the regions that all networks of a comparison of that copy agree on are such objects: in the scored images, as
a comparison lists them, or in those that trained the networks.

    segarena synth scenes
    python benchmarks/suspicious_trained.py write scenes changed
    segarena compare changed --epochs 10 --batch-size 4 --weights none --seeds 1 --out runs/changed
    python benchmarks/suspicious_trained.py score runs/changed scenes
    python benchmarks/suspicious_trained.py score runs/changed scenes --part train
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from suspicious import Mask, change, make_list, most_frequent, pixels_of, predict

from segarena.scoring.objects import Objects

SPLITS = ("train", "val", "test")


def write(scenes: Path, changed: Path, share: float, seed: int) -> None:
    """Copy a data set that `segarena synth` wrote, with some objects of each split given another class."""
    shutil.copytree(scenes, changed)
    for split in SPLITS:
        files = sorted((changed / split / "masks").glob("*.png"))
        images = [Image.open(file) for file in files]
        masks = [np.array(image) for image in images]
        classes = int(max(mask.max() for mask in masks)) + 1
        rng = np.random.default_rng([seed, len(split), ord(split[1])])  # another one for each split
        changes = change(masks, share, classes, rng)
        for index, inside, label in changes:
            masks[index][inside] = label
        for index in sorted({index for index, _, _ in changes}):
            image = Image.fromarray(masks[index]).convert("P")
            image.putpalette(images[index].getpalette() or [])
            image.save(files[index])
        print(f"{split}: {len(changes)} objects in {len(files)} masks have another class")


def find_changed(mask: Mask, right: Mask) -> tuple[NDArray[np.int64], int]:
    """The number of the changed object at each pixel, -1 where there is none; and how many there are."""
    kinds = np.where(mask == right, np.uint16(0xFFFF), mask.astype(np.uint16) * 256 + right)
    found = Objects.of(kinds)
    roots = np.unique(found.first[found.labels != 0xFFFF])
    lengths = np.diff(np.append(found.row_of * mask.shape[1] + found.starts, mask.size))
    numbers = np.full(len(found.first), -1)
    inside = found.labels != 0xFFFF
    numbers[inside] = np.searchsorted(roots, found.first[inside])
    return np.repeat(numbers, lengths).reshape(mask.shape), len(roots)


def score(folder: Path, scenes: Path, part: str) -> None:
    """Print how many of the first regions are changed objects, and how many of these are found."""
    names, masks, predictions, _ = predict(folder, part)
    files = {file.stem: file for split in SPLITS for file in (scenes / split / "masks").glob("*.png")}
    owners, number = [], 0
    for name, mask in zip(names, masks, strict=True):
        numbers, found = find_changed(mask, np.array(Image.open(files[Path(name).stem])))
        owners.append(np.where(numbers < 0, -1, numbers + number))
        number += found
    hits = []
    listed = sorted(make_list(masks, predictions), key=lambda entry: -entry.region.score)
    for entry in listed:
        inside = owners[entry.image][pixels_of(entry, masks[entry.image], predictions[entry.image])]
        owner, count = most_frequent(inside) if (inside >= 0).any() else (-1, 0)
        hits.append(owner if 2 * count >= inside.size else -1)
    print(f"{len(masks)} images, {number} changed objects, {len(listed)} regions listed")
    for first in (8, 16, 24, number, 2 * number, len(listed)):
        right = [hit for hit in hits[:first] if hit >= 0]
        precision, recall = len(right) / max(1, len(hits[:first])), len(set(right)) / max(1, number)
        print(f"first {first:4}: precision {precision:4.0%}, recall {recall:4.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    writing = commands.add_parser("write")
    writing.add_argument("scenes", type=Path)
    writing.add_argument("changed", type=Path)
    writing.add_argument("--share", type=float, default=0.02, help="share of the objects that get another class")
    writing.add_argument("--seed", type=int, default=0)
    scoring = commands.add_parser("score")
    scoring.add_argument("folder", type=Path)
    scoring.add_argument("scenes", type=Path, help="the data set with the right labels")
    scoring.add_argument("--part", choices=("scored", "train"), default="scored")
    options = parser.parse_args()
    if options.command == "write":
        write(options.scenes, options.changed, options.share, options.seed)
    else:
        score(options.folder, options.scenes, options.part)


if __name__ == "__main__":
    main()
