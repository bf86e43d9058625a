"""What an exported model carries with it: in an ONNX file as metadata, in a folder as config.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from segarena.records.record import Count, Fraction, Pixels, Record
from segarena.records.run import ChannelValues

#: The file of the weights, in a folder of the form of the Hugging Face hub.
WEIGHTS = "model.safetensors"


@dataclass(frozen=True, kw_only=True)
class ExportedScores:
    """The scores of the run, as in its metrics.json; null where all images trained the network."""

    split: str
    """Images that were scored: test, val, or none."""
    images: Count
    """Number of these images."""
    miou: Fraction | None
    """Their mIoU."""
    miou_low: Fraction | None = None
    """Lower end of the 95% interval of mIoU; null where the run is not the only one of its model in a comparison."""
    miou_high: Fraction | None = None
    """Upper end."""
    pixel_accuracy: Fraction | None
    """Correct pixels divided by all counted pixels."""
    iou: dict[str, Fraction | None]
    """IoU of each class, by its name."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How the exported model was compared with PyTorch in float32, before it was put in place."""

    images: Count
    """Number of images that both labelled."""
    source: Literal["val", "train", "test", "generated"]
    """Which images: of a part of the run's split, or generated, where the data could not be read."""
    pixels: Pixels
    """Their pixels."""
    equal_pixels: Pixels
    """Pixels with the same label."""

    @property
    def share(self) -> float:
        """The share of equal pixels."""
        return self.equal_pixels / self.pixels if self.pixels else 1.0


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """What rounding to 8 bits costs."""

    calibration_images: Count
    """Training images from which the ranges of the activations were measured."""
    val_images: Count
    """Validation images that were scored."""
    val_miou: Fraction
    """Their mIoU in float32."""
    val_miou_int8: Fraction
    """Their mIoU with 8 bits."""


@dataclass(frozen=True, kw_only=True)
class ExportedModel(Record, file="config.json", schema=1):
    """What a program needs to use an exported model, and what is known about it."""

    segarena: str
    """Version of segarena that wrote it."""
    model: str
    """Name of the architecture."""
    architecture: dict[str, Any]
    """Arguments of `segarena.build_model` that build the network, without its weights."""
    precision: Literal["fp32", "int8"]
    """int8: most operations of the network are computed with 8 bits."""
    class_table: dict[str, Any]
    """Classes with names, values in the masks of the training, and colours, in the form of classes.yaml. The number of
    a class in a class map is its place in the list."""
    size: Count
    """Working size: an image is resized so that its shorter side has this many pixels."""
    image_bits: Count = 16
    """Bits that the 16-bit images of the training used."""
    deep_images: Count | None = None
    """How many images of the training data had 16 bits per channel; null where that is not recorded."""
    channels: ChannelValues | None = None
    """Channels of the images; null for RGB of 8 bits."""
    train_sides: dict[str, Pixels] | None = None
    """Sides of the training images, in pixels of their files: the median of the shorter ones, the longest of these, and
    the longest of all. Images that are much larger are best labelled in parts; null where they are not recorded."""
    data: str
    """Name of the data set of the training."""
    fingerprint: str
    """SHA-256, in hex, of its files, their split and their decoding, as in the run's data.json."""
    counts: dict[str, Count] = field(default_factory=dict)
    """Number of its images in train, val and test."""
    scores: ExportedScores
    """The scores of the run, in PyTorch and with the run's own precision."""
    run: dict[str, Any]
    """config.json of the run: every setting of the training, without the paths of its machine."""
    agreement: Agreement | None = None
    """How its labels were compared with those of PyTorch; null in a folder with PyTorch weights."""
    quantization: Quantization | None = None
    """What 8 bits cost; null for float32."""
