"""Label images with a trained run: `segarena.load("runs/camvid").predict(image)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segarena.classes import ClassTable
from segarena.config.own_models import find_builder
from segarena.config.training import is_own
from segarena.data.files.bit_depth import ChosenBits, choose_bits
from segarena.data.files.in_memory import ImageInput, read_images
from segarena.data.sizes import working_size
from segarena.data.transforms import resize_image
from segarena.errors import RunError
from segarena.formats import listing, percent, plural, shorten
from segarena.models import SegmentationModel, build_model
from segarena.models.own import build_own
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.run import Data
from segarena.runs import describe_unfinished, find_run
from segarena.training.checkpoint import BEST, load_weights
from segarena.training.devices import place, usable_precision
from segarena.training.evaluation import evaluation_pixels, predict_masks, predict_probabilities, prepared
from segarena.training.machine import choose_device
from segarena.training.memory import naming_shortage


@dataclass(frozen=True, repr=False)
class Predictor:
    """A trained network and what labelling an image takes: classes, working size, device, precision."""

    model: SegmentationModel
    classes: ClassTable
    config: Config
    run: Path
    device: str
    precision: str
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

    @property
    def size(self) -> int:
        """The working size, to which the shorter side of an image is resized, in pixels."""
        return self.config.protocol.size

    def choose_bits(self, highest: Iterable[int]) -> ChosenBits:
        """Choose the bits by which images are read whose 16-bit files have these highest values (`highest_values`)."""
        return choose_bits(highest, self.image_bits, self.deep_images)

    @overload
    def predict(self, image: list[ImageInput] | tuple[ImageInput, ...]) -> list[NDArray[np.uint8]]: ...

    @overload
    def predict(self, image: ImageInput) -> NDArray[np.uint8]: ...

    def predict(self, image: Any) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
        """Label each pixel of an image. The logits are resized to the image's own size, as in the evaluation.

        Args:
            image: An image, or a list of images. Each is a file; a PIL image, of any mode, whose EXIF orientation is
                applied; an array, uint8 of RGB (H, W, 3), grey (H, W) or (H, W, 1), or with alpha (H, W, 4), or uint16
                as in a file of 16 bits; or a tensor of the same with its channels first, (3, H, W). OpenCV's arrays
                are BGR: give `cv2.cvtColor(image, cv2.COLOR_BGR2RGB)`. Floating-point values are refused, as their
                range is not clear; the message has the conversion.

        Returns:
            Class indices, uint8 (H, W); for a list of images a list of them.

        Raises:
            ImageTypeError: It is not an image, or its values could mean several things. It is a TypeError.
            DataError: A file cannot be read.
        """
        if isinstance(image, (list, tuple)):
            return [self._label(pixels) for pixels in read_images(image, self._bits)]
        [mask] = [self._label(pixels) for pixels in read_images([image], self._bits)]
        return mask

    @cached_property
    def _network(self) -> SegmentationModel:
        return prepared(self.model, self.device, self.precision)

    def _bits(self, highest: list[int]) -> int:
        return self.choose_bits(highest).bits

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
        [pixels] = read_images([image], self._bits)
        values: NDArray[np.float32] = self._compute(predict_probabilities, pixels)
        return values

    def _label(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        mask: NDArray[np.uint8] = self._compute(predict_masks, image)
        return mask

    def _compute(self, function: Callable[..., Tensor], image: NDArray[np.uint8]) -> NDArray[Any]:
        """The labels or the probabilities of an image."""
        height, width = image.shape[:2]
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        small = resize_image(pixels, working_size(height, width, self.size))
        with self.naming_shortage(f"labelling an image of {width} × {height}"):
            result = function(
                self._network,
                small[None],
                (height, width),
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


def _build(config: Config, folder: Path) -> SegmentationModel:
    """The untrained network of a run; a user's module by the function that the call was given."""
    if not is_own(config.model):
        return build_model(**config.architecture)
    builder, built_by = find_builder(config.model), config.architecture.get("built_by")
    if builder is None:
        raise RunError(
            f"has the model {config.model}, a module of a Python program ({built_by}), whose code is not in the run",
            where=folder,
            remedy="Use it in Python, with the function that builds it: "
            f"segarena.load({str(folder)!r}, build=build).predict(image); evaluate and predict take build=build too",
        )
    model = build_own(config.model, config.architecture["num_classes"], builder)
    if model.settings["tensors"] != config.architecture.get("tensors"):
        raise RunError(
            f"has the weights of another module: the tensors of {config.model} have other names, shapes or types",
            where=folder,
            remedy=f"Give the function that it was trained with ({built_by})",
        )
    return model


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
    model = _build(config, folder)
    model.initial_weights = config.start
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
        train_images=data.counts["train"],
    )
