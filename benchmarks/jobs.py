"""How much faster `compare --jobs N` is than one training at a time, and whether the results are the same.

    python benchmarks/jobs.py
    taskset -c 0,1 python benchmarks/jobs.py --models fcn unet pspnet deeplabv3 --seeds 3 --epochs 10

It compares the models on the built-in scenes twice, with the same threads for each training, and prints the seconds
that were predicted and that were taken, from the end of the prediction to the end of the command, and their ratio. The
files of the runs must be equal to the last bit. It needs as many idle cores as jobs times threads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SAME = ("metrics.json", "best.safetensors", "images.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["fcn", "unet"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    typed = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = {jobs: compare(typed, jobs, Path(place) / f"jobs{jobs}") for jobs in (1, typed.jobs)}
        differ = list(differences(Path(place) / "jobs1", Path(place) / f"jobs{typed.jobs}"))
    print(f"{'at a time':>10} {'predicted':>10} {'taken':>10}")
    for jobs, times in found.items():
        print(f"{jobs:>10} {times['predicted_seconds']:>9.1f}s {times['actual_seconds']:>9.1f}s")
    ratio = found[1]["actual_seconds"] / found[typed.jobs]["actual_seconds"]
    print(f"{typed.jobs} at a time: {ratio:.2f} times as fast; {len(differ)} files differ")
    if typed.json is not None:
        typed.json.write_text(json.dumps({"times": found, "ratio": ratio, "differ": differ}, indent=2))
    if differ:
        sys.exit(f"these differ: {', '.join(differ)}")


def compare(typed: argparse.Namespace, jobs: int, out: Path) -> dict[str, Any]:
    """Run a comparison, and return its predicted and its real times."""
    words = ["--models", *typed.models, "--seeds", typed.seeds, "--epochs", typed.epochs, "--size", typed.size]
    words += ["--threads", typed.threads, "--jobs", jobs, "--out", out, "--patience", typed.epochs]
    words += ["--batch-size", 4, "--weights", "none", "--encoder", "mobilenet_v2", "--device", "cpu", "--quiet"]
    subprocess.run([sys.executable, "-m", "segarena", "compare", *map(str, words)], check=True)
    times: dict[str, Any] = json.loads((out / "comparison.json").read_text())["predicted_time"]
    return times


def differences(one: Path, other: Path) -> list[str]:
    """The files of the runs that are not equal."""
    files = [run / name for run in sorted(one.glob("*-seed*")) for name in SAME]
    places = [file.relative_to(one) for file in files]
    return [place.as_posix() for place in places if (one / place).read_bytes() != (other / place).read_bytes()]


if __name__ == "__main__":
    main()
