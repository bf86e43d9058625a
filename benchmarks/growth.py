"""How time and memory grow with the images and with their pixels: three sizes of each, `python benchmarks/growth.py`.

Commands run in processes of their own, on built-in scenes: `check`, `train` of each network, `evaluate` and `predict`,
with 100, 200 and 400 images of 128 × 128, and with 60 images of 128, 256 and 512 pixels a side. A cost is the
processor time that further images, or pixels, take: from the first number to the second and from the second to the
third. Where the two are equal, the time grows linearly. The memory is the peak of the process. One thread, one epoch,
batches of four, no decoded images kept in memory (`--cache-gib 0`): those are limited by that option, and grow until
they reach the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from segarena.scenes.scenery import generate_scene

MODELS = ("fcn", "unet", "pspnet", "deeplabv3")
COUNTS, SIDE = (100, 200, 400), 128
SIDES, COUNT = (128, 256, 512), 60


class Cost(NamedTuple):
    """What a command took.

    Attributes:
        seconds: Processor time, of the user and the system.
        mib: Peak resident memory.
    """

    seconds: float
    mib: float


def write_data(folder: Path, count: int, side: int) -> Path:
    """Write scenes; of five images one is for validation."""
    for number in range(count):
        split = "val" if number % 5 == 0 else "train"
        for kind, pixels in zip(("images", "masks"), generate_scene(0, number, side), strict=True):
            place = folder / split / kind
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"{number:04}.png", compress_level=1)
    return folder


def run(*words: object) -> Cost:
    """Run a command of segarena, with a cache of its own."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "SEGARENA_CACHE": cache, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "segarena", *map(str, words)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measure(data: Path, side: int) -> Iterator[tuple[str, Cost]]:
    """Each work on one folder, with its name."""
    folder = data.with_name(f"{data.name}-runs")
    yield "check", run("check", data, "--out", folder / "check")
    options = ("--encoder", "mobilenet_v2", "--weights", "none", "--size", side)
    training = ("--epochs", 1, "--batch-size", 4, "--cache-gib", 0, "--disk-cache-gib", 0, "--threads", 1)
    for model in MODELS:
        stride = ("--output-stride", 8) if model in ("pspnet", "deeplabv3") else ()
        yield (
            f"train {model}",
            run("train", data, "--model", model, *options, *stride, *training, "--out", folder / model),
        )
    yield "evaluate unet", run("evaluate", folder / "unet", data, "--split", "train", "--out", folder / "scores")
    yield "predict unet", run("predict", folder / "unet", data / "train" / "images", "--out", folder / "masks")


def table(amounts: Sequence[int], costs: dict[str, list[Cost]], unit: str) -> str:
    """The seconds and memory of each work at three amounts, and what a further one of them takes."""
    heads = [f"{amount:,}" for amount in amounts]
    lines = [f"| work | {' | '.join(heads)} | a further {unit}, first | then | ratio | {' | '.join(heads)} |"]
    lines.append("|---" * (len(lines[0].split("|")) - 2) + "|")
    for work, found in costs.items():
        seconds, (first, then) = [cost.seconds for cost in found], further(amounts, found)
        shown = [f"{value:.1f} s" for value in seconds] + [f"{1e3 * first:.3g} ms", f"{1e3 * then:.3g} ms"]
        shown += [f"{then / first:.2f}", *(f"{cost.mib:,.0f} MiB" for cost in found)]
        lines.append(f"| {work} | {' | '.join(shown)} |")
    return "\n".join(lines)


def further(amounts: Sequence[int], costs: Sequence[Cost]) -> tuple[float, float]:
    """Seconds of a further image, or pixel: between the first two amounts, and between the last two."""
    first, then = (
        (costs[place + 1].seconds - costs[place].seconds) / (amounts[place + 1] - amounts[place]) for place in (0, 1)
    )
    return first, then


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=2, help="the least time of so many counts")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    options = parser.parse_args()
    found: dict[str, dict[str, list[Cost]]] = {"images": {}, "megapixels": {}}
    for kind, settings in {
        "images": [(count, SIDE) for count in COUNTS],
        "megapixels": [(COUNT, side) for side in SIDES],
    }.items():
        for count, side in settings:
            best: dict[str, Cost] = {}
            for _ in range(options.repeats):
                with tempfile.TemporaryDirectory() as folder:
                    for work, cost in measure(write_data(Path(folder) / "data", count, side), side):
                        before = best.get(work, cost)
                        best[work] = Cost(min(before.seconds, cost.seconds), max(before.mib, cost.mib))
            for work, cost in best.items():
                found[kind].setdefault(work, []).append(cost)
            print(kind, count, side, {work: round(cost.seconds, 2) for work, cost in best.items()}, flush=True)
    print(table(COUNTS, found["images"], "image"))
    print()
    print(table([COUNT * side**2 // 1000 for side in SIDES], found["megapixels"], "1,000 pixels"))
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
