"""The source of segarena as data: which modules there are, and which imports which."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

_Key, _Value = TypeVar("_Key"), TypeVar("_Value")


class Lazy(Mapping[_Key, _Value]):
    """Values that are computed when they are asked for: most processes that collect these tests do not run them."""

    def __init__(self, keys: Iterable[_Key], compute: Callable[[_Key], _Value]) -> None:
        self._compute = compute
        self._found: dict[_Key, _Value | None] = dict.fromkeys(keys)

    def __getitem__(self, key: _Key) -> _Value:
        value = self._found[key]
        if value is None:
            value = self._found[key] = self._compute(key)
        return value

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "segarena"

FILES = {
    ".".join(("segarena", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = Lazy(FILES, lambda module: parse(FILES[module]))


def imports(module: str) -> set[str]:
    """The modules of segarena that a file imports anywhere, inside functions and under TYPE_CHECKING too.

    `from segarena.x import y` is an import of the module segarena.x.y where there is one, and of segarena.x otherwise.
    So `import segarena` and `from segarena import __version__` are imports of the package's own file.
    """
    found: set[str] = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: write imports in full"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in FILES else f"{node.module}" for name in names}
    return {name for name in found if is_in(name, "segarena")}


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def room(module: str, package: str = "segarena") -> str:
    """The part of a package that a module is in; the package's own file is the room `__init__`."""
    return module.removeprefix(package).removeprefix(".").partition(".")[0] or "__init__"


IMPORTS = Lazy(FILES, imports)


def reached(*modules: str) -> set[str]:
    """These modules and all that they import, directly or not."""
    found, new = set(), set(modules)
    while new:
        found |= new
        new = {name for module in new for name in IMPORTS[module]} - found
    return found


def docstrings(tree: ast.Module) -> set[ast.AST]:
    """The values that are statements of their own: docstrings, and the help texts of options."""
    return {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
