"""`segarena models`: the table, what it counts, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from segarena import cli
from segarena.commands import models
from segarena.config import TRACK_MODELS, ModelsOptions
from segarena.errors import ConfigError
from segarena.models import TRACKS, build_model
from segarena.training.costs import count_flops, count_parameters
from support import refuses


def test_both_tracks_are_listed_with_the_numbers_of_each_network(capsys: pytest.CaptureFixture[str]) -> None:
    rows = models.run(ModelsOptions(size=(64,)))
    assert {(row["track"], row["name"]) for row in rows} == {(t, name) for t in TRACKS for name in TRACKS[t]}
    assert set(TRACKS) == set(TRACK_MODELS)
    by_name = {(row["track"], row["name"]): row for row in rows}
    assert by_name["paper", "fcn8s"]["params"] == 134_489_759
    assert by_name["paper", "unet"]["encoder"] is None
    shown = capsys.readouterr().out
    for text in ("134,489,759", "resnet18", "vgg16", "16, 8 in evaluation", "64 x 64, 21 classes"):
        assert text in shown


@pytest.mark.parametrize(
    ("track", "name"),
    [
        ("encoder", "deeplabv3"),
        *(pytest.param("encoder", name, marks=pytest.mark.slow) for name in TRACKS["encoder"] if name != "deeplabv3"),
        pytest.param("paper", "unet", marks=pytest.mark.slow),
        pytest.param("paper", "deeplabv3", marks=pytest.mark.slow),
    ],
)
def test_counts_without_computing_are_those_of_the_real_network(track: str, name: str) -> None:
    """On torch's meta device nothing is computed; the paper's DeepLabv3 is counted at its stride for evaluation."""
    rows = models.run(ModelsOptions(track=track, size=(48, 64), num_classes=3))  # type: ignore[arg-type]
    row = next(row for row in rows if row["name"] == name)
    model = build_model(name, 3, track=track)
    assert row["params"] == count_parameters(model)
    assert row["flops"] == count_flops(model, (48, 64))


def test_one_number_is_a_square_and_two_are_height_and_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "TRACKS", {"encoder": ("fcn",)})

    def flops(*size: int) -> list[int]:
        return [row["flops"] for row in models.run(ModelsOptions(track="encoder", size=size))]

    assert flops(64) == flops(64, 64)
    assert flops(64, 128) != flops(64)


def test_the_encoder_is_used_by_the_architectures_that_support_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "count_flops", lambda model, size: 0)
    rows = models.run(ModelsOptions(encoder="resnet101", size=(64,)))
    used = {(row["track"], row["name"]): row["encoder"] for row in rows}
    assert {encoder for (track, _), encoder in used.items() if track == "encoder"} == {"resnet101"}
    assert used["paper", "pspnet"] == "resnet101"
    assert used["paper", "fcn8s"] == "vgg16"
    rows = models.run(ModelsOptions(encoder="swin_t", track="encoder", size=(64,)))
    assert [row["name"] for row in rows] == ["fcn", "unet"]
    assert "pspnet, encoder track: PSPNet" in capsys.readouterr().out


def test_the_command_prints_titles_and_a_line_for_each_network(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["segarena", "models", "--track", "paper", "--size", "64"])
    assert cli.main() == 0
    titles, *lines = capsys.readouterr().out.splitlines()
    assert titles.split() == ["name", "track", "encoder", "output", "stride", "parameters", "GFLOPs"]
    flops = count_flops(build_model("fcn", 21, track="paper"), (64, 64))
    [line] = [line.split() for line in lines if line.split()[:2] == ["fcn", "paper"]]
    assert line == ["fcn", "paper", "resnet50", "8", "32,957,013", f"{flops / 1e9:.1f}"]


@pytest.mark.parametrize(
    ("options", "where", "value"),
    [
        ({"encoder": "vgg"}, "--encoder", "vgg"),
        ({"track": "both"}, "--track", "both"),
        ({"num_classes": 0}, "--num-classes", 0),
        ({"size": (16,)}, "--size", 16),
        ({"size": (64, 64, 3)}, "--size", 3),
        ({"size": ()}, "--size", 0),
        ({"track": "paper", "encoder": "resnet18"}, "--encoder", "resnet18"),
    ],
)
def test_wrong_input_is_refused_with_the_option(options: dict[str, Any], where: str, value: object) -> None:
    with refuses(ConfigError, where=where, value=value):
        models.run(ModelsOptions(**options))
