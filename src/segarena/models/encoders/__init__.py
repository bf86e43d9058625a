"""torchvision's backbones as encoders: from an image to feature maps at several resolutions."""

from segarena.models.encoders.base import Encoder
from segarena.models.encoders.build import ENCODERS, build_encoder, create_encoder
from segarena.models.encoders.vgg16 import VGG16

__all__ = ["ENCODERS", "VGG16", "Encoder", "build_encoder", "create_encoder"]
