"""Scores per image from a comparison's images.csv: how each model does, and the images that it does worst.

    python examples/read_images_csv.py runs/mine --worst 5

images.csv has a row per model, seed, image and class with the pixel counts tp, fp and fn. Every score is computed from
them, so a score that segarena does not report takes a few lines of pandas.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

COUNTS = ["tp", "fp", "fn"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Scores per image, from images.csv.")
    parser.add_argument("comparison", type=Path, help="folder of a comparison")
    parser.add_argument("--worst", type=int, default=5, help="number of images to list for each model")
    options = parser.parse_args()

    # names of images and classes are text, even where they look like numbers or like missing values
    table = pd.read_csv(options.comparison / "images.csv", dtype={"image": str, "class": str}, na_filter=False)

    # mIoU as segarena reports it: counts summed over the images first, then IoU, then the mean over the classes
    whole = add_iou(table.groupby(["model", "seed", "class"], as_index=False)[COUNTS].sum())
    print("mIoU over all images\n", whole.groupby(["model", "seed"])["iou"].mean().round(4).to_string(), sep="")

    # each image's own mIoU, over the classes that its truth or the prediction has
    images = add_iou(table).groupby(["model", "seed", "image"], as_index=False)["iou"].mean()
    for (model, seed), scores in images.groupby(["model", "seed"]):
        print(f"\nworst images of {model}, seed {seed}")
        print(scores.nsmallest(options.worst, "iou")[["image", "iou"]].round(4).to_string(index=False))

    # images on which the models differ most
    by_model = images.groupby(["image", "model"])["iou"].mean().unstack("model")
    spread = (by_model.max(axis="columns") - by_model.min(axis="columns")).nlargest(options.worst)
    print("\nlargest difference between the models\n", by_model.loc[spread.index].round(4).to_string(), sep="")


def add_iou(table: pd.DataFrame) -> pd.DataFrame:
    """Add a column `iou`: TP / (TP + FP + FN), NaN where the class is in neither truth nor prediction."""
    union = table[COUNTS].sum(axis="columns")
    return table.assign(iou=(table["tp"] / union).where(union > 0))


if __name__ == "__main__":
    main()
