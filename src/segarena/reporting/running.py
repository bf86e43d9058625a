"""The page of a comparison that is not finished: its trainings, their curves and predictions so far; no verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from segarena._version import __version__
from segarena.formats import percent, plural, rough_duration
from segarena.reporting.gallery import Picture
from segarena.reporting.running_curves import Line, draw_curves
from segarena.reporting.sections import find_template
from segarena.reporting.style import ModelStyle

#: Seconds between two times that an open page loads itself again: while trainings run, and after a stop.
RELOAD, RELOAD_STOPPED = 10, 60
State = Literal["waiting", "running", "done", "failed", "stopped"]
_STATES = {"waiting": "waiting", "running": "running", "done": "done", "failed": "failed", "stopped": "stopped"}


@dataclass
class RunSoFar:
    """A training so far.

    Args:
        title: The training, e.g. "U-Net, seed 0".
        model: Its model.
        epochs: Epochs if it is not stopped early.
        state: Whether it waits, runs, is done, failed or was stopped.
        history: Training loss and validation mIoU (0..1, NaN where undefined) of each epoch, by its number.
        place: The progress within the present epoch, in words.
        note: Why it failed or was restarted; "" without.
        is_part: Whether it is trained on a part of the training images; then it is in no figure.
    """

    title: str
    model: str
    epochs: int
    state: State = "waiting"
    history: dict[int, tuple[float, float]] = field(default_factory=dict)
    place: str = ""
    note: str = ""
    is_part: bool = False

    @property
    def best(self) -> tuple[int, float] | None:
        """The epoch with the highest validation mIoU, the first of equal ones, and the mIoU; None without one."""
        known = [(-miou, epoch) for epoch, (_, miou) in self.history.items() if miou >= 0]
        return (min(known)[1], -min(known)[0]) if known else None

    @property
    def done(self) -> int:
        """Number of epochs that have ended."""
        return max(self.history, default=0)


@dataclass(frozen=True)
class PreviewRow:
    """An image of the page with its labels.

    Args:
        name: Its name.
        pictures: The image, its true classes, and what models predict, each with a heading.
    """

    name: str
    pictures: Sequence[tuple[str, Picture]]


@dataclass(frozen=True)
class RunningPage:
    """What the page shows.

    Args:
        name: The data.
        state: What the command does: it trains, compares, waits in a queue, or was stopped.
        runs: The trainings, in their order.
        styles: How each model looks.
        seconds_left: The estimate for all trainings; None where there is none.
        resume: The command that resumes the comparison.
        rebuild: The command that rebuilds the page of an earlier result in the folder; None where there is none.
        previews: The images with predictions.
        classes: The name of each class and its colour in them, as "#rrggbb".
        why: Why it was stopped.
    """

    name: str
    state: Literal["running", "comparing", "queued", "stopped"]
    runs: Sequence[RunSoFar]
    styles: Mapping[str, ModelStyle]
    seconds_left: float | None
    resume: str
    rebuild: str | None = None
    previews: Sequence[PreviewRow] = ()
    classes: Sequence[tuple[str, str]] = ()
    why: str = ""

    @property
    def headline(self) -> str:
        """How far the comparison is."""
        done = sum(run.state == "done" for run in self.runs)
        if self.state == "comparing":
            return "The trainings are over. The scores are being compared."
        verb = "is" if done == 1 else "are"
        return f"{done} of {plural(len(self.runs), 'training')} {verb} done"

    @property
    def left(self) -> str:
        """The time that is left; "" where it is not known."""
        if self.state != "running" or not self.seconds_left:
            return ""
        return f"At most about {rough_duration(self.seconds_left)} left for all trainings"

    @property
    def missing(self) -> str:
        """What is not there yet, in words."""
        counts = Counter(run.state for run in self.runs)
        parts = [f"{counts[state]} {_STATES[state]}" for state in ("running", "stopped", "waiting", "failed")]
        return ", ".join(part for part in parts if not part.startswith("0 "))


def _percents(fraction: float) -> str:
    """A fraction in percent with three digits: of 60 classes, the first values are below 2%.

    >>> _percents(0.005), _percents(0.4)
    ('0.5%', '40%')
    """
    return f"{100 * fraction:.3g}%"


def render_running(page: RunningPage) -> str:
    """Return the page as HTML: one file, which makes no request and loads itself again as long as it is not finished.

    Args:
        page: What it shows.
    """
    started = [run for run in page.runs if run.history and not run.is_part]
    epochs = max((run.epochs for run in started), default=1)
    scores, losses = (
        [
            Line(
                run.title,
                page.styles[run.model].color,
                [(epoch, pair[which]) for epoch, pair in sorted(run.history.items()) if pair[which] == pair[which]],
                None if run.best is None else run.best[0],
            )
            for run in started
        ]
        for which in (1, 0)
    )
    return find_template("running.html.j2").render(
        page=page,
        version=__version__,
        written=round(time.time()),
        clock=time.strftime("%Y-%m-%d %H:%M:%S"),
        reload=RELOAD_STOPPED if page.state in {"queued", "stopped"} else RELOAD,
        curves=[
            draw_curves("Validation mIoU", [line for line in scores if line.points], epochs, _percents),
            draw_curves("Training loss", [line for line in losses if line.points], epochs, may_be_log=True),
        ],
        percent=percent,
        models=[style for name, style in page.styles.items() if any(run.model == name for run in started)],
    )
