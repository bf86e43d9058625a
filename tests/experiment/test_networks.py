"""Which options a network uses, and what is reported about the networks before the first is trained."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import get_model

from own_modules import Tiny
from recording import RecordingReporter, protocol
from segarena.config import CompareOptions
from segarena.config.own_models import own_models
from segarena.errors import ConfigError, WeightsError
from segarena.experiment.networks import (
    check_networks,
    drop_unused_options,
    network_costs,
    relative_cost,
    try_networks,
)
from segarena.models import ENCODERS, weights
from support import refuses


def reported(models: list[str], **options: Any) -> list[str]:
    reporter = RecordingReporter()
    try_networks(protocol(**options), models, 3, reporter)
    return [line.strip() for line in reporter.lines]


@pytest.fixture(scope="module")
def whole_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "fcn.pth"
    torch.save(get_model("fcn_resnet50", weights=None, weights_backbone=None).state_dict(), path)
    return path


def test_each_published_network_is_described() -> None:
    models = ["fcn8s", "unet", "pspnet", "deeplabv3"]
    assert reported(models, track="paper", network={"weights": "none"}) == [
        "fcn8s: on vgg16, output stride 32; from random weights",
        "unet: no encoder; from random weights",
        "pspnet: on resnet50, output stride 8; from random weights",
        "deeplabv3: on resnet50, output stride 16, evaluated at 8; from random weights",
    ]


def test_what_is_used_of_a_whole_network_is_reported(whole_network: Path) -> None:
    network = {"encoder": "resnet50", "weights": str(whole_network)}
    assert reported(["fcn", "pspnet"], network=network) == ["each starts from fcn.pth (its encoder only)"]
    assert reported(["fcn", "pspnet"], track="paper", network=network) == [
        "fcn: on resnet50, output stride 8; from fcn.pth",
        "pspnet: on resnet50, output stride 8; from fcn.pth (its encoder only)",
    ]


def test_the_relative_cost_is_that_of_the_network_and_of_the_pixels() -> None:
    costs = {model: relative_cost(protocol(input_size=(64, 64)), model) for model in ("fcn", "unet")}
    assert 0 < costs["fcn"] < costs["unet"]
    assert relative_cost(protocol(input_size=(64, 128)), "fcn") == 2 * costs["fcn"]


def test_a_module_keeps_the_channels_of_the_images() -> None:
    with own_models({"mine": partial(Tiny, channels=5)}):
        five = drop_unused_options(protocol(network={"in_channels": 5, "encoder": "resnet18"}), "mine")
        assert five.network == {"in_channels": 5}
        assert relative_cost(five, "mine") > 0
        assert network_costs("encoder", five.network, ["mine"])[0].operations > 0


@pytest.mark.parametrize(("name", "called"), [("imagenet", "ImageNet"), ("coco", "COCO")])
def test_a_download_is_announced(name: str, called: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise WeightsError("no network here", remedy="none")

    monkeypatch.setattr(weights, "_download", refuse)
    reporter = RecordingReporter()
    with pytest.raises(WeightsError):
        try_networks(protocol(track="paper", network={"weights": name}), ["fcn"], 3, reporter)
    assert [line.split()[:2] for line in reporter.lines] == [[called, "weights:"]]


@pytest.mark.parametrize(
    ("track", "model", "used"),
    [
        ("paper", "unet", ()),
        ("paper", "pspnet", ("encoder", "weights", "output_stride")),
        ("paper", "fcn8s", ("weights",)),
        ("encoder", "fcn", ("encoder", "weights")),
        ("encoder", "deeplabv3", ("encoder", "weights", "output_stride")),
    ],
)
def test_only_options_that_a_network_uses_are_kept(track: Any, model: str, used: tuple[str, ...]) -> None:
    network = {"encoder": "resnet101", "weights": "imagenet", "output_stride": 8}
    own = drop_unused_options(protocol(track=track, network=network), model)
    assert own.network == {name: network[name] for name in used}


WITHOUT_BATCHNORM = {"swin_t", "convnext_tiny", "convnext_small"}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.long
def test_freezing_batchnorm_is_refused_where_there_is_none(encoder: str) -> None:
    """Each encoder that the remedy names is accepted."""
    options: dict[str, Any] = {"models": ("fcn",), "freeze_batchnorm": True}
    if encoder not in WITHOUT_BATCHNORM:
        return check_networks(CompareOptions(encoder=encoder, **options))
    with refuses(ConfigError, where="--freeze-batchnorm", value=encoder) as raised:
        check_networks(CompareOptions(encoder=encoder, **options))
    offered = raised.value.remedy.partition(": ")[2].split(", ")
    assert set(offered) == set(ENCODERS) - WITHOUT_BATCHNORM
    return check_networks(CompareOptions(encoder=offered[0], **options))


@pytest.mark.parametrize("models", [("unet",), ("fcn8s", "unet"), ("fcn32s",)])
def test_freezing_batchnorm_of_networks_without_it_is_refused(models: tuple[Any, ...]) -> None:
    with refuses(ConfigError, where="--freeze-batchnorm", value=models[0]) as raised:
        check_networks(CompareOptions(track="paper", models=models, freeze_batchnorm=True))
    offered: Any = raised.value.remedy.partition("models ")[2].split(", ")
    assert set(offered) == {"fcn", "pspnet", "deeplabv3"}
    for model in offered:
        check_networks(CompareOptions(track="paper", models=(*models, model), freeze_batchnorm=True))
