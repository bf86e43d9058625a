"""Label an image in overlapping windows: of the probabilities at each pixel the weighted mean, a band at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from segarena.kernels.upsample_argmax import interpolate
from segarena.loading.scaling import MULTIPLE, WindowPlan
from segarena.training.regions import Pixels, Region, ScaledImage
from segarena.training.windows import window_bounds, window_weights

#: Bytes of the probabilities of a band of windows at most; a wider image is labelled in panels, side by side.
PANEL_BYTES = 128 << 20
#: Bytes of probabilities at the size of the image at a time; a few times as much is in use for a moment.
CHUNK_BYTES = 8 << 20
#: Windows of a forward pass at most.
MOST_WINDOWS = 8
#: The scales whose mean is taken with "scales", as multiples of that of the plan.
SCALES = (0.75, 1.0, 1.25)

#: Computes native logits (N, C, h, w) of images, and the (rows, columns) of pixels from one of them to the next.
Forward = Callable[[Tensor], tuple[Tensor, tuple[float, float]]]


class Part(NamedTuple):
    """Probabilities of a part of the image that is finished."""

    top: int
    left: int
    values: Tensor
    """float32 (C, rows, columns), at the size of the image."""


def label_windows(
    forward: Forward, pixels: Pixels, plan: WindowPlan, num_classes: int, *, most_pixels: int, multiple: int
) -> Iterator[Part]:
    """Compute the probabilities of an image from its windows, part by part.

    At each pixel the probabilities (softmax) of all windows that have it are averaged with the weights of
    `window_weights`; with further views each window's are the mean over its views. The mean is resized bilinearly to
    the image's own size. Memory is that of one band of windows, whatever the height of the image.

    Args:
        forward: The network.
        pixels: The image.
        plan: The scale and the windows.
        num_classes: Number of classes.
        most_pixels: Pixels of a forward pass at most, unless a window alone has more.
        multiple: Windows begin at multiples of this number of pixels, see `window_bounds`.

    Yields:
        The parts, which together cover the image once; of each panel from top to bottom.
    """
    plan = _limited(plan, most_pixels)
    scaled = ScaledImage(pixels, plan.working)
    (height, width), (tall, wide) = pixels.size, plan.working
    rows = window_bounds(tall, plan.window[0], multiple)
    columns = window_bounds(wide, plan.window[1], multiple)
    band = max(stop - start for start, stop in rows)
    count = min(width, -(-4 * num_classes * band * wide // PANEL_BYTES))
    edges = [panel * width // count for panel in range(count + 1)]
    for left, right in pairwise(edges):
        across = _Axis.of(width, wide).part(left, right)
        bands = _bands(forward, scaled, plan, rows, columns, (across.first, across.last), most_pixels)
        yield from _enlarge(bands, _Axis.of(height, tall), across, left)


def _limited(plan: WindowPlan, most_pixels: int) -> WindowPlan:
    """The plan, with windows along the longer side where the whole image is too long for one forward pass.

    As in `label_tiles`, a window has three times the shorter side at least.
    """
    enlarged = max(SCALES) ** 2 if "scales" in plan.tta else 1.0
    most = int(most_pixels / enlarged)
    height, width = plan.working
    if plan.is_split or height * width <= most:
        return plan
    shorter = min(height, width)
    length = max(3 * shorter, (most // shorter // MULTIPLE - 1) * MULTIPLE)  # the last one is up to a multiple longer
    return replace(plan, window=(length, width) if height > width else (height, length))


def _bands(
    forward: Forward,
    scaled: ScaledImage,
    plan: WindowPlan,
    rows: list[tuple[int, int]],
    columns: list[tuple[int, int]],
    panel: tuple[int, int],
    most_pixels: int,
) -> Iterator[Tensor]:
    """The finished rows of a panel, one below the other, at the scale of the plan: (C, rows, columns)."""
    first, last = panel
    used = [
        (bounds, weight)
        for bounds, weight in zip(columns, map(torch.from_numpy, window_weights(columns)), strict=True)
        if bounds[0] < last and bounds[1] > first
    ]
    begun: Tensor | None = None  # rows that the next band of windows has a part in
    ends = [start for start, _ in rows[1:]] + [rows[-1][1]]
    for (top, bottom), down, end in zip(rows, map(torch.from_numpy, window_weights(rows)), ends, strict=True):
        band: Tensor | None = None
        regions = [Region(top, bottom, start, stop) for (start, stop), _ in used]
        weights = iter([weight for _, weight in used])
        for views in _batches(regions, most_pixels):
            for region, found in zip(views, _probabilities(forward, scaled, views, plan), strict=True):
                if band is None:
                    band = found.new_zeros(found.shape[0], bottom - top, last - first)
                    if begun is not None:
                        band[:, : begun.shape[1]] = begun
                weight = next(weights).to(found.device)
                begin, stop = max(first, region.left), min(last, region.right)
                share = down.to(found.device)[:, None] * weight[begin - region.left : stop - region.left]
                part = found[..., begin - region.left : stop - region.left]
                band[..., begin - first : stop - first].addcmul_(part, share)
        assert band is not None
        yield band[:, : end - top]
        begun = band[:, end - top :]


def _batches(regions: list[Region], most_pixels: int) -> Iterator[list[Region]]:
    """Neighbours of one width, as many as may be computed at a time."""
    for width, group in groupby(regions, key=lambda region: region.right - region.left):
        alike = list(group)
        pixels = width * (alike[0].bottom - alike[0].top)
        count = min(MOST_WINDOWS, max(1, most_pixels // pixels))
        for start in range(0, len(alike), count):
            yield alike[start : start + count]


def _probabilities(forward: Forward, scaled: ScaledImage, regions: Sequence[Region], plan: WindowPlan) -> Tensor:
    """The probabilities of regions of one size, float32 (N, C, rows, columns): the mean over their views."""
    rows, columns = regions[0].bottom - regions[0].top, regions[0].right - regions[0].left
    total: Tensor | None = None
    scales = SCALES if "scales" in plan.tta else (1.0,)
    flips = (False, True) if "flip" in plan.tta else (False,)
    for scale in scales:
        height, width = max(32, round(rows * scale)), max(32, round(columns * scale))
        images = torch.stack([scaled.cut(region, (height, width)) for region in regions])
        for flip in flips:
            logits, (down, right) = forward(images.flip(-1) if flip else images)
            found = interpolate(logits.float(), (rows, columns), (height / down, width / right)).softmax(dim=1)
            found = found.flip(-1) if flip else found
            total = found if total is None else total.add_(found)
    assert total is not None
    return total.div_(len(scales) * len(flips))


class _Axis(NamedTuple):
    """Bilinear interpolation along one side: of each pixel the two values before and after it, and their mixture."""

    before: Tensor
    after: Tensor
    share: Tensor
    """Of the value after the pixel."""

    @classmethod
    def of(cls, length: int, values: int) -> _Axis:
        """Interpolate `length` pixels from `values`; centres are at index + 1/2."""
        positions = ((torch.arange(length, dtype=torch.float64) + 0.5) * (values / length) - 0.5).clamp(0, values - 1)
        before = positions.long()
        return cls(before, (before + 1).clamp(max=values - 1), (positions - before).float())

    @property
    def first(self) -> int:
        """The first value that is needed."""
        return int(self.before[0])

    @property
    def last(self) -> int:
        """The one after the last value that is needed."""
        return int(self.after[-1]) + 1

    def part(self, start: int, stop: int) -> _Axis:
        """The interpolation of some of the pixels."""
        return _Axis(*(tensor[start:stop] for tensor in self))


def _enlarge(bands: Iterator[Tensor], down: _Axis, across: _Axis, left: int) -> Iterator[Part]:
    """Interpolate finished rows to the size of the image, as they come, some rows at a time."""
    y, top = 0, 0  # the next row of the image, and the first row that is kept
    kept: Tensor | None = None
    for band in bands:
        kept = band if kept is None else torch.cat([kept, band], dim=1)
        ready = int(torch.searchsorted(down.after, top + kept.shape[1]))
        step = max(1, CHUNK_BYTES // (4 * len(kept) * len(across.before)))
        for start in range(y, ready, step):
            rows = down.part(start, min(start + step, ready))
            yield Part(start, left, _mix(_mix(kept, rows, top, 1), across, across.first, 2))
        y = ready
        if y < len(down.before):
            needed = int(down.before[y])  # may be beyond this band, where the image was enlarged
            kept, top = kept[:, needed - top :], min(needed, top + kept.shape[1])


def _mix(values: Tensor, axis: _Axis, first: int, dim: int) -> Tensor:
    """Interpolate along a dimension of (C, H, W), whose values begin at number `first` of the axis."""
    before = values.index_select(dim, (axis.before - first).to(values.device))
    if not axis.share.any():
        return before
    after = values.index_select(dim, (axis.after - first).to(values.device))
    share = axis.share.to(values.device)
    return torch.lerp(before, after, share[:, None] if dim == 1 else share)
