"""ResNet and ResNeXt as encoders."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models.resnet import ResNet

from segarena.models.encoders.base import Encoder


class ResNetEncoder(Encoder):
    """ResNet (He et al. 2015, arXiv:1512.03385) and ResNeXt (Xie et al. 2016, arXiv:1611.05431), built by torchvision.

    Differences from the papers: a bottleneck's stride is on its 3x3 convolution, as in torchvision. From torchvision:
    ResNet-18 and -34 can be dilated too.

    Args:
        name: torchvision's name of the network.
        network: The network, whose layers become those of the encoder.
    """

    stem = "conv1.weight"
    unused = ("fc.",)

    def __init__(self, name: str, network: ResNet) -> None:
        super().__init__(name)
        self.conv1, self.bn1, self.relu, self.maxpool = network.conv1, network.bn1, network.relu, network.maxpool
        self.layer1, self.layer2 = network.layer1, network.layer2
        self.layer3, self.layer4 = network.layer3, network.layer4
        base = network.fc.in_features // 8
        self.channels = (network.conv1.out_channels, base, 2 * base, 4 * base, 8 * base)
        self.prepare_strides((2, 4, 8, 16, 32))

    @property
    def last_blocks(self) -> Sequence[nn.Module]:
        """The residual blocks of the last stage: two in ResNet-18, three in the others."""
        return list(self.layer4)

    @property
    def deep_stages(self) -> tuple[nn.Module, nn.Module]:
        """The paper's conv4 and conv5."""
        return self.layer3, self.layer4

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        self.check_batch(image)
        x1 = self.relu(self.bn1(self.conv1(image)))  # stride 2
        x2 = self.layer1(self.maxpool(x1))  # stride 4
        x3 = self.layer2(x2)  # stride 8
        x4 = self.layer3(x3)  # stride 16, or less where dilated
        return x1, x2, x3, x4, self.layer4(x4)  # stride 32, or less where dilated
