"""VGG-16 as a fully convolutional network, the encoder in the paper of FCN."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import vgg

#: Channels of fc6 and fc7.
FULLY_CONNECTED = 4096


class VGG16(nn.Module):
    """VGG-16 with its fully connected layers as convolutions. Long et al. 2015, 3.1 (arXiv:1411.4038).

    image (N, in_channels, H, W) -> pool3 (N, 256, h, w) at stride 8, pool4 (N, 512, h, w) at stride 16, fc7 (N, 4096,
    h, w) at stride 32. Their grids begin 100 pixels outside of the image, space for the 7x7 kernel of fc6, as in the
    authors' network. Parameters have the names of torchvision's `vgg16`.

    Differences from the paper: He initialisation (2015, arXiv:1502.01852) without pretrained weights, as the paper
    only fine-tunes.

    Args:
        in_channels: Channels of the image.
    """

    name = "vgg16"
    stem = "features.0.weight"
    unused = ("classifier.6.",)
    strides = (8, 16, 32)

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.features = vgg.make_layers(vgg.cfgs["D"], batch_norm=False)
        self.features[0] = nn.Conv2d(in_channels, self.features[0].out_channels, 3, padding=100)
        # after the third, the fourth and the fifth pooling
        ends = [i + 1 for i, layer in enumerate(self.features) if isinstance(layer, nn.MaxPool2d)]
        self.stages = [(0, ends[2]), (ends[2], ends[3]), (ends[3], ends[4])]
        widths = [[m.out_channels for m in self.features[:end] if isinstance(m, nn.Conv2d)][-1] for end in ends[2:]]
        self.channels = (widths[0], widths[1], FULLY_CONNECTED)
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                layer.ceil_mode = True
        self.classifier = nn.Sequential(
            nn.Conv2d(widths[2], FULLY_CONNECTED, 7),  # fc6
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Conv2d(FULLY_CONNECTED, FULLY_CONNECTED, 1),  # fc7
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pool3, pool4, pool5 = (self.features[start:end] for start, end in self.stages)
        x8 = pool3(image)
        x16 = pool4(x8)
        return x8, x16, self.classifier(pool5(x16))
