"""Label images with a trained run: `segarena.load("runs/camvid").predict(image)`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.data.files.bit_depth import ChosenBits, choose_bits, highest_values
from segarena.data.files.images import read_image
from segarena.data.sizes import working_size
from segarena.data.transforms import resize_image
from segarena.errors import DataError
from segarena.models import SegmentationModel, build_model
from segarena.records.config import Config
from segarena.records.run import Data
from segarena.runs import describe_unfinished, find_run
from segarena.training.checkpoint import BEST, load_weights
from segarena.training.evaluation import predict_masks
from segarena.training.machine import choose_device, computes_bf16


@dataclass(frozen=True)
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

    @property
    def size(self) -> int:
        """The working size, to which the shorter side of an image is resized, in pixels."""
        return self.config.protocol.size

    def choose_bits(self, highest: Iterable[int]) -> ChosenBits:
        """Choose the bits by which images are read whose 16-bit files have these highest values (`highest_values`)."""
        return choose_bits(highest, self.image_bits, self.deep_images)

    def predict(self, image: NDArray[np.uint8] | str | Path) -> NDArray[np.uint8]:
        """Label each pixel of an image. The logits are resized to the image's own size, as in the evaluation.

        Args:
            image: RGB, uint8 (H, W, 3), or an image file.

        Returns:
            Class indices, uint8 (H, W).

        Raises:
            DataError: The file cannot be read, or the array has another shape or type.
        """
        if isinstance(image, (str, Path)):
            image = read_image(Path(image), self.choose_bits(highest_values([Path(image)])).bits)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise DataError(
                f"an image of shape {image.shape} and type {image.dtype} cannot be labelled",
                remedy="Give RGB as uint8 (H, W, 3), e.g. numpy.asarray(PIL.Image.open(path).convert('RGB'))",
            )
        height, width = image.shape[:2]
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        small = resize_image(pixels, working_size(height, width, self.size))
        labels = predict_masks(self.model, small[None], (height, width), device=self.device, precision=self.precision)
        mask: NDArray[np.uint8] = labels[0].cpu().numpy()
        return mask


def load(run: str | PathLike[str], *, device: str = "auto") -> Predictor:
    """Load a run, or the model of a comparison with the highest mIoU, to label images.

    Args:
        run: A run folder or a comparison folder.
        device: "auto", "cpu" or "cuda".

    Returns:
        A predictor with the best weights so far, and the precision of the training where the device computes it
        natively, else with float32.

    Raises:
        RunError: The folder has no run, or one without a finished epoch.
        ConfigError: The device does not exist.
    """
    folder = find_run(Path(run))
    config = Config.read(folder)
    data = Data.read(folder)
    classes = ClassTable.from_dict(data.class_table, where=folder / Data.file)
    device = choose_device(device)
    model = build_model(**config.architecture)
    model.initial_weights = config.start
    load_weights(model, folder / BEST)
    model.to(device).to(memory_format=torch.channels_last).eval()
    precision = config.protocol.precision if computes_bf16(device) else "fp32"
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
    )
