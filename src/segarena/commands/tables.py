"""Tables of commands: columns without lines, numbers at the right."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.table import Table


def new_table(titles: Sequence[str], *, left: Collection[str] = ()) -> Table:
    """Return a table without rows.

    Args:
        titles: The titles of its columns.
        left: Those of columns with words, which begin at the left; the others have numbers.
    """
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, justify="left" if title in left else "right")
    return table
