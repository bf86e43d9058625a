"""The options of `suite`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from segarena.config.checks import OPTIONAL, check_at_least, check_one_folder, default
from segarena.config.output import OutputOptions
from segarena.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class SuiteOptions(OutputOptions):
    """Compare the architectures on many data sets, and show all results in one page."""

    sources: Annotated[tyro.conf.Positional[tuple[Path, ...]], default("what --resume was started with")] = ()
    """A YAML file with the data sets and their options, see docs/suites.md. Or folders: finished comparisons, which are
    used as they are, and folders of images and masks."""
    out: Annotated[Path | None, default("a new folder under runs/")] = None
    """Folder to write; it must not exist or be empty. Each data set that is trained has a folder in it, which is an
    ordinary comparison."""
    jobs: Annotated[int | None, default("that of the file, or 1")] = None
    """Trainings at a time, as for `compare`."""
    resume: Annotated[Path | None, OPTIONAL] = None
    """Continue the suite in this folder: what is finished is used, data sets that were added are trained. With the same
    folder as --out, it is started if there is nothing in it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least("jobs", self.jobs, 1)
        if not self.sources and self.resume is None:
            raise ConfigError(
                "no data set is named",
                where="SOURCES",
                remedy="Name a file with the data sets, or their folders: segarena suite suite.yaml",
            )
        check_one_folder(self.out, self.resume)
