"""How large an image is shown to a network: as a whole, or in windows at the scale of the training images."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from segarena.config.views import Scale, View
from segarena.errors import RunError
from segarena.loading.sizes import working_size

#: An image is labelled in windows if one of its sides is more than this many times that of the largest training image.
LARGER = 1.5
#: Windows have sides that are multiples of this number of pixels, the coarsest stride within any network.
MULTIPLE = 32


@dataclass(frozen=True)
class TrainingSides:
    """The sides of the training images, in pixels of their files."""

    shorter: int
    """The median of their shorter sides: with the working size it is the training scale."""
    longest_shorter: int
    """The longest of their shorter sides."""
    longest: int
    """The longest of their longer sides."""

    @classmethod
    def of(cls, sizes: Iterable[tuple[int, int]]) -> TrainingSides:
        """Measure images, at least one, of these (height, width)."""
        sizes = list(sizes)
        shorter = [min(size) for size in sizes]
        return cls(round(statistics.median(shorter)), max(shorter), max(max(size) for size in sizes))

    @classmethod
    def recorded(cls, description: Mapping[str, Any], where: object = None) -> TrainingSides | None:
        """Return the sides that `description` of data.json has, or those of the whole data where it has only these.

        Runs of earlier versions recorded the sizes of all images of a folder, or of generated scenes.

        Args:
            description: What data.json has under this key; of an exported model, its facts.
            where: The file, for the error.

        Returns:
            The sides; None where no size is recorded.

        Raises:
            RunError: What is recorded are no numbers of pixels.
        """
        try:
            sides = cls._find(description)
            if sides is not None and not all(isinstance(side, int) and side >= 1 for side in astuple(sides)):
                raise ValueError
        except (TypeError, ValueError, KeyError) as error:
            raise RunError(
                "has sizes of training images that are no numbers of pixels",
                where=where,
                remedy="Put the unchanged file back, or train or export again",
            ) from error
        return sides

    @classmethod
    def _find(cls, description: Mapping[str, Any]) -> TrainingSides | None:
        if description.get("train_sides") is not None:
            return cls(**description["train_sides"])
        if isinstance(description.get("size"), int):
            return cls(*3 * [description["size"]])
        sizes = [(row["height"], row["width"]) for row in description.get("sizes", ()) for _ in range(row["images"])]
        return cls.of(sizes) if sizes else None

    def are_exceeded_by(self, height: int, width: int) -> bool:
        """Whether an image of this size is clearly larger than the training images."""
        shorter, longer = sorted((height, width))
        return shorter > LARGER * self.longest_shorter or longer > LARGER * self.longest


@dataclass(frozen=True)
class WindowPlan:
    """How one image is labelled in windows, or from several views."""

    working: tuple[int, int]
    """(height, width) of the image at the scale at which the network sees it, in pixels."""
    window: tuple[int, int]
    """(height, width) of a window at that scale, in pixels; a side may be longer than the image."""
    tta: tuple[View, ...] = ()
    """The further views."""

    @property
    def is_split(self) -> bool:
        """Whether there is more than one window."""
        return any(length > side for length, side in zip(self.working, self.window, strict=True))


@dataclass(frozen=True)
class Scaling:
    """The rule by which images are shown to a network.

    Args:
        size: The working size: pixels of the shorter side of an image that is labelled as a whole.
        typical: (height, width) at which the network sees a typical training image.
        sides: The sides of the training images; None if they are not recorded.
        scale: "auto": images that are clearly larger than the training images in windows at the training scale, others
            as a whole. "whole": all as a whole. A number: all at this multiple of the training scale, in windows if
            they are larger than one.
        window: (height, width) of a window; None for `typical`.
        tta: Further views that are averaged.
    """

    size: int
    typical: tuple[int, int]
    sides: TrainingSides | None = None
    scale: Scale = "auto"
    window: tuple[int, int] | None = None
    tta: tuple[View, ...] = ()

    def plan(self, height: int, width: int) -> WindowPlan | None:
        """Decide how an image is labelled.

        Args:
            height: Of the image, in pixels.
            width: Of the image, in pixels.

        Returns:
            The plan; None for an image that is resized to the working size and labelled once, as a whole.
        """
        scale = self.scale
        if scale == "auto":
            scale = 1.0 if self.sides is not None and self.sides.are_exceeded_by(height, width) else "whole"
        if isinstance(scale, str):
            working = working_size(height, width, self.size)
            return WindowPlan(working, working, self.tta) if self.tta else None
        if self.sides is None:
            raise ValueError("a scale needs the sizes of the training images")
        factor = scale * self.size / self.sides.shorter
        working = max(32, round(height * factor)), max(32, round(width * factor))
        window_height, window_width = self.window or self.typical
        return WindowPlan(working, (_round_up(window_height), _round_up(window_width)), self.tta)

    def explain(self, height: int, width: int) -> str:
        """Return in words how an image of this size is labelled, where that is in windows; otherwise "".

        Args:
            height: Of the image, in pixels.
            width: Of the image, in pixels.
        """
        plan = self.plan(height, width)
        if plan is None or not plan.is_split:
            return ""
        assert self.sides is not None
        tall, wide = plan.window
        scale = "the training scale" if self.scale in ("auto", 1) else f"{self.scale:g} times the training scale"
        resized = f", resized to {plan.working[1]} × {plan.working[0]}," * (plan.working != (height, width))
        return (
            f"an image of {width} × {height} pixels{resized} is labelled in overlapping windows of {wide} × {tall}, at "
            f"{scale} (the training images have at most {self.sides.longest} × {self.sides.longest_shorter}; "
            "--scale whole labels it as a whole)"
        )


def _round_up(length: int) -> int:
    return -(-length // MULTIPLE) * MULTIPLE
