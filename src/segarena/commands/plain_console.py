"""What is printed is shown as it is: names of files and classes never become an emoji or commands of the terminal."""

from __future__ import annotations

from typing import IO, Any

from rich.console import Console
from rich.progress import Task, TextColumn
from rich.text import Text

from segarena.streams import guard, visible


class PlainConsole(Console):
    """A console on which control characters are shown as escapes, see `streams.visible`, in tables too.

    Args:
        options: Those of `rich.console.Console`.
    """

    def __init__(self, **options: Any) -> None:
        # In a notebook rich would display each line on its own, and even what it is to write into a string.
        super().__init__(highlight=False, soft_wrap=True, emoji=False, force_jupyter=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text as rich prints it; called for each message and each cell of a table."""
        return super().render_str(visible(text), **options)


class TerminalConsole(PlainConsole):
    """A console that prints on any terminal, see `streams.guard`; also where no command line was parsed."""

    @property
    def file(self) -> IO[str]:
        """The stream that is written to, of this moment."""
        stream: IO[str] = guard(super().file)
        return stream

    @file.setter
    def file(self, stream: IO[str]) -> None:
        self._file = stream


class PlainColumn(TextColumn):
    """A text beside a bar, without markup; control characters are shown as escapes.

    Args:
        text: The text, in which {task.description} and the like are replaced.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text, markup=False)

    def render(self, task: Task) -> Text:
        """Return the text for a task."""
        return Text(visible(self.text_format.format(task=task)))
