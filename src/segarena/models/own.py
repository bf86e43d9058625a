"""A module of a Python program as a network: what it is called with, what it may return, and how it is tested first."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from segarena.config.own_models import Builder
from segarena.errors import ConfigError
from segarena.models.base import SegmentationModel, SegmentationOutput, Size, resize_outputs

#: Names of the submodule that is the encoder: segmentation-models-pytorch's, and torchvision's.
ENCODERS = ("encoder", "backbone")
#: Keys of the logits in a dictionary: torchvision's, and that of transformers.
_LOGITS, _AUXILIARY = ("out", "logits"), "aux"
#: Names of the builder's argument for the number of classes.
_NUMBER = ("num_classes", "classes", "n_classes")


class OwnNetwork(SegmentationModel):
    """A module of the user's, called with images and without a size; its logits are resized as those of all networks.

    Args:
        network: The module. It returns logits (N, num_classes, h, w) at the image's size or a whole fraction of it: a
            tensor, a tuple with an auxiliary head's after them, or a dictionary with "out" or "logits", and "aux".
        num_classes: Number of classes.
        name: Its name.
    """

    def __init__(self, network: nn.Module, num_classes: int, name: str) -> None:
        super().__init__(num_classes)
        self.network = network
        self.name = name

    @property
    def encoder_prefix(self) -> str | None:
        """The beginning of the names of the encoder's parameters; None where no submodule is named as an encoder."""
        found = next((name for name in ENCODERS if isinstance(getattr(self.network, name, None), nn.Module)), None)
        return None if found is None else f"network.{found}."

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See `SegmentationModel.forward`. The native resolution is that of the module's logits."""
        logits, auxiliary = self._take(self.network(image))
        return resize_outputs(logits, auxiliary if self.training else None, image, size)

    def _take(self, output: Any) -> tuple[Tensor, Tensor | None]:
        """The logits, and those of an auxiliary head."""
        if isinstance(output, Mapping):
            key = next((key for key in _LOGITS if key in output), None)
            if key is None:
                raise self.error(f"returns a dictionary with {', '.join(map(str, output)) or 'no key'}", _RETURN)
            parts = [output[key], output.get(_AUXILIARY)]
        elif isinstance(output, (tuple, list)):
            parts = [*output, None] if len(output) == 1 else list(output)
        else:
            parts = [output, None]
        if len(parts) != 2:
            raise self.error(f"returns {len(parts)} values", _RETURN)
        for part in parts:
            if part is not None and not isinstance(part, Tensor):
                raise self.error(f"returns {type(part).__name__} in place of a tensor", _RETURN)
        if parts[0] is None:
            raise self.error("returns None in place of logits", _RETURN)
        return parts[0], parts[1]

    def error(self, what: str, remedy: str) -> ConfigError:
        """Return the error about the module."""
        return ConfigError(f"the module {what}", where=f"model {self.name}", remedy=remedy)


_RETURN = (
    "Return the logits (N, num_classes, H, W): a tensor, a tuple (logits, auxiliary logits), or a dictionary with 'out'"
    " and perhaps 'aux'"
)


def build_own(name: str, num_classes: int, builder: Builder, *, in_channels: int = 3) -> OwnNetwork:
    """Build a user's module.

    Args:
        name: Its name.
        num_classes: Number of classes, given to the builder as `num_classes`, `classes` or `n_classes`, whichever it
            has, or as its only argument; a builder without arguments is called without.
        builder: Returns a new module.
        in_channels: Channels of the images; its function builds a module for them.

    Returns:
        The network in training mode, with the settings that a run records.

    Raises:
        ConfigError: The builder fails, or does not return a module with parameters to train whose state can be saved.
    """
    where = f"model {name}"
    arguments, named = _arguments(builder, num_classes)
    try:
        network = builder(*arguments, **named)
    except Exception as error:
        raise ConfigError(
            f"its function failed: {type(error).__name__}: {error}", where=where, remedy="Correct the function"
        ) from error
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"its function returned {type(network).__name__}", where=where, remedy="Return a torch.nn.Module"
        )
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ConfigError("no parameter of the module can be trained", where=where, remedy="Set requires_grad on some")
    if any(is_lazy(tensor) for tensor in (*network.parameters(), *network.buffers())):
        remedy = "Run the module once on an image in its function, or give each layer its number of channels"
        raise ConfigError("the module has lazy layers without a shape", where=where, remedy=remedy)
    others = [key for key, value in network.state_dict().items() if not _is_plain(value)]
    if others:
        raise ConfigError(
            f"the module's state has {others[0]!r}, which is not a dense tensor of real numbers",
            where=where,
            remedy="Keep it outside of the module's state_dict, from which weights are saved, or as such a tensor",
        )
    model = OwnNetwork(network, num_classes, name).train()
    model.settings = {
        "name": name,
        "num_classes": num_classes,
        "encoder": None,
        "in_channels": in_channels,
        "output_stride": None,
        "built_by": _describe(builder),
        "tensors": _digest(network),
    }
    model.initial_weights = "weights of its own"
    return model


def try_own(
    name: str,
    num_classes: int,
    builder: Builder,
    crop: tuple[int, int],
    image: tuple[int, int],
    *,
    in_channels: int = 3,
) -> OwnNetwork:
    """Build a user's module and run it once as in training and in evaluation, so that a fault is found before either.

    Args:
        name: Its name.
        num_classes: Number of classes.
        builder: Returns a new module.
        crop: (height, width) of the training crops, in pixels.
        image: (height, width) of a whole image as the network sees it, in pixels.
        in_channels: Channels of the images.

    Raises:
        ConfigError: The builder fails or returns the same module twice, or the module does not give such logits.
    """
    model, second = (build_own(name, num_classes, builder, in_channels=in_channels) for _ in range(2))
    own = {parameter.data_ptr() for parameter in model.parameters() if parameter.numel()}
    if own & {parameter.data_ptr() for parameter in second.parameters() if parameter.numel()}:
        raise model.error(
            "is the same at each call of its function", "Make a new one in it: each seed starts from its own weights"
        )
    del second
    _try(model, 2, crop)
    model.eval()
    _try(model, 1, image)
    return model.train()


def _try(model: OwnNetwork, number: int, size: tuple[int, int]) -> None:
    """Run a batch of noise through the module, and check what it returns."""
    height, width = size
    channels = model.settings["in_channels"]
    image = torch.randn(number, channels, height, width, generator=torch.Generator().manual_seed(0))
    with torch.set_grad_enabled(model.training):
        try:
            logits, auxiliary = model(image, size="native")
        except ConfigError:
            raise
        except Exception as error:
            of = "" if channels == 3 else f" with {channels} channels"
            what = f"cannot process images of {height} x {width} pixels{of}: {type(error).__name__}: {error}"
            raise model.error(what, "Correct it, or choose another --size") from error
    for part in (logits, *([] if auxiliary is None else [auxiliary])):
        _check_output(model, part, number, size)
    if model.training and not logits.requires_grad:
        raise model.error("gives logits that no gradient reaches", "Compute them with operations of torch alone")


def _check_output(model: OwnNetwork, logits: Tensor, number: int, size: tuple[int, int]) -> None:
    shape, (height, width) = tuple(logits.shape), size
    given = f"gives the shape {shape} for {number} images of {height} x {width} pixels"
    if len(shape) != 4 or shape[0] != number or not logits.is_floating_point():
        raise model.error(given, _RETURN)
    if shape[1] != model.num_classes:
        raise model.error(
            f"gives logits of {shape[1]} classes, and the data has {model.num_classes}",
            "Let its function take num_classes, and build the last layer with it",
        )
    rows, columns = shape[2:]
    if not rows or not columns or height % rows or width % columns or height // rows != width // columns:
        raise model.error(given, "Give logits at the image's size, or at a whole fraction of it")
    if not bool(torch.isfinite(logits).all()):
        raise model.error("gives values that are NaN or infinite", "Check its layers and its initial weights")


def _arguments(builder: Builder, num_classes: int) -> tuple[list[int], dict[str, int]]:
    """The arguments of the builder."""
    try:
        parameters = inspect.signature(builder).parameters
    except (TypeError, ValueError):  # of some C functions
        return [], {"num_classes": num_classes}
    for name in _NUMBER:
        if name in parameters and parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY:
            return [], {name: num_classes}
    needed = [item for item in parameters.values() if item.default is item.empty]
    positional = [item for item in needed if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    if positional:
        return [num_classes], {}
    return [], {"num_classes": num_classes} if any(item.kind is item.VAR_KEYWORD for item in needed) else {}


def _is_plain(value: object) -> bool:
    """Whether it is a tensor that optimizers change and files of weights hold."""
    return (
        isinstance(value, Tensor) and value.layout == torch.strided and not (value.is_complex() or value.is_quantized)
    )


def _describe(builder: Builder) -> str:
    """Where the builder is, e.g. "my_models.build"."""
    inner = getattr(builder, "func", builder)  # of functools.partial
    module, name = getattr(inner, "__module__", None), getattr(inner, "__qualname__", type(inner).__name__)
    return f"{module}.{name}" if module else str(name)


def _digest(network: nn.Module) -> str:
    """SHA-256 of the names, shapes and types of all tensors, by which another module is recognised."""
    lines = [f"{name} {tuple(value.shape)} {value.dtype}" for name, value in network.state_dict().items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
