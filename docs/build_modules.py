"""Generate docs/modules.md, each module with the first line of its docstring: `make docs`."""

from __future__ import annotations

import ast
from pathlib import Path

from segarena.files import write_text

PAGE = Path(__file__).parent / "modules.md"
SOURCE = PAGE.parents[1] / "src" / "segarena"

HEAD = """# Modules

Each file of the package with the first line of its docstring, room by room. For the rooms and their floors see
[Architecture](architecture.md), for one question and its file [Where do I find ...?](where.md).
"""


def page() -> str:
    """The text of docs/modules.md: a heading for each folder, and a line for each of its modules."""
    parts = [HEAD]
    for folder in sorted({path.parent for path in SOURCE.rglob("*.py")}):
        lines = [_line(path) for path in sorted(folder.glob("*.py")) if path.stem not in ("__init__", "__main__")]
        if lines:
            room = folder.relative_to(SOURCE).as_posix()
            parts += [f"## {'Top level' if room == '.' else room}\n", "\n".join(lines) + "\n"]
    return "\n".join(parts)


def _line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(docstring.split("\n\n")[0].split())
    return f"- [`{path.stem}`](../{path.relative_to(SOURCE.parents[1]).as_posix()}): {first}"


if __name__ == "__main__":
    write_text(PAGE, page())
