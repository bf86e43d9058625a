"""The example of docs/tracking.md runs, and its table has each method of a callback."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import segarena
from segarena.config.training import TrackerName
from segarena.tracking.choose import make_trackers

PAGE = (Path(__file__).parents[1] / "docs" / "tracking.md").read_text()


@pytest.mark.usefixtures("quick_runs", "blank_figures")
def test_the_example_runs(squares: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(squares.parent)
    squares.rename("my_data")
    found: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(code.replace('"fcn", "unet"', '"fcn"'), found)
    best = {line.split()[0] for line in Path("best.txt").read_text().splitlines()}
    assert best == {"fcn-seed0"}
    assert re.search(r"^fcn-seed0 \S+ 0\.", capsys.readouterr().out, re.M)


def test_the_tables_have_each_method_and_each_tracker(tmp_path: Path) -> None:
    methods = [name for name, _ in inspect.getmembers(segarena.Callback, inspect.isfunction) if name[0] != "_"]
    assert sorted(re.findall(r"^\| `(\w+)\(", PAGE, re.M)) == sorted(methods)
    names: tuple[TrackerName, ...] = ("tensorboard", "mlflow", "wandb")
    assert [one.name for one in make_trackers(names, tmp_path)] == re.findall(r"^\| `(\w+)` \|", PAGE, re.M)
