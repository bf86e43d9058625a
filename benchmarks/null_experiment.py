"""One architecture against itself, trained for real: `python benchmarks/null_experiment.py FOLDER`.

FCN is trained on the built-in scenes with 6 seeds for each repetition. The first three stand for one model, the other
three for a second one. They are equal, so at most 5% of the comparisons should name a best one: 0 or 1 of 10.

The trainings are a comparison in FOLDER; a run that was stopped goes on where it was. The result is printed, and
written to FOLDER/null_experiment.csv.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd

from segarena.scoring.statistics import analyse

SEEDS = 3


def train(folder: Path, repetitions: int, epochs: int, size: int) -> None:
    """Train what is missing."""
    command = [sys.executable, "-m", "segarena", "compare", "--quiet"]
    if folder.exists():
        command += ["--resume", str(folder)]
    else:
        command += ["--models", "fcn", "--seeds", str(2 * SEEDS * repetitions), "--epochs", str(epochs)]
        command += ["--size", str(size), "--weights", "none", "--encoder", "resnet18", "--out", str(folder)]
    subprocess.run(command, check=True)


def compare(counts: pd.DataFrame, repetition: int) -> dict[str, object]:
    """Compare the two halves of the seeds of one repetition."""
    first = 2 * SEEDS * repetition
    rows = counts[counts["seed"].between(first, first + 2 * SEEDS - 1)]
    halves = rows.assign(model=["one" if seed < first + SEEDS else "two" for seed in rows["seed"]])
    found = analyse(halves)
    [pair] = found.pairs
    assert pair.architectures is not None
    return {
        "repetition": repetition + 1,
        "claim": found.claim,
        "difference": round(100 * pair.difference, 2),
        "low": round(100 * pair.architectures.low, 2),
        "high": round(100 * pair.architectures.high, 2),
        "p": round(pair.architectures.p, 3),
        "images": found.units,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    train(options.folder, options.repetitions, options.epochs, options.size)
    counts = pd.read_csv(options.folder / "images.csv", dtype={"image": str}, keep_default_na=False)
    table = pd.DataFrame([compare(counts, number) for number in range(options.repetitions)])
    table.to_csv(options.folder / "null_experiment.csv", index=False)
    winners = int((table["claim"] == "best_architecture").sum())
    print(table.to_string(index=False))
    print(f"{winners} of {len(table)} comparisons of equal models name a best one.")


if __name__ == "__main__":
    main()
