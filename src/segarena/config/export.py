"""The options of `export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from segarena.config.checks import Flag, default
from segarena.config.output import OutputOptions
from segarena.errors import ConfigError

ExportFormat = Literal["onnx", "torch", "huggingface"]


@dataclass(frozen=True, kw_only=True)
class ExportOptions(OutputOptions):
    """Write a trained network as a file for other programs, after a check that it gives the same labels."""

    run: tyro.conf.Positional[Path]
    """Run folder, or a comparison folder (then its run on all images, where there is one, else the model with the
    highest mIoU)."""
    format: ExportFormat = "onnx"
    """onnx: one file for ONNX Runtime and others. torch: a program of torch.export, .pt2. huggingface: a folder with
    weights, config.json and a model card, as on the Hugging Face hub."""
    probabilities: Flag = False
    """Add an output with the probability of each class at each pixel (onnx and torch)."""
    int8: Flag = False
    """Compute with 8 bits (onnx). Ranges are measured on training images; refused if the validation mIoU falls by more
    than 0.005."""
    out: Annotated[Path | None, default("a new file or folder in the run folder")] = None
    """File to write, or a folder for it; a file that exists is not overwritten."""
    push_to: Annotated[str | None, default("no upload")] = None
    """Repository OWNER/NAME on the Hugging Face hub to which the folder of --format huggingface, which this implies, is
    uploaded. A new one is private."""
    public: Flag = False
    """With --push-to: anybody may read the repository."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.push_to is not None and (self.format == "torch" or self.int8 or self.probabilities):
            raise ConfigError(
                "uploads the folder with weights, config.json and model card",
                where="--push-to",
                remedy="Leave out --format, --int8 and --probabilities",
            )
        if self.push_to is not None:
            object.__setattr__(self, "format", "huggingface")
        if self.public and self.push_to is None:
            raise ConfigError("is for an upload", where="--public", remedy="Add --push-to OWNER/NAME")
        if self.int8 and self.format != "onnx":
            raise ConfigError(
                f"does not exist for {self.format}", where="--int8", remedy="Leave out --format, or --int8"
            )
        if self.probabilities and self.format == "huggingface":
            raise ConfigError(
                "is for a graph with fixed outputs",
                where="--probabilities",
                remedy="Leave it out: segarena.load(FOLDER).probabilities(image) computes them from the weights",
            )
