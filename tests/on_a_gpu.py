"""What the tests on a GPU share: networks without random numbers, a batch, options of a short training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from segarena.models import SegmentationModel, build_model
from support import QUICK, real_encoders

MODELS = ("fcn", "unet", "pspnet", "deeplabv3")
CLASSES, SIDE = 7, 128
GPU: dict[str, Any] = {**QUICK, "device": "cuda", "precision": "auto", "workers": 2}


def network(name: str, encoder: str = "resnet18") -> SegmentationModel:
    torch.manual_seed(0)
    with real_encoders():
        model = build_model(name, CLASSES, encoder=encoder, weights="none")
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0  # its random numbers differ between devices
    return model


def batch(number: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (number, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    mask = (images.float().mean(dim=1) / 256 * CLASSES).to(torch.uint8)
    mask[:, :5] = 255
    return images, mask
