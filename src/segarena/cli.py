"""The command line: parse, call, print. No logic."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Literal, get_args, get_origin

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from segarena._version import __version__
from segarena.config import Command
from segarena.errors import Interrupted, SegarenaError

_DESCRIPTION = "Which of FCN, U-Net, PSPNet and DeepLabv3 is right for your images, by how much, at what cost?"
_registry = ConstructorRegistry()


@_registry.primitive_rule
def _choice(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Show the choices and let all values pass: the options check them, in the same words as for the Python API."""
    if get_origin(info.type) is not Literal:
        return None
    choices = {str(choice): choice for choice in get_args(info.type)}
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="{" + ",".join(choices) + "}",
        instance_from_str=lambda words: choices.get(words[0], words[0]),
        is_instance=lambda value: value in choices.values(),
        str_from_instance=lambda value: [str(value)],
    )


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
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes, tyro.conf.DisallowNone),
            registry=_registry,
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
