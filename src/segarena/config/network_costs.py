"""What the networks on the default encoders cost, so that `check` and `compare` need not build them.

A test compares the numbers with the networks themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: The image that the FLOPs are of: pixels along each side.
SIDE = 512
#: FLOPs that take as long as writing and reading one activation: fitted to training steps of networks on ResNet-18 and
#: MobileNetV2 on a CPU, 96 to 256 pixels, with bf16. FLOPs alone would make MobileNetV2 four times as fast as it is.
FLOPS_OF_ACTIVATION = 200


class NetworkCost(NamedTuple):
    """What a network costs, and where it computes its logits."""

    logit_stride: int
    """Pixels of the image from one logit to the next."""
    flops: int
    """FLOPs of the forward pass of one image of `SIDE` x `SIDE` pixels, with two classes."""
    activations: int
    """Numbers that its layers put out for this image."""

    @property
    def operations(self) -> int:
        """What its time is proportional to: FLOPs, and FLOPs that take as long as its activations do."""
        return self.flops + FLOPS_OF_ACTIVATION * self.activations


#: The default encoder on each kind of device.
DEFAULT_ENCODERS: Mapping[str, str] = {"cpu": "resnet18", "cuda": "resnet50"}
#: By encoder: the networks of the encoder track, by model and output stride; None for a model without a choice of it.
KNOWN: Mapping[str, Mapping[tuple[str, int | None], NetworkCost]] = {
    "resnet18": {
        ("fcn", None): NetworkCost(8, 18_953_699_328, 39_080_448),
        ("unet", None): NetworkCost(1, 38_562_430_976, 96_468_992),
        ("pspnet", 8): NetworkCost(8, 134_982_533_120, 86_010_624),
        ("pspnet", 16): NetworkCost(16, 41_521_315_840, 46_682_880),
        ("deeplabv3", 8): NetworkCost(8, 129_012_858_880, 93_332_224),
        ("deeplabv3", 16): NetworkCost(16, 40_023_359_488, 48_499_456),
    },
    "resnet50": {
        ("fcn", None): NetworkCost(8, 42_721_247_232, 167_399_936),
        ("unet", None): NetworkCost(1, 73_995_911_168, 224_788_480),
        ("pspnet", 8): NetworkCost(8, 354_284_994_560, 385_436_672),
        ("pspnet", 16): NetworkCost(16, 103_670_874_112, 192_754_688),
        ("deeplabv3", 8): NetworkCost(8, 322_287_173_632, 392_700_672),
        ("deeplabv3", 16): NetworkCost(16, 95_590_285_312, 194_513_664),
    },
}
