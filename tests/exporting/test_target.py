"""Where an export goes: never over something, and whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segarena.errors import RunError
from segarena.exporting.target import choose_target, written_whole
from support import refuses


def test_without_out_a_name_in_the_run_folder_is_numbered(tmp_path: Path) -> None:
    assert choose_target(None, "unet.onnx", tmp_path) == tmp_path / "unet.onnx"
    (tmp_path / "unet.onnx").touch()
    (tmp_path / "unet-2.onnx").touch()
    assert choose_target(None, "unet.onnx", tmp_path) == tmp_path / "unet-3.onnx"


@pytest.mark.parametrize(
    ("out", "target"),
    [("new.onnx", "new.onnx"), ("folder", "folder/unet.onnx"), ("a/b/c", "a/b/c/unet.onnx"), ("v1.2", None)],
)
def test_out_is_a_file_or_a_folder(out: str, target: str | None, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    if target is None:
        with refuses(RunError, where=tmp_path / out, value=".2"):
            choose_target(tmp_path / out, "unet.onnx", tmp_path)
    else:
        assert choose_target(tmp_path / out, "unet.onnx", tmp_path) == tmp_path / target


def test_what_exists_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "unet.onnx").touch()
    for out, where in (("a.onnx", "a.onnx"), ("full", "full/unet.onnx")):
        with refuses(RunError, where=tmp_path / where):
            choose_target(tmp_path / out, "unet.onnx", tmp_path)
    with refuses(RunError, where=tmp_path / "full"):
        choose_target(tmp_path / "full", "unet-huggingface", tmp_path)
    (tmp_path / "empty").mkdir()
    assert choose_target(tmp_path / "empty", "unet-huggingface", tmp_path) == tmp_path / "empty"


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), written_whole(tmp_path / "new" / "a.onnx") as place:
        place.write_text("half")
        raise ZeroDivisionError
    assert not list((tmp_path / "new").iterdir())


def test_a_file_that_appears_in_the_meantime_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a.onnx"
    with refuses(RunError, where=target), written_whole(target) as place:
        place.write_text("ours")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


def test_files_and_folders_are_put_in_place(tmp_path: Path) -> None:
    with written_whole(tmp_path / "a.onnx") as place:
        place.write_text("file")
    (tmp_path / "folder").mkdir()
    with written_whole(tmp_path / "folder") as place:
        place.mkdir()
        (place / "b").write_text("folder")
    assert (tmp_path / "a.onnx").read_text() == "file"
    assert (tmp_path / "folder" / "b").read_text() == "folder"
    assert {path.name for path in tmp_path.iterdir()} == {"a.onnx", "folder"}


def test_what_a_killed_export_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from segarena.exporting.target import written_whole
with written_whole(Path({str(tmp_path / "a.onnx")!r})) as place:
    place.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode != 0
    [left] = tmp_path.iterdir()
    with written_whole(tmp_path / "a.onnx") as place:
        place.write_text("soon after")  # one that has just been made may be of an export that is about to lock it
    assert {path.name for path in tmp_path.iterdir()} == {left.name, "a.onnx"}
    os.utime(left, (0, 0))
    (tmp_path / "a.onnx").unlink()
    with written_whole(tmp_path / "b.onnx") as place:
        place.write_text("another name")
    assert left.exists()
    with written_whole(tmp_path / "a.onnx") as place:
        place.write_text("again")
    assert {path.name for path in tmp_path.iterdir()} == {"a.onnx", "b.onnx"}


def test_the_folder_of_an_export_that_runs_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "a.onnx"
    with refuses(RunError, where=target), written_whole(target) as slow:
        slow.write_text("slow")
        os.utime(slow.parent, (0, 0))
        with written_whole(target) as place:
            place.write_text("fast")
        assert slow.read_text() == "slow"
    assert target.read_text() == "fast"
