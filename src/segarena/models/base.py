"""What the architectures share towards their callers: what they are given and what they return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from segarena.errors import ConfigError
from segarena.models.layers import resize

#: The `size` of a forward call: (height, width) of the logits; None for the image's own; "native" for the
#: resolution the architecture scores at, before its last interpolation.
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

    `output_strides` are those it can be built with, its default first; `paper_encoders` those that its paper stands on,
    the default first, and `paper_stride` the paper's output stride. `torchvision_names` maps the names in torchvision's
    model of the same architecture, where there is one, to the names here. `settings` are the arguments of
    `build_model` that build this model again, without weights.
    """

    output_strides: ClassVar[tuple[int, ...]]
    paper_encoders: ClassVar[tuple[str, ...]] = ()
    paper_stride: ClassVar[int]
    torchvision_names: ClassVar[Mapping[str, str]] = {}
    settings: dict[str, Any]

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        if num_classes < 1:
            raise ConfigError(f"num_classes is {num_classes}", remedy="Give the number of classes, 1 or more")
        self.num_classes = num_classes

    @classmethod
    def check_output_stride(cls, stride: int) -> None:
        """Raise ConfigError where the architecture cannot be built with this output stride."""
        if stride not in cls.output_strides:
            raise ConfigError(
                f"{cls.__name__} does not work with output stride {stride}",
                remedy=f"Use {' or '.join(map(str, sorted(cls.output_strides)))}",
            )


def finish(logits: Tensor, auxiliary: Tensor | None, image: Tensor, size: Size) -> SegmentationOutput:
    """Bring logits from the resolution they are computed at to `size`, in one interpolation, in float32 or finer.

    bfloat16 has 8 bits: interpolated in it, neighbouring pixels tie and argmax picks the lower class.
    """

    def enlarge(scores: Tensor) -> Tensor:
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        if size == "native":
            return scores
        target = image.shape[-2:] if size is None else size
        return scores if scores.shape[-2:] == target else resize(scores, target)

    return SegmentationOutput(enlarge(logits), None if auxiliary is None else enlarge(auxiliary))
