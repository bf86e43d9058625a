"""Libraries that only some commands need: imported when they are needed, and named where they are missing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from segarena.errors import ConfigError
from segarena.formats import join_words


def install_command(extra: str) -> str:
    """Return the command that installs an extra of segarena.

    >>> install_command("geo")
    'python -m pip install "segarena[geo]"'
    """
    return f'python -m pip install "segarena[{extra}]"'


def require(modules: Sequence[str], extra: str, what: str) -> None:
    """Import optional libraries, so that a missing one is found before any work.

    Args:
        modules: Their names in Python.
        extra: The extra of segarena that installs them.
        what: What needs them, e.g. "an ONNX file".

    Raises:
        ConfigError: One or several are not installed.
    """
    packages = {module.partition(".")[0]: module for module in modules}
    missing: list[str] = []
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            absent = packages.get((error.name or "").partition(".")[0])
            if absent is None:
                raise  # it is installed, and something else that it needs is not
            if absent not in missing:
                missing.append(absent)
    if missing:
        libraries = f"{join_words(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
        raise ConfigError(f"{what} needs {libraries}", remedy=f"Install it: {install_command(extra)}")
