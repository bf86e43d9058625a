"""Pairs of networks that are compared: ours, and that of a peer with the same operations where there is one.

- torchvision's FCN and DeepLabv3 (`torchvision.models.segmentation`), on its ResNet-50; its ResNet-18 has no option for
  dilation, so it is dilated as ours is.
- PSPNet as its authors wrote it in PyTorch (hszhao/semseg, model/pspnet.py), on the same ResNets, with
  align_corners=False, as here.
- U-Net of segmentation-models-pytorch, which is another network of about the same size.

Twins get the same weights, and their logits are compared before anything is timed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet18, resnet50
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.segmentation.deeplabv3 import DeepLabHead, DeepLabV3
from torchvision.models.segmentation.fcn import FCN, FCNHead

import segarena
from segarena.models.deeplabv3 import DeepLabv3
from segarena.models.encoders import create_encoder
from segarena.models.fcn import DilatedFCN
from segarena.models.layers import FCNHead as OurHead
from segarena.training.costs import count_flops

#: Whose networks the peers are.
LIBRARIES = {
    "fcn": "torchvision",
    "deeplabv3": "torchvision",
    "pspnet": "the authors' network",
    "unet": "segmentation-models-pytorch",
}
WIDTHS = {"resnet18": 512, "resnet50": 2048}
#: The parts of the peers' state dicts by our names, beside those that our classes declare.
BACKBONE = {"backbone.": "encoder."}
PYRAMID = {f"ppm.features.{grid}.{1 + part}.": f"pyramid.reduce.{grid}.{part}." for grid in range(4) for part in (0, 1)}
CLASSIFIER = {"cls.0.": "fusion.0.", "cls.1.": "fusion.1.", "cls.4.": "classifier."}


class Twins(NamedTuple):
    """Two networks for the same work."""

    ours: nn.Module
    peer: nn.Module
    library: str
    """Whose network the peer is."""
    gflops: tuple[float, float]
    """Operations of one image, ours and the peer's."""
    difference: float | None
    """The largest difference of their logits, as a share of the largest logit; None where they are no twins."""


class PPM(nn.Module):
    """The pyramid pooling module of hszhao/semseg."""

    def __init__(self, in_dim: int, reduction_dim: int, bins: tuple[int, ...]) -> None:
        super().__init__()
        self.features = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(side),
                nn.Conv2d(in_dim, reduction_dim, kernel_size=1, bias=False),
                nn.BatchNorm2d(reduction_dim),
                nn.ReLU(inplace=True),
            )
            for side in bins
        )

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        pooled = [F.interpolate(feature(x), size, mode="bilinear", align_corners=False) for feature in self.features]
        return torch.cat([x, *pooled], 1)


class AuthorsPSPNet(nn.Module):
    """PSPNet of hszhao/semseg on a ResNet of torchvision, whose auxiliary logits are for training mode."""

    def __init__(self, backbone: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.ppm = PPM(width, width // 4, (1, 2, 3, 6))
        self.cls = nn.Sequential(
            nn.Conv2d(2 * width, 512, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(512),
            nn.ReLU(inplace=True),
            nn.Dropout2d(p=0.1),
            nn.Conv2d(512, classes, kernel_size=1),
        )
        self.aux_classifier = FCNHead(width // 2, classes)

    def forward(self, x: Tensor) -> Any:
        size = x.shape[2:]
        features = self.backbone(x)
        out = F.interpolate(self.cls(self.ppm(features["out"])), size, mode="bilinear", align_corners=False)
        if not self.training:
            return {"out": out}
        aux = F.interpolate(self.aux_classifier(features["aux"]), size, mode="bilinear", align_corners=False)
        return {"out": out, "aux": aux}


def make_twins(name: str, encoder: str, classes: int, *, stride: int = 8, side: int = 256) -> Twins:
    """Build both networks, with the same weights where they are twins.

    Args:
        name: "fcn", "deeplabv3", "pspnet" or "unet".
        encoder: "resnet18" or "resnet50".
        classes: Number of classes.
        stride: Output stride of the encoder; not of U-Net.
        side: Side of the image for which operations are counted, in pixels.
    """
    torch.manual_seed(0)
    if name == "unet":
        return _unets(encoder, classes, side)
    ours: nn.Module
    names: Mapping[str, str]
    if name == "fcn":
        ours, names = DilatedFCN(create_encoder(encoder, output_stride=stride), classes), DilatedFCN.torchvision_names
    elif name == "deeplabv3":
        ones = (1,) * {"resnet18": 2, "resnet50": 3}[encoder]
        ours = DeepLabv3(create_encoder(encoder, output_stride=stride), classes, multi_grid=ones, head="torchvision")
        names = DeepLabv3.torchvision_names
    else:
        ours = segarena.build_model("pspnet", classes, encoder=encoder, output_stride=stride)
        names = {**PYRAMID, **CLASSIFIER, **OurHead.names_in_torchvision("aux_classifier", "auxiliary_head")}
    build = {"resnet18": resnet18, "resnet50": resnet50}[encoder]
    network = build(weights=None)
    _dilate(network, ours.get_submodule("encoder"))
    layers = {"layer3": "aux", "layer4": "out"} if name == "pspnet" else {"layer4": "out"}
    backbone, width = IntermediateLayerGetter(network, return_layers=layers), WIDTHS[encoder]
    peer: nn.Module
    if name == "fcn":
        peer = FCN(backbone, FCNHead(width, classes))
    elif name == "deeplabv3":
        peer = DeepLabV3(backbone, DeepLabHead(width, classes, tuple(8 * rate // stride for rate in (12, 24, 36))))
    else:
        peer = AuthorsPSPNet(backbone, width, classes)
    difference = _share_weights(ours, peer, BACKBONE | dict(names))
    return Twins(ours, peer, LIBRARIES[name], (_gflops(ours, side), _gflops(peer, side)), difference)


def _unets(encoder: str, classes: int, side: int) -> Twins:
    import segmentation_models_pytorch as smp

    ours = segarena.build_model("unet", classes, encoder=encoder)
    peer = smp.Unet(encoder, encoder_weights=None, classes=classes)
    return Twins(ours, peer, LIBRARIES["unet"], (_gflops(ours, side), _gflops(peer, side)), None)


def _gflops(model: nn.Module, side: int) -> float:
    return round(count_flops(model, (side, side)) / 1e9, 1)


def _dilate(network: nn.Module, like: nn.Module) -> None:
    """Give the convolutions of a ResNet the strides and dilations of another one."""
    others = {name: layer for name, layer in like.named_modules() if isinstance(layer, nn.Conv2d)}
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            other = others[name]
            layer.stride, layer.dilation, layer.padding = other.stride, other.dilation, other.padding


def _share_weights(ours: nn.Module, peer: nn.Module, names: Mapping[str, str]) -> float:
    """Copy the peer's weights into ours, and return the largest difference of the logits, relative to the largest."""
    found = {}
    for key, value in peer.state_dict().items():
        prefix = next(prefix for prefix in names if key.startswith(prefix))
        found[names[prefix] + key.removeprefix(prefix)] = value
    ours.load_state_dict(found)
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        expected, given = peer.eval()(image)["out"], ours.eval()(image).logits
    return float((given - expected).abs().max() / expected.abs().max())
