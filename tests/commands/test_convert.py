"""`segarena convert` from the command line to a folder that `check` reads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import segarena
from annotated import coco, write_image, write_json
from segarena import cli
from segarena.commands.convert import READERS
from segarena.config import ConvertOptions
from segarena.errors import ConfigError, RunError
from support import refuses


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    for number in range(6):
        write_image(tmp_path / "in" / f"{number}.png", seed=number)
    images = [{"id": number, "file_name": f"{number}.png"} for number in range(6)]
    objects = [{**coco()["annotations"][0], "id": number, "image_id": number} for number in range(6)]
    write_json(tmp_path / "in" / "labels.json", coco(images=images, annotations=objects))
    return tmp_path / "in"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["segarena", *map(str, arguments)])
    return cli.main()


def test_the_result_can_be_checked(
    annotated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "convert", annotated, tmp_path / "out", "--from", "coco") == 0
    printed = capsys.readouterr().out
    assert "6 images with masks" in printed
    assert "3 classes: background, cat, dog" in printed
    assert f"segarena check {tmp_path / 'out'}" in printed
    found = segarena.check(tmp_path / "out")
    assert [entry["name"] for entry in found["classes"]] == ["background", "cat", "dog"]


def test_python_names_the_format_as_source(annotated: Path, tmp_path: Path) -> None:
    assert segarena.convert(str(annotated), str(tmp_path / "out"), source="coco") == tmp_path / "out"
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 6
    with refuses(ConfigError, value="'yolo'") as caught:
        segarena.convert(annotated, tmp_path / "more", source="yolo")
    assert "coco, labelme, cvat, voc, instances" in caught.value.remedy


@pytest.mark.parametrize("source", READERS)
def test_each_format_has_a_reader_that_refuses_an_empty_folder(source: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    options = ConvertOptions(src=tmp_path / "in", dst=tmp_path / "out", source=source)  # type: ignore[arg-type]
    with refuses(where=tmp_path / "in"):
        READERS[options.source](options.src)


def test_the_format_has_to_be_named(annotated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, "convert", annotated, annotated.parent / "out")
    assert not (annotated.parent / "out").exists()


def test_a_folder_in_use_is_refused_before_annotations_are_read(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    with refuses(RunError, where=tmp_path / "out"):
        segarena.convert(tmp_path / "nowhere", tmp_path / "out", source="coco")
    assert (tmp_path / "out" / "mine.txt").exists()
