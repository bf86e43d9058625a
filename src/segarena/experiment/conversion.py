"""Which command makes masks of the annotations in a folder that has no masks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from segarena.errors import DataError
from segarena.formats import join_words

if TYPE_CHECKING:  # most folders need no converter, and reading them all takes a tenth of a second
    from segarena.converters.foreign import Foreign


@contextmanager
def advise_conversion(root: Path) -> Iterator[None]:
    """Add the command that converts the annotations in `root` to an error that no image has a mask.

    Other errors, and those of a folder without annotations, stay as they are.
    """
    try:
        yield
    except DataError as error:
        if error.code != "nothing-paired":
            raise
        found, foreign = _look(root)
        if foreign is not None and not found:
            what = f"{error.what}; annotations that are not read: {foreign.evidence}"
            raise DataError(what, where=error.where, remedy=foreign.remedy) from error
        if not found:
            raise
        from segarena.converters.registry import convert_command

        target = _free_name(root)
        commands = [convert_command(root, target, name) for name in found]
        raise DataError(
            f"{error.what}; annotations: {join_words(list(found.values()))}",
            where=error.where,
            remedy=f"Make masks of the annotations: run {join_words(commands, 'or')} and name the folder {target}",
        ) from error


def _look(root: Path) -> tuple[dict[str, str], Foreign | None]:
    """The formats that are found, and a format that no converter reads."""
    from segarena.annotations.peek import Peek
    from segarena.converters.foreign import find_foreign
    from segarena.converters.registry import recognise

    try:
        return recognise(root), find_foreign(Peek(root))
    except DataError:  # the folder cannot be read: the first error describes that
        return {}, None


def _free_name(root: Path) -> Path:
    """A folder beside the data folder that does not exist: data-masks, data-masks-2, ..."""
    named = root if root.name not in ("", "..") else root / ".." / root.resolve().name
    stem = f"{named.name}-masks"
    candidates = (named.with_name(stem if number == 1 else f"{stem}-{number}") for number in range(1, 1000))
    return next((path for path in candidates if not path.exists()), named.with_name(stem))
