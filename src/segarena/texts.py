"""Small text files as people and tools save them: any common encoding, and YAML whose words stay words."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Hashable, Iterable
from typing import Any

import yaml

#: Byte order marks, the longer ones first: that of UTF-16 is the beginning of that of UTF-32.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: `#804080` as a value, which YAML takes for a comment: after a colon, a bracket, a comma or a dash.
_BARE_HEX = re.compile(r"(?m)((?:[:\[,]|^\s*-)\s+|\[)(#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3}))(?=\s*(?:[,}\]]|$|\s#))")


def is_lfs_pointer(content: bytes) -> bool:
    """Whether this is what git-lfs puts in place of a file that was not fetched: a text of three lines."""
    return content.startswith(b"version https://git-lfs")


def csv_rows(lines: Iterable[str], delimiter: str = ",") -> list[list[str]]:
    """Return the cells of each row of a table.

    Args:
        lines: Its lines, without their ends.
        delimiter: What separates the cells.

    Raises:
        ValueError: The lines are no CSV, e.g. a cell has more than 131,072 characters.
    """
    try:
        return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise ValueError(f"no CSV: {error}") from error


def decode_text(content: bytes) -> str:
    r"""Decode the bytes of a text file.

    UTF-8, UTF-16 or UTF-32 by their byte order marks; UTF-16 without one by its zero bytes; else UTF-8; else the
    Windows code page cp1252, in which a German or French Excel saves.

    Args:
        content: The bytes.

    Raises:
        UnicodeError: The bytes are not text, neither in the encoding that their mark names nor in UTF-8.

    >>> decode_text("Fläche".encode("cp1252")), decode_text("Fläche".encode("utf-16"))
    ('Fläche', 'Fläche')
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                return content.decode()  # the mark was none
    half = len(content) // 2
    if half > 1 and len(content) % 2 == 0:
        if content[1::2].count(0) > 0.8 * half:
            return content.decode("utf-16-le")
        if content[::2].count(0) > 0.8 * half:
            return content.decode("utf-16-be")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def parse_yaml(text: str) -> Any:
    """Parse YAML in which each scalar is a string as it is written: `no` and `012` are words, not False and ten.

    Colours may be bare, `color: #804080`, and lines may be indented with tabs.

    Args:
        text: The content of a file.

    Returns:
        Dictionaries, lists and strings.

    Raises:
        yaml.YAMLError: It is not YAML, or a key is given twice.
        ValueError: As yaml.YAMLError, from inside the parser.
        RecursionError: It is nested too deeply.

    >>> parse_yaml("classes: [{name: no, color: #804080}]")
    {'classes': [{'name': 'no', 'color': '#804080'}]}
    """
    text = _BARE_HEX.sub(r'\1"\2"', text)
    try:
        return yaml.load(text, Loader=_Words)
    except yaml.scanner.ScannerError:
        if "\t" not in text:
            raise
        return yaml.load(text.expandtabs(4), Loader=_Words)


def yaml_problem(error: Exception) -> str:
    """Return the message of a YAML parser, which spans several lines, in one."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


class _Words(yaml.BaseLoader):
    """A loader of strings, lists and dictionaries that refuses a key that is given twice, and repeats only words.

    Aliases of lists, nested in each other, are a few bytes that become gigabytes.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node. Raises ComposerError for an alias of a list or a dictionary."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            if isinstance(self.anchors.get(event.anchor), yaml.CollectionNode):
                problem = f"the alias *{event.anchor} repeats a list or keys, write them out"
                raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return the dictionary of a node. Raises ConstructorError for a key that is given twice."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"the key {key.value!r} is given twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)
