"""A run on earlier built-in scenes: it predicts, and is not mixed with scenes that are drawn differently."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import segarena
from segarena.errors import DataError, RunError
from segarena.scenes.synthetic import SyntheticSource, write_scenes
from support import QUICK, refuses

OPTIONS = {**QUICK, "epochs": 1}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of one model on a few scenes, which records version 1."""
    place = tmp_path_factory.mktemp("earlier") / "out"
    with pytest.MonkeyPatch.context() as patch:
        draw_few(patch)
        patch.setattr("segarena.scenes.synthetic.VERSION", 1)
        segarena.compare(models=["fcn"], out=place, **OPTIONS)
    return place


def draw_few(patch: pytest.MonkeyPatch) -> None:
    few = partial(SyntheticSource, size=64, counts={"train": 4, "val": 2, "test": 2})
    patch.setattr("segarena.scenes.synthetic.SyntheticSource", few)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda folder: segarena.compare(resume=folder), RunError),
        (lambda folder: segarena.compare(resume=folder, seeds=2), RunError),
        (lambda folder: segarena.evaluate(folder / "fcn-seed0", out=folder.parent / "scores"), DataError),
    ],
    ids=["resume", "another seed", "evaluate"],
)
def test_scenes_of_another_version_are_refused_by_name(
    earlier: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[Path], object], error: type[RunError | DataError]
) -> None:
    draw_few(monkeypatch)
    with refuses(error, where=earlier / "fcn-seed0", value="version 1"):
        call(earlier)
    assert not (earlier / "fcn-seed1").exists()


def test_the_page_and_the_model_of_earlier_scenes_still_work(earlier: Path, tmp_path: Path) -> None:
    segarena.report(earlier)
    write_scenes(tmp_path / "scenes", SyntheticSource(seed=1, size=64, counts={"test": 3}))
    segarena.predict(earlier, tmp_path / "scenes/test/images", out=tmp_path / "masks")
    assert len(list((tmp_path / "masks").glob("scene-*.png"))) >= 3
    scores = segarena.evaluate(earlier, tmp_path / "scenes", out=tmp_path / "scores")
    assert scores["miou"] >= 0
