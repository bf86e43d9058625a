"""Your own data, end to end: check it, compare the models, label new images, read the ranking.

    python examples/own_data.py my_data new_images --out runs/mine

Every option of `segarena compare` is a keyword argument of `segarena.compare`; only some are passed on here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import segarena


def main() -> None:
    parser = argparse.ArgumentParser(description="Check, compare, predict, read the ranking.")
    parser.add_argument("data", type=Path, help="folder of images and masks")
    parser.add_argument("new_images", type=Path, help="an image, or a folder of images, to label")
    parser.add_argument("--out", type=Path, default=Path("runs/mine"), help="folder of the comparison")
    parser.add_argument("--models", nargs="+", default=["fcn", "unet", "pspnet", "deeplabv3"])
    parser.add_argument("--epochs", type=int, help="default: chosen for the data and the machine")
    parser.add_argument("--size", type=int, help="length of the images' shorter side while training")
    parser.add_argument("--weights", help="imagenet (the default), none, or a file")
    options = parser.parse_args()

    # 1. How is the folder read, and what looks wrong? An error in the data raises segarena.DataError.
    findings = segarena.check(options.data, out=options.out.with_name(f"{options.out.name}-check"))
    warnings = (findings.problems["severity"] == "warning").sum()
    print(f"\n{findings['pairs']} pairs, {len(findings.classes)} classes, {warnings} warnings\n")

    # 2. Train and compare. The result is a folder too: with the page, the scores and the weights of every model.
    result = segarena.compare(
        options.data,
        models=options.models,
        epochs=options.epochs,
        size=options.size,
        weights=options.weights,
        out=options.out,
    )

    # 3. Label new images with the model that has the highest mIoU.
    predictions = segarena.predict(result, options.new_images)

    # 4. Read the answer. Scores are fractions. Later, segarena.Comparison(folder) gives the same object.
    print(f"\n{result.verdict}")
    for place, entry in result.ranking.iterrows():
        print(f"{place}. {entry['model']}: mIoU {entry['miou']:.1%}, {entry['latency_ms']:.0f} ms for an image")
    print(f"Report: {result.report}\nPredictions: {predictions}")


if __name__ == "__main__":
    main()
