"""What every network refuses in the same words."""

from __future__ import annotations

from numbers import Integral

from torch import nn

from segarena.errors import ConfigError


def is_positive(number: object) -> bool:
    """Whether it is a whole number, 1 or more."""
    return isinstance(number, Integral) and not isinstance(number, bool) and int(number) >= 1


def require_positive(name: str, number: int, what: str) -> None:
    """Raise ConfigError where `number`, the argument `name`, is not 1 or more; `what` says what it counts."""
    if not is_positive(number):
        raise ConfigError(f"{name} is {number!r}", remedy=f"Give the number of {what}, 1 or more")


def require_switch(name: str, value: object) -> None:
    """Raise ConfigError where `value`, the argument `name`, is neither True nor False: "no" would count as yes."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} is {value!r}", remedy="Give True or False")


def refuse_single_value(module: nn.Module, values: int) -> None:
    """Raise ConfigError where a BatchNorm in `module` is to train on one value per channel, which becomes zero.

    `values` is N x h x w of what it normalises. A BatchNorm that was frozen, set to eval mode by itself, may.
    """
    learning = (layer.training for layer in module.modules() if isinstance(layer, nn.BatchNorm2d))
    # The mode is asked first: in eval mode the size may be open, as in an exported graph, and must stay so.
    if module.training and values == 1 and any(learning):
        raise ConfigError(
            "BatchNorm cannot train on this batch of one image: a layer has one value per channel",
            remedy="Train with a batch size of 2 or more",
        )
