"""A trained run, ready to use: `segarena.load("runs/camvid").predict(image)`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.data.files.images import read_image
from segarena.data.transforms import resize_image, working_size
from segarena.errors import DataError
from segarena.files import read_json
from segarena.models import SegmentationModel, build_model
from segarena.records.run import Data
from segarena.runs import find_run
from segarena.training.checkpoint import BEST, load_weights
from segarena.training.evaluation import predict_masks
from segarena.training.machine import choose_device, computes_bf16


@dataclass(frozen=True)
class Predictor:
    """A trained network with all it needs to label an image: classes, working size, device, precision."""

    model: SegmentationModel
    classes: ClassTable
    config: dict[str, Any]
    run: Path
    device: str
    precision: str
    image_bits: int = 16
    """Bits that deep grey images of the training used, of the 16 in their files: others are read likewise."""

    @property
    def size(self) -> int:
        """The working size: the shorter side of what the network sees, in pixels."""
        return int(self.config["size"])

    def predict(self, image: NDArray[np.uint8] | str | Path) -> NDArray[np.uint8]:
        """Label each pixel. image: RGB uint8 (H, W, 3), or an image file -> class indices uint8 (H, W).

        The logits are resized to the image's own size, as in the evaluation. Raises DataError for a file that
        cannot be read and for an array of another shape or type.
        """
        if isinstance(image, (str, Path)):
            image = read_image(Path(image), self.image_bits)
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


def load(run: str | Path, *, device: str = "auto") -> Predictor:
    """Load a run folder, or the winner of a comparison folder.

    Precision is the training's where this device computes it natively, else float32. Raises RunError where the folder
    holds no finished run, ConfigError where the device is not there.
    """
    folder = find_run(Path(run))
    config = read_json(folder / "config.json")
    data = Data.read(folder)
    classes = ClassTable.from_dict(data.class_table, where=folder / Data.file)
    device = choose_device(device)
    model = build_model(**config["architecture"])
    model.initial_weights = config.get("start", model.initial_weights)
    load_weights(model, folder / BEST)
    model.to(device).to(memory_format=torch.channels_last).eval()
    precision = config["precision"] if computes_bf16(device) else "fp32"
    return Predictor(model, classes, config, folder, device, precision, data.image_bits)
