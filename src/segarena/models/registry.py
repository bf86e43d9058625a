"""The one door to an architecture: its name, and the options that fit it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from segarena.errors import ConfigError
from segarena.models.base import SegmentationModel
from segarena.models.deeplabv3 import DeepLabv3
from segarena.models.encoders import build_encoder
from segarena.models.fcn import FCN
from segarena.models.pspnet import PSPNet
from segarena.models.unet import UNet

MODELS: dict[str, type[SegmentationModel]] = {"fcn": FCN, "unet": UNet, "pspnet": PSPNet, "deeplabv3": DeepLabv3}
TRACKS = ("encoder",)
DEFAULT_ENCODER = "resnet18"


def build_model(
    name: str,
    num_classes: int,
    *,
    track: str = "encoder",
    encoder: str | None = None,
    weights: str | Path | None = None,
    in_channels: int = 3,
    output_stride: int | None = None,
    **options: Any,
) -> SegmentationModel:
    """Build one of MODELS for images (N, in_channels, H, W) and `num_classes` classes.

    `encoder` is one of `encoders.ENCODERS`, None for resnet18; `weights` are its weights: None (random), "imagenet" or
    a file. `output_stride` None is the architecture's default: 32 for fcn and unet, which use the whole pyramid,
    16 for pspnet and deeplabv3, which also take 8. `options` are the keyword arguments of the one class: `auxiliary`
    of pspnet and deeplabv3, `multi_grid` of deeplabv3. Random weights come from torch's generator: after the same
    `torch.manual_seed` the same model, and the same decoder whatever `weights` are.
    Raises ConfigError for a name, number or option that cannot be, WeightsError for weights.
    """
    if name not in MODELS:
        raise ConfigError(f"there is no model {name!r}", remedy=f"Choose one of {_list(MODELS)}")
    if track not in TRACKS:
        raise ConfigError(f"there is no track {track!r}", remedy=f"Choose one of {_list(TRACKS)}")
    kind = MODELS[name]
    stride = kind.output_strides[0] if output_stride is None else output_stride
    if stride not in kind.output_strides:
        raise ConfigError(
            f"{name} does not work with output stride {stride}", remedy=f"Use {_list(sorted(kind.output_strides))}"
        )
    known = [p.name for p in inspect.signature(kind).parameters.values() if p.kind is p.KEYWORD_ONLY]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(
            f"{name} has no option {unknown[0]!r}",
            remedy=f"Its own options are: {_list(known)}" if known else "Leave it out: it has no options of its own",
        )
    backbone = build_encoder(encoder or DEFAULT_ENCODER, weights=weights, output_stride=stride, in_channels=in_channels)
    return kind(backbone, num_classes, **options)


def _list(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))
