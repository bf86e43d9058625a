"""`check` shows and writes how a folder is read and what looks wrong; `synth` writes data that can be read again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segarena
from segarena.data.folder import FolderSource
from segarena.errors import ConfigError, DataError, RunError
from segarena.reporting.check_figures import save_sheet
from segarena.scenes.synthetic import SyntheticSource
from support import SHARED, needs_real_data, refuses, write_pair


@pytest.fixture(autouse=True)
def own_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and cache go to a folder of the test's own."""
    folder = tmp_path_factory.mktemp("here")
    monkeypatch.setenv("SEGARENA_CACHE", str(folder / "cache"))
    monkeypatch.chdir(folder)


def test_check_shows_mapping_split_and_shares(squares: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = segarena.check(squares)
    said = capsys.readouterr().out
    split = ", ".join(f"{count} {part}" for part, count in found["splits"].items())
    assert found["splits"]["val"] == 2
    for words in ("12 images", "255 = foreground", "48 x 48 (12)", split, "seeded", "background", "#4477aa"):
        assert words in said
    assert "Nothing looks wrong" in said
    assert found["pairs"] == 12
    assert sum(entry["pixels"] for entry in found["classes"]) == 12 * 48 * 48
    assert [entry["background"] for entry in found["classes"]] == [True, False]


def test_check_draws_a_sheet_in_a_new_folder_each_time(
    squares: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segarena.commands.check.save_sheet", save_sheet)
    segarena.check(squares)
    segarena.check(squares)
    said = capsys.readouterr().out
    for name in ("squares-check", "squares-check-2"):
        assert f"runs/{name}/check.png" in said
        with Image.open(Path("runs") / name / "check.png") as picture:
            picture.load()
        assert {path.suffix for path in (Path("runs") / name).iterdir()} == {".png", ".svg", ".csv"}


def test_check_states_where_a_saved_split_is_from(squares: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = sorted(path.stem for path in (squares / "images").iterdir())
    saved = Path("saved.json")
    saved.write_text(json.dumps({"train": names[3:], "val": names[:2], "test": names[2:3]}))
    segarena.check(squares, splits=saved)
    [line] = [line for line in capsys.readouterr().out.splitlines() if "split:" in line]
    assert f"{len(names) - 3} train, 2 val, 1 test (of saved.json)" in line


def test_check_writes_to_out_and_never_overwrites_it(squares: Path, tmp_path: Path) -> None:
    segarena.check(squares, out=tmp_path / "sheet")
    assert (tmp_path / "sheet" / "check.png").exists()
    assert not Path("runs").exists()
    with refuses(RunError, where=tmp_path / "sheet"):
        segarena.check(squares, out=tmp_path / "sheet")


def test_check_leaves_no_empty_folder(squares: Path, tmp_path: Path) -> None:
    (squares / "masks" / "square05.png").write_bytes(b"no image")
    with refuses(DataError):
        segarena.check(squares, out=tmp_path / "sheet")
    assert not (tmp_path / "sheet").exists()


def test_check_writes_json_for_programs(squares: Path, tmp_path: Path) -> None:
    (squares / "masks" / "square05.png").unlink()
    found = segarena.check(squares, json=tmp_path / "found.json")
    written = json.loads((tmp_path / "found.json").read_text())
    assert written == json.loads(json.dumps(found))
    assert written["pairs"] == len(written["samples"]) == 11
    assert written["images_without_mask"] == ["images/square05.png"]
    assert "images/" in written["layout"]
    assert "two-level" in written["encoding"]
    assert [(entry["index"], entry["name"], entry["source"]) for entry in written["classes"]] == [
        (0, "background", 0),
        (1, "foreground", 255),
    ]
    assert written["classes"][1]["images"] == 11
    assert written["ignore"] == []
    assert sum(written["splits"].values()) == 11
    assert {sample["split"] for sample in written["samples"]} == {"train", "val"}
    ceilings = written["ceilings"]
    assert ceilings["masks"] == written["splits"]["train"]
    fine, coarse = (
        next(grid for grid in ceilings["grids"] if (grid["size"], grid["stride"]) == (48, stride)) for stride in (1, 16)
    )
    assert set(fine["ious"]) == {"background", "foreground"}
    assert 1 >= fine["miou"] > coarse["miou"] > 0
    assert ceilings["choice"]["cpu"]["size"] in {grid["size"] for grid in ceilings["grids"]}
    assert ceilings["optimised"] == []
    [problem] = written["problems"]
    assert set(problem) == {"code", "severity", "files", "message", "remedy", "details"}
    assert (problem["code"], problem["files"]) == ("image-without-mask", ["images/square05.png"])


def test_check_never_overwrites_json(squares: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("mine")
    with refuses(ConfigError, where="mine.json"):
        segarena.check(squares, json=tmp_path / "mine.json")
    assert (tmp_path / "mine.json").read_text() == "mine"


def test_check_lists_orphans_with_a_remedy(squares: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (squares / "masks" / "square05.png").unlink()
    segarena.check(squares)
    said = capsys.readouterr().out
    assert "files: images/square05.png" in said
    assert "remedy: Label" in said


def test_names_with_brackets_are_shown_as_they_are(squares: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (squares / "classes.yaml").write_text("classes: [{name: '[red]', value: 0}, {name: '[/]', value: 255}]")
    segarena.check(squares.rename(squares.with_name("[bold]")))
    said = capsys.readouterr().out
    assert "[bold]: 12 images" in said
    assert "0 = [red], 255 = [/]" in said


def test_check_reads_the_folders_that_it_is_given(squares: Path) -> None:
    (squares / "masks").rename(squares / "annotations")
    write_pair(squares / "other", "one", seed=1)
    assert segarena.check(squares, images=squares / "images", masks=squares / "annotations")["pairs"] == 12


def test_check_shows_everything_before_it_fails_at_a_damaged_image(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = squares / "images" / "square03.png"
    path.write_bytes(path.read_bytes()[:2000])
    with refuses(where=squares, value="images/square03.png"):
        segarena.check(squares, json=tmp_path / "found.json")
    assert "255 = foreground" in capsys.readouterr().out
    assert Path("runs/squares-check/check.png").exists()
    assert json.loads((tmp_path / "found.json").read_text())["problems"][0]["code"] == "unreadable-image"


def test_check_lists_all_files_of_a_folder_that_cannot_be_read(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("square03", "square04"):
        (squares / "masks" / f"{name}.png").write_bytes(b"")
    with refuses(where=squares, value="2 files"):
        segarena.check(squares, json=tmp_path / "found.json")
    said = capsys.readouterr().out
    assert "masks/square03.png" in said
    assert "masks/square04.png" in said
    written = json.loads((tmp_path / "found.json").read_text())
    assert [problem["code"] for problem in written["problems"]] == ["unreadable-mask"]
    assert (written["pairs"], written["encoding"], written["classes"]) == (12, None, [])


def test_check_refuses_what_train_would_refuse(tmp_path: Path) -> None:
    write_pair(tmp_path / "tiny", "one", seed=1)
    with refuses(where=tmp_path / "tiny"):
        segarena.check(tmp_path / "tiny")


def test_synth_writes_what_the_built_in_source_reads(tmp_path: Path) -> None:
    folder = segarena.synth(tmp_path / "scenes", size=64)
    written, source = FolderSource(folder), SyntheticSource(size=64)
    assert written.classes.names == source.classes.names
    assert len(written.samples) == len(source.samples)
    by_name = {sample.name: index for index, sample in enumerate(written.samples)}
    for index in (0, 7, len(source.samples) - 1):
        sample = source.samples[index]
        other = by_name[sample.name]
        assert written.samples[other].split == sample.split
        for mine, theirs in zip(source.read(index), written.read(other), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_synth_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with refuses(RunError, where=tmp_path):
        segarena.synth(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@needs_real_data
def test_check_warns_that_consecutive_slices_leak() -> None:
    found = segarena.check(SHARED / "data" / "isbi")
    assert found["pairs"] == 30
    assert [problem["code"] for problem in found["problems"]] == ["leak-sequence"]


@needs_real_data
@pytest.mark.slow
def test_check_finds_the_image_that_is_in_two_lists(capsys: pytest.CaptureFixture[str]) -> None:
    found = segarena.check(SHARED / "data" / "cwfid", masks="annotations")
    assert len(found["classes"]) == 3
    [twice] = [problem for problem in found["problems"] if problem["code"] == "leak-listed-twice"]
    assert twice["files"] == ["images/028_image.jpg"]
    assert "the data's own, but val taken from train" in capsys.readouterr().out


@needs_real_data
@pytest.mark.slow
def test_check_camvid(capsys: pytest.CaptureFixture[str]) -> None:
    found = segarena.check(SHARED / "data" / "camvid")
    assert found["splits"] == {"train": 367, "val": 101, "test": 233}
    assert "void: 11" in capsys.readouterr().out
    assert {problem["code"] for problem in found["problems"]} == {"extreme-imbalance", "near-duplicate-images"}
