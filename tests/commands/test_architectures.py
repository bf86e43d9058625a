"""What is said of the networks before the first is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models import get_model

from segarena.commands.terminal import TerminalReporter
from segarena.config import CompareOptions, TrainOptions
from segarena.errors import WeightsError
from segarena.experiment.networks import check_architectures, leave_out
from segarena.models import weights


@pytest.fixture(scope="module")
def whole_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "fcn.pth"
    torch.save(get_model("fcn_resnet50", weights=None, weights_backbone=None).state_dict(), path)
    return path


def test_each_published_network_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    options = CompareOptions(track="paper", weights="none")
    check_architectures(options, options.models or (), 3, TerminalReporter())
    said = capsys.readouterr()
    assert [line.strip() for line in (said.out + said.err).splitlines()] == [
        "fcn8s: on vgg16, output stride 32; from random weights",
        "unet: no encoder; from random weights",
        "pspnet: on resnet50, output stride 8; from random weights",
        "deeplabv3: on resnet50, output stride 16, evaluated at 8; from random weights",
    ]


def test_a_whole_network_of_which_only_the_encoder_is_used_is_not_cut_in_silence(
    whole_network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_architectures(
        CompareOptions(encoder="resnet50", weights=str(whole_network)), ["fcn", "pspnet"], 3, TerminalReporter()
    )
    said = capsys.readouterr()
    assert "each starts from fcn.pth (its encoder only)" in said.out + said.err
    options = CompareOptions(track="paper", weights=str(whole_network), models=("fcn", "pspnet"))
    check_architectures(options, ["fcn", "pspnet"], 3, TerminalReporter())
    said = capsys.readouterr()
    assert "fcn: on resnet50, output stride 8; from fcn.pth" in said.out + said.err
    assert "pspnet: on resnet50, output stride 8; from fcn.pth (its encoder only)" in said.out + said.err


@pytest.mark.parametrize(("name", "called"), [("imagenet", "ImageNet"), ("coco", "COCO")])
def test_a_download_is_announced(
    name: str, called: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise WeightsError("no network here", remedy="none")

    monkeypatch.setattr(weights, "_download", refuse)
    with pytest.raises(WeightsError):
        check_architectures(TrainOptions(model="fcn", track="paper", weights=name), ["fcn"], 3, TerminalReporter())
    said = capsys.readouterr()
    assert f"{called} weights: torchvision downloads them the first time" in said.out + said.err


def test_options_without_use_are_left_out_and_no_others() -> None:
    both = CompareOptions(track="paper", models=("unet", "pspnet"), encoder="resnet101", output_stride=8)
    assert leave_out(both, ["unet", "pspnet"]) == both
    alone = leave_out(both, ["unet"])
    assert (alone.encoder, alone.output_stride, alone.weights) == (None, None, "none")
    assert leave_out(both, ["pspnet"]) == both
    shared = CompareOptions(encoder="resnet34", output_stride=8, weights="imagenet")
    fcn = leave_out(shared, ["fcn"])
    assert (fcn.encoder, fcn.output_stride, fcn.weights) == ("resnet34", None, "imagenet")
