"""Numbers and lists as text, beside the examples in docstrings: absent values, borders between units, short lists."""

import math
from pathlib import PurePosixPath

import pytest

from segarena import formats


@pytest.mark.parametrize(
    "show",
    [formats.percent, formats.count, formats.giga, formats.milliseconds, formats.mebibytes, formats.duration],
)
@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_an_absent_value_is_a_dash_and_never_a_zero(show, missing: float | None) -> None:
    assert formats.is_missing(missing)
    assert show(missing) == formats.NOTHING


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formats.percent(1.0), "100.0%"),
        (formats.percent(0), "0.0%"),
        (formats.milliseconds(1234.5), "1,234 ms"),
        (formats.mebibytes(1234.4), "1,234 MiB"),
        (formats.small_percent(1.23e-6), "0.00012%"),
        (formats.duration(9.4), "9.4 s"),
        (formats.duration(59.4), "59 s"),
        (formats.duration(59.99), "1 min 00 s"),
        (formats.duration(3599.8), "1 h 00 min"),
        (formats.duration(7620), "2 h 07 min"),
        (formats.shorten("a\n b"), "a b"),
        (formats.shorten("x" * 40, 10), "x" * 9 + "…"),
        (formats.plain({"a": None}), "a: –"),
        (formats.join_words([]), ""),
        (formats.join_words(["a"]), "a"),
        (formats.listing(["a", "b"], most=2), "a, b"),
    ],
)
def test_text_of_numbers_and_lists(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize(
    ("word", "posix", "windows"),
    [
        ("plain.png", "plain.png", "plain.png"),
        ("my run", "'my run'", '"my run"'),
        ("it's", "'it'\"'\"'s'", '"it\'s"'),
        ("a&b", "'a&b'", '"a&b"'),
        ("$HOME", "'$HOME'", "$HOME"),
        ("", "''", '""'),
        (PurePosixPath("-x"), "./-x", "./-x"),
        ("--out", "--out", "--out"),
    ],
)
def test_commands_are_quoted_for_the_shell(word: object, posix: str, windows: str) -> None:
    assert formats.command("segarena", word, windows=False) == f"segarena {posix}"
    assert formats.command("segarena", word, windows=True) == f"segarena {windows}"
