"""Parameters against published numbers and torchvision's modules, exactly; floating-point operations."""

import functools

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model_weights, segmentation

from segarena.models import TRACKS, SegmentationModel, build_model


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def on_meta(name: str, num_classes: int, **options) -> SegmentationModel:
    with torch.device("meta"):
        return build_model(name, num_classes, track="paper", **options)


@pytest.mark.parametrize(
    ("name", "num_classes", "options", "expected"),
    [
        # Long et al. 2015, table 1, call it 134M: biased scores, unbiased transposed convolutions, 21 classes
        ("fcn8s", 21, {}, 134_489_759),
        # Ronneberger et al. 2015: one grey channel in, two classes out
        ("unet", 2, {"in_channels": 1}, 31_030_658),
        # `num_params` of torchvision's published weights, auxiliary head included
        ("fcn", 21, {"auxiliary": True}, 35_322_218),
        ("fcn", 21, {"auxiliary": True, "encoder": "resnet101"}, 54_314_346),
        ("deeplabv3", 21, {"auxiliary": True, "head": "torchvision"}, 42_004_074),
        ("deeplabv3", 21, {"auxiliary": True, "head": "torchvision", "encoder": "resnet101"}, 60_996_202),
    ],
)
def test_parameters_are_the_published_ones(name, num_classes, options, expected):
    assert parameters(on_meta(name, num_classes, **options)) == expected


def test_finer_fcns_have_more_parameters_by_their_scores():
    """FCN-16s has no score of pool3 and no second 2x upsampling, FCN-32s none of pool4; the last upsampling differs."""
    fine, middle, coarse = (parameters(on_meta(name, 21)) for name in ("fcn8s", "fcn16s", "fcn32s"))
    square = 21 * 21
    assert fine - middle == (256 * 21 + 21) + square * 4**2 + square * 16**2 - square * 32**2
    assert middle - coarse == (512 * 21 + 21) + square * 4**2 + square * 32**2 - square * 64**2


@functools.cache
def torchvisions(name: str, encoder: str, *, auxiliary: bool) -> nn.Module:
    with torch.device("meta"):
        construct = getattr(segmentation, f"{name}_{encoder}")
        return construct(weights=None, weights_backbone=None, num_classes=21, aux_loss=auxiliary)


def flops(model: nn.Module, *, training: bool) -> int:
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        model.train(training)(torch.empty(2, 3, 65, 97))
    return counter.get_total_flops()


@pytest.mark.parametrize("auxiliary", [True, False])
@pytest.mark.parametrize("encoder", ["resnet50", pytest.param("resnet101", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["fcn", "deeplabv3"])
def test_parameters_and_operations_are_torchvisions(name, encoder, auxiliary):
    head = {"head": "torchvision", "multi_grid": (1, 1, 1)} if name == "deeplabv3" else {}
    ours = on_meta(name, 21, encoder=encoder, output_stride=8, auxiliary=auxiliary, **head)
    theirs = torchvisions(name, encoder, auxiliary=auxiliary)
    assert parameters(ours) == parameters(theirs)
    # torchvision computes its auxiliary head in evaluation too; this project does not.
    assert flops(ours, training=auxiliary) == flops(theirs, training=auxiliary) > 0


@pytest.mark.parametrize("encoder", ["resnet50", "resnet101"])
@pytest.mark.parametrize("name", ["fcn", "deeplabv3"])
def test_torchvision_states_the_counts_of_the_networks_compared_here(name, encoder):
    stated = get_model_weights(f"{name}_{encoder}")["COCO_WITH_VOC_LABELS_V1"].meta["num_params"]
    assert parameters(torchvisions(name, encoder, auxiliary=True)) == stated


@pytest.mark.parametrize(("encoder", "output_stride"), [("resnet50", 8), ("resnet50", 16), ("resnet101", 8)])
def test_pspnets_parameters_follow_from_the_paper(encoder, output_stride):
    """ResNet without its classifier; four bins of 2048 / 4 channels; 3x3 fusion of 4096 to 512; two classifiers."""
    backbone = {"resnet50": 25_557_032, "resnet101": 44_549_160}[encoder] - (2048 * 1000 + 1000)
    norm = 2 * 512
    pyramid = 4 * (2048 * 512 + norm)
    fusion = 4096 * 512 * 9 + norm
    auxiliary = 1024 * 256 * 9 + 2 * 256 + 256 * 21 + 21
    expected = backbone + pyramid + fusion + (512 * 21 + 21) + auxiliary
    assert parameters(on_meta("pspnet", 21, encoder=encoder, output_stride=output_stride)) == expected


@pytest.mark.parametrize("encoder", ["resnet18", "mobilenet_v2", "efficientnet_b0", "vgg16_bn", "convnext_tiny"])
def test_encoder_track_has_under_70_million_parameters(encoder):
    with torch.device("meta"):
        count = {name: parameters(build_model(name, 12, encoder=encoder)) for name in TRACKS["encoder"]}
    assert max(count.values()) < 70e6
    assert min(count, key=count.get) == "fcn"
