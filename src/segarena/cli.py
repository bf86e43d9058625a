"""The command line: parse, call, print. No logic."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Literal, get_args, get_origin

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from segarena import config
from segarena._version import __version__
from segarena.commands.completion import completion_script
from segarena.commands.usage import check_command, check_words, command_help, main_help
from segarena.errors import ConfigError, Interrupted, Queued, SegarenaError
from segarena.formats import command
from segarena.reuse.complete import finish
from segarena.reuse.words import as_default, given_flags, read_words, typed_names
from segarena.streams import close_standard_streams, guard, is_closed_pipe, open_standard_streams, visible

#: The commands: the options of each, and the module whose `run` takes them. The modules are imported when they are
#: needed, so that --help is fast.
COMMANDS: dict[str, tuple[type, str]] = {
    "compare": (config.CompareOptions, "segarena.commands.compare"),
    "suite": (config.SuiteOptions, "segarena.commands.suite"),
    "train": (config.TrainOptions, "segarena.commands.train"),
    "evaluate": (config.EvaluateOptions, "segarena.commands.evaluate"),
    "predict": (config.PredictOptions, "segarena.commands.predict"),
    "export": (config.ExportOptions, "segarena.commands.export"),
    "serve": (config.ServeOptions, "segarena.commands.serve"),
    "check": (config.CheckOptions, "segarena.commands.check"),
    "report": (config.ReportOptions, "segarena.commands.report"),
    "synth": (config.SynthOptions, "segarena.commands.synth"),
    "models": (config.ModelsOptions, "segarena.commands.models"),
    "bench": (config.BenchOptions, "segarena.commands.bench"),
    "convert": (config.ConvertOptions, "segarena.commands.convert"),
    "doctor": (config.DoctorOptions, "segarena.commands.doctor"),
}

#: The exit status of a program that SIGPIPE ends, as a shell reports it.
CLOSED_PIPE = 141
#: The exit status of a program that a signal stops is this and the number of the signal, as in a shell.
_SIGNAL = 128

#: What Pillow warns of for files that segarena refuses, with a message, or that --max-megapixels allows.
BOMB = r"Image size \(\d+ pixels\) exceeds limit"
_registry = ConstructorRegistry()
_COLLECT_EVERY = 20_000  # new objects; Python's default is 700 to 2,000


@_registry.primitive_rule
def _choice(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Show the choices, and accept all values: the options check them, with the same message as in Python."""
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
    """Run one command.

    Returns:
        The exit status: 0 done, 2 wrong input or output that cannot be written, 3 a comparison in which a model
        failed and the others are ranked; as for other programs 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP,
        141 where the reader of a pipe has closed it; a bug raises, which is 1.
    """
    open_standard_streams()
    try:
        status = _run(guard(sys.stderr))
    except OSError as error:
        if error is not guard(sys.stdout).failure:
            raise
        status = 0
    finally:
        failure = close_standard_streams() or guard(sys.stdout).failure
    if failure is None:
        return status
    if is_closed_pipe(failure):
        return status or CLOSED_PIPE
    guard(sys.stderr).write(f"segarena: standard output cannot be written ({failure.strerror or failure}).\n")
    close_standard_streams()
    return status or 2


def program() -> int:
    """Run `main`, and end the process without collecting its objects, which takes a second where PyTorch is imported.

    The system has the memory back in either case. All else is done as usual: threads are waited for, and functions
    that libraries have registered for the end are called before this one, which is registered first. Ctrl-C in them
    ends the process at once, without a traceback, as a second one does while the first is reported.
    """
    warnings.filterwarnings("ignore", BOMB)
    status: list[int] = []

    def end() -> None:
        if status:  # otherwise Python prints an error, and ends the process itself
            close_standard_streams()
            os._exit(status[0])

    atexit.register(end)
    try:
        status.append(main())
    except KeyboardInterrupt as stop:
        status.append(_status_of(stop))
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    return status[0]


def _run(errors: IO[str]) -> int:
    words, kinds = sys.argv[1:], {verb: kind for verb, (kind, _) in COMMANDS.items()}
    try:
        if text := _ask(words, kinds):
            guard(sys.stdout).write(text)
            return 0
        if not words:
            errors.write(main_help(kinds, short=True))
            return 2
        check_words(words, kinds)
        options = _parse()
        module = next(module for kind, module in COMMANDS.values() if kind is type(options))
        _import("segarena.commands.paths").check_paths(options)
        command_module = _import(module)
        result = command_module.run(options)
        status_of = getattr(command_module, "exit_status", None)
        return 0 if status_of is None or result is None else int(status_of(result))
    except SegarenaError as error:
        errors.write(visible(f"segarena: {error}\n"))
        return 2
    except Queued:  # it was shown what goes on
        return 0
    except Interrupted as stop:
        errors.write(f"segarena: {stop}\n")
        return _SIGNAL + stop.signal
    except KeyboardInterrupt as stop:
        errors.write(f"segarena: {str(stop) or 'interrupted'}\n")
        return _status_of(stop)


def _status_of(stop: KeyboardInterrupt) -> int:
    return int(_SIGNAL + getattr(stop, "signal", signal.SIGINT))


def _ask(words: Sequence[str], kinds: Mapping[str, type]) -> str:
    """What the user asks for: --version, --help or --completion; empty where it is something else."""
    if words[:1] == ["--version"]:
        return f"segarena {__version__}\n"
    if words[:1] == ["--completion"]:
        return completion_script(words[1] if len(words) > 1 else "", kinds)
    if not {"-h", "--help"} & set(words):
        return ""
    if words[0] not in ("-h", "--help"):
        check_command(words[0], kinds)
        return command_help(words[0], kinds[words[0]])
    return main_help(kinds)


def _import(module: str) -> ModuleType:
    """Import a command's module.

    What it imports stays until the end. The garbage collector is kept from searching it again and again, and once more
    at exit, which took a sixth of the time of `check`. It also searches less often: it took a third of the time in
    which the layout of 20,000 pairs is found.
    """
    gc.disable()
    try:
        return importlib.import_module(module)
    except (ImportError, OSError, RuntimeError) as error:
        raise _broken_install(error) or error from None
    finally:
        if "torch" not in sys.modules:  # its Triton reports what is not collected at exit as leaks
            gc.freeze()
            gc.set_threshold(_COLLECT_EVERY)
        gc.enable()


def _broken_install(error: Exception) -> SegarenaError | None:
    """The error for a PyTorch that cannot be imported, e.g. a torchvision that was built for another torch."""
    frames = traceback.extract_tb(error.__traceback__)
    if not {"torch", "torchvision"} & {part for frame in frames for part in Path(frame.filename).parts}:
        return None
    again = command(sys.executable, *"-m pip install --force-reinstall torch torchvision".split())
    return SegarenaError(
        f"PyTorch cannot be imported: {error}",
        remedy=f"Install torch and torchvision again, both from the same place, e.g. `{again}`; see docs/install.md",
    )


def _parse() -> Any:
    """The options of the command that was typed; exits with a message or the help text."""
    kinds = {name: kind for name, (kind, _) in COMMANDS.items()}
    words, given = read_words(sys.argv[1:], kinds)
    verb, *rest = words
    kind: Any = kinds[verb]  # the parsers of the other commands are not built, which takes a while
    default = {"default": as_default(kind, given.values)} if given.values else {}
    try:
        options = tyro.cli(
            kind,
            args=[*given_flags(given), *rest],
            prog=f"segarena {verb}",
            **default,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.DisallowNone),
            registry=_registry,
        )
    except ConfigError as error:
        raise given.locate(error, typed_names(words)) from None
    except OSError:  # its message cannot be printed
        raise SystemExit(2) from None
    return finish(options, given)
