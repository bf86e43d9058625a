"""Size and stride of a data set: its ceilings, the costs of the networks, and what is typed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import segarena
from recording import FACTS, RecordingReporter
from sample_records import INPUTS, PROTOCOL
from segarena.config import Choice, CompareOptions, Protocol, TrainOptions
from segarena.config.network_costs import DEFAULT_ENCODERS, KNOWN, SIDE
from segarena.experiment.networks import network_costs
from segarena.experiment.prepare import prepare
from segarena.experiment.resolution import Workload, choose, default_costs
from segarena.experiment.resolve import resolve
from segarena.records.config import Config
from segarena.scoring.ceilings import Grid
from segarena.training.costs import count_activations, count_flops, logit_stride
from support import real_encoders

CPU = {"device": "cpu", "precision": "fp32", "weights": "none"}
LARGE = replace(FACTS, num_train=20, height=600, width=600)


def test_the_stride_of_a_model_that_is_added_has_a_reason_of_its_own() -> None:
    """It is chosen for a size that was recorded, not together with it."""
    recorded = {"size": Choice("size", 300, "as before")}
    _, choices = resolve(CompareOptions(models=("fcn", "pspnet"), **CPU), LARGE, recorded, thin)
    why = {choice.name: choice.why for choice in choices}
    assert why["size"] == "as before"
    _, alone = resolve(CompareOptions(models=("fcn", "pspnet"), size=300, **CPU), LARGE, None, thin)
    assert why["output_stride"] == next(choice.why for choice in alone if choice.name == "output_stride")
    assert "size" not in why["output_stride"].split()


def thin(grids: list[Grid]) -> dict[Grid, float]:
    """Ceilings of masks with lines: cells of less than 1/64 of the image are needed."""
    return {grid: min(1.0, grid.size / grid.stride / 64) for grid in grids}


def settings(options: Any, facts: Any = LARGE, survey: Any = thin) -> tuple[int, object]:
    protocol, _ = resolve(options, facts, None, survey)
    return protocol.size, protocol.network.get("output_stride")


def folder_of(path: Path, side: int, lines: bool) -> Path:
    """Eight images: class 1 is lines of eight pixels, or the right half."""
    for number in range(8):
        mask = np.zeros((side, side), dtype=np.uint8)
        if lines:
            mask[(np.arange(side) + number) % 16 < 8] = 255
        else:
            mask[:, side // 2 + number :] = 255
        image = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
        for kind, pixels in (("images", image), ("masks", mask)):
            (path / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path / kind / f"{number}.png")
    return path


def chosen_for(data: Path, **options: Any) -> tuple[Protocol, list[str]]:
    reporter = RecordingReporter()
    prepared = prepare(CompareOptions(data=data, **CPU, **options), reporter)
    assert {choice.name for choice in prepared.choices} >= {"size", "output_stride"} - set(options)
    return prepared.protocol, reporter.lines


@pytest.mark.parametrize("encoder", ["resnet18", pytest.param("resnet50", marks=pytest.mark.slow)])
def test_the_costs_in_the_table_are_those_of_the_networks(encoder: str) -> None:
    import torch

    assert set(KNOWN) == set(DEFAULT_ENCODERS.values())
    for (model, stride), cost in KNOWN[encoder].items():
        options = {} if stride is None else {"output_stride": stride}
        with torch.device("meta"), real_encoders():
            network = segarena.build_model(model, 2, encoder=encoder, **options).eval()
        side = (SIDE, SIDE)
        assert cost == (logit_stride(network), count_flops(network, side), count_activations(network, side))


def test_costs_of_other_networks_are_counted() -> None:
    [paper] = network_costs("paper", {"weights": "none"}, ["fcn8s"])
    [own] = network_costs("encoder", {"encoder": "mobilenet_v2", "output_stride": 8}, ["pspnet"])
    assert (paper.logit_stride, own.logit_stride) == (8, 8)
    assert paper.flops > 5 * own.flops
    assert own.operations > own.flops


def test_lines_need_a_finer_stride_and_large_areas_do_not(tmp_path: Path) -> None:
    lines, said = chosen_for(folder_of(tmp_path / "lines", 64, lines=True))
    areas, _ = chosen_for(folder_of(tmp_path / "areas", 64, lines=False))
    assert (lines.size, lines.network["output_stride"]) == (64, 8)
    assert (areas.size, areas.network["output_stride"]) == (64, 16)
    assert any("size 64" in line and "output stride 8" in line and "resolution ceiling" in line for line in said)


def test_check_and_compare_choose_the_same(tmp_path: Path) -> None:
    for lines in (True, False):
        data = folder_of(tmp_path / str(lines), 64, lines)
        protocol, _ = chosen_for(data)
        found = segarena.check(data, out=tmp_path / f"{lines}-check")["ceilings"]["choice"]["cpu"]
        assert (found["size"], found["output_stride"]) == (protocol.size, protocol.network["output_stride"])


@pytest.mark.parametrize("lines", [True, False])
def test_what_is_typed_is_kept_and_the_other_is_chosen_given_it(tmp_path: Path, lines: bool) -> None:
    data = folder_of(tmp_path, 64, lines)
    assert chosen_for(data, output_stride=16)[0].network["output_stride"] == 16
    assert chosen_for(data, size=48)[0].size == 48
    protocol, _ = chosen_for(data, size=32, output_stride=8)
    assert (protocol.size, protocol.network["output_stride"]) == (32, 8)


def test_a_typed_size_or_stride_decides_the_other() -> None:
    assert settings(CompareOptions(**CPU)) == (512, 8)
    assert settings(CompareOptions(output_stride=16, **CPU)) == (512, 16)
    assert settings(CompareOptions(size=2048, **CPU), survey=lambda grids: dict.fromkeys(grids, 1.0)) == (2048, 16)
    assert settings(CompareOptions(size=100, **CPU)) == (100, 8)


def test_one_model_is_chosen_for_alone() -> None:
    assert settings(TrainOptions(model="unet", **CPU)) == (256, None)
    assert settings(TrainOptions(model="fcn", **CPU)) == (512, None)
    assert settings(TrainOptions(model="pspnet", **CPU)) == (512, 8)


def test_each_fold_has_the_size_and_stride_of_the_whole(tmp_path: Path) -> None:
    protocol, _ = chosen_for(folder_of(tmp_path, 64, lines=True), folds=2)
    assert (protocol.size, protocol.network["output_stride"]) == (64, 8)


@pytest.mark.parametrize(("trained", "stride"), [("pspnet", None), ("unet", 8)])
def test_what_is_resumed_keeps_its_stride(tmp_path: Path, trained: str, stride: int | None) -> None:
    """A run of an earlier version has the stride of its architecture; for a model that is added, one is chosen."""
    run = Config(
        command="segarena train",
        protocol_version=1,
        model=trained,
        seed=0,
        data=INPUTS,
        protocol=PROTOCOL,
        choices=(),
        architecture={},
        start="random weights",
    )
    (tmp_path / f"{trained}-seed0").mkdir()
    run.write(tmp_path / f"{trained}-seed0")
    options = CompareOptions(resume=tmp_path, out=tmp_path, models=("unet", "pspnet"), **CPU)
    recorded = {"size": Choice("size", 96, "the shorter side")}
    protocol, choices = resolve(options, LARGE, recorded, thin)
    assert (protocol.size, protocol.network.get("output_stride")) == (96, stride)
    assert recorded["size"] in choices
    like, _ = resolve(TrainOptions(model="pspnet", like=tmp_path, **CPU), LARGE, recorded, thin)
    assert (like.size, like.network.get("output_stride")) == (96, stride)
    again, _ = resolve(options, LARGE, {**recorded, "output_stride": Choice("output_stride", 16, "")}, thin)
    assert again.network["output_stride"] == 16


def test_the_paper_track_keeps_the_strides_of_the_papers() -> None:
    size, stride = settings(CompareOptions(track="paper", **CPU))
    assert stride is None
    assert size in (128, 192, 256, 384, 512)
    assert settings(CompareOptions(track="paper", models=("pspnet",), output_stride=16, **CPU))[1] == 16


def test_more_images_cost_more_and_more_epochs_do_not() -> None:
    sizes = [settings(CompareOptions(**CPU), replace(LARGE, num_train=number))[0] for number in (20, 2000, 100_000)]
    assert sizes[0] == 512
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 128
    assert settings(CompareOptions(epochs=2, **CPU)) == settings(CompareOptions(epochs=1000, **CPU))


def test_the_choice_does_not_depend_on_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for load in (0.0, 8.0):
        monkeypatch.setattr("segarena.experiment.resolve_machine.measure_load", lambda load=load: load)
        found.append(settings(CompareOptions(**CPU)))
    assert found[0] == found[1]


def test_small_sizes_are_looked_at_only_where_no_other_is_affordable() -> None:
    workload = Workload(LARGE, default_costs("resnet18"), "cpu")
    cheapest = workload.cost(256, 16)
    assert workload.sizes(cheapest) == [256, 384, 512]
    assert workload.sizes(0.99 * cheapest) == [128, 192, 256, 384, 512]
    assert {grid.size for grid in workload.grids(cheapest)} == {256, 384, 512, 600}  # the last one is only named
    assert choose(workload, thin, limit=0.99 * cheapest).chosen.size < 256


def test_a_limit_may_be_given() -> None:
    workload = Workload(LARGE, default_costs("resnet18"), "cpu")
    assert choose(workload, thin, limit=1e30).chosen.size == 512
    assert choose(workload, thin, limit=0.0).chosen.words == "size 128 and output stride 16"
