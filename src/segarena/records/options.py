"""The file of the options that a comparison or a run was started with: what resumes it, and what --config reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from segarena.config import Choice
from segarena.files import read_json
from segarena.formats import resume_line
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.record import Record


@dataclass(frozen=True, kw_only=True)
class OptionsRecord(Record, file="options.json", schema=1):
    """The options of a comparison, or of a run of `segarena train`. It is written before the first training."""

    command: Literal["compare", "train"]
    """Command that was started."""
    options: dict[str, Any]
    """Options that were not left open, by name. Paths are absolute."""
    choices: tuple[Choice, ...]
    """Options that were left open, with the value chosen for the data and the machine."""
    fingerprint: tuple[str, ...]
    """SHA-256, in hex, of all files, their split and their decoding; with folds one for each."""


def resume_command(folder: Path) -> str | None:
    """Return what resumes what is in a folder, None where it has nothing to resume.

    Args:
        folder: Any folder.

    Raises:
        RunError: Its options cannot be read.
    """
    if (folder / OptionsRecord.file).exists():
        verb: str = OptionsRecord.read(folder).command
    elif (folder / ComparisonRecord.file).exists():
        content = read_json(folder / ComparisonRecord.file)
        if isinstance(content, dict) and content.get("compared_runs"):
            return None
        verb = "compare"
    elif (folder / Config.file).exists():
        verb = "train"
    else:
        return None
    return resume_line(verb, folder)
