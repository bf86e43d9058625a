"""The architectures, each in one file to be read beside its paper, and their encoders."""

from segarena.models.base import SegmentationModel, SegmentationOutput
from segarena.models.encoders import ENCODERS, Encoder, build_encoder
from segarena.models.registry import DEFAULT_ENCODER, TRACKS, build_model, find_encoder, find_model

__all__ = [
    "DEFAULT_ENCODER",
    "ENCODERS",
    "TRACKS",
    "Encoder",
    "SegmentationModel",
    "SegmentationOutput",
    "build_encoder",
    "build_model",
    "find_encoder",
    "find_model",
]
