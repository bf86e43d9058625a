"""Write the tables of docs/performance.md again, from the files in benchmarks/results: `make docs`.

`bash benchmarks/gpu.sh FOLDER` writes FOLDER/gpu.json, which is copied to h100.json; a step that was not run has no
rows. `make bench` writes cpu.json, and `make bench-compare` cpu_compare.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import fill
from typing import Any

from sections import insert

from segarena.files import write_text
from segarena.formats import plural

sys.path.append(str(Path(__file__).parents[1] / "benchmarks" / "cpu"))
from cpu_table import HEADER, cells
from cpu_table import machine as machine_sentence

PAGE = Path(__file__).parent / "performance.md"
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
RESULTS = BENCHMARKS / "results" / "h100.json"
CPU, WHOLE = (BENCHMARKS / "results" / f"{name}.json" for name in ("cpu", "cpu_compare"))

Row = dict[str, Any]
Results = dict[str, list[Row]]

NAMES = {"fcn": "FCN", "unet": "U-Net", "pspnet": "PSPNet", "deeplabv3": "DeepLabv3"}


def main() -> None:
    write_text(PAGE, insert(PAGE.read_text(), sections()))


def sections() -> dict[str, str]:
    """The generated parts of the page."""
    results: Results = json.loads(RESULTS.read_text())
    makers = {
        "machine": machine,
        "training": training,
        "recorded": recorded,
        "compiled": compiled,
        "where": where,
        "peers": peers,
        "memory": memory,
        "loss": loss,
        "counts": counts,
        "latency": latency,
    }
    found = {name: make(results) for name, make in makers.items()}
    cpu = json.loads(CPU.read_text()) if CPU.exists() else None
    whole = json.loads(WHOLE.read_text()) if WHOLE.exists() else None
    return found | {"cpu machine": cpu_machine(cpu), "cpu": cpu_works(cpu), "cpu whole": whole_comparison(whole)}


def cpu_machine(content: Row | None) -> str:
    """The processor, and its rates."""
    return "" if content is None else fill(machine_sentence(content), 120) + "\n"


def cpu_works(content: Row | None) -> str:
    """Each work beside the peers, on a processor."""
    return table(HEADER, [cells(row, content["rates"]) for row in content["rows"]] if content else [])


def whole_comparison(content: Row | None) -> str:
    """A whole comparison beside four trainings written by hand."""
    if content is None:
        return table([], [])
    facts = content["environment"]
    head = (
        f"{content['case']}; {facts['cpu']}, {facts['threads']} threads, torch {facts['torch']}, commit"
        f" {facts['commit']}; {plural(content['turns'], 'turn')}:"
    )
    lines = []
    for way, title in {"ours": "`segarena compare`", "documented": "by hand, as documented", "tuned": "tuned"}.items():
        scores = content["miou"][way]
        against = ratio(content[way]) if way in content else "1"
        lines.append(
            [title, f"{content['seconds'][way]:,.0f}", against, *(percent(scores.get(name)) for name in NAMES)]
        )
    return fill(head, 120) + "\n\n" + table(["way", "seconds", "its time / ours", *NAMES.values()], lines)


def machine(results: Results) -> str:
    facts = merged(results["environment"])
    software = f"torch {facts['torch']}, Triton {facts['version of triton']}, Python {facts['python']}"
    return (
        f"{facts['gpu']}, {facts['cores']} processor cores, {software}, commit {facts['commit']}. Matrix products of\n"
        f"8192 x 8192 reach {facts['bf16 TFLOP/s']:.0f} TFLOP/s in bf16 and {facts['fp32 TFLOP/s']:.0f} in float32, "
        f"copies {facts['copy GB/s'] / 1000:.2f} TB/s, read and written.\n"
    )


def training(results: Results) -> str:
    rows = results.get("training", [])
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    lines = []
    for model, stride in networks(rows):
        found = [one(rows, model=model, output_stride=stride, variant=variant) for variant in variants]
        cells = [
            "-" if row is None else f"{row['images_per_second']:.0f} ({percent(row['share_of_limit'])})"
            for row in found
        ]
        peaks = [row["peak_mib"] for row in found if row is not None and row["variant"] == USED]
        lines.append([title(model, stride), *cells, f"{peaks[0]:,}" if peaks else "-"])
    return table(["network", *variants, "peak MiB"], lines)


#: The variant that a training uses, whose memory is shown.
USED = "bf16, channels-last"


def recorded(results: Results) -> str:
    rows = results.get("recorded", [])
    lines = [
        [
            row["case"],
            f"{row['launched'][0]:.1f}",
            f"{row['recorded'][0]:.1f}",
            f"{row['launched'][0] / row['recorded'][0]:.1f}",
        ]
        for row in rows
    ]
    return table(["step of", "launched, ms", "recorded, ms", "ratio"], lines)


def compiled(results: Results) -> str:
    rows = results.get("compiled", [])
    lines = []
    for model, stride in networks(rows):
        eager, fast = (row for row in rows if (row["model"], row["output_stride"]) == (model, stride))
        speeds = (f"{row['images_per_second']:.0f}" for row in (eager, fast))
        lines.append([title(model, stride), *speeds, f"{fast['compile_seconds']:.0f}"])
    return table(["network", "eager, images/s", "compiled, images/s", "seconds to compile"], lines)


def where(results: Results) -> str:
    """Where the time of a step goes; nothing where it was not measured."""
    rows = results.get("where", [])
    if not rows:
        return ""
    kinds = list(dict.fromkeys(kind for row in rows for kind in row["by_kind"]))
    lines = []
    for row in rows:
        graph = row.get("graph_ms")
        lines.append(
            [
                title(row["model"], row["output_stride"]),
                *(f"{value:.1f}" for value in (row["step_ms"][0], row["launch_ms"], row["kernels_ms"])),
                f"{graph[0]:.1f}" if isinstance(graph, list) else "-",
                *(f"{row['by_kind'].get(kind, 0):.1f}" for kind in kinds),
            ]
        )
    return f"\n{WHERE}\n\n" + table(["network", "step", "launches", "kernels", "graph", *kinds], lines) + "\n"


WHERE = """Where the time goes, in milliseconds: the step; until Python has launched it; all kernels; forward, loss and
backward pass as one CUDA graph, which needs no launches; then the kernels by kind."""


def peers(results: Results) -> str:
    rows = [row for row in results.get("peers", []) if "classes" not in row and row.get("who") in TIERS]
    lines = [
        [
            row["what"],
            NAMES.get(row["model"], row["model"]),
            TIERS[row["who"]],
            ratio(row["ratio"]),
            f"{row['ms'][0]:.1f}",
        ]
        for row in rows
    ]
    return table(["work", "network", "peer", "peer's time / ours", "peer's ms"], lines)


TIERS = {"documented": "as documented", "tuned": "tuned"}


def memory(results: Results) -> str:
    """Peak memory beside the peers; nothing where it was not measured."""
    rows = [row for row in results.get("peers", []) if "classes" in row]
    lines = []
    for model, classes in dict.fromkeys((row["model"], row["classes"]) for row in rows):
        found = {row["who"]: row["mib"] for row in rows if (row["model"], row["classes"]) == (model, classes)}
        cells = [f"{found[who]:,}" if isinstance(found.get(who), int) else str(found.get(who, "-")) for who in WHO]
        lines.append([f"{NAMES.get(model, model)}, {classes} classes", *cells])
    return (
        "" if not lines else "\nPeak memory of a training step, in MiB:\n\n" + table(["step of", *PEERS], lines) + "\n"
    )


WHO = ("ours", "documented", "tuned")
PEERS = ("ours", "peer as documented", "peer tuned")


def loss(results: Results) -> str:
    rows = results.get("losses", [])
    forms = list(dict.fromkeys(row["form"] for row in rows))
    lines = []
    for case in dict.fromkeys(row["case"] for row in rows):
        found = {row["form"]: row for row in rows if row["case"] == case}
        cells = [f"{found[f]['ms'][0]:.2f} ms, {found[f]['peak_mib']:,} MiB" if f in found else "-" for f in forms]
        lines.append([case, *cells])
    return table(["logits", *forms], lines)


def counts(results: Results) -> str:
    rows = [row for row in results.get("inference", []) if "case" in row]
    lines = []
    for case in dict.fromkeys(row["case"] for row in rows):
        found = {row["who"]: row for row in rows if row["case"] == case}
        ours = found["ours"]
        others = [ratio(found[who]["ratio"]) if who in found else "-" for who in ("torchvision", "plain")]
        lines.append([case, f"{ours['ms'][0]:.2f}", *others, str(ours["differing_pixels"])])
    header = [
        "logits",
        "ours, ms",
        "as in torchvision / ours",
        "plain torch / ours",
        "pixels unlike plain torch's on a CPU",
    ]
    return table(header, lines)


def latency(results: Results) -> str:
    rows = [row for row in results.get("inference", []) if "model" in row]
    ways = list(dict.fromkeys(row["what"] for row in rows))
    lines = [
        [way, *(f"{row['ms'][0]:.2f}" if (row := one(rows, model=name, what=way)) else "-" for name in NAMES)]
        for way in ways
    ]
    return table(["milliseconds", *NAMES.values()], lines)


def merged(rows: Iterable[Row]) -> Row:
    return {key: value for row in rows for key, value in row.items()}


def networks(rows: Iterable[Row]) -> list[tuple[str, int | None]]:
    return list(dict.fromkeys((row["model"], row["output_stride"]) for row in rows))


def one(rows: Iterable[Row], **values: Any) -> Row | None:
    """The first row with these values."""
    return next((row for row in rows if all(row.get(key) == value for key, value in values.items())), None)


def title(model: str, stride: int | None) -> str:
    return NAMES.get(model, model) + (f", stride {stride}" if stride else "")


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}%"


def ratio(values: list[float]) -> str:
    return "{:.2f} ({:.2f} to {:.2f})".format(*values)


def table(header: list[str], lines: list[list[str]]) -> str:
    """A Markdown table, or a sentence where nothing was measured."""
    if not lines:
        return "Not measured yet.\n"
    rows = [header, ["---"] * len(header), *lines]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


if __name__ == "__main__":
    main()
