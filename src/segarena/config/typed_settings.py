"""The settings of a training that have the value that was typed, or a fixed default: nothing chooses them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

from segarena.config.checks import Flag

#: The directions in which training crops are mirrored.
Flip: TypeAlias = Literal["horizontal", "both", "none"]


@dataclass(frozen=True, kw_only=True)
class TypedSettings:
    """Settings that `ProtocolOptions` and `Protocol` share: the same name, type, default and meaning in both.

    Files of versions that did not have one of them are read with its default.
    """

    label_smoothing: float = 0.0
    """Share of the target in the cross-entropy that is spread over all classes."""
    hard_pixels: float = 1.0
    """Share of the pixels of a batch that count in the cross-entropy: those with the highest loss
    (online hard example mining, OHEM)."""
    ema_decay: float = 0.0
    """Decay of the exponential moving average of the weights (EMA), which is scored and saved, e.g. 0.99. 0: none."""
    freeze_batchnorm: Flag = False
    """Keep the running statistics of BatchNorm in the encoder as they are in the pretrained weights."""
    rotation: float = 0.0
    """Training crops are rotated by a random angle, at most this number of degrees in both directions."""
    flip: Flip = "horizontal"
    """How training crops are mirrored at random, half of the time in each direction. horizontal: left to right. both:
    also top to bottom, e.g. aerial images and microscopy. none: where left and right are different classes, or text."""
    elastic: float = 0.0
    """Elastic deformation of training crops: standard deviation of the displacements, as a share of the crop's shorter
    side, e.g. 0.02."""
    tune: int = 0
    """Short trials of each model that choose its learning rate, and from 4 trials on its class weights: each a tenth of
    the epochs, scored on training images that are held out. 0: none."""

    def as_typed(self) -> dict[str, Any]:
        """Return these settings by name, without the others of a subclass."""
        return {item.name: getattr(self, item.name) for item in fields(TypedSettings)}
