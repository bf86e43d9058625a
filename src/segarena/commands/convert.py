"""`segarena convert`: write annotations of other formats as images, index masks and a classes.yaml."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from segarena.annotations.write import write_annotations
from segarena.commands.progress import show_progress
from segarena.commands.terminal import console, shown
from segarena.config import ConvertOptions
from segarena.config.checks import flag
from segarena.converters.registry import FORMATS, choose_format
from segarena.errors import ConfigError
from segarena.formats import command, join_words, listing, plural
from segarena.runs import check_out


@shown
def run(options: ConvertOptions) -> Path:
    """Read all annotations, then write.

    Args:
        options: The options as typed.

    Returns:
        The folder that is written.

    Raises:
        ConfigError: An option does not apply to the format, or no format is recognised.
        DataError: Something cannot be converted.
        RunError: The folder is not empty, or cannot be written.
    """
    check_out(options.dst)
    console.print(f"reading {options.src}", markup=False)
    name: str = options.source
    if name == "auto":
        name, evidence = choose_format(options.src, options.dst)
        console.print(f"  format: {name}, because {evidence}", markup=False)
    annotations = FORMATS[name].read(options.src, **_own_options(options, name))
    with show_progress("painting masks") as on_progress:
        notes = write_annotations(options.dst, annotations, on_progress, overlap=options.overlap)
    counts = Counter(image.split for image in annotations.images)
    splits = ", ".join(f"{counts[split]} {split}" for split in ("train", "val", "test") if counts[split])
    images = plural(len(annotations.images), "image") + " with masks" + (f" ({splits})" if splits else "")
    console.result(f"{images}: {options.dst}", markup=False)
    names = annotations.classes.names
    console.print(f"  {plural(len(names), 'class')}: {listing(names, 8)}", markup=False)
    for note in (*annotations.notes, *notes):
        console.result(f"  {note}", markup=False)
    console.print(f"Check the result with: {command('segarena', 'check', options.dst)}", markup=False)
    return options.dst


def _own_options(options: ConvertOptions, name: str) -> dict[str, Any]:
    """The options that are given and that only some formats have. Raises ConfigError if this format does not."""
    own = {option for entry in FORMATS.values() for option in entry.options}
    given = {option: getattr(options, option) for option in sorted(own) if getattr(options, option) is not None}
    for option in given:
        if option not in FORMATS[name].options:
            others = [other for other, entry in FORMATS.items() if option in entry.options]
            raise ConfigError(
                f"does not apply to the format {name}",
                where=flag(option),
                remedy=f"Leave it out; it is for {join_words(others)}",
            )
    return given
