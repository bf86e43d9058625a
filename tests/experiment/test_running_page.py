"""The page of a comparison while it runs: what it has, what it costs, and what is left of a killed one."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

import segarena
from own_modules import Tiny
from segarena.errors import Interrupted, Queued, RunError
from segarena.experiment import running_page
from segarena.experiment.preview import IMAGES, preview_places
from segarena.experiment.progress import SILENT, TrainingStart
from segarena.files import write_text
from segarena.runs import Run
from segarena.training.state import Step
from support import QUICK

TINY = {name: value for name, value in QUICK.items() if name not in ("encoder", "weights")}
OPTIONS = {**TINY, "models": [("first", Tiny), ("second", Tiny)], "learning_rate": 0.003, "seeds": 1, "threads": 1}


def states(page: str) -> list[str]:
    return re.findall(r'<tr class="(\w+)">', page)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each page that is written while the trainings run; without a pause between them."""
    written: list[str] = []

    def keep(path: Path, text: str) -> None:
        written.append(text)
        write_text(path, text)

    monkeypatch.setattr(running_page, "write_text", keep)
    monkeypatch.setattr(running_page, "LEAST", 0.0)
    monkeypatch.setattr(running_page, "REST", 0.0)
    return written


@pytest.mark.usefixtures("quick_runs", "blank_figures")
@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_page_has_what_is_there_so_far(squares: Path, tmp_path: Path, pages: list[str], jobs: int) -> None:
    found = segarena.compare(squares, out=tmp_path / "out", jobs=jobs, **OPTIONS)
    assert states(pages[0]) == ["waiting", "waiting"]
    assert any("running" in states(page) for page in pages)
    assert states(pages[-1]) == ["done", "done"]
    assert all("Preliminary" in page and found.verdict not in page for page in pages)
    assert all("connect-src" not in page and "default-src 'none'" in page for page in pages)
    assert pages[-1].count("<polyline") == 4  # loss and mIoU of two trainings
    best = found.run("first").history["val_miou"].max()
    assert f"validation mIoU {100 * best:.1f}%" in pages[-1]
    shown = re.findall(r'alt="Prediction of (\w+) for (\w+)"', pages[-1])
    images = [name for model, name in shown if model == "first"]
    assert 0 < len(images) <= IMAGES
    assert images == [name for model, name in shown if model == "second"]
    assert found.verdict.split(".")[0] in (found / "report.html").read_text()
    assert "segarena-place" not in (found / "report.html").read_text()  # the report does not load itself again


@pytest.mark.usefixtures("quick_runs", "blank_figures")
def test_a_page_that_cannot_be_written_ends_no_training(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(path: Path, text: str) -> None:
        raise RunError("no space left on device", where=path, remedy="Free some space")

    monkeypatch.setattr(running_page, "write_text", fail)
    found = segarena.compare(squares, out=tmp_path / "out", **{**OPTIONS, "models": [("first", Tiny)], "epochs": 1})
    shown = "".join(capsys.readouterr())
    assert shown.count("no space left") == 1
    assert len(found.ranking) == 1


@pytest.mark.usefixtures("quick_runs", "blank_figures")
def test_a_stop_is_on_the_page_and_resuming_goes_on_with_it(
    squares: Path, tmp_path: Path, pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = running_page.PageWriter.on_preview

    def stop(self: running_page.PageWriter, *arguments: object) -> None:
        real(self, *arguments)
        raise Interrupted("stopped after epoch 1")

    monkeypatch.setattr(running_page.PageWriter, "on_preview", stop)
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        segarena.compare(squares, out=out, **OPTIONS)
    left = (out / "report.html").read_text()
    assert states(left) == ["stopped", "waiting"]
    assert f"Resume it with: <code>segarena compare --resume {out}" in left
    monkeypatch.setattr(running_page.PageWriter, "on_preview", real)
    pages.clear()
    found = segarena.compare(resume=out, models=OPTIONS["models"])
    pages.clear()
    segarena.compare(resume=out, models=OPTIONS["models"])  # nothing is left to train
    assert pages == []
    assert found.verdict.split(".")[0] in (out / "report.html").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.usefixtures("quick_runs")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_killed_comparison_leaves_a_page_that_tells_what_is_missing(squares: Path, tmp_path: Path) -> None:
    """It is killed by SIGKILL in the second training, in a process of its own."""
    out = tmp_path / "out"

    def compare_until_killed() -> None:
        begin = running_page.PageWriter.on_preview

        def kill(self: running_page.PageWriter, start: TrainingStart, labels: object) -> None:
            begin(self, start, labels)
            if start.run.model == "second":
                os.kill(os.getpid(), signal.SIGKILL)

        running_page.PageWriter.on_preview = kill
        running_page.LEAST = running_page.REST = 0.0
        segarena.compare(squares, out=out, **OPTIONS)

    process = multiprocessing.get_context("fork").Process(target=compare_until_killed)
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL
    page = (out / "report.html").read_text()
    assert page.rstrip().endswith("</html>")
    assert states(page) == ["done", "running"]
    assert "1 of 2 trainings is done" in page
    assert f"segarena compare --resume {out}" in page
    assert not list(out.rglob("*.partial"))


def test_writing_takes_at_most_a_hundredth_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of which a write takes half a second, and a report comes each second for a thousand seconds."""
    now = [0.0]

    def write(path: Path, text: str) -> None:
        now[0] += 0.5

    monkeypatch.setattr(running_page, "write_text", write)
    monkeypatch.setattr(running_page.time, "perf_counter", lambda: now[0])
    classes = SimpleNamespace(palette=lambda: [0] * 768, num_classes=1, names=("sky",))
    split = SimpleNamespace(source=SimpleNamespace(classes=classes), fold=None)
    prepared = SimpleNamespace(splits=[split], source=SimpleNamespace(name="data", classes=classes))
    writer = running_page.PageWriter(prepared, tmp_path, SILENT)
    start = TrainingStart("unet, seed 0", 1, 1, 10, tmp_path, run=Run("unet", 0))
    writer.on_plan([start])
    writer.on_begin(start)
    for second in range(1000):
        now[0] += 1.0
        writer.on_step(start, Step(1, second, 1000, 0.5, 9.0), None)
    assert 0.005 < writer.seconds / now[0] <= 0.0105  # with the first, which is written at once


def test_the_images_are_spread_over_the_split() -> None:
    assert preview_places(100) == [0, 20, 40, 59, 79, 99]
    assert preview_places(3) == [0, 1, 2]
    assert preview_places(0) == []


@pytest.mark.usefixtures("quick_runs", "blank_figures")
def test_queued_trainings_are_not_called_stopped(
    squares: Path, tmp_path: Path, pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = running_page.PageWriter.on_plan

    def queue(self: running_page.PageWriter, starts: Sequence[TrainingStart]) -> None:
        real(self, starts)
        raise Queued(tmp_path / "out", "7", 2, "8")

    monkeypatch.setattr(running_page.PageWriter, "on_plan", queue)
    with pytest.raises(segarena.Queued) as caught:
        segarena.compare(squares, out=tmp_path / "out", **OPTIONS)
    assert caught.value.folder == tmp_path / "out"
    assert "job 8" in str(caught.value)
    assert "Traceback" not in (tmp_path / "out" / "log.txt").read_text()
    left = (tmp_path / "out" / "report.html").read_text()
    assert states(left) == ["waiting", "waiting"]
    assert "queue of SLURM" in left


@pytest.mark.usefixtures("quick_runs", "blank_figures")
def test_a_stopped_addition_leaves_the_finished_page(
    squares: Path, tmp_path: Path, pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    options = {**OPTIONS, "models": [("first", Tiny)], "epochs": 1}
    segarena.compare(squares, out=out, **options)
    finished, written = (out / "report.html").read_bytes(), len(pages)

    def stop(*_: object) -> None:
        raise Interrupted("stopped")

    monkeypatch.setattr(running_page.PageWriter, "on_preview", stop)
    with pytest.raises(Interrupted):
        segarena.compare(resume=out, models=options["models"], seeds=2)
    assert len(pages) > written
    assert (out / "report.html").read_bytes() == finished
