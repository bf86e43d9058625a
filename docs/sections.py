"""The parts of a page that a program writes: between `<!-- generated: NAME -->` and the next `<!-- end -->`."""

from __future__ import annotations

import re


def insert(page: str, sections: dict[str, str]) -> str:
    """Put each section between its markers. Raises ValueError where the page has none for it."""
    for name, text in sections.items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        page, count = re.subn(pattern, lambda found, text=text: found[1] + text + found[2], page, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{count} places for {name} in the page")
    return page
