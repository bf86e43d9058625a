import math

import pytest

from segarena import formats


@pytest.mark.parametrize(("fraction", "text"), [(0.532, "53.2%"), (1.0, "100.0%"), (0, "0.0%")])
def test_scores_are_percent_only_for_people(fraction: float, text: str) -> None:
    assert formats.percent(fraction) == text


@pytest.mark.parametrize("show", [formats.percent, formats.count, formats.giga, formats.milliseconds])
@pytest.mark.parametrize("missing", [None, math.nan])
def test_what_was_not_measured_is_a_dash_and_never_a_zero(show, missing: float | None) -> None:
    assert show(missing) == formats.NOTHING


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formats.count(14_328_209), "14.3 M"),
        (formats.count(999), "999"),
        (formats.giga(2.35e10), "23.5 G"),
        (formats.giga(4.2e7), "0.0420 G"),
        (formats.milliseconds(1234.5), "1,234 ms"),
        (formats.mebibytes(1234.4), "1,234 MiB"),
        (formats.duration(42), "42.0 s"),
        (formats.duration(59.99), "60.0 s"),
        (formats.duration(75), "1 min 15 s"),
        (formats.duration(3599.8), "1 h 00 min"),
        (formats.duration(7620), "2 h 07 min"),
    ],
)
def test_costs_have_units_and_three_digits(text: str, expected: str) -> None:
    assert text == expected


def test_a_long_name_is_cut_and_stays_on_one_line() -> None:
    assert formats.shorten("a\n b") == "a b"
    assert formats.shorten("x" * 40, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (True, "yes"), ([0, 1], "0, 1"), (1e-3, "0.001"), ({"a": None}, "a: –")]
)
def test_a_setting_reads_like_text(value: object, text: str) -> None:
    assert formats.plain(value) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formats.small_percent(0.0712), "7.1%"),
        (formats.small_percent(0.0007), "0.07%"),
        (formats.plural(1, "image"), "1 image"),
        (formats.plural(1234, "image"), "1,234 images"),
        (formats.plural(2, "class"), "2 classes"),
        (formats.join_words([]), ""),
        (formats.join_words(["a"]), "a"),
        (formats.join_words(["a", "b", "c"]), "a, b and c"),
        (formats.listing(["a", "b", "c"], most=2), "a, b and 1 more"),
    ],
)
def test_shares_numbers_and_lists_as_text(text: str, expected: str) -> None:
    assert text == expected
