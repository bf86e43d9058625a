"""`segarena check`: how a folder is read and what looks wrong, before anything is trained on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from segarena.checks import inspect
from segarena.checks.problem import Problem, parts_of, stop_on_errors
from segarena.checks.unreadable import find_faults
from segarena.classes import TABLE, TABLES
from segarena.commands.ceiling_table import show_ceilings
from segarena.commands.progress import TerminalReporter, show_progress
from segarena.commands.tables import new_table
from segarena.commands.terminal import console, shown
from segarena.config import CheckOptions
from segarena.config.channels import read_channels
from segarena.config.checks import check_is_new
from segarena.data.encoding.mask_encoding import show_all
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import Layout
from segarena.data.splitting.splits import Splits
from segarena.errors import ConfigError, DataError
from segarena.experiment.ceilings import survey_ceilings
from segarena.experiment.check_report import classes_text, json_content, sheet_content
from segarena.experiment.conversion import advise_conversion
from segarena.experiment.inputs import make_splits
from segarena.files import write_json, write_text
from segarena.formats import join_words, listing, plural, shorten, small_percent
from segarena.reporting.check_figures import save_sheet
from segarena.runs import open_folder, remove_if_empty

_COLORS = {"error": "bold red", "warning": "yellow", "note": "cyan"}


@shown
def run(options: CheckOptions) -> tuple[dict[str, Any], Path]:
    """Read all images and masks, show the problems and write check.png.

    Args:
        options: The options as typed.

    Returns:
        What --json writes, and the file check.png.

    Raises:
        ConfigError: An option cannot be used, e.g. there is a classes.yaml already.
        DataError: The data cannot be read, or one of the problems would stop a training; all were shown.
        RunError: A file cannot be written.
    """
    check_is_new("json", options.json)
    if options.write_classes:
        _refuse_to_replace(options.data, None)
    folder = None if options.out is None else open_folder(options.out, "")  # fails before the work, not after it
    try:
        return _check(options, folder)
    except BaseException:
        if folder is not None:
            remove_if_empty(folder)
        raise


def _check(options: CheckOptions, folder: Path | None) -> tuple[dict[str, Any], Path]:
    """`run`, with the folder of --out."""
    with advise_conversion(options.data):
        source = _open(options)
    text = None
    if options.write_classes:
        _refuse_to_replace(options.data, source.declared_in)
        text = classes_text(source)
    splits = make_splits(source, options, TerminalReporter())
    problems = inspect(source, splits, grouped=options.group_by not in (None, "none"))
    with show_progress("measuring the resolution ceiling") as on_progress:
        ceilings = survey_ceilings(source, splits, on_progress, optimise=options.optimise_ceilings)
    _show(source, splits, options)
    show_ceilings(ceilings, source.classes.names)
    _show_problems(problems)
    folder = folder or open_folder(None, f"{source.name}-check")
    save_sheet(sheet_content(source, splits, ceilings), folder / "check.png")
    console.result(f"\nOverlays, class frequencies, sizes: {folder / 'check.png'}", markup=False)
    content = json_content(options.data, source.layout, problems, source, splits, ceilings)
    _write(options.json, content)
    if text is not None:
        write_text(options.data / TABLE, text)
        console.print(f"Classes, to be edited: {options.data / TABLE}", markup=False)
    stop_on_errors(problems, options.data)
    return content, folder / "check.png"


def _refuse_to_replace(data: Path, declared: Path | None) -> None:
    """Raise ConfigError if there is a classes.yaml, which --write-classes would replace."""
    there = [path for path in (data / name for name in TABLES) if path.exists() or path.is_symlink()]
    if declared is not None or there:
        raise ConfigError(
            "exists already", where=declared or there[0], remedy="Edit it, or move it away and repeat the command"
        )


def _open(options: CheckOptions) -> FolderSource:
    """Open the folder. If it cannot be read, show the faults of all files, not only the first one."""
    channels = read_channels(options.channels)
    where: dict[str, Any] = {"images": options.images, "masks": options.masks, "channels": channels}
    try:
        with show_progress("reading images and masks") as on_progress:
            return FolderSource(options.data, on_progress, **where)
    except DataError:
        with show_progress("looking for faults") as on_progress:
            layout, problems = find_faults(options.data, **where, on_progress=on_progress)
        if problems:
            _show_layout(options.data.resolve().name, layout)
            _show_problems(problems)
            _write(options.json, json_content(options.data, layout, problems))
            stop_on_errors(problems, options.data)
        raise


def _show(source: FolderSource, splits: Splits, options: CheckOptions) -> None:
    _show_layout(source.name, source.layout)
    if source.format is not None:
        console.print(f"  channels: {source.format.sentence}", markup=False)
    console.print(f"  encoding: {source.describe()['encoding']}", markup=False)
    sizes = [f"{width} x {height} ({images})" for (height, width), images in Counter(source.sizes).most_common()]
    console.print(f"  sizes: {listing(sizes)}")
    console.print(f"  split: {_describe_splits(source, splits, options)}", markup=False)
    console.print(_class_table(source))


def _show_layout(name: str, layout: Layout) -> None:
    console.result(f"[bold]{escape(name)}[/bold]: {plural(len(layout.samples), 'image')} with masks")
    console.print(f"  layout: {layout.sentence}", markup=False)
    console.print(f"  pairing: {layout.pairing}", markup=False)


def _describe_splits(source: FolderSource, splits: Splits, options: CheckOptions) -> str:
    counts = ", ".join(f"{number} {name}" for name, number in splits.counts.items())
    if options.splits is not None:
        return f"{counts} (of {options.splits})"
    if not any(sample.split for sample in source.samples):
        return f"{counts} (seeded, {options.split:g} to train)"
    changed = sorted({part for index, part in parts_of(splits).items() if source.samples[index].split != part})
    return f"{counts} (the data's own{f', but {join_words(changed)} taken from train' if changed else ''})"


def _class_table(source: FolderSource) -> Table:
    table = new_table(["class", "value", "color", "pixels", "images"], left=["class", "color"])
    total = max(1, int(source.class_pixels.sum()))
    for entry, pixels, images in zip(source.classes.classes, source.class_pixels, source.image_counts, strict=True):
        color = "#{:02x}{:02x}{:02x}".format(*entry.color)
        share = small_percent(int(pixels) / total)
        table.add_row(
            escape(shorten(entry.name, 40)),
            escape(show_all(entry.values)),
            f"[{color}]██[/] {color}",
            share,
            str(images),
        )
    return table


def _show_problems(problems: Sequence[Problem]) -> None:
    """Print each problem: severity and code, message, the first files, remedy. Notes are not for --quiet."""
    if not problems:
        console.result("\nNothing looks wrong.")
    for problem in problems:
        show = console.print if problem.severity == "note" else console.result
        show(f"\n[{_COLORS[problem.severity]}]{problem.severity}[/] [dim]{problem.code}[/]")
        show(f"  {problem.message}", markup=False)
        if problem.files:
            show(f"  files: {listing(problem.files)}", markup=False)
        show(f"  remedy: {problem.remedy}", markup=False)


def _write(path: Path | None, content: dict[str, Any]) -> None:
    if path is not None:
        write_json(path, content)
        console.print(f"Written as JSON: {path}", markup=False)
