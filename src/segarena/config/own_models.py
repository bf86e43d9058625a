"""Networks of a Python program: a name and the function that builds the module, registered during a call of the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from segarena.config.names import squeeze
from segarena.errors import ConfigError, OptionTypeError

#: A function, or a class, that returns a new `torch.nn.Module`; docs/own_models.md has what it is called with.
Builder = Callable[..., Any]
#: A name and a builder.
OwnModel = tuple[str, Builder]

_BUILDERS: ContextVar[Mapping[str | None, Builder]] = ContextVar("builders", default=MappingProxyType({}))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_EXAMPLE = '("mine", build)'


@contextmanager
def own_models(builders: Mapping[str | None, Builder]) -> Iterator[None]:
    """Register builders while the block runs.

    Args:
        builders: Each by the name of its model; by None for whichever model is loaded.
    """
    token = _BUILDERS.set({**_BUILDERS.get(), **builders})
    try:
        yield
    finally:
        _BUILDERS.reset(token)


def given_builder(build: Any) -> dict[str | None, Builder]:
    """Return what `own_models` takes for the argument `build` of a function that loads one model.

    Raises:
        OptionTypeError: It is not a function.
    """
    if build is None:
        return {}
    if hasattr(build, "state_dict") and not isinstance(build, type):
        raise OptionTypeError(
            "it is a module", where="build", remedy="Give the function or the class that makes a new one"
        )
    if not callable(build):
        raise OptionTypeError(
            f"{build!r} is of type {type(build).__name__}",
            where="build",
            remedy="Give a function that builds the module",
        )
    return {None: build}


def find_builder(name: str) -> Builder | None:
    """Return the builder of a model; None where the call has none."""
    known = _BUILDERS.get()
    return known.get(name, known.get(None))


def own_names() -> list[str]:
    """Return the names of the models that the call has builders of."""
    return [name for name in _BUILDERS.get() if name is not None]


def separate(models: Any, option: str, taken: Iterable[str]) -> tuple[Any, dict[str | None, Builder]]:
    """Divide what was given as models into names, as the options take them, and the builders of some of them.

    Args:
        models: A name, a pair of a name and a builder, or a list of them.
        option: Name of the option.
        taken: The names of segarena's own models.

    Raises:
        OptionTypeError: A builder has no name, or something else is in its place.
        ConfigError: A name is not possible, or there twice.
    """
    items = [models] if _is_pair(models) or _is_builder(models) else models
    if not isinstance(items, (list, tuple)) or not any(_is_pair(item) or _is_builder(item) for item in items):
        return models, {}
    names: list[Any] = []
    builders: dict[str | None, Builder] = {}
    for item in items:
        if _is_builder(item):
            raise OptionTypeError("a module has no name", where=option, remedy=f"Give both: {_EXAMPLE}")
        if _is_pair(item):
            name, builder = item
            _check(name, builder, option, taken)
            if name in builders:
                raise ConfigError(f"two modules are named {name!r}", where=option, remedy="Give each its own name")
            builders[name] = builder
            names.append(name)
        else:
            names.append(item)
    return names if option == "models" or len(names) > 1 else names[0], builders


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and not isinstance(item[1], str)


def _is_builder(item: Any) -> bool:
    return callable(item) and not isinstance(item, str)


def _check(name: str, builder: Any, option: str, taken: Iterable[str]) -> None:
    if hasattr(builder, "state_dict") and not isinstance(builder, type):
        raise OptionTypeError(
            f"{name!r} is a module, and each seed needs a new one with its own initial weights",
            where=option,
            remedy=f"Give the function or the class that makes it: ({name!r}, build)",
        )
    if not callable(builder):
        raise OptionTypeError(
            f"{name!r} has {type(builder).__name__} where the function is expected that builds the module",
            where=option,
            remedy=f"Give a name and a function: {_EXAMPLE}",
        )
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a folder",
            where=option,
            remedy="Use letters, digits, '_', '-', '+' and '.', and begin with a letter or digit",
        )
    if same := [other for other in taken if squeeze(other) == squeeze(name)]:
        raise ConfigError(
            f"{name!r} is the name of a model of segarena ({same[0]})", where=option, remedy="Give it another name"
        )
