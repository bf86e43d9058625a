"""The options of how large images are shown to a network, and from how many views: of `predict` and `evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from segarena.config.checks import OPTIONAL, check_sides, default
from segarena.config.output import OutputOptions
from segarena.errors import ConfigError
from segarena.formats import plain

#: Chosen for each image, as a whole, or a multiple of the training scale.
Scale = float | Literal["auto", "whole"]
#: The largest multiple of the training scale: beyond it, a percentage was meant, or an image is enlarged for days.
LARGEST_SCALE = 64
#: Further views of an image whose probabilities are averaged: mirrored, and at other scales.
View = Literal["flip", "scales"]


@dataclass(frozen=True, kw_only=True)
class ViewOptions(OutputOptions):
    """How large images are shown to a network, and from how many views."""

    scale: Annotated[Scale, default("auto", shown="{auto,whole,NUMBER}")] = "auto"
    """At which scale images are labelled. auto: an image with a side more than 1.5 times as long as that of the largest
    training image in overlapping windows, in which objects are as large as in the training; others as a whole. whole:
    every image as a whole, resized to the size of the training. A number: every image at this multiple of the training
    scale, e.g. 2 where objects have half as many pixels as in the training images."""
    window: Annotated[tuple[int, ...], default("the size at which the network saw whole training images")] = ()
    """Height and width of a window, in pixels of the resized image, or one number for both."""
    tta: Annotated[tuple[View, ...], OPTIONAL] = ()
    """Further views of each image, whose probabilities are averaged (test-time augmentation). flip: mirrored too.
    scales: at 0.75, 1 and 1.25 times the scale. It takes 2, 3, or with both 6 times as long."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.scale, str) and not 0 < self.scale <= LARGEST_SCALE:  # NaN is not either
            raise ConfigError(
                f"{plain(self.scale)} is not a scale",
                where="--scale",
                remedy=f"Give auto, whole, or a number above 0 and up to {LARGEST_SCALE}, e.g. 0.5 for half the size",
            )
        if self.window:
            check_sides("window", self.window, "a window")
        if self.window and self.scale == "whole":
            raise ConfigError(
                "images that are labelled as a whole have no windows",
                where="--window",
                remedy="Leave it out, or give --scale 1: every image at the training scale, in windows if it is larger",
            )
        object.__setattr__(self, "tta", tuple(dict.fromkeys(self.tta)))

    @property
    def window_size(self) -> tuple[int, int] | None:
        """Height and width of a window; None where it is not given."""
        return (self.window[0], self.window[-1]) if self.window else None

    @property
    def unused(self) -> str:
        """A sentence for the case that no image was labelled in windows: --window had no effect. Empty without it.

        With the views of other scales it may have had one.
        """
        if not self.window or "scales" in self.tta:
            return ""
        remedy = ". --scale 1 labels every image at the training scale" if self.scale == "auto" else ""
        return f"--window had no effect: no image was labelled in windows{remedy}"

    @property
    def typed(self) -> str | None:
        """The options as they are typed; None where all are left out."""
        words = [] if self.scale == "auto" else [f"--scale {plain(self.scale)}"]
        words += [f"--window {' '.join(map(str, self.window))}"] if self.window else []
        words += [f"--tta {' '.join(self.tta)}"] if self.tta else []
        return " ".join(words) or None
