"""Write the functions of the Python API from the options: src/segarena/api/compare.py, train.py, data.py, results.py.

    python docs/build_signatures.py

Each option is a keyword argument with its type, its default and its help text, so that editors complete it, `help()`
explains it and type checkers check it. `make docs` runs this; a test compares the files with what it writes.
"""

from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import tyro
from build_files_page import docstrings

from segarena import config
from segarena.api.calls import in_python
from segarena.config.checks import NUMBERED
from segarena.config.data import AnnotationFormat
from segarena.config.export import ExportFormat
from segarena.config.groups import order_options
from segarena.config.results import SplitName
from segarena.config.training import EncoderName, ModelName, TrackerName, TrackName
from segarena.files import write_text
from segarena.formats import join_words

FOLDER = Path(__file__).parents[1] / "src" / "segarena" / "api"
WIDTH = 120
_PATH = "str | PathLike[str]"
#: The choices that have a name of their own, by the module of `config` that has them.
_HOMES_OF_CHOICES = {
    "data": {AnnotationFormat: "AnnotationFormat"},
    "export": {ExportFormat: "ExportFormat"},
    "results": {SplitName: "SplitName"},
    "training": {
        EncoderName: "EncoderName",
        ModelName: "ModelName",
        TrackerName: "TrackerName",
        TrackName: "TrackName",
    },
}
_ALIASES = {choice: name for names in _HOMES_OF_CHOICES.values() for choice, name in names.items()}
#: Texts that may be the path of a file.
_NAMES_OR_FILES = ("weights", "group_by")
#: The module of each kind of result.
_HOMES = {
    "Benchmark": "benchmark",
    "Comparison": "comparison",
    "TrainedRun": "trained_run",
    "Evaluation": "evaluation",
    "Findings": "findings",
    "Suite": "suite",
}
#: Options that only show something, by command: they are of the command line alone.
SHOWN: dict[type, tuple[str, ...]] = {config.CompareOptions: ("dry_run", "json")}
#: The argument of functions that load a run.
_BUILD = "build"
#: The argument of functions that train.
_CALLBACKS = "callbacks"
_CALLED = (
    "Your own objects that are called when a training begins, after each epoch and when a training is over; see"
    " docs/tracking.md."
)
_WRITTEN = {Path: _PATH, str: "str", bool: "bool", int: "int", float: "float", NoneType: "None"}


class Verb(NamedTuple):
    """A command as a function.

    Args:
        options: Its options.
        returns: The type of the result.
        result: What the result is.
        raises: Which errors it raises, and when.
        more: Sentences below the first line of the docstring.
        builds: Whether it loads a run, which may be of a user's own module.
        trains: Whether it trains, and calls callbacks.
    """

    options: type
    returns: str
    result: str
    raises: dict[str, str]
    more: str = ""
    builds: bool = False
    trains: bool = False


_INPUT = {"SegarenaError": "Something in the input is wrong; the message has what, where and a remedy."}
_STOPPED = _INPUT | {
    "Interrupted": "The training was stopped, by Ctrl-C or a notebook's stop button; the state is saved."
}
_QUEUED = {
    "Queued": 'With executor="slurm": all trainings are queued; the message states how to read the result later.'
}
_OPEN = (
    "Options that are left out, or None, are chosen for the data and the machine, printed, and saved with the result."
)
_NAMES = 'Names may be spelled as you like: "UNet", "U-Net" and "unet" are one model.'

FILES: dict[str, dict[str, Verb]] = {
    "compare": {
        "compare": Verb(
            config.CompareOptions,
            "Comparison",
            "The comparison: `.verdict`, `.ranking`, `.models`, `.best`, ... It is its folder too: use it as a path.",
            _STOPPED | _QUEUED,
            f"{_OPEN} {_NAMES}",
            trains=True,
        ),
    },
    "train": {
        "train": Verb(
            config.TrainOptions,
            "TrainedRun",
            "The run: `.metrics`, `.history`, `.predictor()`, ... It is its folder too: use it as a path.",
            _STOPPED,
            f"{_OPEN} {_NAMES}",
            trains=True,
        ),
    },
    "suite": {
        "suite": Verb(
            config.SuiteOptions,
            "Suite",
            "The suite: `.verdict`, `.ranking`, `.scores`, `.comparison(name)`, ... It is its folder too.",
            _STOPPED | _QUEUED,
        ),
    },
    "data": {
        "check": Verb(
            config.CheckOptions,
            "Findings",
            "What was found, a dictionary as `json` writes it, with tables as `.problems`, `.classes`, `.samples`.",
            {"DataError": "A training on the folder would stop; all problems are printed first."},
        ),
        "convert": Verb(config.ConvertOptions, "Path", "The folder that was written.", _INPUT),
        "synth": Verb(config.SynthOptions, "Path", "The folder that was written.", _INPUT),
    },
    "results": {
        "evaluate": Verb(
            config.EvaluateOptions,
            "Evaluation",
            "The scores, a dictionary with the content of metrics.json; `.classes` and `.images` are tables.",
            _INPUT,
            "The scores are written to a new folder in the run folder, or to `out`.",
            builds=True,
        ),
        "predict": Verb(
            config.PredictOptions,
            "Path",
            "The folder of the masks and overlays.",
            _INPUT,
            "For images in memory use `segarena.load(run).predict(image)`.",
            builds=True,
        ),
        "export": Verb(
            config.ExportOptions,
            "Path",
            "The file or folder, for `segarena.load`.",
            _INPUT,
            "It is checked against PyTorch on images of the run; what does not pass is not written.",
            builds=True,
        ),
        "report": Verb(config.ReportOptions, "Path", "The page, report.html.", _INPUT),
    },
    "bench": {
        "bench": Verb(
            config.BenchOptions,
            "Benchmark",
            "The numbers, a dictionary as `json` writes it; `.table` has them as a table.",
            _INPUT,
            builds=True,
        ),
    },
}


def main() -> None:
    for name, text in modules().items():
        write_text(FOLDER / f"{name}.py", text)


def modules() -> dict[str, str]:
    """The text of each generated module, by its name."""
    return {name: module(verbs) for name, verbs in FILES.items()}


def module(verbs: dict[str, Verb]) -> str:
    functions = [function(name, verb) for name, verb in verbs.items()]
    body = "\n\n".join(functions)
    results = sorted({verb.returns for verb in verbs.values()} - {"Path"})
    kind = "functions" if len(verbs) > 1 else "a function"
    head = [f'"""{_listed(list(verbs))} as {kind}. Generated from the options by docs/build_signatures.py."""']
    head += ["", "from __future__ import annotations", ""]
    collected = [name for name in ("Iterable", "Sequence") if f"{name}[" in body]
    head += [f"from collections.abc import {', '.join(collected)}"] if collected else []
    head += ["from os import PathLike"]
    head += ["from pathlib import Path"] if "Path" in {verb.returns for verb in verbs.values()} else []
    typing = ["TYPE_CHECKING"] * bool(results) + ["Literal"] * ("Literal[" in body)
    head += [f"from typing import {', '.join(typing)}"] if typing else []
    kinds = sorted(verb.options.__name__ for verb in verbs.values())
    head += ["", "from segarena.api.calls import api_function, run_command"]
    head += [f"from segarena.config import {', '.join(kinds)}"]
    own = [name for name in ("Builder", "OwnModel") if name in body]
    homes = [f"from segarena.config.own_models import {', '.join(own)}"] if own else []
    for place, names in _HOMES_OF_CHOICES.items():
        used = [name for name in names.values() if name in body]
        homes += [f"from segarena.config.{place} import {', '.join(used)}"] if used else []
    homes += ["from segarena.tracking.callback import Callback"] if "Callback]" in body else []
    head += sorted(homes)
    if results:
        head += ["", "if TYPE_CHECKING:  # `import segarena` is light"]
        head += sorted(f"    from segarena.results.{_HOMES[name]} import {name}" for name in results)
    return "\n".join([*head, "", "", body])


def function(name: str, verb: Verb) -> str:
    kind = verb.options
    hints = get_type_hints(kind, include_extras=True)
    positional, named = _order(kind, hints)
    required = [item for item in named if item.default is dataclasses.MISSING]
    named = required + [item for item in named if item not in required]
    lines = ["@api_function", f"def {name}("]
    reused = issubclass(kind, config.DataOptions)
    lines += [f"    {_parameter(item, hints[item.name], reused)}," for item in positional]
    lines += ["    *,"] if named else []
    lines += [f"    {_parameter(item, hints[item.name], reused)}," for item in named]
    lines += [f"    {_BUILD}: Builder | None = None,"] if verb.builds else []
    lines += [f"    {_CALLBACKS}: Sequence[Callback] = (),"] if verb.trains else []
    lines += [f") -> {verb.returns}:", *_docstring(verb, [*positional, *named], hints)]
    call = f'run_command({kind.__name__}, locals(), "{name}")'
    if verb.returns == "Path":
        lines += [f"    result: Path = {call}", "    return result"]
    else:
        home = f"segarena.results.{_HOMES[verb.returns]}"
        lines += [f"    result = {call}", f"    from {home} import {verb.returns}", ""]
        lines += [f"    return {verb.returns}({'*' if name == 'check' else ''}result)"]
    return "\n".join([*lines, ""])


def _order(kind: type, hints: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """The options that need no name, and the others in the order of `--help`."""
    shown = SHOWN.get(kind, ())  # with these there is no result to return
    items = {item.name: item for item in dataclasses.fields(kind) if item.name not in shown}
    place = tyro.conf.Positional[int].__metadata__[0]
    positional = [item for item in items.values() if place in _metadata(hints[item.name])]
    named = [name for name, item in items.items() if item not in positional]
    return positional, [items[name] for name in order_options(named)]


def _parameter(item: Any, hint: Any, may_be_reused: bool) -> str:
    """An argument; one that is needed may be left out where a file or a folder can give it."""
    written = _write(hint)
    if item.name in ("model", "models"):
        written = written.replace("ModelName", "ModelName | OwnModel")
    if item.name in _NAMES_OR_FILES:
        written = written.replace("str", _PATH)
    if item.default is dataclasses.MISSING and may_be_reused:
        return f"{item.name}: {written} | None = None"
    if item.default is dataclasses.MISSING:
        return f"{item.name}: {written}"
    default = f'"{item.default}"' if isinstance(item.default, str) else repr(item.default)
    line = f"{item.name}: {written} = {default}"
    if len(line) > WIDTH - 5 and written.startswith("Literal["):  # as ruff formats it
        values = written.removeprefix("Literal[").removesuffix("]").split(", ")
        inner = "".join(f"        {value},\n" for value in values)
        line = f"{item.name}: Literal[\n{inner}    ] = {default}"
    return line


def _write(hint: Any) -> str:
    """A type as it is written in the signature."""
    if get_origin(hint) is Annotated:
        inner = _write(get_args(hint)[0])
        return inner.replace("int", "int | Sequence[int]", 1) if NUMBERED in hint.__metadata__ else inner
    if hint in _ALIASES:
        return _ALIASES[hint]
    if get_origin(hint) in (Union, UnionType):
        parts = [_write(part) for part in get_args(hint)]
        return " | ".join(part for place, part in enumerate(parts) if part not in parts[:place])
    if get_origin(hint) is Literal:
        values = ", ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in get_args(hint))
        return f"Literal[{values}]"
    if get_origin(hint) is tuple:
        inner = _write(get_args(hint)[0])
        return f"{inner} | {'Iterable' if inner == _PATH else 'Sequence'}[{inner}]"
    return _WRITTEN[hint]


def _docstring(verb: Verb, items: list[Any], hints: dict[str, Any]) -> list[str]:
    texts = docstrings(verb.options)
    first = str(verb.options.__doc__).partition("\n")[0]
    lines = [f'    """{first}', ""]
    if verb.more:
        lines += [*textwrap.wrap(verb.more, WIDTH - 4, initial_indent="    ", subsequent_indent="    "), ""]
    lines += ["    Args:"]
    for item in items:
        lines += _entry(item.name, _explain(item, hints[item.name], texts[item.name]))
    lines += _entry(_BUILD, "For a run of your own module, the function that builds it.") if verb.builds else []
    lines += _entry(_CALLBACKS, _CALLED) if verb.trains else []
    lines += ["", "    Returns:", *_wrapped(verb.result, 8), "", "    Raises:"]
    for error, when in verb.raises.items():
        lines += _entry(error, when)
    return [*lines, '    """']


def _explain(item: Any, hint: Any, text: str) -> str:
    """The help text, the choices that it does not name, and the rule for the default."""
    text = in_python(text).replace("DATA", "`data`")
    choices = [str(value) for value in _choices(hint)]
    if [choice for choice in choices if choice not in text]:
        text += f" One of {', '.join(choices)}."
    if item.name in ("model", "models"):
        text += ' Your own module: a name and the function that builds it, ("mine", build); see docs/own_models.md.'
    if NUMBERED in _metadata(hint):
        text += " [0, 1, 2] is understood as 3."
    rules = [getattr(part, "help_behavior_hint", None) for part in _metadata(hint)]
    for rule in rules:
        if isinstance(rule, str) and rule:
            text += f" Default: {in_python(rule.removeprefix('(default: ').removesuffix(')'))}."
    return text


def _metadata(hint: Any) -> list[Any]:
    """All annotations of a type, also those inside."""
    inner = [part for argument in get_args(hint) if get_origin(hint) is not Literal for part in _metadata(argument)]
    return [*getattr(hint, "__metadata__", ()), *inner]


def _choices(hint: Any) -> list[Any]:
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [choice for part in get_args(hint) for choice in _choices(part)] if get_args(hint) else []


def _entry(name: str, text: str) -> list[str]:
    return _wrapped(f"{name}: {text}", 8, 12)


def _wrapped(text: str, indent: int, following: int | None = None) -> list[str]:
    first, rest = " " * indent, " " * (indent if following is None else following)
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _listed(names: list[str]) -> str:
    return join_words([f"`{name}`" for name in names])


if __name__ == "__main__":
    main()
