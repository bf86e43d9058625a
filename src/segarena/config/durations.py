"""Lengths of time as they are typed: 45m, 1h30m, 90s."""

from __future__ import annotations

import math
import re

from segarena.errors import ConfigError

_UNITS = {"h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(hours|hour|h|minutes|minute|mins|min|m|seconds|second|secs|sec|s)\s*")


def parse_duration(text: str, where: str) -> float:
    """Return a length of time in seconds.

    Args:
        text: Hours, minutes and seconds, each at most once and in this order.
        where: The option, for the error.

    Raises:
        ConfigError: It is no such text, or no time at all.

    >>> parse_duration("45m", ""), parse_duration("1h30m", ""), parse_duration("90 s", ""), parse_duration("1.5h", "")
    (2700.0, 5400.0, 90.0, 5400.0)
    """
    remedy = "Give hours, minutes or seconds with their unit, such as 45m, 1h30m, 2h or 90s"
    rest, seconds, units = text.strip().lower(), 0.0, ""
    while (found := _PART.match(rest)) is not None:
        units += found[2][0]
        seconds += float(found[1]) * _UNITS[found[2][0]]
        rest = rest[found.end() :]
    if rest or units not in ("h", "m", "s", "hm", "hs", "ms", "hms"):
        what = "has no unit" if re.fullmatch(r"\d+(\.\d+)?", text.strip()) else "is not a length of time"
        raise ConfigError(f"{text!r} {what}", where=where, remedy=remedy)
    if not 0 < seconds < math.inf:
        raise ConfigError(f"{text!r} is not above 0", where=where, remedy=remedy)
    return seconds


def short_duration(seconds: float) -> str:
    """Write a length of time as it is typed, rounded up: to five seconds below five minutes, to minutes above.

    >>> [short_duration(value) for value in (1, 90, 299, 301, 3600, 5000)]
    ['5s', '1m30s', '5m', '6m', '1h', '1h24m']
    """
    step = 5 if seconds <= 300 else 60
    whole = max(1, math.ceil(seconds / step - 1e-9)) * step
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)
