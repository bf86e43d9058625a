"""What is refused before the first training, what is reported, and how names are shown."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segarena
from recording import RecordingReporter
from segarena.config import TrainOptions
from segarena.data.folder import FolderSource
from segarena.experiment import decode as module
from segarena.experiment.prepare import prepare
from support import QUICK, refuses, write_pair

DECLARED = "classes: [{name: ground, value: 0}, {name: square, value: 255}]\nignore: [9]"


@pytest.mark.parametrize(("part", "said"), [("train", "training"), ("val", "validation"), ("test", "test")])
def test_a_part_whose_masks_are_all_void_is_refused(tmp_path: Path, part: str, said: str) -> None:
    """Such as the public test masks of Cityscapes: their scores would be of no pixel at all."""
    for number, split in enumerate(("train", "val", "test")):
        for k in range(3):
            write_pair(tmp_path / split, f"{split}{k}", seed=10 * number + k)
    (tmp_path / "classes.yaml").write_text(DECLARED)
    for path in (tmp_path / part / "masks").iterdir():
        Image.fromarray(np.full((48, 48), 9, dtype=np.uint8)).save(path)
    with refuses(where=tmp_path, value=said):
        prepare(TrainOptions(data=tmp_path, model="fcn", **QUICK), RecordingReporter())


def test_the_data_the_choices_and_what_looks_wrong_are_reported(squares: Path) -> None:
    (squares / "images" / "square03.png").write_bytes((squares / "images" / "square00.png").read_bytes())
    reporter = RecordingReporter()
    prepared = prepare(TrainOptions(data=squares, model="fcn", **{**QUICK, "size": None}), reporter)
    assert reporter.lines[0] == "squares: 10 train, 2 val; 2 classes"
    said = "\n".join(reporter.lines)
    notes = [choice.sentence for choice in prepared.choices if choice.name != "size"]
    for words in (*notes, "working size 48: the lowest resolution ceiling", "no test split", "warning: "):
        assert words in said


def test_a_folder_that_memory_does_not_hold_is_decoded_once(squares: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the hashes of what it shows; masks were counted when the files were read."""
    monkeypatch.setenv("SEGARENA_CACHE", str(squares.parent / "own cache"))  # that of another test may have the images
    options = TrainOptions(data=squares, model="fcn", **QUICK)
    [kept] = prepare(options, RecordingReporter()).splits
    read, decoded = FolderSource.read, []
    monkeypatch.setattr(FolderSource, "read", lambda source, index: decoded.append(index) or read(source, index))
    [measured] = prepare(replace(options, cache_gib=0), RecordingReporter()).splits
    expected = [np.bincount(kept.images[index][1].ravel(), minlength=2) for index in kept.splits.train]
    for split in (kept, measured):
        np.testing.assert_array_equal(split.mask_pixels, expected)
    assert sorted(decoded) == list(range(12))
    assert measured.contents == kept.contents


@pytest.mark.parametrize(("free", "kept"), [(None, 12), (2 * 1024**3, 12), (10_000, 0)])
def test_decoded_images_take_half_of_the_free_memory(
    squares: Path, free: int | None, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "free_memory", lambda: free)
    prepared = prepare(TrainOptions(data=squares, model="fcn", **QUICK), RecordingReporter())
    assert len(prepared.splits[0].images.kept) == kept
    assert prepared.protocol.cache_gib == "auto"  # what was free that day is no setting
    typed = prepare(TrainOptions(data=squares, model="fcn", cache_gib=3.0, **QUICK), RecordingReporter())
    assert (len(typed.splits[0].images.kept), typed.protocol.cache_gib) == (12, 3.0)


def test_images_that_memory_does_not_hold_are_on_disk(squares: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGARENA_CACHE", str(squares.parent / "own cache"))
    options = TrainOptions(data=squares, model="fcn", cache_gib=0, **QUICK)
    reporter = RecordingReporter()
    [first] = prepare(options, reporter).splits
    place = squares.parent / "own cache" / "decoded"
    assert len(list(place.iterdir())) == 12
    assert any(str(place) in line and "12 of 12 images" in line for line in reporter.lines)
    monkeypatch.setattr(FolderSource, "read", lambda source, index: 1 / 0)
    [second] = prepare(options, RecordingReporter()).splits
    assert second.contents == first.contents
    with pytest.raises(ZeroDivisionError):
        prepare(replace(options, disk_cache_gib=0), RecordingReporter())


def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "my data [v2] [bold]"
    for number in range(8):
        write_pair(data, f"image [{number}]", seed=number)
    (data / "classes.yaml").write_text("classes: [{name: 'bg [/a]', value: 0}, {name: '[red]', value: 255}]")
    folder = segarena.compare(data, models=("fcn",), out=tmp_path / "out", **{**QUICK, "epochs": 1})
    segarena.evaluate(folder, out=tmp_path / "scores")
    said = capsys.readouterr().out
    assert "my data [v2] [bold]: " in said
    assert "always 'bg [/a]'" in said
    assert said.count("bg [/a]") >= 3
    assert "\n[red] " in said


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="macOS and Windows keep names in Unicode")
def test_a_name_that_is_not_utf8_is_refused_with_its_bytes(squares: Path) -> None:
    for kind in ("images", "masks"):
        shutil.move(squares / kind / "square03.png", squares / kind / os.fsdecode(b"caf\xe9.png"))
    with refuses(where=r"caf\xe9.png", value="UTF-8") as raised:
        segarena.check(squares)
    str(raised.value).encode()
