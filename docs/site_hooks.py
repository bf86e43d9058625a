"""What MkDocs has to do besides: the same Markdown files are read on GitHub, in a checkout and on the site.

The root's CONTRIBUTING.md and CHANGELOG.md become pages; a link to a file outside docs/ becomes one to the repository;
list items may be indented as GitHub allows it, by the width of their marker.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
#: Files of the root, and the pages that they become.
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "README.md": "index.md"}

_LINK = re.compile(r"(\]\()([^)#:\s]+)(?=[)#])")
_ITEM = re.compile(r"(\d+\. |[-*] )")
_log = logging.getLogger("mkdocs.hooks.site")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made from files of the root."""
    from mkdocs.structure.files import File

    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        text = link_from_docs((ROOT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, PAGES[name], content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Adapt a page's links and lists."""
    return indent_lists(link_to_repository(markdown, page.file.src_uri, config.repo_url))


def link_from_docs(text: str) -> str:
    """Links of a file in the root as they have to be in docs/."""

    def move(found: re.Match[str]) -> str:
        target = found[2]
        return found[1] + (target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}")

    return _LINK.sub(move, text)


def link_to_repository(text: str, page: str, repository: str) -> str:
    """Links to files that are not on the site: to the page that the file has become, else to the repository.

    A file that does not exist is a warning, which is an error in a strict build.
    """
    folder = (ROOT / "docs" / page).parent

    def point(found: re.Match[str]) -> str:
        path = (folder / found[2]).resolve()
        if "://" in found[2] or (path.is_relative_to(ROOT / "docs") and path.suffix != ".py"):
            return found[0]
        if not path.exists():
            _log.warning("%s links to %s, which does not exist", page, found[2])
        name = path.relative_to(ROOT).as_posix()
        return found[1] + (
            "../" * page.count("/") + PAGES[name]
            if name in PAGES
            else f"{repository}/{'tree' if path.is_dir() else 'blob'}/main/{name}"
        )

    return _LINK.sub(point, text)


def indent_lists(text: str) -> str:
    """Indent the content of list items by four spaces, as Python-Markdown requires, not by the marker's width."""
    lines, width, fenced = [], 0, False
    for line in text.split("\n"):
        inside = bool(width) and (line.startswith(" " * width) or not line)
        if not inside and not fenced:
            item = _ITEM.match(line)
            width = len(item[1]) if item else 0
        if line.lstrip().startswith("```"):
            fenced = not fenced
        lines.append(" " * 4 + line[width:] if inside and line else line)
    return "\n".join(lines)
