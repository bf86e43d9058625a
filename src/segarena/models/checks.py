"""Checks that the networks share: of numbers, of switches, and of batches too small for BatchNorm."""

from __future__ import annotations

from numbers import Integral

from torch import nn

from segarena.errors import ConfigError


def is_positive_integer(number: object) -> bool:
    """Whether it is an integer of any kind, but not a bool, and 1 or more."""
    return isinstance(number, Integral) and not isinstance(number, bool) and int(number) >= 1


def require_positive(name: str, number: int, what: str) -> None:
    """Check that an argument is a positive integer.

    Args:
        name: The argument's name.
        number: Its value.
        what: What it counts, as in "image channels".

    Raises:
        ConfigError: It is not an integer, or less than 1.
    """
    if not is_positive_integer(number):
        raise ConfigError(f"{name} is {number!r}", remedy=f"Give the number of {what}, 1 or more")


def require_switch(name: str, value: object) -> None:
    """Check that the argument `name` is a bool: the string "no" would count as true. Raises ConfigError."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} is {value!r}", remedy="Give True or False")


def refuse_single_value(module: nn.Module, values: int) -> None:
    """Check that BatchNorm has more than one value per channel to train on: it would normalise a single one to zero.

    A BatchNorm that is frozen, in eval mode by itself, may have a single value, and so may one that is computed over
    several processes.

    Args:
        module: The layers in question.
        values: Number of values per channel that they normalise, N x h x w.

    Raises:
        ConfigError: `module` trains a BatchNorm on one value per channel.
    """
    layers = (layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d))
    learning = (layer.training and not getattr(layer, "is_synchronized", False) for layer in layers)
    # The mode is tested first: in eval mode the size may be symbolic, as in an exported graph, and must stay so.
    if module.training and values == 1 and any(learning):
        raise ConfigError(
            "BatchNorm cannot train on this batch of one image: a layer has one value per channel",
            remedy="Train with a batch size of 2 or more",
        )
