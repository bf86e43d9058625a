"""Label images with a trained run: `segarena.load("runs/camvid").predict(image)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segarena.classes import ClassTable
from segarena.config.values import make_options
from segarena.config.views import Scale, View, ViewOptions
from segarena.errors import ConfigError
from segarena.formats import listing, percent, plural, shorten
from segarena.image_files.channel_format import ChannelFormat, channel_format
from segarena.image_files.image_labeller import ImageLabeller
from segarena.image_files.in_memory import ImageInput
from segarena.image_files.large_images import LargeImage
from segarena.image_files.paged import PagedArray
from segarena.loading.decoded import to_tensor
from segarena.loading.scaling import Scaling, TrainingSides, WindowPlan
from segarena.loading.sizes import working_size
from segarena.loading.transforms import resize_image
from segarena.models import SegmentationModel
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.run import Data
from segarena.runs import describe_unfinished, find_run
from segarena.training.blending import Part
from segarena.training.checkpoint import BEST, load_weights
from segarena.training.devices import place, usable_precision
from segarena.training.evaluation import (
    evaluation_pixels,
    predict_masks,
    predict_probabilities,
    predict_windows,
    prepared,
    window_labels,
)
from segarena.training.machine import choose_device
from segarena.training.memory import naming_shortage
from segarena.training.rebuild import rebuild
from segarena.training.regions import InMemory, OnDemand, Pixels


@dataclass(frozen=True, repr=False)
class Predictor(ImageLabeller):
    """A trained network and what labelling an image takes: classes, working size, device, precision."""

    model: SegmentationModel
    """The network with its trained weights, in eval mode, on the device."""
    classes: ClassTable
    """The classes, in the order of their indices."""
    config: Config
    """How it was trained."""
    run: Path
    """The run folder."""
    device: str
    """Where it is computed: "cpu", "cuda", "cuda:1" or "mps"."""
    precision: str
    """Number format of the forward pass: "fp32", "bf16" or "fp16"."""
    image_bits: int = 16
    """Bits that the 16-bit images of the training used."""
    deep_images: int | None = None
    """How many images of the training data had 16 bits per channel; None if that is not recorded."""
    train_brightness: dict[str, float] | None = None
    """The lowest, the median and the highest mean grey level of the training images; None if it is not recorded."""
    unfinished: str = ""
    """Which weights are used where the training was interrupted, as a sentence; empty for a finished run."""
    train_images: int = 0
    """Number of images that trained the network."""
    sides: TrainingSides | None = None
    """The sides of the training images, in pixels of their files; None if they are not recorded."""
    scale: Scale = "auto"
    """At which scale images are labelled, as in `segarena predict --scale`."""
    window: tuple[int, int] | None = None
    """Height and width of a window, in pixels of the resized image; None for the size of the training."""
    tta: tuple[View, ...] = ()
    """Further views of each image, whose probabilities are averaged: "flip", "scales"."""
    channels: ChannelFormat | None = None
    """The channels of the images; None for RGB of 8 bits."""

    @property
    def size(self) -> int:
        """The working size, to which the shorter side of an image is resized, in pixels."""
        return self.config.protocol.size

    @property
    def scaling(self) -> Scaling:
        """The rule by which an image is labelled as a whole or in windows."""
        typical = self.config.protocol.input_size
        return Scaling(self.size, typical, self.sides, self.scale, self.window, self.tta)

    def with_views(
        self, *, scale: Scale = "auto", window: int | tuple[int, int] | None = None, tta: View | Iterable[View] = ()
    ) -> Predictor:
        """Return a predictor that labels images at another scale, in other windows, or from several views.

        Args:
            scale: "auto", "whole", or a multiple of the training scale, as in `segarena predict --scale`.
            window: Height and width of a window, in pixels of the resized image, or one number for both.
            tta: Further views, whose probabilities are averaged: "flip", "scales", or both.

        Raises:
            ConfigError: A value is not possible, a scale is given and the run has no record of its training images'
                size, or a mirrored view is wanted of a network that saw none.
            OptionTypeError: A value has the wrong type. It is a ConfigError and a TypeError.
        """
        options = make_options(ViewOptions, scale=scale, window=() if window is None else window, tta=tta)
        if self.sides is None and not isinstance(options.scale, str):
            raise ConfigError(
                f"{self.run} has no record of the size of its training images, by which a scale is measured",
                where="--scale",
                remedy="Leave it out, or train again with this version",
            )
        if "flip" in options.tta and self.config.protocol.flip == "none":
            raise ConfigError(
                f"{self.run} was trained without mirrored crops, so mirrored views may have other classes",
                where="--tta flip",
                remedy="Leave it out",
            )
        return replace(self, scale=options.scale, window=options.window_size, tta=options.tta)

    @cached_property
    def network(self) -> SegmentationModel:
        """The network as it labels: with weights in half precision, on a GPU with BatchNorm folded into them."""
        return prepared(self.model, self.device, self.precision)

    def probabilities(self, image: ImageInput) -> NDArray[np.float32]:
        """Return how probable each class is at each pixel of an image: the softmax of the network's logits.

        Args:
            image: One image, as in `predict`.

        Returns:
            float32 (num_classes, H, W), 0..1, at the image's own size; over the classes they add up to 1. The class
            with the highest probability is the one that `predict` gives; where two are equal, it may be the other one.
            4 bytes for each class and pixel: 320 MB for 8 classes and 10 megapixels.

        Raises:
            ImageTypeError: It is not an image, or its values could mean several things. It is a TypeError.
            DataError: A file cannot be read.
        """
        [pixels] = self.read([image])
        height, width = pixels.shape[:2]
        plan = self.scaling.plan(height, width)
        values: NDArray[np.float32]
        with self.naming_shortage(f"labelling an image of {width} × {height}"):
            if plan is None:
                values = self._compute(predict_probabilities, pixels)
                return values
            values = np.empty((self.classes.num_classes, height, width), np.float32)
            for part in self._parts(InMemory(_to_tensor(pixels)), plan):
                rows, columns = part.values.shape[1:]
                place = np.s_[:, part.top : part.top + rows, part.left : part.left + columns]
                values[place] = part.values.cpu().numpy()
        return values

    def label(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Label an image as `read_file` gives it, (H, W, C): class indices, uint8 (H, W)."""
        height, width = image.shape[:2]
        plan = self.scaling.plan(height, width)
        mask: NDArray[np.uint8]
        with self.naming_shortage(f"labelling an image of {width} × {height}"):
            mask = self._compute(predict_masks, image) if plan is None else self.label_by(plan, image)
        return mask

    def label_by(self, plan: WindowPlan, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Label an image, as `read_file` gives it, in the windows of a plan: class indices, uint8 (H, W)."""
        labels = torch.empty(image.shape[:2], dtype=torch.uint8)
        mask: NDArray[np.uint8] = window_labels(labels, self._parts(InMemory(_to_tensor(image)), plan)).numpy()
        return mask

    def label_large(self, image: LargeImage) -> NDArray[np.uint8]:
        """Label an image of which only a part at a time is an array: class indices, uint8 (H, W), as `predict`."""
        height, width = image.size
        plan = self.scaling.plan(height, width)
        with self.naming_shortage(f"labelling an image of {width} × {height}"):
            if plan is not None:
                labels = PagedArray(image.size)
                window_labels(torch.from_numpy(labels.array), self._parts(OnDemand(image), plan), labels.release)
                return labels.array
            small = image.resized(*working_size(height, width, self.size))
            return self._compute(predict_masks, small, (height, width))

    def _parts(self, image: Pixels, plan: WindowPlan) -> Iterator[Part]:
        """The probabilities of an image in windows."""
        return predict_windows(
            self.network,
            image,
            plan,
            self.classes.num_classes,
            device=self.device,
            precision=self.precision,
            most_pixels=evaluation_pixels(self.config.protocol),
        )

    def _compute(
        self, function: Callable[..., Tensor], image: NDArray[Any], size: tuple[int, int] | None = None
    ) -> NDArray[Any]:
        """The labels or the probabilities of an image as a whole; with `size` at another size than its own."""
        height, width = image.shape[:2]
        result = function(
            self.network,
            resize_image(_to_tensor(image), working_size(height, width, self.size))[None],
            size or (height, width),
            device=self.device,
            precision=self.precision,
            most_pixels=evaluation_pixels(self.config.protocol),
        )
        values: NDArray[Any] = result[0].cpu().numpy()
        return values

    def naming_shortage(self, doing: str) -> AbstractContextManager[None]:
        """Return the context in which running out of memory becomes an error that names what was computed.

        Args:
            doing: What is computed, e.g. "labelling an image".
        """

        def remedy() -> str:
            if self.device != "cpu":
                return "Use --device cpu, or end other programs that use the GPU"
            return "End other programs, or cut the images into smaller ones"

        return naming_shortage(f"{doing} with {self.config.model}", where=self.run, device=self.device, remedy=remedy)

    def __repr__(self) -> str:
        network = " on ".join(filter(None, (self.config.model, self.config.architecture.get("encoder"))))
        names = listing([shorten(name) for name in self.classes.names], 8)
        facts = [f"{network}, {plural(self.classes.num_classes, 'class')}: {names}", f"size {self.size}", self.device]
        if (self.run / Metrics.file).exists():
            metrics = Metrics.read(self.run)
            score = f"{metrics.split} mIoU {percent(metrics.miou)}"
            facts.append("trained on all images" if self.config.data.all_images else score)
        return f"Predictor({'; '.join(facts)}; {str(self.run)!r})"


def _to_tensor(image: NDArray[Any]) -> Tensor:
    """(H, W, C) as (C, H, W), the same pixels."""
    return to_tensor(np.ascontiguousarray(image))


def load(run: str | PathLike[str], *, device: str = "auto", all_images: bool = True) -> Predictor:
    """Load a run, or the model of a comparison with the highest mIoU, to label images.

    Args:
        run: A run folder or a comparison folder.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        all_images: Whether of a comparison the run on all images is preferred, where there is one. It has no images
            left for a score.

    Returns:
        A predictor with the best weights so far, and the precision of the training where the device computes it
        natively, else with float32.

    Raises:
        RunError: The folder has no run, or one without a finished epoch, or one of a user's module whose function the
            call has not, or not that one.
        ConfigError: The device does not exist.
    """
    folder = find_run(Path(run), all_images=all_images)
    config = Config.read(folder)
    data = Data.read(folder)
    classes = ClassTable.from_dict(data.class_table, where=folder / Data.file)
    device = choose_device(device)
    model = rebuild(config, folder)
    model.initial_weights = config.start
    model.normalization = None if data.channels is None else (data.channels.mean, data.channels.std)
    load_weights(model, folder / BEST)
    place(model, device).eval()
    precision = usable_precision(device, config.protocol.precision)
    deep_images = data.description.get("deep_images")
    return Predictor(
        model,
        classes,
        config,
        folder,
        device,
        precision,
        image_bits=data.image_bits,
        deep_images=deep_images,
        train_brightness=data.description.get("train_brightness"),
        unfinished=describe_unfinished(folder),
        train_images=data.counts.get("train", 0),
        sides=TrainingSides.recorded(data.description, folder / Data.file),
        channels=channel_format(data.channels),
    )
