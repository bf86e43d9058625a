"""A disk that is too small for the trainings is named before the first one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import segarena
from segarena.errors import RunError
from segarena.experiment import disk_space
from segarena.experiment.disk_space import check_space
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
    sizes = {tmp_path / "a": 1000.0, tmp_path / "b": 1000.0}
    if fits:
        check_space(tmp_path, sizes)
        return
    with refuses(RunError, where=tmp_path, value="2.93 KiB"):
        check_space(tmp_path, sizes)


def test_a_comparison_does_not_begin_on_a_disk_that_is_too_small(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(1 << 20, monkeypatch)
    monkeypatch.setattr("segarena.experiment.calibration.FEWEST_STEPS", 1)
    with refuses(RunError, where=tmp_path / "out", value="1.00 MiB"):
        segarena.compare(squares, models=["unet", "fcn"], seeds=1, out=tmp_path / "out", **QUICK)
    assert not (tmp_path / "out").exists()
    assert shutil.disk_usage(tmp_path).free > 0
