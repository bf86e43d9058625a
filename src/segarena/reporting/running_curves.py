"""Curves of trainings that are not finished, as SVG text: drawn in a millisecond, where matplotlib takes a second."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from segarena.reporting.style import INK, MUTED, RULE

#: The size of a chart, and the place of its axes in it.
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 460, 260, 52, 12, 30, 34
#: Values that are further apart than by this factor are drawn on a logarithmic axis.
_LOG_SPREAD = 12.0
#: Points of a line at most: more are no wider than a pixel.
_MOST_POINTS = 400


@dataclass(frozen=True)
class Line:
    """The values of one training.

    Args:
        name: The training.
        color: Its model's colour.
        points: Epochs and values, those that are finite.
        best: The epoch that is marked; None without.
    """

    name: str
    color: str
    points: Sequence[tuple[int, float]]
    best: int | None = None


def draw_curves(
    title: str,
    lines: Sequence[Line],
    epochs: int,
    write: Callable[[float], str] = "{:g}".format,
    *,
    may_be_log: bool = False,
) -> Markup:
    """Return a chart of values over epochs.

    Args:
        title: What the values are.
        lines: A line for each training that has a value.
        epochs: The last epoch of the axis.
        write: Writes a value as text.
        may_be_log: Whether the axis is logarithmic where the values are far apart.
    """
    values = [value for line in lines for _, value in line.points if math.isfinite(value)]
    highest, lowest = max(values, default=1.0), min(values, default=0.0)
    is_log = may_be_log and lowest > 0 and highest > _LOG_SPREAD * lowest
    ticks = _log_ticks(lowest, highest) if is_log else _ticks(highest)
    low, high = (min(lowest, ticks[0]), max(highest, ticks[-1])) if is_log else (0.0, max(highest, ticks[-1]))
    last = max(2, epochs)

    def x(epoch: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * epoch / last, 1)

    def y(value: float) -> float:
        share = math.log(value / low) / math.log(high / low) if is_log else value / high
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share, 1)

    parts = [f'<text x="{_LEFT}" y="16" fill="{INK}" font-weight="600">{escape(title)}</text>']
    for tick in ticks:
        parts.append(f'<path d="M{_LEFT} {y(tick)}H{_WIDTH - _RIGHT}" stroke="{RULE}"/>')
        parts.append(_label(_LEFT - 7, y(tick) + 4, write(tick), "end"))
    for tick in _ticks(last, whole=True):
        parts.append(_label(x(tick), _HEIGHT - _BOTTOM + 17, f"{tick:g}", "middle"))
    parts.append(_label((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 4, "epoch", "middle"))
    for line in lines:
        points = [
            (epoch, value) for epoch, value in line.points if math.isfinite(value) and not (is_log and value <= 0)
        ]
        step = -(-len(points) // _MOST_POINTS) or 1
        kept = points[::-step][::-1]  # with the last one
        path = " ".join(f"{x(epoch)},{y(value)}" for epoch, value in kept)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{line.color}" stroke-width="1.8" stroke-linejoin="round">'
            f"<title>{escape(line.name)}</title></polyline>"
        )
        marked = [point for point in points if point[0] == line.best] or (points if len(points) == 1 else [])
        parts += [f'<circle cx="{x(e)}" cy="{y(v)}" r="3.6" fill="{line.color}"/>' for e, v in marked]
    values_so_far = "; ".join(
        f"{line.name}: {write(line.points[-1][1])} in epoch {line.points[-1][0]}" for line in lines
    )
    name = escape(f"{title}. {values_so_far or 'no epoch has ended yet'}")
    return Markup(
        f'<svg class="drawing" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}"'
        f' font-size="12" font-family="sans-serif">{"".join(parts)}</svg>'
    )


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" fill="{MUTED}" text-anchor="{anchor}">{escape(text)}</text>'


def _ticks(highest: float, *, whole: bool = False) -> list[float]:
    """Round values from 0 to about the highest one, five or so.

    >>> _ticks(0.62)
    [0.0, 0.2, 0.4, 0.6]
    >>> _ticks(7, whole=True)
    [0, 2, 4, 6]
    """
    if not (highest > 0 and math.isfinite(highest)):
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(highest / 4))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * 5 >= highest)
    if whole:
        size = max(1, round(step))
        return list(range(0, math.floor(highest) + 1, size))
    return [round(number * step, 12) for number in range(math.floor(highest / step + 1e-9) + 1)]


def _log_ticks(lowest: float, highest: float) -> list[float]:
    """The powers of ten, and twice and five times them, around some values.

    >>> _log_ticks(0.06, 1.5)
    [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
    """
    powers = range(math.floor(math.log10(lowest)), math.floor(math.log10(highest)) + 2)
    every = [float(f"{factor}e{power}") for power in powers for factor in (1, 2, 5)]
    first = max((place for place, tick in enumerate(every) if tick <= lowest), default=0)
    last = next((place for place, tick in enumerate(every) if tick >= highest), len(every) - 1)
    chosen = every[first : last + 1]
    return chosen if len(chosen) <= 7 else [tick for tick in chosen if f"{tick:e}".startswith("1")] or chosen[::3]
