"""The options of a command from what was typed, a file of options, earlier trainings, and a folder that is resumed."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from segarena.config import DataOptions, ProtocolOptions, TrainOptions, make_options
from segarena.config.arguments import expand_home
from segarena.config.checks import check_reachable, flag
from segarena.errors import ConfigError, OptionTypeError, RunError
from segarena.formats import command

if TYPE_CHECKING:
    from segarena.records.options import OptionsRecord
    from segarena.reuse.like import Like

Options = TypeVar("Options", bound=DataOptions)


@dataclass(frozen=True)
class Given:
    """What is given for the options of a command beside what is typed.

    Args:
        in_file: Values by the options' names, from the file of options.
        file: The file of options.
        started: The options that the folder which is resumed was started with.
        folder: The folder that is resumed.
        record: Its record; None where it is started now.
        like: What is taken from earlier trainings.
    """

    in_file: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None
    started: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    record: OptionsRecord | None = None
    like: Like | None = None

    @property
    def values(self) -> dict[str, Any]:
        """Values by the options' names; what is typed replaces them."""
        return {**({} if self.like is None else self.like.options), **self.started, **self.in_file}

    def locate(self, error: ConfigError, typed: Collection[str]) -> ConfigError | RunError:
        """Return an error that names the file, or the folder that is resumed, where an option is from there.

        Args:
            error: The error of an option.
            typed: The names of the options that were typed.
        """
        if self.folder is not None and self.started:
            from segarena.reuse.resume import find_clash

            clash = find_clash(error, self.started, {*typed, *self.in_file}, self.folder)
            if clash is not None:
                return clash
        name = next((name for name in self.in_file if flag(name) == error.where), None)
        if name is None or name in typed:
            return error
        return ConfigError(error.what, where=f"{self.file}: {name}", remedy=error.remedy)


def complete(kind: type[Options], **typed: Any) -> Options:
    """Make the options of a command from the values of a Python program.

    Args:
        kind: The options of the command.
        **typed: Values by the options' names, None for one that is left out. `resume` can be the folder, or True for
            that in `out`.

    Raises:
        ConfigError: An option has a value that cannot work, or is not what the resumed folder was started with.
        RunError: There is nothing to resume in the folder.
        OptionTypeError: An option has a value of the wrong type, is needed, or there is no such option.
    """
    typed = {name: value for name, value in typed.items() if value is not None}
    resume = typed.pop("resume", False)
    if resume is True and "out" not in typed:
        raise ConfigError("no folder to resume is named", where="--resume", remedy="Name it: --resume DIR")
    if resume is not False:
        typed["resume"] = typed["out"] if resume is True else resume
    config, resumed, out, like = (_path(typed.get(name)) for name in ("config", "resume", "out", "like"))
    model = None if "model" not in typed else str(typed["model"])
    all_images = bool(typed.get("all_images", False))
    given = find_given(kind, config=config, resume=resumed, out=out, like=like, model=model, all_images=all_images)
    values = {**given.values, **typed}
    if values.get("dry_run"):
        line = command("segarena", "compare", "--config", config)
        raise ConfigError(
            "a plan is no comparison", where=f"{config}: dry_run", remedy=f"Leave it out, or type: {line}"
        )
    needed = [item.name for item in fields(kind) if item.default is MISSING and item.name not in values]
    if needed:
        raise OptionTypeError(
            f"{needed[0]!r} is needed", remedy=f"Give {needed[0]}, or name what has it: config or resume"
        )
    try:
        options = make_options(kind, **values)
    except ConfigError as error:
        raise given.locate(error, typed) from None
    return finish(options, given)


def find_given(
    kind: type[DataOptions],
    *,
    config: Path | None,
    resume: Path | None,
    out: Path | None,
    like: Path | None = None,
    model: str | None = None,
    all_images: bool = False,
) -> Given:
    """Read what a file of options, the folder that is resumed, and earlier trainings give for the options.

    Args:
        kind: The options of the command.
        config: The file of options.
        resume: The folder to resume. Where `out` is the same, it is started if there is nothing in it.
        out: The folder to write.
        like: The folder of the earlier trainings. It is not read where something is resumed.
        model: The architecture that was typed.
        all_images: Whether the training is on all images.

    Raises:
        ConfigError: The file cannot be read, a path is too long, `out` is another folder than `resume`, or `like` has
            no such model.
        RunError: There is nothing to resume in the folder, or no training in `like`.
    """
    for path in (config, resume, out, like):
        if path is not None:
            check_reachable(path)
    in_file: dict[str, Any] = {}
    if config is not None:
        from segarena.reuse.option_file import read_option_file  # here and below: --help is fast without it

        in_file = read_option_file(kind, config)
    started: dict[str, Any] = {}
    record = None
    if resume is not None and issubclass(kind, ProtocolOptions):
        from segarena.reuse.resume import read_started

        in_file.pop("out", None)
        started, record = read_started(kind, resume, out)
    found = None
    if like is not None and record is None and issubclass(kind, TrainOptions):
        from segarena.reuse.like import read_like

        model = model or in_file.get("model")
        found = read_like(like, model, all_images=all_images or in_file.get("all_images") is True)
    return Given(in_file, config, started, resume, record, found)


def finish(options: Options, given: Given) -> Options:
    """Return the options that a command runs with.

    Args:
        options: What was typed over what was given.
        given: What was given.

    Raises:
        ConfigError: It is not clear what to start.
        RunError: A typed option is not what the folder was started with, or the data is not where it was.
    """
    if given.like is not None and isinstance(options, ProtocolOptions):
        from segarena.reuse.like import check_like_data

        check_like_data(options, given.like)
    if given.folder is None or not isinstance(options, ProtocolOptions):
        return options
    from segarena.reuse.resume import agree

    return cast(Options, agree(options, given.started, given.record, given.folder))


def _path(value: object) -> Path | None:
    """The path that a program gives; None for what is none, which `make_options` refuses."""
    return expand_home(value) if isinstance(value, (str, os.PathLike)) and str(value) else None
