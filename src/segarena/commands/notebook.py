"""Progress in a notebook: one line that changes in place, as cells keep every line that is printed."""

from __future__ import annotations

import sys
import time
from html import escape
from typing import Any

#: Seconds between two changes of the line.
_INTERVAL = 0.3


def in_notebook() -> bool:
    """Whether the program runs in a notebook: Jupyter, VS Code, Colab, ..."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


class LiveLine:
    """A bar and a text below the cell, which change in place and are removed at the end; outside a notebook nothing."""

    def __init__(self, is_shown: bool) -> None:
        self._is_shown = is_shown and in_notebook()
        self._handle: Any = None
        self._shown_at = 0.0

    def show(self, text: str, done: int = 0, total: int | None = None, *, at_once: bool = False) -> None:
        """Change the line.

        Args:
            text: What to show beside the bar.
            done: How much of the work is done.
            total: How much work there is; None for no bar.
            at_once: Show it however soon it follows on the last change.
        """
        if not self._is_shown or (not at_once and time.monotonic() - self._shown_at < _INTERVAL):
            return
        self._shown_at = time.monotonic()
        bar = "" if total is None else f'<progress value="{done}" max="{total}"></progress> '
        self._display(f"<pre>{bar}{escape(text)}</pre>", text)

    def remove(self) -> None:
        """Take the line away."""
        if self._handle is not None:
            self._display("", "")
            self._handle = None

    def _display(self, html: str, text: str) -> None:
        from IPython import display as ipython

        show: Any = ipython.display
        content = {"text/html": html, "text/plain": text}
        if self._handle is None:
            self._handle = show(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
