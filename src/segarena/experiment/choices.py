"""The choices that are made while options are closed, and those of a folder that is resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from segarena.config import Choice

Value = TypeVar("Value")


class Choices:
    """The choices made so far, in their order.

    Args:
        recorded: Choices of the folder that is resumed or repeated, by name; they are not made again.

    Attributes:
        recorded: As given.
        made: One for each option that was open.
    """

    def __init__(self, recorded: Mapping[str, Choice]) -> None:
        self.recorded = recorded
        self.made: list[Choice] = []

    def close(self, name: str, typed: Value | None, default: tuple[Value, str]) -> Value:
        """Return the option as typed; if it is open, return the value of its rule and keep the reason.

        Args:
            name: The option.
            typed: Its value as typed; None or "auto" where it is open.
            default: The value of its rule, and the reason.
        """
        if typed is not None and typed != "auto":
            return typed
        choice = self.recorded.get(name) or Choice(name, *default)
        self.made.append(choice)
        value: Value = choice.value
        return value

    def limit(self, name: str, most: int, why: str) -> int:
        """Return the value of an option that is larger than it can be: what was chosen earlier if that is not.

        Args:
            name: The option.
            most: The largest value.
            why: The reason for that value.
        """
        choice = self.recorded.get(name)
        if choice is None or choice.value > most:
            choice = Choice(name, most, why)
        self.made = [*(one for one in self.made if one.name != name), choice]
        return int(choice.value)

    def recall(self, name: str) -> Any:
        """Return what was chosen for an option once the models had been measured; None as long as they are not."""
        choice = self.recorded.get(name)
        if choice is None:
            return None
        self.made.append(choice)
        return choice.value
