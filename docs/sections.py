"""The generated parts of a page: between `<!-- generated: NAME -->` and the next `<!-- end -->`."""

from __future__ import annotations

import re


def insert(page: str, sections: dict[str, str]) -> str:
    """Replace the text between markers by the section of that name. Raises ValueError where the page has no markers."""
    for name, text in sections.items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        page, count = re.subn(pattern, lambda found, text=text: found[1] + text + found[2], page, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{count} places for {name} in the page")
    return page
