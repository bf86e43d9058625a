"""What a converter leaves out or reads in a particular way: counted by reason, with the names of some files."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath

from segarena.formats import listing, plural

_MOST_NAMES = 5


class LeftOut:
    """Counts of what is left out, for the notes of `Annotations`."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._names: dict[tuple[str, str], dict[str, None]] = {}

    def add(self, noun: str, reason: str, name: object = None, count: int = 1) -> None:
        """Count something.

        Args:
            noun: What it is, in the singular: "polyline".
            reason: What is done with it and why: "without an area: left out".
            name: The file that it is in.
            count: How many there are.
        """
        if count:
            self._counts[noun, reason] += count
            self._names.setdefault((noun, reason), {})
            if name is not None:
                self._names[noun, reason][name.as_posix() if isinstance(name, PurePath) else str(name)] = None

    def notes(self) -> tuple[str, ...]:
        """Return a sentence for each reason, in the order in which they were met."""
        notes = []
        for (noun, reason), count in self._counts.items():
            names = list(self._names[noun, reason])
            where = f" ({listing(names, _MOST_NAMES)})" if names else ""
            notes.append(f"{plural(count, noun)} {reason}{where}")
        return tuple(notes)
