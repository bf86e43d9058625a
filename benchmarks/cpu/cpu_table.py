"""The measurements of `make bench` as a table, with the aim of each work and whether it is reached."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from segarena.formats import plural

Row = dict[str, Any]
NAMES = {"fcn": "FCN", "unet": "U-Net", "pspnet": "PSPNet", "deeplabv3": "DeepLabv3"}
#: What is to be reached, beside the peer as documented and tuned: peer's time / ours, at least.
AIMS: dict[tuple[str, str], tuple[float, float]] = {
    ("training step", "fcn resnet18"): (1.9, 1.15),
    ("training step", "fcn resnet50"): (2.2, 1.15),
    ("training step", "deeplabv3 resnet18"): (1.9, 1.15),
    ("training step", "deeplabv3 resnet50"): (2.2, 1.15),
    ("training step", "pspnet resnet18"): (2.5, 1.4),
    ("training step", "pspnet resnet50"): (2.5, 1.4),
    ("training step", "unet resnet18"): (2.8, 1.2),
    ("evaluation, files to counts", ""): (4.0, 1.5),
    ("logits to counts", "scenes"): (15.0, 8.0),
    ("logits to counts", "noise"): (4.0, 3.0),
    ("latency, one image", ""): (2.3, 1.1),
}
#: Our memory / the peer's, at most, by the number of classes.
MOST_MEMORY = {12: (0.6, 0.8), 150: (0.3, 0.45)}
CLOCKS = {"wall": "by the clock", "processor": "processor time of one thread, as other programs ran beside"}
HEADER = [
    "work",
    "network",
    "peer",
    "ours",
    "as documented / ours",
    "tuned / ours",
    "aims",
    "reached",
    "GFLOPs",
    "share",
]


def aims(row: Row) -> tuple[float, float]:
    """What is to be reached beside the peer as documented, and tuned."""
    if "mib" in row:
        return MOST_MEMORY[row["classes"]]
    encoder = row["case"].partition(",")[0]
    keys = (f"{row['model']} {encoder}", row["model"], "")
    return next(AIMS[row["work"], key] for key in keys if (row["work"], key) in AIMS)


def reached(row: Row) -> str:
    """Which of both aims are reached: of the medians."""
    found = []
    for way, aim in zip(("documented", "tuned"), aims(row), strict=True):
        if way not in row:
            found.append("-")
        elif "mib" in row:
            found.append("yes" if row[way] <= aim else "no")
        else:
            found.append("yes" if row[way][0] >= aim else "no")
    return ", ".join(found)


def describe_rates(precision: str, rates: Sequence[Any], single: Any) -> Row:
    """The rates of the machine: median, lowest and highest of matrix products, and the others' medians."""
    products = [rate.flops / 1e9 for rate in rates]
    return {
        "precision": precision,
        "gflops": [round(value(products), 1) for value in (median, min, max)],
        "fp32_gflops": round(single.flops / 1e9, 1),
        "copied_gb": round(median(rate.copied for rate in rates) / 1e9, 1),
    }


def share(row: Row, rates: Row) -> float | None:
    """Our share of the median rate of matrix products; None where operations are not counted."""
    if "flops" not in row:
        return None
    return float(row["flops"] / (row["ours_ms"] / 1000) / (rates["gflops"][0] * 1e9))


def cells(row: Row, rates: Row) -> list[str]:
    """A row of the table; of memory the ratios are ours / the peer's."""
    memory = "mib" in row
    sign = "≤" if memory else "≥"
    if memory:
        ours = row["mib"]["ours"]
        own = "-" if ours is None else f"{ours:,} MiB"
        ratios = [f"{row[way]:.2f}" if way in row else "-" for way in ("documented", "tuned")]
    else:
        own = f"{row['ours_ms']:,.0f} ms" if row["ours_ms"] >= 100 else f"{row['ours_ms']:.1f} ms"
        ratios = [
            "{:.2f} ({:.2f} to {:.2f})".format(*row[way]) if way in row else "-" for way in ("documented", "tuned")
        ]
    gflops = " and ".join(f"{value:g}" for value in row["gflops"]) if "gflops" in row else "-"
    part = share(row, rates)
    network = f"{NAMES.get(row['model'], row['model'])}, {row['case']}"
    limits = f"{sign} {aims(row)[0]:g}, {sign} {aims(row)[1]:g}"
    return [
        row["work"],
        network,
        row["peer"],
        own,
        *ratios,
        limits,
        reached(row),
        gflops,
        "-" if part is None else f"{part:.0%}",
    ]


def line(row: Row) -> str:
    """A row as one line of text, without its share of a rate."""
    return " | ".join(cells({key: value for key, value in row.items() if key != "flops"}, {})[:-1])


def machine(content: Row) -> str:
    """The machine and its rates, in a sentence."""
    facts, rates = content["environment"], content["rates"]
    note = f" {content['note']}" if "note" in content else ""
    return (
        f"{facts['cpu']}, {plural(facts['threads'], 'thread')} on {plural(facts['cores'], 'core')}, torch"
        f" {facts['torch']}, Python {facts['python']}, commit {facts['commit']}. Products of 2048 x 2048 reach"
        f" {rates['gflops'][0]:,.0f} GFLOP/s in {rates['precision']} (from {rates['gflops'][1]:,.0f} to"
        f" {rates['gflops'][2]:,.0f} in the course of the measurements) and {rates['fp32_gflops']:,.0f} in float32,"
        f" copies {rates['copied_gb']:.1f} GB/s, read and written. Times are"
        f" {CLOCKS[content['clock']]}. The measurements took {content['seconds']} s; the"
        f" system's load was {content['load']}.{note}"
    )


def text(content: Row) -> str:
    """The whole table, as text."""
    rows = [HEADER, *(cells(row, content["rates"]) for row in content["rows"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([machine(content), "", *lines])
