"""What all architectures share: the size and type of their output, and what is declared about each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from segarena.errors import ConfigError
from segarena.models.checks import is_positive_integer, require_positive
from segarena.models.layers import resize, to_float32

#: The `size` argument of a forward pass: (height, width) of the logits in pixels; None for the image's own size;
#: "native" for the resolution at which the architecture computes its logits, which each `forward` states.
Size = tuple[int, int] | Literal["native"] | None


class SegmentationOutput(NamedTuple):
    """What every model returns, in training and in eval mode."""

    logits: Tensor
    """(N, num_classes, H, W), before softmax; float32 also under autocast, float64 for a float64 model."""
    auxiliary: Tensor | None
    """The same of the auxiliary head, for the training loss; None in eval mode and for a model without that head."""


class SegmentationModel(nn.Module):
    """Base class of the networks: a paper's own, or the paper's decoder on an encoder.

    A subclass writes its own `forward`.

    Args:
        num_classes: Number of classes, 1 or more.

    Raises:
        ConfigError: `num_classes` is not a positive integer.
    """

    #: Whole images are best padded to a multiple of this many pixels: the coarsest stride of most networks, 1 for those
    #: whose logits are computed at the image's own resolution.
    size_multiple: ClassVar[int] = 32
    #: Factor of a fixed upsampling within the network, which its native logits have gone through.
    fixed_upsampling: ClassVar[int] = 1
    #: Modules of which the forward pass also uses the weights directly, so that no BatchNorm can be folded into them.
    weights_used_apart: ClassVar[tuple[str, ...]] = ()
    #: Output strides that the architecture can be built with.
    output_strides: ClassVar[tuple[int, ...]]
    #: Its output stride in the encoder track.
    default_stride: ClassVar[int]
    #: Encoders that its paper uses, the default first; none where the network has no encoder.
    paper_encoders: ClassVar[tuple[str, ...]] = ()
    #: Options that make the paper's network, `output_stride` first.
    paper_options: ClassVar[Mapping[str, Any]]
    #: Prefixes of parameter names in torchvision's model of the same architecture, and their counterparts here.
    torchvision_names: ClassVar[Mapping[str, str]] = {}
    #: Options that make torchvision's network, where it has one.
    torchvision_options: ClassVar[Mapping[str, Any]]
    #: Arguments of `build_model` that build this model again, without weights; `build_model` sets it.
    settings: dict[str, Any]
    #: Description of the initial weights, such as "random weights"; `build_model` sets it.
    initial_weights: str
    #: Mean and standard deviation of each channel, by which images are normalised; None for ImageNet's, of RGB.
    normalization: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        require_positive("num_classes", num_classes, "classes")
        self.num_classes = num_classes

    def extra_repr(self) -> str:
        """The options in a line, which PyTorch shows above the layers."""
        return ", ".join(f"{name}={value!r}" for name, value in getattr(self, "settings", {}).items())

    @classmethod
    def check_output_stride(cls, stride: int) -> None:
        """Raise ConfigError where the architecture cannot be built with this output stride."""
        if not is_positive_integer(stride) or stride not in cls.output_strides:
            raise ConfigError(
                f"{cls.__name__} does not support output stride {stride}",
                remedy=f"Use {' or '.join(map(str, cls.output_strides))}",
            )

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """Compute the logits of a batch of images.

        Args:
            image: (N, in_channels, H, W), float, normalised as the encoder's weights expect it.
            size: Size of the logits and of auxiliary, see `Size`.

        Raises:
            ConfigError: A BatchNorm is to train on a single value per channel.
        """
        raise NotImplementedError


def resize_outputs(logits: Tensor, auxiliary: Tensor | None, image: Tensor, size: Size) -> SegmentationOutput:
    """Interpolate logits from the resolution they are computed at straight to `size`, in float32 or float64.

    Args:
        logits: (N, num_classes, h, w), any floating-point type.
        auxiliary: The same of the auxiliary head, or None.
        image: (N, C, H, W), the image that they belong to.
        size: Size of the result, see `Size`.
    """

    def resized(scores: Tensor) -> Tensor:
        scores = to_float32(scores)
        if size == "native":
            return scores
        target = image.shape[-2:] if size is None else size
        return scores if scores.shape[-2:] == target else resize(scores, target)

    return SegmentationOutput(resized(logits), None if auxiliary is None else resized(auxiliary))
