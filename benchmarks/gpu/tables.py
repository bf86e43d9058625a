"""Collect the results of all steps into one JSON file, and print a short table of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]


def read(folder: Path) -> dict[str, Rows]:
    """The rows of each step that has written any."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json")) if path.stem != "gpu"}


def spread(values: list[float]) -> str:
    return f"{values[0]:.2f} ({values[1]:.2f} to {values[2]:.2f})"


def environment(rows: Rows) -> Iterator[str]:
    merged = {key: value for row in rows for key, value in row.items()}
    yield f"{merged.get('gpu')}; torch {merged.get('torch')}; commit {merged.get('commit')}; {merged.get('nvidia-smi')}"
    missing = [
        name.removeprefix("version of ")
        for name, value in merged.items()
        if name.startswith("version of ") and not value
    ]
    yield f"not installed: {', '.join(missing) or 'nothing'}; /dev/shm {merged.get('/dev/shm MiB')} MiB"
    yield ", ".join(f"{key} {value}" for key, value in merged.items() if key.endswith(("TFLOP/s", "GB/s")))


def checks(rows: Rows) -> Iterator[str]:
    for row in rows:
        against = "/".join(f"{value:.0e}" for key, value in row.items() if "against the CPU" in key)
        pixels = next((value for key, value in row.items() if key.startswith("pixels")), "-")
        small = next((str(value)[:13] for key, value in row.items() if key.startswith("batch")), "-")
        waits = len(row["waits at"])
        yield (
            f"  {row['model']:10} logits/loss/gradient in fp32, fp64: {against}; finite {row['finite']}; {waits} waits "
            f"{' '.join(row['waits at'][:2])}; {pixels} of a million pixels by batch; "
            f"{row['peak MiB']} MiB; small: {small}"
        )


def training(rows: Rows, compiled: Rows) -> Iterator[str]:
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    yield "  images/s (share of the bf16 limit): " + " | ".join([*variants, "eager -> compiled"])
    for model, stride in dict.fromkeys((row["model"], row["output_stride"]) for row in rows):
        cells = []
        for variant in variants:
            found = [r for r in rows if (r["model"], r["output_stride"], r["variant"]) == (model, stride, variant)]
            cells += [f"{r['images_per_second']:.0f} ({r['share_of_limit'] or 0:.2f})" for r in found] or ["-"]
        own = [f"{r['images_per_second']:.0f}" for r in compiled if (r["model"], r["output_stride"]) == (model, stride)]
        yield f"  {model:10} {stride or '':>2} " + " | ".join([*cells, " -> ".join(own) or "-"])


def where(rows: Rows) -> Iterator[str]:
    for row in rows:
        graph = row.get("graph_ms", "-")
        graph = graph[0] if isinstance(graph, list) else graph
        kinds = ", ".join(f"{kind} {spent}" for kind, spent in row["by_kind"].items())
        title = f"{row['model']:10} {row['output_stride'] or '':>2}"
        yield (
            f"  {title} step {row['step_ms'][0]}, launches {row['launch_ms']}, "
            f"graph {graph}, {row['launches']} kernels {row['kernels_ms']}: {kinds}"
        )


def upconv(rows: Rows) -> Iterator[str]:
    cells = [f"{row['layer']}: {row['ratio'][0]}x" for row in rows]
    yield "  convolution / product: " + "; ".join(cells)


def peers(rows: Rows) -> Iterator[str]:
    for row in rows:
        if "ratio" not in row or row.get("who") == "ours":
            continue
        value = spread(row["ratio"]) if isinstance(row["ratio"], list) else row["ratio"]
        size = f", {row['classes']} classes" if "classes" in row else ""
        unit = "ours / peer" if "classes" in row else "peer / ours"
        yield f"  {row['what']}, {row['model']}{size}, {row['who']}: {unit} {value}; {row.get('ms', row.get('mib'))}"


def inference(rows: Rows) -> Iterator[str]:
    for case in dict.fromkeys(row["case"] for row in rows if "case" in row):
        found = {row["who"]: row for row in rows if row.get("case") == case}
        ours = found["ours"]
        ratios = ", ".join(f"{who} {row['ratio'][0]}x" for who, row in found.items() if who != "ours")
        yield (
            f"  counts, {case}: {ours['ms'][0]} ms; {ratios}; {ours['synchronizations']} waits; "
            f"{ours['differing_pixels']} pixels differ"
        )
    for model in dict.fromkeys(row["model"] for row in rows if "model" in row):
        found = [row for row in rows if row.get("model") == model]
        yield f"  ms, {model}: " + ", ".join(
            f"{row['what'].removeprefix('image in memory ')} {row['ms'][0]}" for row in found
        )


def losses(rows: Rows) -> Iterator[str]:
    for case in dict.fromkeys(row["case"] for row in rows):
        found = [row for row in rows if row["case"] == case]
        cells = [
            f"{row['form'].replace('cross-entropy', 'CE')} {row['ms'][0]} ms {row['peak_mib']} MiB" for row in found
        ]
        yield f"  {case}: {'; '.join(cells)}; error {found[0]['gradient_error']}"


def recorded(rows: Rows) -> Iterator[str]:
    for row in rows:
        yield f"  {row['case']}: ms launched {row.get('launched')}, recorded {row.get('recorded')}"


def whole(rows: Rows) -> Iterator[str]:
    for row in rows:
        if row["what"] not in ("profile", "own time"):
            yield "  " + ", ".join(f"{key} {value}" for key, value in row.items())
    for row in [row for row in rows if row["what"] == "own time"][:8]:
        yield f"    {row['own']} s own of {row['seconds']} s, {row['calls']} calls: {row['where']}"


def tests(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("tests_*.log")):
        lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
        yield f"  {path.stem}: {lines[-1] if lines else 'no output'}"
        yield from (f"    {line[:150]}" for line in lines if line.startswith(("FAILED", "ERROR")))


def main() -> None:
    folder = Path(sys.argv[1])
    results = read(folder)
    (folder / "gpu.json").write_text(json.dumps(results, indent=1))
    compiled = [row for name, rows in results.items() if name.startswith("compiled_") for row in rows]
    sections = {
        "machine": environment(results.get("environment", [])),
        "tests": list(tests(folder))[:12],
        "checks": checks(results.get("checks", [])),
        "training step": training(results.get("training", []), compiled),
        "training step, recorded": recorded(results.get("recorded", [])),
        "where a step's time goes, ms": where(results.get("where", [])),
        "up-convolution": upconv(results.get("upconv", [])),
        "peers": peers(results.get("peers", [])),
        "loss and gradient": losses(results.get("losses", [])),
        "inference": inference(results.get("inference", [])),
        "commands": whole([row for name in ("compare", "seeds", "resume") for row in results.get(name, [])]),
    }
    for title, lines in sections.items():
        print(f"{title}:")
        try:
            for line in lines:
                print(line[:260])
        except (KeyError, TypeError, ValueError) as error:
            print(f"  incomplete: {error!r}")
    status = folder / "steps.txt"
    if status.exists():
        print("steps:", "; ".join(status.read_text().splitlines()))


if __name__ == "__main__":
    main()
