"""Parameters and multiply-adds of the published networks, summed over the layers in papers and authors' code.

Nothing here uses the networks of this project: docs/models.md compares the two.
"""

from __future__ import annotations

from itertools import pairwise

WIDTHS = (64, 128, 256, 512, 1024)
BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}


class Sum:
    """Sums over layers; a layer's map is square, `side` pixels long."""

    def __init__(self) -> None:
        self.parameters = 0
        self.multiply_adds = 0

    def conv(self, before: int, after: int, kernel: int, side: int, *, bias: bool = False, norm: bool = False) -> None:
        """Add a convolution with an output, or a transposed one with an input, of length `side`."""
        weights = before * after * kernel**2
        self.parameters += weights + after * (bias + 2 * norm)
        self.multiply_adds += weights * side**2

    @property
    def giga(self) -> str:
        """Thousand millions of multiply-adds."""
        return f"{self.multiply_adds / 1e9:.3f}"


def fcn(pools: tuple[int, ...], side: int = 512, classes: int = 21) -> Sum:
    """FCN-32s, -16s or -8s on VGG-16 (Long et al. 2015, 4.1 and 4.2); `pools`: channels of the scored poolings."""
    total, before, side = Sum(), 3, side + 2 * 100 - 2  # conv1_1 has a padding of 100
    pooled = []
    for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(convolutions):
            total.conv(before, width, 3, side, bias=True)
            before = width
        side = -(-side // 2)
        pooled.append(side)
    side -= 6
    total.conv(512, 4096, 7, side, bias=True)
    total.conv(4096, 4096, 1, side, bias=True)
    total.conv(4096, classes, 1, side, bias=True)
    for channels, scored in zip(pools, (pooled[3], pooled[2]), strict=False):
        total.conv(channels, classes, 1, scored, bias=True)
        total.conv(classes, classes, 4, side)
        side = 2 * side + 2
    total.conv(classes, classes, (64, 32, 16)[len(pools)], side)
    return total


def unet(side: int = 572, channels: int = 1, classes: int = 2) -> Sum:
    """Figure 1 of Ronneberger et al. 2015."""
    total, before = Sum(), channels
    for level, width in enumerate(WIDTHS):
        side = side // 2 if level else side
        for _ in range(2):
            side -= 2
            total.conv(before, width, 3, side, bias=True)
            before = width
    for width, deep in reversed(list(pairwise(WIDTHS))):
        total.conv(deep, width, 2, side, bias=True)
        side *= 2
        for before in (2 * width, width):
            side -= 2
            total.conv(before, width, 3, side, bias=True)
    total.conv(WIDTHS[0], classes, 1, side, bias=True)
    return total


def resnet(name: str, side: int = 520) -> Sum:
    """He et al. 2015, table 1, dilated to output stride 8; the 3x3 convolution has the stride."""
    total, before = Sum(), 64
    total.conv(3, 64, 7, side // 2, norm=True)
    side //= 4
    for stage, blocks in enumerate(BLOCKS[name]):
        width = 64 << stage
        for block in range(blocks):
            inside, side = side, side // 2 if (stage, block) == (1, 0) else side
            total.conv(before, width, 1, inside, norm=True)
            total.conv(width, width, 3, side, norm=True)
            total.conv(width, 4 * width, 1, side, norm=True)
            if block == 0:
                total.conv(before, 4 * width, 1, side, norm=True)
            before = 4 * width
    return total


def pspnet(encoder: str, side: int = 520, classes: int = 21) -> Sum:
    """Zhao et al. 2017, figure 3, with the fusion and the auxiliary head of the authors' code."""
    total, grid = resnet(encoder, side), side // 8
    for bins in (1, 2, 3, 6):
        total.conv(2048, 2048 // 4, 1, bins, norm=True)
    total.conv(2 * 2048, 512, 3, grid, norm=True)
    total.conv(512, classes, 1, grid, bias=True)
    training = Sum()
    training.conv(1024, 256, 3, grid, norm=True)
    training.conv(256, classes, 1, grid, bias=True)
    total.parameters += training.parameters
    return total


def deeplabv3(encoder: str, side: int = 520, classes: int = 21) -> Sum:
    """Chen et al. 2017, 3.3 and figure 5, evaluated at output stride 8."""
    total, grid = resnet(encoder, side), side // 8
    for kernel in (1, 3, 3, 3):
        total.conv(2048, 256, kernel, grid, norm=True)
    total.conv(2048, 256, 1, 1, norm=True)
    total.conv(5 * 256, 256, 1, grid, norm=True)
    total.conv(256, classes, 1, grid, bias=True)
    return total
