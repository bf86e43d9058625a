"""Random changes of brightness and contrast of images whose channels are not red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2


class ChannelJitter(v2.Transform):  # type: ignore[misc]  # torchvision comes without types
    """Change contrast and brightness, of all channels alike.

    In units of the normalised channel: x becomes contrast * x + brightness, with contrast from 1 - `most` to 1 + `most`
    and brightness from -`most` to `most`. So a channel in other units, or with negative values, is changed as much as
    the others. There is no saturation without colours, and no change of one channel against another, which would be
    another material: the ratio of infrared to red, for instance, is how plants are recognised.

    Applied to an image (C, H, W): uint8, which is rounded and stays within 0..255, or float32, which is not limited.
    A mask stays as it is.

    Args:
        most: The largest change.
        mean: Of each channel of the training images.
        std: The standard deviation, likewise.
    """

    def __init__(self, most: float, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.most = most
        self.mean, self.std = (torch.tensor(part, dtype=torch.float32).view(-1, 1, 1) for part in (mean, std))

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        contrast, brightness = torch.empty(2).uniform_(-self.most, self.most).tolist()
        return {"contrast": 1 + contrast, "brightness": brightness}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, tv_tensors.Mask):
            return inpt
        pixels = inpt.as_subclass(Tensor)
        changed = (pixels - self.mean) * params["contrast"] + self.mean + params["brightness"] * self.std
        if pixels.dtype == torch.uint8:
            changed = changed.round().clamp(0, 255).to(torch.uint8)
        return tv_tensors.wrap(changed, like=inpt)
