"""What the statistics count: frames of a film and copies together, with or without --group-by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import segarena
from segarena.experiment.inputs import open_source
from segarena.experiment.units import find_units
from segarena.records.comparison import ComparisonRecord
from segarena.records.statistics import Statistics
from segarena.scoring.statistics import analyse
from support import QUICK, SHARED, needs_real_data, scene, write_scene

ONCE = {**QUICK, "epochs": 1, "models": "fcn"}


def write_films(root: Path, films: int = 6, frames: int = 4) -> Path:
    """Films in which each frame is nearly like the last one."""
    for film in range(films):
        first, last = (np.asarray(scene(100 * film + end), dtype=np.float64) for end in (0, 1))
        for frame in range(frames):
            share = 0.4 * frame / frames
            image = Image.fromarray(((1 - share) * first + share * last).astype(np.uint8))
            write_scene(root, f"film{'abcdefgh'[film]}_{frame:03}", image, seed=7 * film + frame)
    return root


def write_copies(root: Path) -> Path:
    """Ten different scenes, of which two are there twice."""
    words = "oak ash elm fir yew bay box fig tea nut".split()
    for seed, word in enumerate(words):
        write_scene(root, word, scene(900 + seed), seed=seed)
    for word, copy in (("oak", "mud"), ("elm", "tar")):
        write_scene(root, copy, scene(900 + words.index(word)), seed=words.index(word))
    return root


def write_others(root: Path) -> Path:
    """Numbered scenes that have nothing in common."""
    for seed in range(12):
        write_scene(root, f"scene_{seed:02}", scene(seed), seed=seed)
    return root


@pytest.mark.parametrize(
    ("write", "rule", "number"), [(write_films, "prefix", 6), (write_copies, "copies", 10), (write_others, None, 12)]
)
def test_frames_and_copies_are_found(
    tmp_path: Path, write: Callable[[Path], Path], rule: str | None, number: int
) -> None:
    source = open_source(write(tmp_path))
    units = find_units(source, None)
    assert (None if units is None else (units.rule, units.number)) == (rule and (rule, number))
    assert find_units(source, "none") is None


def statistics(folder: Path) -> Statistics:
    found = ComparisonRecord.read(folder).statistics
    assert found is not None
    return found


@pytest.mark.long
def test_a_comparison_counts_films_where_frames_look_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page, the verdict and the tables have the same units; a run on its own has them in images.csv."""
    data = write_films(tmp_path / "data")
    split = {"split": 0.4, "data": data}
    found = segarena.compare(**split, group_by="prefix", out=tmp_path / "typed", **ONCE)
    shown = statistics(found.folder)
    films = {name.partition("_")[0] for name in found.images["image"]}
    assert (shown.unit, shown.units, shown.grouped_by) == ("group", len(films), "prefix")
    assert set(found.images["group"]) == films
    own = pd.read_csv(found / "fcn-seed0" / "images.csv")
    assert set(own["group"]) == films
    assert analyse(found.images).units == len(films), "the table alone shows the units"
    names = {"splits": found / "fcn-seed0"}
    again = segarena.compare(data, **names, out=tmp_path / "found", **ONCE)
    assert (statistics(again.folder).units, statistics(again.folder).grouped_by) == (len(films), "prefix")
    alone = segarena.compare(data, group_by="none", out=tmp_path / "alone", **ONCE)
    assert statistics(alone.folder).unit == "image"
    assert alone.images["group"].isna().all()
    text = capsys.readouterr().out
    assert f"counted as {len(films)} sequences, not {4 * len(films)} images" in text


@pytest.mark.long
def test_films_in_several_folds_are_named_as_too_narrow(tmp_path: Path) -> None:
    data = write_films(tmp_path / "data", films=5, frames=3)
    mixed = statistics(segarena.compare(data, folds=3, out=tmp_path / "mixed", **ONCE).folder)
    assert mixed.divided
    assert mixed.units > 5
    kept = statistics(segarena.compare(data, folds=3, group_by="prefix", out=tmp_path / "kept", **ONCE).folder)
    assert not kept.divided
    assert kept.units == 5


def test_evaluation_counts_films_too(tmp_path: Path) -> None:
    """Of the run's own data by its --group-by, of other data as it shows them."""
    data = write_films(tmp_path / "data")
    run = segarena.train(data, model="fcn", group_by=r"^(film[a-f])", out=tmp_path / "run", **{**QUICK, "epochs": 1})
    own = segarena.evaluate(run, split="all", out=tmp_path / "own")
    assert (own["units"], own["grouped_by"]) == (6, r"^(film[a-f])")
    other = segarena.evaluate(run, write_copies(tmp_path / "other"), out=tmp_path / "scores")
    assert (other["units"], other["grouped_by"]) == (10, "copies")
    assert 0 <= other["miou_low"] <= other["miou"] <= other["miou_high"] <= 1
    assert "counted as 10 groups" in repr(other)


@needs_real_data
@pytest.mark.parametrize(("name", "rule", "number"), [("camvid", "prefix", 4), ("isbi", "blocks", 5)])
def test_sequences_of_real_data_are_found(name: str, rule: str, number: int) -> None:
    units = find_units(open_source(SHARED / "data" / name), None)
    assert units is not None
    assert (units.rule, units.number) == (rule, number)


@needs_real_data
@pytest.mark.parametrize(("name", "masks"), [("cwfid", Path("masks")), ("epfl-roads", None)])
def test_real_images_that_are_no_sequence_count_alone(name: str, masks: Path | None) -> None:
    assert find_units(open_source(SHARED / "data" / name, masks=masks), None) is None
