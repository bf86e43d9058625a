"""Whole commands on the built-in scenes: a comparison with its profile, equal seeds, trainings that are stopped.

The second argument is the part: compare, seeds or resume.
"""

from __future__ import annotations

import os
import pstats
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from session import DEVICE, HAS_GPU, Report

EPOCHS = "4" if HAS_GPU else "1"
SMALL = [] if HAS_GPU else ["--size", "64", "--batch-size", "4", "--encoder", "mobilenet_v2"]
COMMON = ["--device", DEVICE, "--weights", "none", *SMALL]


def call(*words: str, profile: Path | None = None) -> list[str]:
    """The command line of segarena."""
    profiler = [] if profile is None else ["-m", "cProfile", "-o", str(profile)]
    return [sys.executable, *profiler, "-m", "segarena", *words]


def fresh(report: Report, name: str) -> Path:
    """A folder that does not exist."""
    path = report.folder / name
    shutil.rmtree(path, ignore_errors=True)
    return path


def run(report: Report, name: str, command: list[str], **more: Any) -> float:
    """Run a command to the end, its output in a file, and return its time in seconds."""
    start = time.perf_counter()
    with (report.folder / f"{name}.txt").open("w") as log:
        subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=True, **more)
    return round(time.perf_counter() - start, 1)


def compare(report: Report) -> None:
    out = fresh(report, "compare")
    path = report.folder / "compare.prof"
    arguments = ("compare", "--epochs", EPOCHS, "--out", str(out), *COMMON)
    report.add(what="comparison of four models", seconds=run(report, "compare", call(*arguments, profile=path)))
    statistics: Any = pstats.Stats(str(path))
    rows = sorted(statistics.stats.items(), key=lambda item: -item[1][3])
    ours = [(key, value) for key, value in rows if "segarena" in key[0]]
    for (file, line, function), (calls, _, own, total, _) in ours[:60]:
        where = f"{Path(file).parent.name}/{Path(file).name}:{line} {function}"
        report.add(what="profile", where=where, calls=calls, own=round(own, 2), seconds=round(total, 2))
    for (file, line, function), (calls, _, own, total, _) in sorted(rows, key=lambda item: -item[1][2])[:25]:
        where = f"{Path(file).name}:{line} {function}"
        report.add(what="own time", where=where, calls=calls, own=round(own, 2), seconds=round(total, 2))


def train(report: Report, name: str, *more: str, model: str = "deeplabv3", epochs: str = EPOCHS) -> list[str]:
    return call("train", "--model", model, "--epochs", epochs, "--out", str(fresh(report, name)), *COMMON, *more)


def distance(first: Path, second: Path) -> dict[str, float]:
    """How far the weights of two trainings are apart."""
    from safetensors.torch import load_file

    one, two = (load_file(path / "best.safetensors") for path in (first, second))
    values = [(one[key].double(), two[key].double()) for key in one if one[key].is_floating_point()]
    total = sum(float(a.norm()) ** 2 for a, _ in values) ** 0.5
    apart = sum(float((a - b).norm()) ** 2 for a, b in values) ** 0.5
    return {"relative distance of the weights": apart / total}


def last_rows(folder: Path) -> dict[str, str]:
    """The last line of the history."""
    lines = (folder / "history.csv").read_text().splitlines()
    return dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))


def seeds(report: Report) -> None:
    for name in ("seed_a", "seed_b"):
        run(report, name, train(report, name))
    first, second = (report.folder / name for name in ("seed_a", "seed_b"))
    scores = [last_rows(folder)["val_miou"] for folder in (first, second)]
    report.add(what="equal seeds", val_miou=scores, **distance(first, second))


def resume(report: Report) -> None:
    for name, number in (("interrupted", signal.SIGINT), ("killed", signal.SIGKILL)):
        command = train(report, name, epochs="12" if HAS_GPU else "3")
        folder = report.folder / name
        with (report.folder / f"{name}.txt").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
            start = time.perf_counter()
            while not (folder / "history.csv").exists() and process.poll() is None:
                time.sleep(0.1)
                if time.perf_counter() - start > 60:
                    break
            sent = time.perf_counter()
            process.send_signal(number)
            status = process.wait(timeout=30)
        stopped = round(time.perf_counter() - sent, 2)
        seconds = run(report, f"{name}_resumed", call("train", "--resume", str(folder)))
        report.add(
            what=name,
            status=status,
            seconds_to_stop=stopped,
            seconds_resumed=seconds,
            epochs=last_rows(folder)["epoch"],
        )


def main() -> None:
    os.environ.setdefault("SEGARENA_CACHE", str(Path(sys.argv[1]).resolve() / "cache"))
    part = sys.argv[2]
    {"compare": compare, "seeds": seeds, "resume": resume}[part](Report(part))


if __name__ == "__main__":
    main()
