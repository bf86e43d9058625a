"""`segarena synth`: write the built-in data set as a folder of images and masks."""

from __future__ import annotations

from pathlib import Path

from segarena.commands.progress import show_progress
from segarena.commands.terminal import console, shown
from segarena.config import SynthOptions
from segarena.formats import command
from segarena.scenes.synthetic import SyntheticSource, write_scenes


@shown
def run(options: SynthOptions) -> Path:
    """Write the scenes and their masks.

    Args:
        options: The options as typed.

    Returns:
        The folder.

    Raises:
        RunError: The folder has files, or cannot be written.
    """
    source = SyntheticSource(seed=options.seed, size=options.size)
    with show_progress("drawing scenes") as on_progress:
        write_scenes(options.folder, source, on_progress)
    console.result(f"{len(source.samples)} scenes and their masks: {options.folder}", markup=False)
    line = command("segarena", "compare", options.folder)
    console.print(f"Compare the architectures on them with: {line}", markup=False)
    return options.folder
