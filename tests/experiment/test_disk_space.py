"""A disk that is too small for the trainings is named before the first one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import segarena
from segarena.errors import RunError
from segarena.experiment import disk_space
from segarena.experiment.disk_space import Size, fit_onto_disk, needed_space
from support import QUICK, refuses


def have(free: float, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(disk_space, "free_disk", lambda folder: free)


@pytest.mark.parametrize(("free", "there", "fits"), [(3000, 0, True), (2999, 0, False), (2500, 500, True)])
def test_what_is_there_already_is_not_needed_again(
    free: int, there: int, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "state.pt").write_bytes(bytes(there))
    have(free, monkeypatch)
    sizes = dict.fromkeys([tmp_path / "a", tmp_path / "b"], Size(1000.0, 0.0))
    if fits:
        assert fit_onto_disk(tmp_path, sizes, None, 1) is None
        return
    with refuses(RunError, where=tmp_path, value="2.93 KiB"):
        fit_onto_disk(tmp_path, sizes, None, 1)


def test_the_space_counts_the_states_that_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten trainings: weights of 100, a state of 300, and 400 for the one that is written beside its old files."""
    sizes = {tmp_path / str(number): Size(400.0, 300.0) for number in range(10)}
    assert needed_space(sizes, None, 1) == 10 * 400 + 400
    assert needed_space(sizes, 0, 1) == 10 * 100 + 300 + 400
    assert needed_space(sizes, 2, 3) == 10 * 100 + 5 * 300 + 400
    assert needed_space(sizes, 50, 3) == needed_space(sizes, None, 1)
    assert needed_space({}, 0, 1) == 0
    have(2000, monkeypatch)
    assert fit_onto_disk(tmp_path, sizes, None, 1) == 0  # where it is open, none is kept if only that has room
    assert fit_onto_disk(tmp_path, sizes, 1, 1) == 1
    with refuses(RunError, where=tmp_path, value="3.12 KiB") as caught:
        fit_onto_disk(tmp_path, sizes, 5, 1)
    assert caught.value.remedy.startswith("Use --keep-states 0, ")
    have(1000, monkeypatch)
    with refuses(RunError, where=tmp_path, value="1.66 KiB") as caught:
        fit_onto_disk(tmp_path, sizes, None, 1)
    assert "--keep-states" not in caught.value.remedy


def test_a_comparison_does_not_begin_on_a_disk_that_is_too_small(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(1 << 20, monkeypatch)
    monkeypatch.setattr("segarena.experiment.calibration.FEWEST_STEPS", 1)
    with refuses(RunError, where=tmp_path / "out", value="1.00 MiB"):
        segarena.compare(squares, models=["unet", "fcn"], seeds=1, out=tmp_path / "out", **QUICK)
    assert not (tmp_path / "out").exists()
    assert shutil.disk_usage(tmp_path).free > 0
