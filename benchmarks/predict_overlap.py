"""What reading and writing beside the network gains in `predict`: `python benchmarks/predict_overlap.py RUN IMAGES`.

The same images are labelled in two ways, in turns: as `predict` does, with threads that read and write, and with all
three steps one after the other. docs/prediction.md has the numbers.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

from segarena.config import PredictOptions
from segarena.data.layout.new_images import NewImage, find_new_images
from segarena.outputs.choose import choose_collectors, choose_writers
from segarena.outputs.labelling import Labelling
from segarena.outputs.manifest import Journal
from segarena.training.machine import computing_with, usual_threads
from segarena.training.predictor import Predictor, load


class AtOnce:
    """What stands for a thread: it does each piece of work when it is given."""

    def __init__(self, threads: int) -> None:
        """Take the number of threads, as `ThreadPoolExecutor`."""

    def __enter__(self) -> AtOnce:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing is left to do."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Do it now."""
        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future


def measure(predictor: Predictor, images: tuple[NewImage, ...], options: PredictOptions) -> tuple[float, float]:
    """Label images; the seconds by the clock and of the processor."""
    folder = Path(mkdtemp())
    start, used = time.perf_counter(), time.process_time()
    with Journal(folder, "0-of-1") as journal, computing_with(usual_threads()):
        writers, collectors = (
            choose_writers(options, predictor.classes),
            choose_collectors(options, predictor.classes, ""),
        )
        Labelling(predictor, folder, journal, 8, writers, collectors).run(
            images,
            on_progress=lambda done, total: None,
            on_image=lambda image, size: None,
            on_labelled=lambda image, mask: None,
            is_stopped=lambda: False,
        )
    seconds = time.perf_counter() - start, time.process_time() - used
    shutil.rmtree(folder)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    predictor = load(arguments.run, device="cpu")
    images = find_new_images([arguments.images]).images[: arguments.number]
    options = PredictOptions(run=arguments.run, images=(arguments.images,))
    measure(predictor, images[:4], options)
    gains, clock = [], []
    for _ in range(arguments.rounds):
        together = measure(predictor, images, options)
        pools = (f"segarena.outputs.{module}.ThreadPoolExecutor" for module in ("ahead", "labelling"))
        with patch(next(pools), AtOnce), patch(next(pools), AtOnce):
            in_turn = measure(predictor, images, options)
        gains.append(in_turn[0] / together[0] - 1)
        clock.append((together, in_turn))
        shown = [
            f"{seconds / len(images) * 1000:.0f} ms ({used / len(images) * 1000:.0f} ms processor)"
            for seconds, used in clock[-1]
        ]
        print(f"{len(images)} images: {shown[0]} beside each other, {shown[1]} in turn, of each image", flush=True)
    print(f"gain: {100 * median(gains):.1f}% (median; {', '.join(f'{100 * gain:.1f}' for gain in gains)})")


if __name__ == "__main__":
    main()
