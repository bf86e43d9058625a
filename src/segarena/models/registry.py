"""The one door to an architecture: its name, its track, and the options that fit it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from segarena.errors import ConfigError
from segarena.models.base import SegmentationModel
from segarena.models.deeplabv3 import DeepLabv3
from segarena.models.encoders import VGG16, create_encoder
from segarena.models.fcn import DilatedFCN, EncoderFCN, FCN8s, FCN16s, FCN32s
from segarena.models.pspnet import PSPNet
from segarena.models.unet import EncoderUNet, UNet
from segarena.models.weights import Weights, load_encoder, load_heads, read_weights

#: The architectures by track and name, in the order of the project.
TRACKS: Mapping[str, Mapping[str, type[SegmentationModel]]] = {
    "encoder": {"fcn": EncoderFCN, "unet": EncoderUNet, "pspnet": PSPNet, "deeplabv3": DeepLabv3},
    "paper": {
        **{"fcn8s": FCN8s, "fcn16s": FCN16s, "fcn32s": FCN32s, "fcn": DilatedFCN},
        **{"unet": UNet, "pspnet": PSPNet, "deeplabv3": DeepLabv3},
    },
}
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
    """Build an architecture for images (N, in_channels, H, W) and `num_classes` classes.

    `track` "encoder": fcn, unet, pspnet or deeplabv3 on one of `encoders.ENCODERS`, None for resnet18. `track` "paper":
    fcn8s, fcn16s and fcn32s on VGG-16, fcn (torchvision's dilated one), pspnet and deeplabv3 on resnet50 (the default)
    or resnet101, and unet, which has no encoder.

    `weights`: None (random), "imagenet" (the encoder's), "coco" (torchvision's whole network; fcn and deeplabv3 of the
    paper track) or a file of one or the other; see `weights.read_weights`. In the encoder track only the encoder of a
    whole network is used, so that no decoder has a better start. From a whole network deeplabv3 takes over
    torchvision's head and, where there is one, the auxiliary head; scores of other classes start anew.

    `output_stride` None is the architecture's default: 32 for fcn and unet, which use the whole pyramid, 16 for pspnet
    and deeplabv3, which also take 8; in the paper track 8 for pspnet and fcn, and 16 in training and 8 in evaluation
    for deeplabv3. `options` are the keyword arguments of the one class: `auxiliary` of pspnet, deeplabv3 and the
    dilated fcn, `multi_grid`, `eval_output_stride` and `head` of deeplabv3, `padded` of the paper's unet.

    Random weights come from torch's generator: after the same `torch.manual_seed` the same model, and the same decoder
    whatever `weights` are. The result's `settings` are the arguments that build it again without `weights`.
    Raises ConfigError for a name, number or option that cannot be, WeightsError for weights.
    """
    kind = find_model(name, track)
    known = [p.name for p in inspect.signature(kind).parameters.values() if p.kind is p.KEYWORD_ONLY]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(
            f"{name} has no option {unknown[0]!r}",
            remedy=f"Its own options are: {_list(known)}" if known else "Leave it out: it has no options of its own",
        )
    encoder = find_encoder(name, track, encoder)
    if encoder is None and weights not in (None, "none"):
        raise ConfigError(f"{name} has no encoder that weights could be for", remedy="Use weights 'none'")
    pretrained = None if encoder is None else read_weights(weights, encoder, name if track == "paper" else None)
    if track == "paper":
        options = _as_published(kind, pretrained, output_stride, weights) | options
    if output_stride is None:
        output_stride = 8 if weights == "coco" else _default_stride(kind, track)
    kind.check_output_stride(output_stride)
    model = _build(kind, num_classes, encoder, in_channels, output_stride, options)
    if encoder is not None:
        load_encoder(model.get_submodule("encoder"), pretrained)
        load_heads(model, pretrained, kind.torchvision_names if track == "paper" else {})
    model.settings = {
        **{"name": name, "num_classes": num_classes, "track": track, "encoder": encoder},
        **{"in_channels": in_channels, "output_stride": output_stride},
        **{key: list(value) if isinstance(value, tuple) else value for key, value in options.items()},
    }
    return model


def find_model(name: str, track: str) -> type[SegmentationModel]:
    """Return the class of an architecture. Raises ConfigError where the track or the name is none."""
    if track not in TRACKS:
        raise ConfigError(f"there is no track {track!r}", remedy=f"Choose one of {_list(TRACKS)}")
    models = TRACKS[track]
    if name not in models:
        others = [other for other, known in TRACKS.items() if name in known]
        elsewhere = f", or track {others[0]!r}" if others else ""
        raise ConfigError(f"track {track!r} has no model {name!r}", remedy=f"Choose one of {_list(models)}{elsewhere}")
    return models[name]


def find_encoder(name: str, track: str, encoder: str | None) -> str | None:
    """Return the encoder's name, the default for None; None where the architecture has none. Raises ConfigError."""
    if track == "encoder":
        return encoder or DEFAULT_ENCODER
    possible = find_model(name, track).paper_encoders
    if encoder is not None and encoder not in possible:
        raise ConfigError(
            f"the paper's {name} does not stand on {encoder}",
            remedy=f"Choose one of {_list(possible)}, or track 'encoder'" if possible else "It has no encoder",
        )
    return encoder or (possible[0] if possible else None)


def _default_stride(kind: type[SegmentationModel], track: str) -> int:
    return kind.paper_stride if track == "paper" else kind.output_strides[0]


def _as_published(
    kind: type[SegmentationModel], pretrained: Weights | None, output_stride: int | None, weights: object
) -> dict[str, Any]:
    """Options that follow from the paper, or from the network that the weights were taken from."""
    heads = {} if pretrained is None or not kind.torchvision_names else pretrained.heads
    options: dict[str, Any] = {}
    if any(key.startswith("aux_classifier.") for key in heads):
        options["auxiliary"] = True
    if kind is DeepLabv3:
        if "classifier.1.weight" in heads:
            options["head"] = "torchvision"
        if weights == "coco":
            options["multi_grid"] = (1, 1, 1)
        elif output_stride is None:
            options["eval_output_stride"] = 8
    return options


def _build(
    kind: type[SegmentationModel],
    num_classes: int,
    encoder: str | None,
    in_channels: int,
    output_stride: int,
    options: dict[str, Any],
) -> SegmentationModel:
    construct: Any = kind
    if in_channels < 1:
        raise ConfigError(f"in_channels is {in_channels}", remedy="Give the number of image channels, 1 or more")
    if encoder is None:
        model = construct(num_classes, in_channels, **options)
    elif encoder == VGG16.name:
        model = construct(VGG16(in_channels), num_classes, **options)
    else:
        backbone = create_encoder(encoder, output_stride=output_stride, in_channels=in_channels)
        model = construct(backbone, num_classes, **options)
    assert isinstance(model, SegmentationModel)
    return model


def _list(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))
