"""How much a command shows: an option of every command."""

from __future__ import annotations

from dataclasses import dataclass

from segarena.config.checks import Flag, check_choices
from segarena.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How much is shown while a command works. What it writes to files is the same."""

    quiet: Flag = False
    """Show only the result and warnings."""
    verbose: Flag = False
    """Show more: versions and the machine, IoU of each class after each epoch, each image that is labelled."""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.quiet and self.verbose:
            raise ConfigError("excludes --verbose", where="--quiet", remedy="Leave out one of the two")
