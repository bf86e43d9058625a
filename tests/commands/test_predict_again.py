"""`predict --resume` and `--shards`: what is done stays, what has changed is labelled again.

Killed at several moments and restarted, or by four shards at once, the files are those of one clean run, byte for byte.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import segarena
from segarena import cli
from segarena.config import PredictOptions
from segarena.errors import ConfigError, DataError, RunError
from segarena.formats import command
from segarena.outputs.folder import resume_words
from segarena.outputs.manifest import Done, Journal, Manifest, key_of
from segarena.outputs.shards import shard_of
from support import refuses, scene


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Images of several sizes, two of one name, in subfolders."""
    folder = tmp_path / "photos"
    for number in range(6):
        path = folder / ("a", "b")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        scene(number, 40 + 8 * number).save(path)
    scene(9, 40).save(folder / "a" / "2.jpg")
    return folder


def contents(folder: Path) -> dict[str, str]:
    """The hash of each file of a folder, hidden ones too."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def place(path: Path, root: Path, shards: int) -> int:
    """The shard of an image."""
    return shard_of(path.relative_to(root).as_posix(), shards)


def predict(run: Path, photos: Path, **options: Any) -> Path:
    return segarena.predict(run, [photos], device="cpu", **options)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork")
@pytest.mark.long
def test_killed_and_sharded_predictions_are_those_of_one_run(trained: Path, photos: Path, tmp_path: Path) -> None:
    script = Path(__file__).with_name("killed_predictions.py")
    done = subprocess.run(
        [sys.executable, script, trained, photos, tmp_path], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    clean = contents(tmp_path / "clean")
    expected = {"areas.csv", "coco.json", "cvat.xml", "manifest.jsonl", "names.csv", "predictions.json"}
    assert {name for name in clean if "/" not in name} == expected
    assert len([name for name in clean if "/" in name]) == 3 * 7
    assert contents(tmp_path / "killed") == clean
    assert contents(tmp_path / "shards") == clean


def test_only_what_is_new_or_changed_is_labelled(
    trained: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = predict(trained, photos, out=tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    os.utime(photos / "a" / "0.png", ns=(1, 1))  # the same content at another time
    scene(20, 48).save(photos / "b" / "1.png")
    (out / "b" / "3.png").unlink()
    scene(21, 40).save(photos / "b" / "new.png")
    assert predict(trained, photos, resume=out) == out
    assert "8 images" in (text := capsys.readouterr().out)
    assert "5 of them before" in text
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    changed = {path.relative_to(out).as_posix() for path in after if after[path] != before.get(path)}
    assert changed == {"b/1.png", "b/3.png", "b/new.png"}
    again = predict(trained, photos, out=tmp_path / "again")
    same = contents(again)
    found = contents(out)
    assert {name for name in same if found[name] != same[name]} == {"manifest.jsonl"}  # the time of a/0.png


def test_a_folder_with_other_results_is_refused(trained: Path, photos: Path, tmp_path: Path) -> None:
    out = predict(trained, photos, out=tmp_path / "out")
    with refuses(RunError, where=out, value="not empty"):
        predict(trained, photos, out=out)
    with refuses(RunError, where=out, value="--min-area"):
        predict(trained, photos, resume=out, min_area=3)
    with refuses(RunError, where=out, value="without --no-overlay and without --window"):
        predict(trained, photos, resume=out, no_overlay=True, window=64)
    other = tmp_path / "other"
    shutil.copytree(trained, other)
    weights = bytearray((other / "best.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "best.safetensors").write_bytes(weights)
    with refuses(RunError, where=out, value="other weights"):
        predict(other, photos, resume=out)
    with refuses(RunError, where=photos, value="predictions.json"):
        predict(trained, photos, resume=photos)


def test_a_shard_that_ends_first_keeps_no_old_rows_of_another(trained: Path, photos: Path, tmp_path: Path) -> None:
    """Images of both shards have changed since all were labelled: only the last shard writes the table."""
    out = tmp_path / "out"
    for shard in (0, 1):
        predict(trained, photos, resume=out, shards=2, shard=shard)
    before = (out / "areas.csv").read_text()
    changed = [next(each for each in photos.rglob("*.png") if place(each, photos, 2) == shard) for shard in (0, 1)]
    for path in changed:
        Image.new("RGB", (50, 70), (200, 60, 60)).save(path)
    predict(trained, photos, resume=out, shards=2, shard=0)
    assert (out / "areas.csv").read_text() == before
    assert len(list((out / "manifest").iterdir())) == 1
    predict(trained, photos, resume=out, shards=2, shard=1)
    assert not (out / "manifest").exists()
    table = pd.read_csv(out / "areas.csv")
    sizes = table.groupby("image")["pixels"].sum()
    assert [sizes[path.relative_to(photos).with_suffix("").as_posix()] for path in changed] == [3500, 3500]


def test_an_unreadable_image_does_not_keep_shards_from_ending(trained: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "a" / "broken.png").write_bytes(b"no picture")
    broken = shard_of("a/broken.png", 2)
    out = tmp_path / "out"
    with refuses(DataError, where=photos / "a" / "broken.png"):
        predict(trained, photos, resume=out, shards=2, shard=broken)
    assert not (out / "areas.csv").exists()
    predict(trained, photos, resume=out, shards=2, shard=1 - broken)
    images = set(pd.read_csv(out / "areas.csv")["image"])
    assert images == {"a/0", "a/2", "a/2-2", "a/4", "b/1", "b/3", "b/5"}
    shutil.copy(photos / "a" / "0.png", photos / "a" / "broken.png")
    predict(trained, photos, resume=out)
    assert set(pd.read_csv(out / "areas.csv")["image"]) == images | {"a/broken"}


def test_results_in_a_folder_of_images_are_left_out(trained: Path, photos: Path) -> None:
    names = {path.stem for path in photos.rglob("*.*")}
    predict(trained, photos, out=photos / "a" / "done", probabilities="png8", no_overlay=True)
    out = predict(trained, photos, out=photos / "more")
    assert {path.stem.removesuffix("-2") for path in out.rglob("*.png")} == names


def test_shards_divide_the_images_by_their_paths() -> None:
    names = [f"folder/{number}.jpg" for number in range(3000)]
    shares = np.bincount([shard_of(name, 3) for name in names])
    assert shares.sum() == len(names)
    assert np.all(np.abs(shares - 1000) < 120)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"shards": 2}, "--shards"),
        ({"shard": 0}, "--shard"),
        ({"shards": 2, "shard": 2, "resume": "x"}, "--shard"),
        ({"shards": 2, "shard": 0}, "--shards"),
        ({"resume": "x", "out": "y"}, "--out"),
        ({"min_area": 0}, "--min-area"),
        ({"probabilities": "tiff"}, "--probabilities"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], where: str, trained: Path, photos: Path) -> None:
    with refuses(ConfigError, where=where):
        predict(trained, photos, **options)


def test_a_part_of_a_line_is_not_read(tmp_path: Path) -> None:
    """As SIGKILL or a full disk leaves it; the lines before it are, and the latest of an image counts."""
    first, second = (Done(name, f"{name}.png", 3, 4) for name in "ab")
    with Journal(tmp_path, "0-of-1") as journal:
        journal.add(first, {"x": 1})
        journal.add(second, {"x": 2})
        journal.add(first, {"x": 3})
    [path] = (tmp_path / "manifest").iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    manifest = Manifest(tmp_path)
    keys = [key_of("b", "b.png"), key_of("a", "a.png")]
    assert list(manifest.lines(keys)) == [(second, {"x": 2}), (first, {"x": 1})]
    assert manifest.done("c") is None
    manifest.compact(keys)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.jsonl"]
    assert list(Manifest(tmp_path).lines(keys)) == [(second, {"x": 2}), (first, {"x": 1})]
    with pytest.raises(FileNotFoundError):  # another process has removed the journals
        manifest.compact(keys)


def test_the_journal_goes_on_where_the_manifest_was_compacted(tmp_path: Path) -> None:
    with Journal(tmp_path, "0-of-1") as journal:
        journal.add(Done("a", "a.png", 3, 4), {})
    Manifest(tmp_path).compact([key_of("a", "a.png")])
    with Journal(tmp_path, "0-of-2") as journal:
        journal.add(Done("a", "a.png", 30, 40), {})
    found = Manifest(tmp_path).done(key_of("a", "a.png"))
    assert found is not None
    assert found.bytes == 30


def test_a_line_that_a_full_disk_cut_is_an_error(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    done = Done(name="a", image="a.png", bytes=1, modified_ns=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(tmp_path, "0-of-1") as journal:
        journal.add(done, {})
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))  # a real failure, within the second line
        try:
            with refuses(RunError, where=tmp_path.name):
                journal.add(done, {"table": ["x" * 300]})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_command_that_resumes_gives_the_options_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of several values too, which were written as Python writes a tuple."""
    options = PredictOptions(
        run=Path("run"),
        images=(Path("a.png"), Path("b c.png")),
        tta=("flip", "scales"),
        window=(64, 96),
        no_overlay=True,
    )
    line = command(*resume_words(options, tmp_path), program=("segarena",))
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    assert cli._parse() == replace(options, resume=tmp_path)
