"""The predicted time of comparisons beside what they took, as rows of Markdown.

    python benchmarks/prediction.py DATA WEIGHTS OUT [--only SET ...] [OPTION ...]

DATA has the folders camvid, isbi, epfl-roads and cwfid; WEIGHTS is torchvision's file of MobileNetV2; the fifth set are
the built-in scenes. Each set is compared in a folder of OUT, one that is finished is not compared again, and one that
was stopped is started anew. Early stopping is off, as only the maximum is predicted. Further options, such as
`--epochs 5` or `--budget 20m`, are those of `segarena compare`.

A prediction is for the load of the machine at that moment. The last column compares processor times, which another load
changes less: each time is multiplied by the share of the processor time that the steps got.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from segarena.formats import duration, mebibytes
from segarena.records.comparison import ComparisonRecord, PredictedTime

BUILT_IN = "built-in scenes"
#: Options of each set: those that its data needs.
SETS: dict[str, list[str]] = {
    BUILT_IN: [],
    "isbi": ["--folds", "5", "--group-by", "blocks"],
    "cwfid": ["--masks", "annotations"],
    "epfl-roads": [],
    "camvid": [],
}
#: Longer than any training.
ENDLESS = "100000"


def main() -> None:
    """Compare the sets that are not finished, and print a row for each."""
    data, weights, out, *rest = sys.argv[1:]
    names = list(SETS)
    if "--only" in rest:
        at = rest.index("--only")
        end = next((k for k in range(at + 1, len(rest)) if rest[k].startswith("--")), len(rest))
        names, rest = rest[at + 1 : end], [*rest[:at], *rest[end:]]
    print(
        "| data | epochs | trainings | predicted | took | difference | budget | memory predicted | memory used | CPU |"
    )
    print("|---" * 10 + "|")
    for name in names:
        once = [] if "--seeds" in rest else ["--seeds", "1"]
        folder = Path(out) / name.replace(" ", "-")
        if not (folder / ComparisonRecord.file).exists() or ComparisonRecord.read(folder).predicted_time is None:
            shutil.rmtree(folder, ignore_errors=True)
            own = (
                [] if name == BUILT_IN else [str(Path(data) / name), "--encoder", "mobilenet_v2", "--weights", weights]
            )
            words = ["compare", *own, *SETS[name], "--patience", ENDLESS, "--out", str(folder), *once, *rest]
            subprocess.run([sys.executable, "-m", "segarena", *words], check=True, stdout=sys.stderr)
        record = ComparisonRecord.read(folder)
        if record.predicted_time is not None:
            show(name, record, record.predicted_time)


def show(name: str, record: ComparisonRecord, found: PredictedTime) -> None:
    """Print the row of one set."""
    trainings = len(record.ranking) * record.seeds * (record.folds or 1)
    cells = [
        f"{name}, {record.protocol.size}",
        f"{record.protocol.epochs}",
        f"{trainings}",
        duration(found.predicted_seconds),
        duration(found.actual_seconds),
        f"{found.predicted_seconds / found.actual_seconds - 1:+.1%}",
        "–" if found.budget_seconds is None else _of_budget(found, found.budget_seconds),
        mebibytes(found.predicted_memory_mib),
        mebibytes(found.actual_memory_mib),
        _by_cpu(found),
    ]
    print(f"| {' | '.join(cells)} |", flush=True)


def _of_budget(found: PredictedTime, budget: float) -> str:
    """What all took, of the budget."""
    return f"{(found.preparation_seconds + found.actual_seconds) / budget:.1%} of {duration(budget)}"


def _by_cpu(found: PredictedTime) -> str:
    if found.predicted_cpu_share is None or found.actual_cpu_share is None:
        return "–"
    predicted = found.predicted_seconds * found.predicted_cpu_share
    return f"{predicted / (found.actual_seconds * found.actual_cpu_share) - 1:+.1%}"


if __name__ == "__main__":
    main()
