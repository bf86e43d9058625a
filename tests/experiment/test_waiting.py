"""Advice where a network waits for its images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import segarena
from sample_records import PROTOCOL
from segarena.experiment import waiting
from segarena.experiment.waiting import advise_on_waiting
from segarena.loading import processes
from support import QUICK


def training(kept: int = 4, pixel_bytes: int = 3, **changes: Any) -> Any:
    """A training of four images of 512 MiB with their masks, some of which are kept in memory."""
    images = SimpleNamespace(
        kept=range(kept), indices=range(4), size=lambda index: (8192, 16384), pixel_bytes=pixel_bytes
    )
    normalization = None if pixel_bytes == 3 else ((0.5,), (0.2,))
    split = SimpleNamespace(images=images, splits=SimpleNamespace(train=(0, 1, 2, 3)), normalization=normalization)
    return SimpleNamespace(protocol=replace(PROTOCOL, **changes), split=split)


def rows(*shares: float | None) -> list[dict[str, Any]]:
    return [{"epoch": 1} if share is None else {"epoch": 1, "waiting_share": share} for share in shares]


@pytest.mark.parametrize(
    ("kept", "changes", "remedy"),
    [
        (3, {"device": "cpu"}, "--cache-gib 3"),
        (3, {"device": "cuda", "crops": "batch"}, "--cache-gib 3"),
        (4, {"device": "cpu"}, None),
        (4, {"device": "cuda", "crops": "batch"}, None),
        (4, {"device": "cuda", "crops": "each"}, "--crops batch"),
        (4, {"device": "cuda", "rotation": 5.0, "workers": 2}, "--workers 10"),
        (4, {"device": "cuda", "rotation": 5.0, "workers": 10}, None),
        (4, {"device": "mps", "workers": 0}, "--workers 10"),
    ],
)
def test_the_remedy_is_one_that_helps(
    kept: int, changes: dict[str, Any], remedy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "count_cores", lambda: 12)
    monkeypatch.setattr(waiting, "free_memory", lambda: 8 * 1024**3)
    monkeypatch.setattr(processes, "free_disk", lambda place: None)
    advice = advise_on_waiting(training(kept, **changes), rows(0.9, 0.25, 0.3))
    assert (advice is None) == (remedy is None)
    assert remedy is None or (remedy in str(advice) and "27.5%" in str(advice))


@pytest.mark.parametrize("shares", [(0.9, 0.05, 0.04), (None, None), ()])
def test_without_long_waiting_there_is_no_advice(shares: tuple[float | None, ...]) -> None:
    assert advise_on_waiting(training(3), rows(*shares)) is None


def test_no_more_memory_is_advised_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "free_memory", lambda: 1024**3)
    assert advise_on_waiting(training(3, device="cuda", crops="batch"), rows(0.9)) is None


def test_images_of_other_channels_need_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "free_memory", lambda: 40 * 1024**3)
    bands = training(3, pixel_bytes=13 * 4, device="cpu")  # 26.5 GiB
    assert "--cache-gib 28" in str(advise_on_waiting(bands, rows(0.9)))
    monkeypatch.setattr(waiting, "free_memory", lambda: 20 * 1024**3)
    assert advise_on_waiting(bands, rows(0.9)) is None


def test_images_of_other_channels_are_cropped_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "count_cores", lambda: 12)
    monkeypatch.setattr(processes, "free_disk", lambda place: None)
    advice = str(advise_on_waiting(training(4, pixel_bytes=5, device="cuda", workers=2), rows(0.9)))
    assert "--workers 10" in advice
    assert "--crops" not in advice


def batch_bytes(settings: Any) -> int:
    """RGB and labels of a batch, three of which a process has at a time, in shared memory of which 80% is used."""
    return 4 * settings.crop[0] * settings.crop[1] * settings.batch_size


@pytest.mark.parametrize(("processes_that_fit", "remedy"), [(2, None), (3, "--workers 3"), (99, "--workers 10")])
def test_no_more_processes_are_advised_than_shared_memory_serves(
    processes_that_fit: int, remedy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = training(4, device="cuda", rotation=5.0, workers=2)
    monkeypatch.setattr(waiting, "count_cores", lambda: 12)
    free = 3 * (processes_that_fit + 0.5) * batch_bytes(one.protocol) / 0.8
    monkeypatch.setattr(processes, "free_disk", lambda place: free)
    advice = advise_on_waiting(one, rows(0.9))
    assert (advice is None) == (remedy is None)
    assert remedy is None or remedy in str(advice)


def test_fewer_processes_than_wanted_are_reported(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "free_disk", lambda place: 1000)
    segarena.train(squares, model="fcn", out=tmp_path / "run", **{**QUICK, "epochs": 1, "workers": 2})
    assert "workers: 0 of 2" in capsys.readouterr().out
