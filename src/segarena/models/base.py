"""What the architectures share towards their callers: what they are given and what they return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from segarena.errors import ConfigError
from segarena.models.checks import is_positive, require_positive
from segarena.models.layers import resize, widen

#: The `size` of a forward call: (height, width) of the logits; None for the image's own; "native" for the resolution
#: that the architecture scores at, which for some is the image's own: each `forward` says it.
Size = tuple[int, int] | Literal["native"] | None


class SegmentationOutput(NamedTuple):
    """What every model returns in every mode.

    logits (N, num_classes, H, W), before softmax, float32 (float64 for a float64 model) also under autocast.
    auxiliary: the same shape from the auxiliary head, for the training loss; None in eval mode and for a
    model without that head.
    """

    logits: Tensor
    auxiliary: Tensor | None


class SegmentationModel(nn.Module):
    """One paper's network, or its decoder on an encoder. The subclass writes its own `forward(image, size=None)`.

    `size_multiple` is what whole images are best brought to a multiple of, by padding: the coarsest grid of most, 1 for
    networks whose scores have the image's own resolution from the start.

    `output_strides` are those it can be built with, and `default_stride` the one it has in the encoder track.
    `paper_encoders` are those that its paper stands on, the default first; `paper_options` are the options that make
    the paper's network, `output_stride` first. Where torchvision has a model of the same architecture,
    `torchvision_names` maps the prefixes of its parameters to those here, and `torchvision_options` make its network.
    """

    size_multiple: ClassVar[int] = 32
    output_strides: ClassVar[tuple[int, ...]]
    default_stride: ClassVar[int]
    paper_encoders: ClassVar[tuple[str, ...]] = ()
    paper_options: ClassVar[Mapping[str, Any]]
    torchvision_names: ClassVar[Mapping[str, str]] = {}
    torchvision_options: ClassVar[Mapping[str, Any]]
    #: The arguments of `build_model` that build this model again, without weights; `build_model` sets it.
    settings: dict[str, Any]
    #: What its weights began as, in words; `build_model` sets it.
    start: str

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        require_positive("num_classes", num_classes, "classes")
        self.num_classes = num_classes

    @classmethod
    def check_output_stride(cls, stride: int) -> None:
        """Raise ConfigError where the architecture cannot be built with this output stride."""
        if not is_positive(stride) or stride not in cls.output_strides:
            raise ConfigError(
                f"{cls.__name__} does not work with output stride {stride}",
                remedy=f"Use {' or '.join(map(str, cls.output_strides))}",
            )


def finish(logits: Tensor, auxiliary: Tensor | None, image: Tensor, size: Size) -> SegmentationOutput:
    """Bring logits from the resolution they are computed at to `size`, in one interpolation, in float32 or finer."""

    def enlarge(scores: Tensor) -> Tensor:
        scores = widen(scores)
        if size == "native":
            return scores
        target = image.shape[-2:] if size is None else size
        return scores if scores.shape[-2:] == target else resize(scores, target)

    return SegmentationOutput(enlarge(logits), None if auxiliary is None else enlarge(auxiliary))
