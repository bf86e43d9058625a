"""Write the page of a comparison while its trainings run, in at most a hundredth of the time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segarena.errors import DataError, Interrupted, Queued, RunError, SegarenaError
from segarena.experiment.prepared import Prepared, PreparedSplit
from segarena.experiment.preview import LONGEST_SIDE, preview_places, preview_step
from segarena.experiment.progress import Reporter, TrainingStart
from segarena.experiment.watching import Watcher
from segarena.files import write_bytes, write_text
from segarena.formats import command, percent, resume_line
from segarena.records.comparison import ComparisonRecord
from segarena.records.metrics import RESTARTS
from segarena.reporting.gallery import Picture, embed
from segarena.reporting.label_maps import encode_labels, encode_photo
from segarena.reporting.running import PreviewRow, RunningPage, RunSoFar, render_running
from segarena.reporting.style import model_styles
from segarena.training.checkpoint import HISTORY

if TYPE_CHECKING:
    from segarena.training.state import Step

#: Seconds between two writes at least, and as a multiple of what the last one took.
LEAST, REST = 2.0, 100.0


class PageWriter(Watcher):
    """Keeps what the trainings report, and writes report.html from it.

    It is written after each epoch, each training, and about once a second within an epoch; but while trainings run not
    sooner than `REST` times the duration of the last write after it. A page that cannot be written ends no training.

    Args:
        prepared: The data.
        folder: The comparison folder.
        reporter: Receives a warning where the page cannot be written.
    """

    def __init__(self, prepared: Prepared, folder: Path, reporter: Reporter) -> None:
        self._split, self._name = prepared.splits[0], prepared.source.name
        classes = prepared.source.classes
        colors = [classes.palette()[3 * label : 3 * label + 3] for label in range(classes.num_classes)]
        self._classes = [
            (name, "#{:02x}{:02x}{:02x}".format(*color)) for name, color in zip(classes.names, colors, strict=True)
        ]
        self._path, self._reporter = folder / "report.html", reporter
        self._resume = resume_line("compare", folder)
        has_result = (folder / ComparisonRecord.file).exists()
        self._rebuild = command("segarena", "report", folder) if has_result else None
        self._finished = self._path.read_bytes() if has_result and self._path.exists() else None
        self._runs: dict[str, RunSoFar] = {}
        self._labels: dict[str, tuple[float, Sequence[NDArray[np.uint8]]]] = {}
        self._shown: dict[str, tuple[float, list[Picture]]] = {}
        self._truth: list[tuple[str, Picture, Picture]] | None = None
        self._seconds_left: float | None = None
        self._next, self._is_written = 0.0, False
        self.seconds = 0.0
        """What writing has taken."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write the page as long as the block runs; at its end the page has how it ended.

        Where models or seeds are added to a finished comparison and the block ends with an error, the page is again the
        one before.
        """
        try:
            yield
        except Queued:
            self._write("queued")
            raise
        except BaseException as error:
            for run in self._runs.values():
                if run.state == "running":
                    run.state, run.place = "stopped", ""
            if self._is_written and self._finished is not None:
                with suppress(SegarenaError):  # the error that ended the block is the one to show
                    write_bytes(self._path, self._finished)
            else:
                self._write("stopped", str(error) if isinstance(error, Interrupted) else type(error).__name__)
            raise
        self._write("comparing")

    def on_plan(self, starts: Sequence[TrainingStart]) -> None:
        """Write the page with the trainings that are waiting; not where all are finished."""
        if all(start.is_finished for start in starts):
            return
        for start in starts:
            state: Literal["done", "waiting"] = "done" if start.is_finished else "waiting"
            self._runs[start.title] = RunSoFar(
                start.title,
                start.run.model,
                start.epochs,
                state,
                read_history(start.folder),
                is_part=start.run.fraction is not None,
            )
        self._is_written = True
        self._write("running")

    def on_begin(self, start: TrainingStart) -> None:
        run = self._runs[start.title]
        run.state = "running"
        run.history = read_history(start.folder)  # of an earlier call
        self._seconds_left = start.seconds_left or self._seconds_left
        self._write_if_due()

    def on_step(self, start: TrainingStart, step: Step, seconds_left: float | None) -> None:
        self._runs[start.title].place = f"epoch {step.epoch}, step {step.step} of {step.steps}"
        self._seconds_left = seconds_left or self._seconds_left
        self._write_if_due()

    def on_epoch(
        self,
        start: TrainingStart,
        row: Mapping[str, Any],
        ious: Mapping[str, float],
        is_best: bool,
        seconds_left: float | None,
    ) -> None:
        run = self._runs[start.title]
        run.history[int(row["epoch"])] = (float(row["train_loss"]), float(row["val_miou"]))
        run.place = ""
        self._seconds_left = seconds_left or self._seconds_left
        if not is_best:  # otherwise its predictions come next
            self._write_if_due()

    def on_preview(self, start: TrainingStart, labels: Sequence[NDArray[np.uint8]]) -> None:
        if start.run.fraction is not None:
            return
        best = self._runs[start.title].best
        model, fold = start.run.model, start.run.fold
        if best is not None and fold == self._split.fold and best[1] >= self._labels.get(model, (-1.0,))[0]:
            self._labels[model] = (best[1], labels)
        self._write_if_due()

    def on_restart(self, start: TrainingStart, why: str) -> None:
        run = self._runs[start.title]
        run.history.clear()
        run.note = f"restarted at a third of the learning rate: it {RESTARTS[why]}"
        if start.run.fold == self._split.fold and start.run.fraction is None:
            self._labels.pop(start.run.model, None)
        self._write_if_due()

    def on_end(self, start: TrainingStart, error: str | None) -> None:
        run = self._runs[start.title]
        run.state, run.place = ("done", "") if error is None else ("failed", "")
        run.note = run.note if error is None else error
        self._write("running")

    def _write_if_due(self) -> None:
        if time.perf_counter() >= self._next:
            self._write("running")

    def _write(self, state: Literal["running", "comparing", "queued", "stopped"], why: str = "") -> None:
        if not self._is_written:
            return
        begun = time.perf_counter()
        models = list(dict.fromkeys(run.model for run in self._runs.values()))
        page = RunningPage(
            name=self._name,
            state=state,
            runs=list(self._runs.values()),
            styles=model_styles(models),
            seconds_left=self._seconds_left,
            resume=self._resume,
            rebuild=self._rebuild,
            previews=self._previews(models),
            classes=self._classes,
            why=why,
        )
        try:
            write_text(self._path, render_running(page))
        except RunError as error:
            self._is_written = False
            self._reporter.warn(f"the page is not written while the trainings run: {error}")
        now = time.perf_counter()
        self.seconds += now - begun
        self._next = now + max(LEAST, REST * (now - begun))

    def _previews(self, models: Sequence[str]) -> list[PreviewRow]:
        """The images with what the models predict; none before the first prediction."""
        if not self._labels:
            return []
        if self._truth is None:
            self._truth = _read_images(self._split)
        palette, styles = self._split.source.classes.palette(), model_styles(models)
        for model, (miou, labels) in self._labels.items():
            if self._shown.get(model, (None,))[0] != miou:
                alt = f"Prediction of {styles[model].label} for"
                self._shown[model] = (
                    miou,
                    [
                        embed(encode_labels(one, palette), f"{alt} {name}")
                        for one, (name, _, _) in zip(labels, self._truth, strict=False)
                    ],
                )
        rows = []
        for place, (name, photo, truth) in enumerate(self._truth):
            pictures = [("image", photo), ("true classes", truth)]
            for model in models:
                if model in self._shown and place < len(self._shown[model][1]):
                    miou, shown = self._shown[model]
                    pictures.append((f"{styles[model].label}, validation mIoU {percent(miou)}", shown[place]))
            rows.append(PreviewRow(name, pictures))
        return rows


def read_history(folder: Path) -> dict[int, tuple[float, float]]:
    """Return training loss and validation mIoU of the epochs that a run folder has; none where they cannot be read."""
    try:
        table = pd.read_csv(folder / HISTORY)
        return {
            int(epoch): (float(loss), float(miou))
            for epoch, loss, miou in zip(table["epoch"], table["train_loss"], table["val_miou"], strict=True)
        }
    except (OSError, ValueError, KeyError):
        return {}


def _read_images(split: PreparedSplit) -> list[tuple[str, Picture, Picture]]:
    """The name of each validation image that is shown, the image and its true classes; none where one is not there."""
    source, palette = split.source, split.source.classes.palette()
    found = []
    for place in preview_places(len(split.splits.val)):
        index = split.splits.val[place]
        name = source.samples[index].name
        try:
            image, truth = source.read(index)
        except DataError:  # the training reports it
            return []
        shown = source.shown(image)
        step = preview_step(*truth.shape)
        labels = np.ascontiguousarray(truth[step // 2 :: step, step // 2 :: step])
        found.append(
            (
                name,
                embed(encode_photo(shown, LONGEST_SIDE), f"Image {name}"),
                embed(encode_labels(labels, palette), f"True classes of {name}"),
            )
        )
    return found
