"""The command line: parse, call, print. No logic."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import tyro

from segarena import __version__
from segarena.config import Command
from segarena.errors import Interrupted, SegarenaError

_DESCRIPTION = "Which of FCN, U-Net, PSPNet and DeepLabv3 is right for your images, by how much, at what cost?"


def main() -> int:
    """Run one command. Returns the exit status: 0 done, 2 wrong input, 130 interrupted; a bug raises (1)."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"segarena {__version__}\n")
        return 0
    try:
        options: Any = tyro.cli(
            Command,
            prog="segarena",
            description=_DESCRIPTION,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
        )
        verb = type(options).__name__.removesuffix("Options").lower()
        importlib.import_module(f"segarena.commands.{verb}").run(options)
    except SegarenaError as error:
        sys.stderr.write(f"segarena: {error}\n")
        return 2
    except Interrupted as stop:
        sys.stderr.write(f"segarena: {stop}\n")
        return 130
    except KeyboardInterrupt:
        sys.stderr.write("segarena: interrupted\n")
        return 130
    return 0
