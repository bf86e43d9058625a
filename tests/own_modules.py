"""Small modules that a user could have: right ones, and wrong ones."""

from __future__ import annotations

import os
import signal
from typing import Any

import torch
from torch import Tensor, nn


class Tiny(nn.Module):
    """An encoder and a decoder, named as in segmentation-models-pytorch, with logits at a quarter of the size."""

    def __init__(self, classes: int, channels: int = 3) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv2d(channels, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU()),
        )
        self.decoder = nn.Conv2d(8, classes, 1)

    def forward(self, image: Tensor) -> Any:
        return self.decoder(self.encoder(image))


class Answering(Tiny):
    """Tiny, with what a test makes of its logits as the answer."""

    def __init__(self, classes: int, answer: Any) -> None:
        super().__init__(classes)
        self.answer = answer

    def forward(self, image: Tensor) -> Any:
        return self.answer(super().forward(image))


class Counting(Tiny):
    """Tiny, with a state beside its tensors."""

    def get_extra_state(self) -> dict[str, int]:
        return {"calls": 1}


class Tied(nn.Module):
    """Two layers that share their weights, and an auxiliary head as in torchvision's networks."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.backbone = nn.Conv2d(3, 3, 3, padding=1)
        self.again = nn.Conv2d(3, 3, 3, padding=1)
        self.again.weight = self.backbone.weight
        self.head, self.aux = nn.Conv2d(3, num_classes, 1), nn.Conv2d(3, num_classes, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = torch.relu(self.again(torch.relu(self.backbone(image))))
        return {"out": self.head(features), "aux": self.aux(features)}


class Killed(Tiny):
    """A `Tiny` that kills its process where that is not the one that KILLED_BY_TEST names."""

    def __init__(self, classes: int) -> None:
        if os.environ.get("KILLED_BY_TEST", str(os.getpid())) != str(os.getpid()):
            os.kill(os.getpid(), signal.SIGKILL)
        super().__init__(classes)
