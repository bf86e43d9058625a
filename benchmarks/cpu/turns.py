"""What the measurements on a CPU share: ways that take turns, the ratios within a turn, and one row for each work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

Way = Callable[[], object]
Row = dict[str, Any]
#: The ways of each work: ours, and the peer as its documentation shows it, or tuned as its users could.
OURS, DOCUMENTED, TUNED = "ours", "documented", "tuned"
PEERS = (DOCUMENTED, TUNED)


#: The clocks of `--clock`: that of the wall, or the processor time of this process, on which other programs have less
#: effect where one thread computes.
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "processor": time.process_time}
#: The one that is used.
clock = CLOCKS["wall"]


def take_turns(ways: Mapping[str, Way], *, rounds: int, seconds: float = 60.0) -> dict[str, list[float]]:
    """Time ways in turn, ours, peer, ours, peer, so that other work of the machine affects all of them.

    Args:
        ways: The ways by name.
        rounds: Turns that are counted, after one that is not.
        seconds: After this time no further turn is begun, once three are counted.

    Returns:
        The seconds of each turn, by name.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    begun = time.perf_counter()
    for turn in range(rounds + 1):
        if turn > 3 and time.perf_counter() - begun > seconds:
            break
        for name, way in ways.items():
            start = clock()
            way()
            if turn:
                found[name].append(clock() - start)
    return found


def compare(times: Mapping[str, list[float]]) -> Row:
    """Our median time in ms, and of each peer the median, the lowest and the highest ratio within a turn, to ours.

    >>> compare({"ours": [1.0, 2.0, 1.0], "tuned": [2.0, 2.0, 3.0]})
    {'ours_ms': 1000.0, 'turns': 3, 'tuned': [2.0, 1.0, 3.0]}
    """
    ours = times[OURS]
    row: Row = {"ours_ms": round(1000 * median(ours), 2), "turns": len(ours)}
    for name in PEERS:
        if name in times:
            ratios = [theirs / mine for theirs, mine in zip(times[name], ours, strict=True)]
            row[name] = [round(value(ratios), 3) for value in (median, min, max)]
    return row
