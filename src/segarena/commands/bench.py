"""`segarena bench`: time and memory of a network on this machine, beside what the machine can do at most."""

from __future__ import annotations

from collections.abc import Callable

from segarena.commands.tables import new_table
from segarena.commands.terminal import console, shown
from segarena.config import BenchOptions
from segarena.config.checks import check_is_new
from segarena.experiment.bench import measure
from segarena.files import write_json
from segarena.formats import plural
from segarena.records.bench import BenchRecord, Measured


@shown
def run(options: BenchOptions) -> BenchRecord:
    """Measure, and show a table.

    Args:
        options: The options as typed.

    Returns:
        What was measured.

    Raises:
        SegarenaError: Something in the input is wrong, or the memory is too small.
    """
    check_is_new("json", options.json)
    found = measure(options, lambda what: console.print(f"measuring {what}", markup=False))
    if options.json is not None:
        write_json(options.json, found.to_json())
    _show(found)
    return found


def _show(found: BenchRecord) -> None:
    machine = found.machine
    network = found.model + (f" on {found.encoder}" if found.encoder else "")
    costs = "" if found.params is None else f", {found.params / 1e6:,.1f} million parameters"
    costs += "" if found.flops is None else f", {found.flops / 1e9:,.1f} GFLOPs an image"
    height, width = found.size
    console.result(
        f"{network}, {plural(found.num_classes, 'class')}{costs}; images of {height} × {width}, {found.precision}",
        markup=False,
    )
    place = f"{machine.gpu or machine.cpu}, " + ("" if machine.gpu else f"{plural(machine.threads, 'thread')}, ")
    rate = "fp32" if found.precision == "int8" else found.precision
    console.result(
        f"{place}torch {machine.torch}: {found.flops_per_second / 1e9:,.0f} GFLOP/s in matrix products in {rate}, "
        f"{found.copied_per_second / 1e9:,.1f} GB/s read and written in copies",
        markup=False,
    )
    works = {"one image": found.image, f"batch of {found.batch.images}": found.batch}
    if found.step is not None:
        works[f"training step of {found.step.images}"] = found.step
    table = new_table(["", *works], left=[""])
    for title, cell in ROWS.items():
        table.add_row(title, *(cell(work) for work in works.values()))
    console.result(table)
    console.print(
        "By products: the operations at the rate of matrix products. By memory: inputs and outputs of all layers at the"
        " rate of copies; fused layers and caches take less. Peak memory: with weights, without libraries.",
        markup=False,
    )


def _number(value: float | None) -> str:
    """Three digits, or all before the point."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


#: The rows of the table.
ROWS: dict[str, Callable[[Measured], str]] = {
    "median, ms": lambda work: _number(work.median_ms),
    "95% take at most, ms": lambda work: _number(work.p95_ms),
    "99% take at most, ms": lambda work: _number(work.p99_ms),
    "images per second": lambda work: _number(work.images_per_second),
    "peak memory, MiB": lambda work: _number(work.peak_memory_mib),
    "limit by products, ms": lambda work: _number(work.products_ms),
    "limit by memory, ms": lambda work: _number(work.moved_ms),
    "share of the limit": lambda work: "-" if work.share_of_limit is None else f"{work.share_of_limit:.0%}",
}
