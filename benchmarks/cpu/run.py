"""All measurements on a CPU beside the peers, in one table and one file: `make bench`, in less than ten minutes.

    python benchmarks/cpu/run.py [--data CAMVID] [--json benchmarks/results/cpu.json] [--clock processor] [--quick]

The rate of matrix products is measured before the works, between them and after them. With --clock processor the times
are processor time of one thread, on which other programs have less effect. Without CamVid the evaluation is left out.
--quick runs everything at a tiny size, as a check of the scripts, whose numbers mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

os.environ["GOMP_SPINCOUNT"] = os.environ.get("GOMP_SPINCOUNT", "10000")  # before torch, as the commands do

import cpu_table
import torch
import turns
import works
from turns import OURS, PEERS, Row
from twins import LIBRARIES

from segarena.files import write_json
from segarena.training.machine import computes_bf16, describe_environment
from segarena.training.rates import measure_rates

HERE = Path(__file__).parent
#: Beside the checkout; one folder further up where that is a worktree.
CAMVID = next(
    (path for path in (parent / "shared/data/camvid" for parent in HERE.parents[2:4]) if path.is_dir()), Path("camvid")
)
RESULTS = HERE.parent / "results" / "cpu.json"
#: Architecture, encoder, images of a step.
STEPS = [
    ("fcn", "resnet18", 4),
    ("deeplabv3", "resnet18", 4),
    ("pspnet", "resnet18", 4),
    ("unet", "resnet18", 8),
    ("fcn", "resnet50", 2),
    ("deeplabv3", "resnet50", 2),
    ("pspnet", "resnet50", 2),
]
LATENCIES = [("unet", "resnet18"), ("deeplabv3", "resnet18"), ("fcn", "resnet50")]
PEAKS = [("deeplabv3", 12), ("deeplabv3", 150), ("pspnet", 12), ("pspnet", 150), ("unet", 12), ("unet", 150)]


def peak(name: str, classes: int) -> Row:
    """Compare the peak memory of a training step, each in a process of its own. A ratio here is ours / peer's."""
    found: dict[str, float | None] = {}
    for way in (OURS, *PEERS):
        command = [sys.executable, __file__, "--peak", name, str(classes), way]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[way] = json.loads(done.stdout.splitlines()[-1])
    ours = found[OURS]
    row: Row = {"work": "peak memory of a step", "model": name, "case": f"resnet18, {classes} classes, 2 x 512 x 512"}
    row["peer"] = LIBRARIES[name]
    row["classes"] = classes
    row["mib"] = {way: None if value is None else round(value) for way, value in found.items()}
    for way in PEERS:
        theirs = found[way]
        if ours is not None and theirs:
            row[way] = round(ours / theirs, 3)
    return row


def measure(data: Path, quick: bool, rounds: int, side: int) -> Iterator[Row]:
    """Yield the row of each work, the shortest first."""
    side = 64 if quick else side
    for kind in ("scenes", "noise"):
        yield works.counting(kind, rounds=rounds)
    for name, encoder in LATENCIES[: 1 if quick else None]:
        yield works.latency(name, encoder, side=64 if quick else 2 * side, rounds=2 * rounds)
    for name, encoder, images in STEPS[: 4 if quick else None]:
        yield works.training_step(name, encoder, images=images, side=side, rounds=rounds)
    if data.is_dir():
        yield works.evaluation(data, most=8 if quick else 40, rounds=3)
    for name, classes in PEAKS[: 1 if quick else None]:
        yield peak(name, classes)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=CAMVID, help="folder of CamVid")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file to write")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each work; 3 of the evaluation")
    parser.add_argument("--side", type=int, default=256, help="sides of the images of a training step, in pixels")
    parser.add_argument("--clock", choices=tuple(turns.CLOCKS), default="wall", help="on a busy machine: processor")
    parser.add_argument("--quick", action="store_true", help="a check at a tiny size")
    parser.add_argument("--peak", nargs=3, metavar=("MODEL", "CLASSES", "WAY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak is not None:
        name, classes, way = options.peak
        print(json.dumps(works.peak_mib(name, int(classes), way)))
        return
    turns.clock = clock = turns.CLOCKS[options.clock]
    if options.clock == "processor":
        torch.set_num_threads(1)
    start = time.perf_counter()
    seconds = 0.2 if options.quick else 1.0
    precision = "bf16" if computes_bf16("cpu") else "fp32"
    rates = [measure_rates("cpu", precision, seconds=seconds, clock=clock)]
    single = measure_rates("cpu", "fp32", seconds=seconds, clock=clock)
    rows: list[Row] = []
    content: Row = {}
    for row in measure(options.data, options.quick, options.rounds, options.side):
        rates.append(measure_rates("cpu", precision, seconds=seconds / 3, clock=clock))
        rows.append(row)
        print(cpu_table.line(row), flush=True)
        content = {
            "environment": asdict(describe_environment("cpu")),
            "clock": options.clock,
            "rates": cpu_table.describe_rates(precision, rates, single),
            "load": round(os.getloadavg()[2], 1) if hasattr(os, "getloadavg") else None,
            "seconds": round(time.perf_counter() - start),
            "rows": rows,
        }
        write_json(options.json, content)  # after each row: a run that is stopped keeps what it has
    print()
    print(cpu_table.text(content))


if __name__ == "__main__":
    main()
