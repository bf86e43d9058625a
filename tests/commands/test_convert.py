"""`segarena convert` from the command line to a folder that `check` reads."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import segarena
from annotated import coco, write_image, write_json
from segarena import cli
from segarena.config import ConvertOptions
from segarena.converters.registry import FORMATS
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
    with refuses(ConfigError, value="'pdf'") as caught:
        segarena.convert(annotated, tmp_path / "more", source="pdf")
    assert ", ".join(["auto", *FORMATS]) in caught.value.remedy


@pytest.mark.parametrize("source", FORMATS)
def test_each_format_has_a_reader_that_refuses_an_empty_folder(source: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    options = ConvertOptions(src=tmp_path / "in", dst=tmp_path / "out", source=source)  # type: ignore[arg-type]
    with refuses(where=tmp_path / "in"):
        FORMATS[options.source].read(options.src)


def test_the_format_is_found_and_printed_with_its_evidence(
    annotated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "convert", annotated, annotated.parent / "out") == 0
    assert "format: coco, because labels.json" in capsys.readouterr().out


def test_the_order_is_an_option_and_what_is_covered_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "in/a.png")
    square = coco()["annotations"][0]
    whole = {**square, "id": 6, "category_id": 3, "segmentation": [[0, 0, 8, 0, 8, 6, 0, 6]]}
    write_json(tmp_path / "in/a.json", coco(annotations=[square, whole]))
    assert run(monkeypatch, "convert", tmp_path / "in", tmp_path / "small", "--overlap", "smaller-on-top") == 0
    assert "dog: " not in capsys.readouterr().out
    assert run(monkeypatch, "convert", tmp_path / "in", tmp_path / "late", "--overlap", "file-order") == 0
    assert "dog: 1 of 1 object (100%)" in capsys.readouterr().out
    assert (tmp_path / "small/masks/a.png").read_bytes() != (tmp_path / "late/masks/a.png").read_bytes()


def test_an_option_of_another_format_is_refused(annotated: Path) -> None:
    with refuses(ConfigError, where="--crowd", value="labelme"):
        segarena.convert(annotated, annotated.parent / "out", source="labelme", crowd="void")


def test_what_crowds_are_is_an_option(annotated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads((annotated / "labels.json").read_text())
    for each in content["annotations"]:
        each["iscrowd"] = 1
    write_json(annotated / "labels.json", content)
    segarena.convert(annotated, annotated.parent / "objects")
    assert "6 of 6 objects with iscrowd: 1 are painted as objects" in capsys.readouterr().out
    segarena.convert(annotated, annotated.parent / "void", crowd="void")
    printed = capsys.readouterr().out
    assert "6 of 6 objects with iscrowd: 1 are void" in printed
    assert "18.8% of all pixels are void" in printed


def test_a_folder_in_use_is_refused_before_annotations_are_read(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    with refuses(RunError, where=tmp_path / "out"):
        segarena.convert(tmp_path / "nowhere", tmp_path / "out", source="coco")
    assert (tmp_path / "out" / "mine.txt").exists()
