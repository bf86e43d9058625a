"""The file of a suite: common options, those of a data set, and one message for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from segarena.errors import ConfigError
from segarena.records.options import OptionsRecord
from segarena.reuse.suite_file import options_of, read_sources
from suites import finished
from support import refuses


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Folders of two data sets, and a finished comparison."""
    for name in ("roads", "cells", "sub/w"):
        (tmp_path / name).mkdir(parents=True)
    finished(tmp_path / "runs", {"street": {"unet": 0.6, "fcn": 0.5}})
    return tmp_path


def write(place: Path, text: str, name: str = "suite.yaml") -> Path:
    path = place / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_common_options_are_those_of_each_data_set(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
    models: fcn, unet
    seeds: 2
    size: 128
    data-sets:
      roads: {data: roads, size: 256, group-by: prefix}
      cells: cells
      scenes:
      street: {comparison: runs/street, domain: street  scenes}
    """
    path = write(place, text)
    monkeypatch.chdir(place / "sub")  # paths are relative to the file, wherever the command is typed
    roads, cells, scenes, street = read_sources([path])
    assert roads.options == {
        "models": ["fcn", "unet"],
        "seeds": 2,
        "size": 256,
        "data": str(place / "roads"),
        "group_by": "prefix",
    }
    assert cells.options == {"models": ["fcn", "unet"], "seeds": 2, "size": 128, "data": str(place / "cells")}
    assert "data" not in scenes.options
    assert (street.comparison, street.domain, street.options) == (str(place / "runs/street"), "street scenes", {})
    options = options_of(roads, out=Path("x"))
    assert (options.models, options.seeds, options.size, options.data) == (("fcn", "unet"), 2, 256, place / "roads")


def test_a_short_entry_may_be_a_finished_comparison(place: Path) -> None:
    [street] = read_sources([write(place, "data-sets: {street: runs/street}")])
    assert street.comparison == str(place / "runs/street")


def test_a_short_entry_may_begin_with_the_home_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(place))
    [street] = read_sources([write(place, "data-sets: {street: ~/runs/street}", "sub/suite.yaml")])
    assert street.comparison == str(place / "runs/street")


def test_images_and_masks_are_those_of_the_data(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever folders of these names the working directory has."""
    for name in ("roads/photos", "sub/photos", "sub/labels", "labels"):
        (place / name).mkdir()
    path = write(place, "data-sets: {roads: {data: roads, images: photos, masks: labels}}")
    monkeypatch.chdir(place / "sub")
    [roads] = read_sources([path])
    assert (roads.options["images"], roads.options["masks"]) == ("photos", str(place / "labels"))


def test_json_and_a_file_beside_the_data_are_read_too(place: Path) -> None:
    path = write(place, '{"epochs": 3, "data-sets": {"roads": {"data": "../roads", "weights": "none"}}}', "sub/s.json")
    [roads] = read_sources([path])
    assert roads.options == {"epochs": 3, "data": str(place / "roads"), "weights": "none"}


def test_folders_are_comparisons_or_data(place: Path) -> None:
    roads, street = read_sources([place / "roads", place / "runs/street"])
    assert (roads.name, roads.options, roads.comparison) == ("roads", {"data": str(place / "roads")}, None)
    assert (street.name, street.comparison) == ("street", str(place / "runs/street"))


@pytest.mark.parametrize(
    ("text", "where", "value"),
    [
        ("data-sets: {roads: {data: roads, siez: 3}}", "suite.yaml: roads", "siez"),
        ("siez: 3\ndata-sets: {roads: roads}", "suite.yaml", "siez"),
        ("data: roads\ndata-sets: {roads: roads}", "suite.yaml", "data"),
        ("domain: medical\ndata-sets: {roads: roads}", "suite.yaml", "domain"),
        ("resume: x\ndata-sets: {roads: roads}", "suite.yaml", "resume"),
        ("data-sets: {roads: {data: roads, out: x}}", "suite.yaml: roads", "out"),
        ("data-sets: {roads: {data: nowhere}}", "suite.yaml: roads", "nowhere"),
        ("data-sets: {roads: {data: suite.yaml}}", "suite.yaml: roads", "is a file"),
        ("data-sets: {roads: {comparison: nowhere}}", "suite.yaml: roads", "nowhere"),
        ("data-sets: {roads: {comparison: cells}}", "suite.yaml: roads", "is not a comparison"),
        ("data-sets: {street: {comparison: runs/street, epochs: 3}}", "suite.yaml: street", "epochs"),
        ("data-sets: {roads: {data: roads, epochs: many}}", "suite.yaml: roads", "many"),
        ("data-sets: {roads: {data: roads, epochs: 0}}", "suite.yaml: roads: epochs", "0"),
        ("epochs: 0\ndata-sets: {roads: roads}", "suite.yaml: roads: epochs", "0"),
        ("data-sets: {roads: {data: roads, epochs: 5, budget: 5m}}", "suite.yaml: roads", "epochs"),
        ("data-sets: {roads: roads, Roads: cells}", "suite.yaml", "Roads"),
        ("data-sets: {roads: roads, roads: cells}", "suite.yaml", "'roads' is given twice"),
        ("data-sets: {a/b: roads}", "suite.yaml", "a/b"),
        ("data-sets: {figures: roads}", "suite.yaml", "figures"),
        ("data-sets: [roads, cells]", "suite.yaml", "data-sets"),
        ("data-sets: {roads: [roads]}", "suite.yaml: roads", "no options"),
        ("epochs: 3", "suite.yaml", "data-sets"),
        ("data-sets: {", "suite.yaml", "neither YAML"),
    ],
)
def test_a_mistake_is_one_message_with_its_place(
    text: str, where: str, value: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    write(place, text)
    with refuses(ConfigError, where=where, value=value):
        read_sources([Path("suite.yaml")])


def test_a_folder_that_cannot_be_a_data_set_is_refused(place: Path) -> None:
    with refuses(ConfigError, where=place / "missing", value="does not exist"):
        read_sources([place / "missing"])
    (place / "runs/roads").mkdir()
    with refuses(ConfigError, where="SOURCES", value="roads"):
        read_sources([place / "roads", place / "runs/roads"])
    with refuses(ConfigError, where=write(place, "data-sets: {roads: roads}"), value="is a file"):
        read_sources([place / "roads", place / "suite.yaml"])


def test_an_unfinished_comparison_is_refused_with_what_finishes_it(place: Path) -> None:
    OptionsRecord(command="compare", options={}, choices=(), fingerprint=()).write(place / "cells")
    with refuses(ConfigError, where=place / "cells", value="not finished") as caught:
        read_sources([place / "cells"])
    assert "compare --resume" in caught.value.remedy
    path = write(place, "data-sets: {street: {comparison: cells}}")
    with refuses(ConfigError, where="suite.yaml: street", value="not finished"):
        read_sources([path])


def test_a_run_is_no_comparison(place: Path) -> None:
    OptionsRecord(command="train", options={}, choices=(), fingerprint=()).write(place / "cells")
    with refuses(ConfigError, where=place / "cells") as caught:
        read_sources([place / "cells"])
    assert "compare" in caught.value.remedy
    assert "--resume" not in caught.value.remedy
