"""`segarena check` of this checkout beside another one's: `python benchmarks/check.py OTHER_CHECKOUT DATA...`.

The two take turns, each with a cache folder of its own: cold with an empty one, then warm with the one that the cold
run has filled. The figure is the median of the ratios of the pairs, other over this: above 1, this one is faster. CPU
time is user and system; it is steadier than wall time where other work runs on the machine. Both have compiled
bytecode, as on a user's machine from the second run on; `--no-bytecode` leaves that to the environment.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from segarena.threads import count_cores


class Cost(NamedTuple):
    """Seconds of one run: wall clock, and CPU (user and system)."""

    wall: float
    cpu: float


def run_check(checkout: Path, data: Path, folder: Path, cache: Path, bytecode: bool) -> Cost:
    """Run `segarena check` of a checkout in a process of its own; what it prints goes to a file in `folder`."""
    folder.mkdir(parents=True)
    environment = {**os.environ, "SEGARENA_CACHE": str(cache)}
    environment.pop("OMP_NUM_THREADS", None)
    if bytecode:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(cache.parents[1] / "bytecode")
    command = [str(checkout / ".venv/bin/segarena"), "check", str(data), "--out", str(folder / "out")]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, environment, file_actions=_to_file(folder / "printed.txt"))
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{(folder / 'printed.txt').read_text()}")
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime)


def _to_file(path: Path) -> list[tuple[object, ...]]:
    opened = (os.POSIX_SPAWN_OPEN, 1, str(path), os.O_WRONLY | os.O_CREAT, 0o600)
    return [opened, (os.POSIX_SPAWN_DUP2, 1, 2)]


def measure_pair(checkouts: list[Path], data: Path, folder: Path, bytecode: bool) -> dict[str, list[Cost]]:
    """Cold and warm costs of each checkout, in the order of `checkouts`."""
    found: dict[str, list[Cost]] = {"cold": [], "warm": []}
    for heat, costs in found.items():
        for place, checkout in enumerate(checkouts):
            cache = folder.parent / f"{folder.name}-{place}" / "cache"
            costs.append(run_check(checkout, data, cache.parent / heat, cache, bytecode))
    return found


def main() -> None:
    """Measure and print a JSON object per data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="another checkout, with its .venv")
    parser.add_argument("data", type=Path, nargs="+", help="folders of images and masks")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--no-bytecode", action="store_true")
    options = parser.parse_args()
    checkouts = [options.other.resolve(), Path(__file__).parents[1]]
    print(json.dumps({"machine": platform.machine(), "cores": count_cores(), "python": platform.python_version()}))
    for data in options.data:
        pairs = []
        with tempfile.TemporaryDirectory() as scratch:
            for number in range(options.pairs + 1):  # the first pair compiles the bytecode and is not counted
                order = checkouts if number % 2 else checkouts[::-1]
                found = measure_pair(order, data, Path(scratch) / str(number), not options.no_bytecode)
                pairs.append({heat: costs if number % 2 else costs[::-1] for heat, costs in found.items()})
        for heat in ("cold", "warm"):
            for kind in Cost._fields:
                costs = [[getattr(cost, kind) for cost in pair[heat]] for pair in pairs[1:]]
                ratios = [other / this for other, this in costs]
                row = {"data": data.name, "run": heat, "time": kind, "ratio": round(median(ratios), 2)}
                row["range"] = [round(min(ratios), 2), round(max(ratios), 2)]
                row["seconds"] = [round(median(column), 2) for column in zip(*costs, strict=True)]
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
