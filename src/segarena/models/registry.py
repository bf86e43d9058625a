"""Build an architecture from its name, its track and its options."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from segarena.config.names import choose_from, find_choice
from segarena.errors import ConfigError
from segarena.models.base import SegmentationModel
from segarena.models.checks import require_positive
from segarena.models.deeplabv3 import DeepLabv3
from segarena.models.encoders import ENCODERS, VGG16, Encoder, create_encoder
from segarena.models.fcn import DilatedFCN, EncoderFCN, FCN8s, FCN16s, FCN32s
from segarena.models.fitting import load_encoder, load_heads
from segarena.models.pspnet import PSPNet
from segarena.models.shapes import shapes_only
from segarena.models.unet import EncoderUNet, UNet
from segarena.models.weights import Weights, describe_initial_weights, read_weights

#: The architectures by track and name, in the order of the project.
TRACKS: Mapping[str, Mapping[str, type[SegmentationModel]]] = {
    "encoder": {"fcn": EncoderFCN, "unet": EncoderUNet, "pspnet": PSPNet, "deeplabv3": DeepLabv3},
    "paper": {
        "fcn8s": FCN8s,
        "fcn16s": FCN16s,
        "fcn32s": FCN32s,
        "fcn": DilatedFCN,
        "unet": UNet,
        "pspnet": PSPNet,
        "deeplabv3": DeepLabv3,
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

    Random weights come from torch's generator: the same `torch.manual_seed` gives the same model, and the same decoder
    for any `weights`.

    Args:
        name: Track "encoder": fcn, unet, pspnet or deeplabv3. Track "paper": fcn8s, fcn16s, fcn32s, fcn (torchvision's
            dilated one), unet, pspnet or deeplabv3.
        num_classes: Number of classes, 1 or more.
        track: "encoder", the decoder of each paper on the same encoder, or "paper", each network as published.
        encoder: In the encoder track one of `ENCODERS`, by default resnet18. In the paper track vgg16 for fcn8s,
            fcn16s and fcn32s, resnet50 (the default) or resnet101 for fcn, pspnet and deeplabv3; unet has none.
        weights: None for random weights, "imagenet" for the encoder's, "coco" for torchvision's whole network (fcn and
            deeplabv3 of the paper track), or a file of one or the other: see `read_weights`. From a whole network the
            encoder track uses the encoder only, so that no decoder has an advantage; the paper's fcn and deeplabv3 are
            then built as in torchvision: output stride 8, its head and auxiliary head, no multi-grid. The last layer
            keeps its random weights where the number of classes differs.
        in_channels: Channels of the image, 1 or more. Pretrained weights for RGB are adapted to another number.
        output_stride: Stride of the encoder's last map, in pixels. By default 32 for fcn and unet, 16 for pspnet and
            deeplabv3, which also support 8; in the paper track 8 for pspnet and fcn, and for deeplabv3 16 in training
            and 8 in evaluation.
        options: Keyword arguments of the class: `auxiliary` of pspnet, deeplabv3 and the dilated fcn; `multi_grid`,
            `eval_output_stride` and `head` of deeplabv3; `padded` of the paper's unet.

    Returns:
        The network in training mode. Its `settings` are the arguments that build it again without `weights`;
        `initial_weights` describes the weights.

    Raises:
        ConfigError: A name, number or option is not possible; raised before weights are read or downloaded.
        WeightsError: Weights could not be downloaded or read, or do not fit.

    >>> import torch
    >>> image = torch.zeros(1, 3, 64, 96)  # float, normalised with ImageNet's mean and standard deviation
    >>> model = build_model("unet", num_classes=5, encoder="mobilenet_v2").eval()
    >>> model(image).logits.shape
    torch.Size([1, 5, 64, 96])
    """
    name = find_choice(name, TRACKS[track] if track in list(TRACKS) else ()) or name
    encoder = find_choice(encoder, ENCODERS) or encoder
    kind = find_model(name, track)
    known = [p.name for p in inspect.signature(kind).parameters.values() if p.kind is p.KEYWORD_ONLY]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(
            f"{name} has no option {unknown[0]!r}",
            remedy=f"Its own options are: {_list(known)}" if known else "Leave it out: it has no options of its own",
        )
    encoder = find_encoder(name, track, encoder)
    pretrained = None
    if weights not in (None, "none"):
        if encoder is None:
            raise ConfigError(f"{name} has no encoder to load weights into", remedy="Use weights 'none'")
        with shapes_only():  # errors are raised before a download
            same: dict[str, Any] = {"encoder": encoder, "in_channels": in_channels, "output_stride": output_stride}
            build_model(name, num_classes, track=track, **same, **options)
        pretrained = read_weights(weights, encoder, name if track == "paper" else None)
    names = kind.torchvision_names if track == "paper" else {}
    defaults = _default_options(kind, track, pretrained)
    default_stride = defaults.pop("output_stride")
    if output_stride is None:
        output_stride = default_stride
    else:
        defaults.pop("eval_output_stride", None)  # the given stride is used in both modes
    kind.check_output_stride(output_stride)
    options = defaults | options
    model = _build(kind, num_classes, encoder, in_channels, output_stride, options)
    if encoder is not None:
        load_encoder(model.get_submodule("encoder"), pretrained)
        load_heads(model, pretrained, names)
    model.settings = {
        "name": name,
        "num_classes": num_classes,
        "track": track,
        "encoder": encoder,
        "in_channels": in_channels,
        "output_stride": output_stride,
        **{key: list(value) if isinstance(value, (tuple, list)) else value for key, value in options.items()},
    }
    model.initial_weights = describe_initial_weights(pretrained, whole=bool(names))
    return model


def find_model(name: str, track: str) -> type[SegmentationModel]:
    """Return the class of an architecture.

    Args:
        name: Its name, such as "fcn".
        track: "encoder" or "paper".

    Raises:
        ConfigError: The track does not exist, or has no architecture of this name.

    >>> find_model("fcn8s", "paper").__name__
    'FCN8s'
    """
    if track not in list(TRACKS):  # a list, with which what cannot be a key is compared as well
        raise ConfigError(f"there is no track {track!r}", remedy=f"Choose one of {_list(TRACKS)}")
    models = TRACKS[track]
    if name not in list(models):
        others = [other for other, known in TRACKS.items() if name in list(known)]
        elsewhere = f", or track {others[0]!r}" if others else ""
        raise ConfigError(
            f"track {track!r} has no model {name!r}", remedy=f"{choose_from(models, like=str(name))}{elsewhere}"
        )
    return models[name]


def find_encoder(name: str, track: str, encoder: str | None) -> str | None:
    """Return the name of an architecture's encoder.

    Args:
        name: The architecture's name.
        track: "encoder" or "paper".
        encoder: torchvision's name of the encoder; None for the default.

    Returns:
        The encoder's name; None where the architecture has no encoder.

    Raises:
        ConfigError: The paper's architecture does not support the encoder.

    >>> find_encoder("pspnet", "paper", None)
    'resnet50'
    """
    if track == "encoder":
        return DEFAULT_ENCODER if encoder is None else encoder
    possible = find_model(name, track).paper_encoders
    if encoder is not None and encoder not in possible:
        raise ConfigError(
            f"{name} of the paper track does not support {encoder}",
            remedy=f"Choose one of {_list(possible)}, or track 'encoder'" if possible else "It has no encoder",
        )
    return possible[0] if encoder is None and possible else encoder


def _default_options(kind: type[SegmentationModel], track: str, pretrained: Weights | None) -> dict[str, Any]:
    """Default options, `output_stride` included: of the track, the paper, or the network that the weights are of."""
    if track == "encoder":
        return {"output_stride": kind.default_stride}
    if pretrained is not None and pretrained.heads and kind.torchvision_names:
        auxiliary = any(key.startswith("aux_classifier.") for key in pretrained.heads)
        return {**kind.torchvision_options, "auxiliary": auxiliary}
    return dict(kind.paper_options)


def _build(
    kind: type[SegmentationModel],
    num_classes: int,
    encoder: str | None,
    in_channels: int,
    output_stride: int,
    options: dict[str, Any],
) -> SegmentationModel:
    construct: Any = kind
    require_positive("in_channels", in_channels, "image channels")
    if encoder is None:
        model = construct(num_classes, in_channels, **options)
    elif encoder == VGG16.name and encoder in kind.paper_encoders:
        model = construct(VGG16(in_channels), num_classes, **options)
    else:
        model = construct(_build_backbone(kind, encoder, in_channels, output_stride), num_classes, **options)
    assert isinstance(model, SegmentationModel)
    return model


def _build_backbone(kind: type[SegmentationModel], name: str, in_channels: int, output_stride: int) -> Encoder:
    encoder = create_encoder(name, in_channels=in_channels)
    if output_stride not in encoder.output_strides:
        others = [model for model, other in TRACKS["encoder"].items() if other.default_stride in encoder.output_strides]
        raise ConfigError(
            f"{kind.__name__} needs an encoder that supports output stride {output_stride}, and {name} does not",
            remedy=f"Choose another encoder, or one of {_list(others)}",
        )
    encoder.set_output_stride(output_stride)
    return encoder


def _list(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))
