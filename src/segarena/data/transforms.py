"""Augmentation of image and mask together, and the one normalisation that every model input goes through."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from segarena.classes import IGNORE_INDEX
from segarena.seeding import derive_seed

#: The statistics that torchvision's ImageNet weights were trained with, for RGB in 0..1.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalize(image: Tensor) -> Tensor:
    """uint8 RGB (..., 3, H, W) in 0..255 -> float32, ImageNet mean 0 and standard deviation 1."""
    mean = torch.tensor(IMAGENET_MEAN, device=image.device).view(3, 1, 1) * 255
    std = torch.tensor(IMAGENET_STD, device=image.device).view(3, 1, 1) * 255
    normalized: Tensor = (image.float() - mean) / std
    return normalized


def working_size(height: int, width: int, size: int) -> tuple[int, int]:
    """The (height, width) at which a network sees a whole image: the shorter side becomes `size` pixels."""
    factor = size / min(height, width)
    return max(32, round(height * factor)), max(32, round(width * factor))


def crop_size(height: int, width: int, size: int) -> tuple[int, int]:
    """The (height, width) of a training crop: about as high or wide as `size`, shaped like the image, at most 2:1.

    Multiples of 32, so that no cell of a coarse map reaches beyond the crop: stretched to another size the map would be
    learned off its place.
    """

    def nearest(length: float) -> int:
        return max(32, int(length / 32 + 0.5) * 32)

    shorter = nearest(size)
    longer = min(2 * shorter, nearest(size * max(height, width) / min(height, width)))
    return (shorter, longer) if height <= width else (longer, shorter)


def resize_image(image: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (3, H, W) -> uint8 (3, *size), bilinear with antialiasing."""
    if tuple(image.shape[-2:]) == size:
        return image
    resized: Tensor = TF.resize_image(image, list(size), interpolation=InterpolationMode.BILINEAR, antialias=True)
    return resized


class RandomScaleCrop(v2.Transform):  # type: ignore[misc]  # torchvision comes without types
    """Scale by a random factor, take a random crop, pad what is missing with void.

    image uint8 (3, H, W), mask uint8 (H, W) -> the same of `crop` = (height, width). The factor is uniform in `scale`
    and relative to the working size, at which the shorter side has `size` pixels. The crop is cut from the
    original before it is resized: the same pixels, a fraction of the work. Masks are resized to the nearest
    label, never mixed. Padding is void in the mask and the mean colour in the image, never class 0.

    With the probability `foreground` the crop is one that holds a certain pixel: any pixel of a class drawn from those
    in the mask, the most frequent left out, each with the same chance (Isensee et al. 2021, nnU-Net, which oversamples
    foreground). Departs: the pixel may lie anywhere in the crop, not at its centre, so that targets are not always
    there. A mask of a single class is cropped as ever; a target thinner than a pixel after scaling can still be lost.
    """

    def __init__(
        self,
        size: int,
        crop: tuple[int, int],
        scale: tuple[float, float] = (0.5, 2.0),
        *,
        foreground: float = 0.0,
    ) -> None:
        super().__init__()
        self.size, self.crop, self.scale, self.foreground = size, crop, scale, foreground
        self.fill = [round(255 * channel) for channel in IMAGENET_MEAN]

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = TF.get_size(flat_inputs[0])
        factor = self.size / min(height, width) * torch.empty(()).uniform_(*self.scale).item()
        row, column = self._pick_target(flat_inputs)
        rows = _cut(height, factor, self.crop[0], row)
        columns = _cut(width, factor, self.crop[1], column)
        return {"rows": rows, "columns": columns}

    def _pick_target(self, flat_inputs: list[Any]) -> tuple[int, int] | tuple[None, None]:
        """The row and column of a pixel that the crop has to hold, or none."""
        # without the option no random number is drawn: the stream stays what it was
        if self.foreground == 0 or torch.rand(()).item() >= self.foreground:
            return None, None
        mask = next(inpt for inpt in flat_inputs if isinstance(inpt, tv_tensors.Mask)).as_subclass(Tensor)
        counts = torch.bincount(mask.flatten(), minlength=256)
        counts[IGNORE_INDEX] = 0
        counts[counts.argmax()] = 0
        classes = counts.nonzero()[:, 0]
        if not len(classes):
            return None, None
        chosen = classes[_below(len(classes))]
        pixel = _below(int(counts[chosen].item()))
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


def _below(limit: int) -> int:
    """A random integer from 0 to `limit` - 1."""
    return int(torch.randint(0, limit, ()).item())


def _cut(length: int, factor: float, crop: int, target: int | None) -> tuple[int, int, int, int]:
    """Along one axis: first source pixel, source pixels, pixels they become, padding before them.

    The source pixels are any that fit; with a `target`, any of those that hold it.
    """
    scaled = max(1, round(length * factor))
    shown = min(crop, scaled)  # so only an image that is too small is padded
    source = max(1, min(length, round(crop / factor))) if scaled > crop else length
    lowest, highest = 0, length - source
    if target is not None:
        lowest, highest = max(lowest, target - source + 1), min(highest, target)
    first = lowest + _below(highest - lowest + 1)
    before = _below(crop - shown + 1)
    return first, source, shown, before


class Augmentation:
    """The training augmentation: scale 0.5 to 2, crop, mirror, colour. A pure function of (seed, epoch, index).

    `foreground` is the share of crops that are chosen to hold a rarer class, see `RandomScaleCrop`.
    """

    def __init__(self, size: int, crop: tuple[int, int], seed: int, *, foreground: float = 0.0) -> None:
        self.seed = seed
        self.transform = v2.Compose(
            [
                RandomScaleCrop(size, crop, foreground=foreground),
                v2.RandomHorizontalFlip(0.5),
                v2.ColorJitter(brightness=0.25, contrast=0.25, saturation=0.25),
            ]
        )

    def __call__(self, image: Tensor, mask: Tensor, *, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """uint8 (3, H, W) and (H, W) -> uint8 (3, *crop) and (*crop,)."""
        with torch.random.fork_rng(devices=[]):
            # not torch.manual_seed: that also reseeds the GPU's generators, and takes milliseconds
            torch.default_generator.manual_seed(derive_seed("augmentation", self.seed, epoch, index))
            image, mask = self.transform(tv_tensors.Image(image), tv_tensors.Mask(mask))
        return image.as_subclass(Tensor), mask.as_subclass(Tensor)
