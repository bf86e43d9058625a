"""The look of the pages' figures: that of the reports, in the one font that matplotlib itself brings along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib

from segarena.reporting.style import theme

#: Reports prefer fonts of the machine; a figure of a page has to be the same on every machine.
FONT = "DejaVu Sans"


@contextmanager
def page_theme() -> Iterator[None]:
    """Draw in the reports' theme, in `FONT`; the caller's matplotlib settings are restored afterwards."""
    with theme(), matplotlib.rc_context({"font.family": FONT}):
        yield
