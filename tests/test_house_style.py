"""How source, tests and documents are written: what can be checked without running them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from source_code import FILES, PACKAGE, ROOT, TREES, Lazy

TESTS = Lazy(sorted((ROOT / "tests").rglob("*.py")), lambda path: path.read_text(encoding="utf-8"))
PROSE = [
    *(path for kind in ("py", "html", "js") for path in PACKAGE.rglob(f"*.{kind}")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]

#: Words that papers and libraries do not use, or not in this sense, as regular expressions, and what they write.
INSTEAD_OF = {
    "anew": "again",
    "anybody's guess": "unknown",
    "born": "-",
    "by heart": "overfits",
    "called like": "has the name of",
    "can(not)? be had": "could not be downloaded",
    "dealt": "assigned",
    "departs:": "Differences from the paper:",
    "go(es)? on with": "resume",
    "hears?": "is called with",
    "hungriest": "maximum",
    "is nothing that": "does not support",
    "knows": "-",
    "lies? (in|on disk)": "is in",
    "mend(s|ed|ing)?": "fix",
    r"(?<!there\s)is no (COCO|CVAT|JPEG|annotation|class|file|folder|image|list|mask)": "is not a",
    "pulls? (\\w+ )*apart": "separate, score differently",
    "said|says": "is, names, shows",
    "so many": "this number of",
    "st(and|ands|ood) (in|on|there)": "is, use",
    "strikes?|struck": "remove",
    "the same as it is defined": "reference implementation",
    "tells|told": "shows, reported",
    "torn apart": "split across",
}


def test_names_of_tests_are_under_70_characters() -> None:
    assert not named((path, name) for path, text in TESTS.items() for name in re.findall(r"def (test_\w{65,})\(", text))


def named(found: Iterable[tuple[Path, str]]) -> set[str]:
    return {f"{path.relative_to(ROOT)}: {what}" for path, what in found}


def test_no_two_files_of_tests_have_one_name() -> None:
    names = Counter(path.name for path in TESTS if path.name.startswith("test_"))
    assert not [name for name, files in names.items() if files > 1]


def test_files_of_tests_have_at_most_350_lines() -> None:
    lengths = {path: len(text.splitlines()) for path, text in TESTS.items()}
    assert not named((path, f"{lines} lines") for path, lines in lengths.items() if lines > 350)


def test_errors_are_checked_by_their_parts_and_not_by_sentences() -> None:
    """`support.refuses` checks kind, place and value; `pytest.raises(match=...)` is for a few words."""
    trees = {path: ast.parse(text) for path, text in TESTS.items() if "match=" in text}
    assert not named((path, text) for path, tree in trees.items() for text in matched(tree) if len(text) > 40)


def matched(tree: ast.Module) -> Iterator[str]:
    """What `pytest.raises` is to match; of an f-string the parts that are written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "raises":
            for keyword in node.keywords:
                if keyword.arg == "match":
                    parts = [part for part in ast.walk(keyword.value) if isinstance(part, ast.Constant)]
                    yield "".join(str(part.value) for part in parts)


def test_what_is_public_has_a_docstring() -> None:
    """A method that does what torch documents, or a method of the same name in another class, needs none of its own."""
    classes = [node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    documented = {"forward", "make_params", "transform"}
    documented |= {node.name for scope in classes for node in public(scope) if ast.get_docstring(node)}
    bare = [
        (FILES[module], node.name)
        for module, tree in TREES.items()
        for scope in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
        for node in public(scope)
        if not ast.get_docstring(node) and (scope is tree or node.name not in documented)
    ]
    assert not named(bare)


def public(scope: ast.Module | ast.ClassDef) -> list[ast.FunctionDef | ast.ClassDef]:
    nodes = [node for node in scope.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [node for node in nodes if not node.name.startswith("_")]


def test_words_are_those_of_the_field() -> None:
    pattern = re.compile(rf"\b(?:{'|'.join(INSTEAD_OF)})(?!\w)", re.IGNORECASE)
    found = [(path, match[0]) for path in PROSE for match in pattern.finditer(path.read_text())]
    assert not named(found)
