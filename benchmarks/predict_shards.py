"""Many small images labelled by two workers: `predict --shards 2`, and Ray Data, which gives out batches.

    python benchmarks/predict_shards.py RUN --number 20000

It writes the images in two parts and labels them with one thread for each worker: the first part by shards and by Ray
Data, the second one by Ray Data and by shards, so that other work on the machine slows both. With `--part 0` and
`--part 1` the two can be run at the same time. It checks that the masks have the same bytes, and prints the seconds by
the clock and of all processors, and the peak memory of all processes. Both ways read, label and write with the same
code of segarena; only who gets which image differs. It needs `ray`, `pyarrow` and `psutil`. docs/prediction.md has the
numbers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

WORKERS, SIDE = 2, 64


@dataclass
class Used:
    """What the processes below this one use, looked at once a second."""

    cpu_seconds: float = 0.0
    peak_mib: float = 0.0

    def measure(self, work: Callable[[], object]) -> float:
        """Do the work, and return its seconds by the clock."""
        over, of_each = threading.Event(), dict[tuple[int, float], float]()

        def look() -> None:
            while not over.wait(1.0):
                memory = 0
                for process in psutil.Process().children(recursive=True):
                    try:
                        times = process.cpu_times()
                        of_each[process.pid, process.create_time()] = times.user + times.system
                        memory += process.memory_full_info().uss
                    except psutil.Error:
                        continue  # it has ended
                self.peak_mib = max(self.peak_mib, memory / 2**20)

        thread = threading.Thread(target=look)
        thread.start()
        start = time.perf_counter()
        try:
            work()
            seconds = time.perf_counter() - start
        finally:
            over.set()
            thread.join()
        self.cpu_seconds = sum(of_each.values())
        return seconds


def write_images(folder: Path, number: int, seed: int) -> None:
    """Write small JPEGs."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(seed)
    for place in range(number):
        coarse = Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8))
        coarse.resize((SIDE, SIDE)).save(folder / f"{place:06}.jpg", quality=90)


def by_shards(run: Path, images: Path, out: Path, nice: int) -> None:
    """Start a command for each shard."""
    words = [
        "nice",
        "-n",
        str(nice),
        sys.executable,
        "-m",
        "segarena",
        "predict",
        str(run),
        str(images),
        "--resume",
        str(out),
    ]
    words += ["--no-overlay", "--device", "cpu", "--quiet", "--shards", str(WORKERS)]
    children = [subprocess.Popen([*words, "--shard", str(shard)]) for shard in range(WORKERS)]
    if any(child.wait() for child in children):
        sys.exit("a shard has failed")


class Label:
    """A worker of Ray Data: labels a batch of images as a shard does."""

    def __init__(self, run: Path, out: Path) -> None:
        from segarena.config import PredictOptions
        from segarena.outputs.choose import choose_writers
        from segarena.training.predictor import load

        self.predictor, self.out = load(run, device="cpu"), out
        options = PredictOptions(run=run, images=(out,), no_overlay=True)
        self.writers = choose_writers(options, self.predictor.classes)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Label the images whose paths are in the batch."""
        from segarena.data.layout.new_images import find_new_images
        from segarena.outputs.labelling import Labelling
        from segarena.outputs.manifest import Journal
        from segarena.training.machine import computing_with

        images = find_new_images([Path(path) for path in batch["path"]]).images
        with Journal(self.out, f"ray-{os.getpid()}") as journal, computing_with(1):
            Labelling(self.predictor, self.out, journal, 8, self.writers, []).run(
                images,
                on_progress=lambda done, total: None,
                on_image=lambda image, size: None,
                on_labelled=lambda image, mask: None,
                is_stopped=lambda: False,
            )
        return {"done": np.ones(len(images))}


def by_ray(run: Path, images: Path, out: Path, nice: int) -> None:
    """Label with Ray Data, on a cluster that is started and ended here."""
    import ray

    out.mkdir()
    os.environ |= {"RAY_worker_niceness": str(nice)}
    start = time.perf_counter()
    ray.init("local", num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, object_store_memory=200_000_000)
    print(f"the cluster of Ray was started in {time.perf_counter() - start:.1f} s", flush=True)
    ray.data.DataContext.get_current().enable_progress_bars = False
    paths = [{"path": str(path)} for path in sorted(images.iterdir())]
    labelled = ray.data.from_items(paths).map_batches(
        Label,
        fn_constructor_args=(run.absolute(), out),
        batch_size=64,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=WORKERS),
    )
    # not `sum`, whose own task finds no free core beside the workers, and is waited for without an end
    number = sum(len(batch["done"]) for batch in labelled.iter_batches(batch_size=None))
    ray.shutdown()
    if number != len(paths):
        sys.exit(f"Ray Data has labelled {number} of {len(paths)} images")


def masks(out: Path) -> dict[str, bytes]:
    """The masks, by their names."""
    return {path.name: path.read_bytes() for path in out.rglob("*.png")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--number", type=int, default=20_000)
    parser.add_argument("--part", type=int, nargs="*", choices=(0, 1), default=(0, 1))
    parser.add_argument("--nice", type=int, default=0, help="niceness of the workers; Ray fails to start at a high one")
    typed = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    ways = {"shards": by_shards, "ray": by_ray}
    with tempfile.TemporaryDirectory() as place:
        for part in typed.part:
            folder = Path(place) / str(part)
            images = folder / "images"
            write_images(images, typed.number // 2, seed=part)
            for name in ("ray", "shards") if part else ("shards", "ray"):
                used = Used()
                seconds = used.measure(partial(ways[name], typed.run, images, folder / name, typed.nice))
                computed, memory = used.cpu_seconds, used.peak_mib
                print(
                    f"part {part}, {name}: {seconds:.1f} s, {computed:.1f} s of the processors, {memory:.0f} MiB",
                    flush=True,
                )
            one, other = masks(folder / "shards"), masks(folder / "ray")
            differ = sum(one[name] != other.get(name) for name in one)
            print(f"part {part}: {len(one)} masks, of which {differ} differ", flush=True)
            if differ or len(one) != typed.number // 2:
                sys.exit("the masks are not those of all images")


if __name__ == "__main__":
    main()
