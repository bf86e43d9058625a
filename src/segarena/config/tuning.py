"""The rule of --tune: which settings the short trials of a model have, and how long each one is."""

from __future__ import annotations

import math
from typing import Literal

#: A trial has this share of the epochs of the training, and at least this number of steps, as far as the training has
#: them: with fewer, the score of a learning rate is mostly chance.
SHARE, LEAST_STEPS = 1 / 10, 50
#: Share of the training images that a trial does not train on, and is scored on.
HELD_OUT = 0.2
#: The fewest training images: of ten, two are held out.
LEAST_IMAGES = 10
#: Every fourth trial tries class weights: these, the mildest first.
WEIGHTS_EVERY = 4
CLASS_WEIGHTS: tuple[Literal["sqrt-inverse", "median", "effective"], ...] = ("sqrt-inverse", "median", "effective")
#: The fewest and the most trials: the default and one other, and as many as there are class weights for.
FEWEST, MOST = 2, 15


def trial_epochs(epochs: int, steps: int) -> int:
    """Return the epochs of a trial.

    Args:
        epochs: Epochs of the training.
        steps: Steps in an epoch of the trial.

    >>> trial_epochs(60, 100), trial_epochs(40, 5), trial_epochs(4, 5)
    (6, 10, 4)
    """
    least = math.ceil(LEAST_STEPS / max(1, steps))
    return min(epochs, max(math.ceil(epochs * SHARE), least))


def count_weights(trials: int, class_weights: str) -> int:
    """Return how many of the trials try class weights: a quarter, or none where some are given."""
    return trials // WEIGHTS_EVERY if class_weights == "none" else 0


def learning_rates(default: float, number: int) -> list[float]:
    """Return the learning rates of the trials: the default, and steps of half a power of ten to both sides in turn.

    >>> learning_rates(1e-3, 5)
    [0.001, 0.000316, 0.00316, 0.0001, 0.01]
    """
    exponents = [(step + 1) // 2 * (-1 if step % 2 else 1) / 2 for step in range(number)]
    return [default if not exponent else float(f"{default * 10**exponent:.3g}") for exponent in exponents]
