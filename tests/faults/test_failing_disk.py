"""Each operation of each command on a disk that is full, broken, gone or read-only: one message, nothing half written.

`make test` tries a few operations of each command, `make test-faults` all of them.
"""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import segarena
from faults.killer import left_over
from faults.layer import CODES, LASTING, Disk, Operation, Place
from segarena.errors import RunError
from segarena.exporting.target import written_whole
from segarena.files import UNWRITABLE
from segarena.scenes.synthetic import SyntheticSource, write_scenes
from segarena.training.costs import measure_latency
from support import QUICK, write_squares

pytestmark = pytest.mark.usefixtures("quick_runs", "blank_figures")
SAME = ("metrics.json", "best.safetensors", "images.csv")


class Bench:
    """What the commands work on: data, a run, and a comparison."""

    def __init__(self, root: Path) -> None:
        self.data, self.run, self._compared = root / "data", root / "run", root / "compared"
        write_squares(self.data, 8)
        segarena.train(self.data, model="unet", out=self.run, **QUICK)

    @cached_property
    def compared(self) -> Path:
        segarena.compare(self.data, models=["unet", "fcn"], seeds=1, out=self._compared, **QUICK)
        return self._compared


@pytest.fixture(scope="module", autouse=True)
def one_round() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(measure_latency.__kwdefaults__, "rounds", 1)  # type: ignore[arg-type]
        patch.setattr("segarena.experiment.train_all.relative_cost", lambda protocol, model: 1.0)
        yield


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def train(bench: Bench, out: Path) -> None:
    segarena.train(bench.data, model="unet", out=out / "new", **QUICK)


def compare(bench: Bench, out: Path) -> None:
    segarena.compare(bench.data, models=["unet", "fcn"], seeds=1, out=out / "new", **QUICK)


def report(bench: Bench, out: Path) -> None:
    segarena.report(out)


def predict(bench: Bench, out: Path) -> None:
    segarena.predict(bench.run, bench.data / "images", out=out / "new", probabilities="png8")


def evaluate(bench: Bench, out: Path) -> None:
    segarena.evaluate(bench.run, bench.data, out=out / "new")


def export(bench: Bench, out: Path) -> None:
    segarena.export(bench.run, out=out / "new", format="huggingface")


def synth(bench: Bench, out: Path) -> None:
    write_scenes(out / "new", SyntheticSource(size=64, counts={"train": 2, "val": 1, "test": 0}))


WORK: dict[str, Callable[[Bench, Path], None]] = {
    one.__name__: one for one in (train, compare, report, predict, evaluate, export, synth)
}
#: Commands of which `make test` tries no operation, because one takes seconds.
SLOW = ("compare", "report")
#: Commands that take so long that each operation fails with one of the errors, in turn, and not with each.
IN_TURN = ("compare",)


def content(folder: Path) -> dict[str, bytes]:
    """Every file but the logs, which go on."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".txt"
    }


def begin(name: str, bench: Bench, out: Path) -> Path:
    """The folder in which a command works: that of the comparison for a report."""
    if name == "report":
        shutil.copytree(bench.compared, out)
    else:
        out.mkdir()
    return out


def fail(name: str, bench: Bench, out: Path, number: int | Place, code: int) -> Operation:
    """Let one operation of a command fail, and check what is there then."""
    before = content(begin(name, bench, out))
    error: RunError | None = None
    with Disk(out, fails_at=number, code=code) as disk:
        try:
            WORK[name](bench, out)
        except RunError as raised:
            error = raised
    assert disk.failed is not None
    if error is None:  # the page while the trainings run is optional: once it fails, only that of the end is written
        assert (name, disk.failed.path) == ("compare", "new/report.html")
        assert (out / "new" / "comparison.json").exists()
        assert "data-reload" not in (out / "new" / "report.html").read_text(encoding="utf-8")
        return disk.failed
    assert error.code == UNWRITABLE
    assert os.strerror(code) in error.what
    assert str(error.where).startswith(str(out))
    assert ("are free" in error.what) == (code == errno.ENOSPC)
    assert not left_over(out)
    if name == "synth":
        assert not (out / "new").exists()
        return disk.failed
    after = content(out)
    assert {path: after.get(path) for path in before if path not in written(disk)} == {
        path: before[path] for path in before if path not in written(disk)
    }
    failed = disk.failed.path
    # the old file, or none; a file that is written again and again is that of an earlier time
    assert failed in written(disk) or after.get(failed) == before.get(failed)
    return disk.failed


def written(disk: Disk) -> set[str]:
    """The files that were written to their end."""
    return {one.path for one in disk.operations if one.kind == "rename" and one != disk.failed}


def role(operation: Operation) -> Operation:
    """The operation as that of all files of its kind: of each model, each number, each figure."""
    return Operation(
        operation.kind, re.sub(r"(figures|paper)/\w+", r"\1/*", re.sub(r"\d+|fcn|unet", "*", operation.path))
    )


def places(found: list[Operation]) -> list[Place]:
    """Of files of one kind the first one's operations, of many writes into a file the first two."""
    first: dict[Operation, Operation] = {}
    for operation in found:
        first.setdefault(role(operation), operation)
    counts = Counter(found)
    return [
        Place(operation, before)
        for operation in first.values()
        for before in (0, 1)
        if before == 0 or (operation.kind == "write" and counts[operation] > 1)
    ]


def operations(name: str, bench: Bench, out: Path) -> list[Operation]:
    with Disk(begin(name, bench, out)) as disk:
        WORK[name](bench, out)
    return disk.operations


@pytest.mark.parametrize("name", [name for name in WORK if name not in SLOW])
def test_a_failing_operation_is_one_message(name: str, bench: Bench, tmp_path: Path) -> None:
    found = operations(name, bench, tmp_path / "whole")
    assert len(found) > 3
    draw = random.Random(name)
    for trial, number in enumerate(draw.sample(range(len(found)), 2)):
        fail(name, bench, tmp_path / f"{trial}", number, draw.choice(CODES))


@pytest.mark.faults
@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", WORK)
def test_every_failing_operation_is_one_message(name: str, code: int, bench: Bench, tmp_path: Path) -> None:
    chosen = places(operations(name, bench, tmp_path / "whole"))
    assert len(chosen) > 3
    for number, place in enumerate(chosen[CODES.index(code) :: len(CODES)] if name in IN_TURN else chosen):
        print(f"{name}, {errno.errorcode[code]}: {place}")  # with -s
        fail(name, bench, tmp_path / f"{number}", place, code)
        shutil.rmtree(tmp_path / f"{number}")


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_no_part_of_an_exported_file_is_left(code: int, tmp_path: Path) -> None:
    """The export to ONNX writes by itself, then moves the file to its place, by a link where there are links."""
    target = tmp_path / "new.onnx"

    def write() -> None:
        with written_whole(target) as path:
            path.write_bytes(b"network")

    with Disk(tmp_path) as disk:
        write()
    assert {"mkdir", "fsync", "link"} <= {operation.kind for operation in disk.operations}
    target.unlink()
    for place in places(disk.operations):
        if place.operation.kind == "link" and code not in LASTING:
            with Disk(tmp_path, fails_at=place, code=code) as disk:
                write()
            assert (disk.operations[-1].kind, target.read_bytes()) == ("rename", b"network")
            target.unlink()
            continue
        with Disk(tmp_path, fails_at=place, code=code), pytest.raises(RunError) as caught:
            write()
        assert caught.value.code == UNWRITABLE
        assert (caught.value.where, [*tmp_path.iterdir()]) == (target, [])


def resume(bench: Bench, folder: Path) -> None:
    if (folder / "options.json").exists():
        segarena.train(resume=folder)
        return
    shutil.rmtree(folder, ignore_errors=True)
    segarena.train(bench.data, model="unet", out=folder, **QUICK)


def check_resumed(bench: Bench, out: Path, disk: dict[str, Any]) -> RunError:
    """Train on a disk that is full at some moment, and resume when there is room: the same files at the end."""
    with Disk(out, **disk), pytest.raises(RunError) as caught:
        train(bench, out)
    assert not left_over(out)
    resume(bench, out / "new")
    for name in SAME:
        assert (out / "new" / name).read_bytes() == (bench.run / name).read_bytes(), name
    return caught.value


def test_a_training_on_a_full_disk_is_resumed_to_the_same_files(bench: Bench, tmp_path: Path) -> None:
    error = check_resumed(bench, tmp_path, {"holds": 200_000})
    assert str(error.where).endswith("state.pt")
    assert "are free; the file needs at least" in error.what
    assert "Then resume: " in error.remedy


@pytest.mark.faults
def test_at_every_size_a_full_disk_is_resumed_to_the_same_files(bench: Bench, tmp_path: Path) -> None:
    with Disk(tmp_path) as disk:
        train(bench, tmp_path / "whole")
    for trial, holds in enumerate(range(0, disk.written, max(1, disk.written // 40))):
        check_resumed(bench, tmp_path / f"{trial}", {"holds": holds})
