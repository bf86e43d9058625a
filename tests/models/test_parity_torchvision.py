"""The dilated FCN and DeepLabv3 against torchvision's own networks, on the same weights.

The names of the weights are mapped here independently of `--weights coco`. BatchNorm has random statistics and scales,
so that no constant hides a mistake.

Compared are the logits, and the gradients of a fixed random combination of both outputs in every parameter: the largest
absolute difference of a tensor, divided by the largest absolute value in torchvision's. It must be under 1e-10 in
float64 and under 1e-5 in float32. Dropout has the same seed on both sides.
"""

import pytest
import torch
from networks import randomise, relative
from torch import nn
from torchvision.models.segmentation import deeplabv3_resnet50, fcn_resnet50

from segarena.models import build_model

CLASSES = 7
#: The layers of a head, by name in torchvision and here. `.0` and `.1` of each are a convolution and its BatchNorm.
FCN_HEAD = {"0": "0.0", "1": "0.1", "4": "2"}
ASPP = {
    **{"convs.0.0": "point.0", "convs.0.1": "point.1", "project.0": "project.0", "project.1": "project.1"},
    **{"convs.1.0": "atrous.0.0", "convs.1.1": "atrous.0.1", "convs.2.0": "atrous.1.0", "convs.2.1": "atrous.1.1"},
    **{"convs.3.0": "atrous.2.0", "convs.3.1": "atrous.2.1"},
    **{"convs.4.1": "image_level.0", "convs.4.2": "image_level.1"},
}
LAYERS = {
    "fcn": {f"classifier.{theirs}": f"head.{ours}" for theirs, ours in FCN_HEAD.items()},
    "deeplabv3": {
        **{f"classifier.0.{theirs}": f"aspp.{ours}" for theirs, ours in ASPP.items()},
        **{"classifier.1": "refine.1.0", "classifier.2": "refine.1.1", "classifier.4": "classifier"},
    },
}
AUXILIARY = {f"aux_classifier.{theirs}": f"auxiliary_head.{ours}" for theirs, ours in FCN_HEAD.items()}
OPTIONS = {"fcn": {}, "deeplabv3": {"head": "torchvision", "multi_grid": (1, 1, 1)}}


def our_name(name: str, key: str) -> str:
    """Our name of the parameter or statistic that is `key` in torchvision's network."""
    layer, _, kind = key.rpartition(".")
    if layer.startswith("backbone."):
        return f"encoder.{layer.removeprefix('backbone.')}.{kind}"
    return f"{(LAYERS[name] | AUXILIARY)[layer]}.{kind}"


@pytest.fixture(scope="module", params=["fcn", "deeplabv3"])
def pair(request):
    """Name, our network, torchvision's with the same weights; both in float64."""
    torch.manual_seed(0)
    construct = {"fcn": fcn_resnet50, "deeplabv3": deeplabv3_resnet50}[request.param]
    theirs = randomise(construct(weights=None, weights_backbone=None, num_classes=CLASSES, aux_loss=True)).double()
    with torch.device("meta"):
        ours = build_model(
            request.param, CLASSES, track="paper", output_stride=8, auxiliary=True, **OPTIONS[request.param]
        )
    ours = ours.to_empty(device="cpu").double()
    state = {our_name(request.param, key): value for key, value in theirs.state_dict().items()}
    ours.load_state_dict(state, strict=True)
    return request.param, ours, theirs


def outputs(network: nn.Module, image: torch.Tensor, *, training: bool) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    result = network.train(training)(image)
    if isinstance(result, dict):
        return dict(result)
    return {"out": result.logits} if result.auxiliary is None else {"out": result.logits, "aux": result.auxiliary}


def compare(pair, size: tuple[int, int], dtype: torch.dtype, *, training: bool) -> float:
    """The largest relative difference among the outputs and the gradients of all parameters."""
    name, ours, theirs = pair
    # Training changes the statistics: each comparison starts with the same.
    statistics = {key: value.clone() for key, value in theirs.named_buffers()}
    torch.manual_seed(2)
    image = torch.randn(2, 3, *size, dtype=torch.float64).to(dtype)
    weight = torch.randn(2, 2, CLASSES, *size, dtype=torch.float64).to(dtype)
    results = []
    for network in (ours, theirs):
        network.to(dtype).zero_grad()
        results.append(outputs(network, image, training=training))
        kept = [results[-1]["out"], results[-1]["aux"]] if training else [results[-1]["out"]]
        sum((w * logits).sum() for w, logits in zip(weight, kept, strict=False)).backward()
    mine, reference = results
    assert set(mine) == ({"out", "aux"} if training else {"out"})
    worst = max(relative(mine[key], reference[key]) for key in mine)
    gradients = {key: p.grad for key, p in ours.named_parameters()}
    for key, parameter in theirs.named_parameters():
        if not training and key.startswith("aux_classifier"):
            continue
        assert parameter.grad.any(), key
        worst = max(worst, relative(gradients[our_name(name, key)], parameter.grad))
    if training:  # the statistics after the step
        mine_after = ours.state_dict()
        for key, value in theirs.state_dict().items():
            if key.endswith(("running_mean", "running_var")):
                worst = max(worst, relative(mine_after[our_name(name, key)], value))
    for network in (ours, theirs):
        network.to(torch.float64)
    theirs.load_state_dict(statistics, strict=False)
    ours.load_state_dict({our_name(name, key): value for key, value in statistics.items()}, strict=False)
    return worst


@pytest.mark.parametrize(("size", "training"), [((24, 33), False), ((33, 25), True)], ids=["eval", "train"])
def test_logits_and_gradients_are_torchvisions_in_float64(pair, size, training):
    assert compare(pair, size, torch.float64, training=training) < 1e-10


@pytest.mark.parametrize("training", [pytest.param(False, marks=pytest.mark.slow), True], ids=["eval", "train"])
@pytest.mark.long
def test_logits_and_gradients_are_torchvisions_in_float32(pair, training):
    assert compare(pair, (33, 25), torch.float32, training=training) < 1e-5
