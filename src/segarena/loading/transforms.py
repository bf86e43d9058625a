"""Augmentation of an image together with its mask, and the normalisation of every model input."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from segarena.classes import IGNORE_INDEX
from segarena.config.typed_settings import Flip
from segarena.loading.channel_jitter import ChannelJitter
from segarena.loading.warp import RandomWarp
from segarena.seeding import derive_seed

#: Mean and standard deviation with which torchvision's ImageNet weights were trained, for RGB in 0..1.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


#: Mean and standard deviation of each channel, in the units of the pixels.
Normalization: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]


def normalize(image: Tensor, by: Normalization | None = None) -> Tensor:
    """Subtract the mean of each channel and divide by its standard deviation.

    Args:
        image: (..., C, H, W): uint8 RGB, 0..255, or what `by` is for.
        by: Those of the training images; None for ImageNet's, of RGB.

    Returns:
        float32 of the same shape.
    """
    mean, std = _mean_and_std(image.device, by)
    normalized: Tensor = (image.float() - mean) / std
    return normalized


@cache
def _mean_and_std(device: torch.device, by: Normalization | None) -> tuple[Tensor, Tensor]:
    """The constants on a device: copied there once, since a GPU is waited for at each copy. ImageNet's, for 0..255."""
    with torch.inference_mode(False):  # usable in a training too, wherever they were needed first
        if by is None:
            mean, std = (torch.tensor(values, device=device) for values in (IMAGENET_MEAN, IMAGENET_STD))
            return mean.view(3, 1, 1) * 255, std.view(3, 1, 1) * 255
        mean, std = (torch.tensor(values, dtype=torch.float32, device=device) for values in by)
        return mean.view(-1, 1, 1), std.view(-1, 1, 1)


def resize_image(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize an image, bilinear with antialiasing: (C, H, W), uint8 or float32 -> (C, *size), of the same type."""
    if tuple(image.shape[-2:]) == size:
        return image
    resized: Tensor = TF.resize_image(image, list(size), interpolation=InterpolationMode.BILINEAR, antialias=True)
    return resized


class AxisCut(NamedTuple):
    """Where a crop is, along one axis of an image, in pixels."""

    first: int
    """The first pixel that is cut out."""
    source: int
    """The number of pixels that are cut out."""
    shown: int
    """Their number after resizing."""
    before: int
    """The padding before them."""


class CropPlan(NamedTuple):
    """Everything that is random in a training crop without a warp."""

    rows: AxisCut
    columns: AxisCut
    mirrored: bool
    """Mirrored left to right."""
    upside_down: bool
    """Mirrored top to bottom."""
    order: tuple[int, ...]
    """In which order brightness (0), contrast (1) and saturation (2) are changed."""
    factors: tuple[float, float, float]
    """Of brightness, contrast and saturation."""


#: Changes of brightness, contrast and saturation: the largest relative one.
COLOR_JITTER = 0.25


class RandomScaleCrop(v2.Transform):  # type: ignore[misc]  # torchvision comes without types
    """Scale an image and its mask by a random factor, and take a random crop.

    The crop is cut from the original before it is resized: this gives the same pixels for a fraction of the work. Where
    the scaled image is smaller than the crop it is padded, with void in the mask and the mean colour in the image. The
    mask is resized to the nearest label.

    With the probability `foreground` the crop contains a pixel of a rarer class: a class is drawn from those in the
    mask, without the most frequent one, then a pixel of that class (oversampling of foreground in nnU-Net, Isensee et
    al. 2021). Difference from the paper: the pixel may be anywhere in the crop, not only at its centre, so that the
    network cannot learn the position. A mask of one class is cropped at random; an object thinner than a pixel after
    scaling may disappear.

    Applied to an image (C, H, W), uint8 or float32, and a mask uint8 (H, W); both get the size of `crop`.

    Args:
        size: Pixels of the image's shorter side at scale 1, see `working_size`.
        crop: (height, width) in pixels, see `crop_size`.
        scale: The lowest and the highest factor; the distribution is uniform.
        foreground: A probability, 0 to 1.
        fill: What the image is padded with, a level of each channel; None for ImageNet's mean colour.
    """

    def __init__(
        self,
        size: int,
        crop: tuple[int, int],
        scale: tuple[float, float] = (0.5, 2.0),
        *,
        foreground: float = 0.0,
        fill: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.size, self.crop, self.scale, self.foreground = size, crop, scale, foreground
        self.fill = [round(255 * channel) for channel in IMAGENET_MEAN] if fill is None else list(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        mask = next(inpt for inpt in flat_inputs if isinstance(inpt, tv_tensors.Mask)) if self.foreground else None
        height, width = TF.get_size(flat_inputs[0])
        rows, columns = self.draw(height, width, mask, torch.default_generator)
        return {"rows": rows, "columns": columns}

    def draw(self, height: int, width: int, mask: Tensor | None, generator: torch.Generator) -> tuple[AxisCut, AxisCut]:
        """Draw where a crop of an image is.

        Args:
            height: Of the image, in pixels.
            width: Of the image, in pixels.
            mask: Its mask, uint8 (height, width); only read, and required, with `foreground` above 0.
            generator: The random numbers.

        Returns:
            The cut of its rows and that of its columns.
        """
        scale = torch.empty(()).uniform_(*self.scale, generator=generator).item()
        factor = self.size / min(height, width) * scale
        row, column = self._pick_target(mask, generator)
        return (
            _cut(height, factor, self.crop[0], row, generator),
            _cut(width, factor, self.crop[1], column, generator),
        )

    def _pick_target(self, mask: Tensor | None, generator: torch.Generator) -> tuple[int, int] | tuple[None, None]:
        """The row and column of a pixel that the crop must contain, if any."""
        # With foreground = 0 no random number is drawn, so that runs from before this option can be reproduced.
        if self.foreground == 0 or torch.rand((), generator=generator).item() >= self.foreground:
            return None, None
        assert mask is not None
        mask = mask.as_subclass(Tensor)
        counts = torch.bincount(mask.flatten(), minlength=256)
        counts[IGNORE_INDEX] = 0
        counts[counts.argmax()] = 0
        classes = counts.nonzero()[:, 0]
        if not len(classes):
            return None, None
        chosen = classes[_below(len(classes), generator)]
        pixel = _below(int(counts[chosen].item()), generator)
        row, column = divmod(int((mask.flatten() == chosen).nonzero()[pixel].item()), mask.shape[-1])
        return row, column

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        (top, rows, height, above), (left, columns, width, before) = params["rows"], params["columns"]
        is_mask = isinstance(inpt, tv_tensors.Mask)
        pixels = inpt.as_subclass(Tensor)[..., top : top + rows, left : left + columns]
        if (rows, columns) != (height, width):
            mode = InterpolationMode.NEAREST_EXACT if is_mask else InterpolationMode.BILINEAR
            pixels = TF.resize_image(
                pixels if not is_mask else pixels[None], [height, width], interpolation=mode, antialias=not is_mask
            )
            pixels = pixels[0] if is_mask else pixels
        below, after = self.crop[0] - height - above, self.crop[1] - width - before
        if above or below or before or after:
            padding = [before, above, after, below]
            if is_mask:
                pixels = TF.pad_image(pixels[None], padding, fill=IGNORE_INDEX)[0]
            else:
                pixels = TF.pad_image(pixels, padding, fill=self.fill)
        return tv_tensors.wrap(pixels.contiguous(), like=inpt)


def _below(limit: int, generator: torch.Generator) -> int:
    """A random integer from 0 to `limit` - 1."""
    return int(torch.randint(0, limit, (), generator=generator).item())


def _cut(length: int, factor: float, crop: int, target: int | None, generator: torch.Generator) -> AxisCut:
    """The cut along one axis.

    The first source pixel is random; with a `target`, among those for which the crop contains it.
    """
    scaled = max(1, round(length * factor))
    shown = min(crop, scaled)  # only an image that is too small is padded
    source = max(1, min(length, round(crop / factor))) if scaled > crop else length
    lowest, highest = 0, length - source
    if target is not None:
        lowest, highest = max(lowest, target - source + 1), min(highest, target)
    first = lowest + _below(highest - lowest + 1, generator)
    before = _below(crop - shown + 1, generator)
    return AxisCut(first, source, shown, before)


class Augmentation:
    """The training augmentation: scaling, crop, rotation and elastic deformation if they are wanted, mirroring, colour.

    The result depends on the seed, the epoch and the index of the image only.

    Args:
        size: Pixels of the image's shorter side at scale 1, see `working_size`.
        crop: (height, width) in pixels, see `crop_size`.
        seed: The seed of all random numbers.
        foreground: The share of crops that must contain a rarer class, see `RandomScaleCrop`. Of a crop that is rotated
            or deformed, the pixel may leave it at the border.
        jitter: The highest factor of the scale, 1 or more; the lowest is its inverse.
        rotation: The largest angle in degrees, see `RandomWarp`.
        elastic: The standard deviation of the displacements, as a share of the crop's shorter side, likewise.
        flip: How crops are mirrored, each half of the time: horizontal, both (also top to bottom) or none.
        channels: Mean and standard deviation of the channels of images that are not RGB, as `normalize` takes them:
            they are padded with the mean, and their brightness and contrast change as `ChannelJitter` states.
    """

    def __init__(
        self,
        size: int,
        crop: tuple[int, int],
        seed: int,
        *,
        foreground: float = 0.0,
        jitter: float = 2.0,
        rotation: float = 0.0,
        elastic: float = 0.0,
        flip: Flip = "horizontal",
        channels: Normalization | None = None,
    ) -> None:
        self.seed, self.crop, self.flip, self.channels = seed, crop, flip, channels
        fill = None if channels is None else channels[0]
        self.scale_crop = RandomScaleCrop(size, crop, (1 / jitter, jitter), foreground=foreground, fill=fill)
        self.warps = bool(rotation or elastic)
        color = v2.ColorJitter(brightness=COLOR_JITTER, contrast=COLOR_JITTER, saturation=COLOR_JITTER)
        # Where there is no warp no random number is drawn for it, so that runs from before can be reproduced.
        warp = [RandomWarp(rotation, elastic, self.scale_crop.fill)] if self.warps else []
        flips = [v2.RandomHorizontalFlip(0.5)] * (flip != "none") + [v2.RandomVerticalFlip(0.5)] * (flip == "both")
        self.transform = v2.Compose(
            [
                self.scale_crop,
                *warp,
                *flips,
                color if channels is None else ChannelJitter(COLOR_JITTER, *channels),
            ]
        )

    def __call__(self, image: Tensor, mask: Tensor, *, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Augment an image (C, H, W), uint8 or float32, and its mask uint8 (H, W); both get the size of the crop."""
        with torch.random.fork_rng(devices=[]):
            # torch.manual_seed would also reseed the GPU's generators, which takes milliseconds.
            torch.default_generator.manual_seed(self._seed_of(epoch, index))
            image, mask = self.transform(tv_tensors.Image(image), tv_tensors.Mask(mask))
        return image.as_subclass(Tensor), mask.as_subclass(Tensor)

    def plan(self, height: int, width: int, mask: Tensor | None, *, epoch: int, index: int) -> CropPlan:
        """Draw what a call draws, from the same random numbers, and change no pixel.

        Safe in a thread: torch's own generator is neither used nor changed.

        Args:
            height: Of the image, in pixels.
            width: Of the image, in pixels.
            mask: Its mask, uint8 (height, width); only read, and required, with `foreground` above 0.
            epoch: The epoch.
            index: The index of the image.

        Raises:
            ValueError: Crops are rotated or deformed, or the images are not RGB, which a plan does not describe.
        """
        if self.warps or self.channels is not None:
            raise ValueError("a crop that is rotated or deformed, or not of RGB, has no plan")
        generator = torch.Generator().manual_seed(self._seed_of(epoch, index))
        rows, columns = self.scale_crop.draw(height, width, mask, generator)
        mirrored = self.flip != "none" and torch.rand(1, generator=generator).item() < 0.5
        upside_down = self.flip == "both" and torch.rand(1, generator=generator).item() < 0.5
        # as in v2.ColorJitter: its fourth change, of the hue, is not used
        order = tuple(change for change in torch.randperm(4, generator=generator).tolist() if change < 3)
        brightness, contrast, saturation = (
            torch.empty(1).uniform_(1 - COLOR_JITTER, 1 + COLOR_JITTER, generator=generator).item() for _ in range(3)
        )
        return CropPlan(rows, columns, mirrored, upside_down, order, (brightness, contrast, saturation))

    def _seed_of(self, epoch: int, index: int) -> int:
        return derive_seed("augmentation", self.seed, epoch, index)
