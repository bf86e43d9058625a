"""Receptive fields against sums of kernel sizes, strides and dilations by hand."""

from __future__ import annotations

import copy

import pytest
import torch
from receptive_field import effective_side, measure_extent, measure_gradient
from torch import nn

from segarena.models import SegmentationModel, SegmentationOutput, build_model
from segarena.models.unet import UNet

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("their_own_encoders")]


class Layers(SegmentationModel):
    """Layers in a row, from three channels to two classes."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(2)
        self.layers = nn.Sequential(*layers)

    def forward(self, image, size=None):
        return SegmentationOutput(self.layers(image), None)


def conv(before: int, after: int, kernel=3, **options) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, **options)


def on_meta(name: str, track: str, **options) -> SegmentationModel:
    with torch.device("meta"):
        return build_model(name, 2, track=track, **options)


@pytest.mark.parametrize(
    ("layers", "rows", "columns"),
    [
        ([conv(3, 4), nn.ReLU(), nn.BatchNorm2d(4), conv(4, 2, dilation=4)], (11, 11), (11, 11)),
        ([conv(3, 2, (5, 1))], (5, 5), (1, 1)),
        ([conv(3, 4, groups=1), conv(4, 4, 5, groups=4), conv(4, 2, 1)], (7, 7), (7, 7)),
        # a 2x2 maximum depends on two pixels, each of them on three; its own gradient is that of the largest only
        ([conv(3, 4), nn.MaxPool2d(2), nn.ConvTranspose2d(4, 2, 2, stride=2)], (4, 4), (4, 4)),
        # in a 4x4 transposed convolution at stride 2 each logit depends on two coarse pixels, two apart
        ([conv(3, 4, stride=2), nn.ConvTranspose2d(4, 2, 4, stride=2)], (5, 5), (5, 5)),
        # with a kernel of 3 at stride 2, every other logit depends on two coarse pixels, the others on one
        ([conv(3, 4, 1, stride=2), nn.ConvTranspose2d(4, 2, 3, stride=2)], (1, 3), (1, 3)),
    ],
)
def test_extents_of_layers(layers, rows, columns):
    assert measure_extent(Layers(*layers), 64) == (rows, columns)


def test_a_score_of_fcn32s_has_the_404_pixels_of_the_paper():
    """Long et al. 2015, table 1; a logit between two scores, which are 32 pixels apart, has 32 more."""
    reach, step = 1, 1
    for convolutions in (2, 2, 3, 3, 3):
        reach += convolutions * 2 * step + step  # 3x3 convolutions, then a 2x2 maximum
        step *= 2
    assert reach + 6 * step == 404  # fc6 is 7x7
    model = on_meta("fcn32s", "paper")
    assert measure_extent(model, 544, at="score_fr") == ((404, 404), (404, 404))
    assert measure_extent(model, 544) == ((436, 436), (436, 436))


class ThinUNet(UNet):
    """The same connections on few channels."""

    widths = (2, 3, 2, 3, 2)


def unet_interval(logit: int) -> int:
    """Pixels in a row on which one logit of figure 1 depends, by intervals through the levels of the figure."""
    intervals = [(logit, logit)]  # at the end of each level of the expansive path
    for _ in range(4):
        first, last = intervals[-1]
        intervals.append((first // 2, (last + 4) // 2))  # two 3x3 convolutions read up-sampled first ... last + 4
    first, last = intervals[-1]
    for _ in range(4):
        first, last = 2 * first, 2 * (last + 4) + 1  # two convolutions of the level, then its 2x2 pooling
    return last + 4 - first + 1


def test_extents_of_the_papers_unet():
    lengths = {unet_interval(logit) for logit in range(16)}
    assert lengths == {188, 204}  # 188 is also the smallest tile, of which 4 pixels remain
    assert measure_extent(ThinUNet(2, 1), 352) == ((188, 204), (188, 204))


def test_extents_are_those_of_the_gradient_with_positive_weights():
    """The copy with one channel has the connections of the network, shown here by its own weights, made positive."""
    torch.manual_seed(0)
    model = ThinUNet(2, 1).double().eval()
    for parameter in model.parameters():
        nn.init.uniform_(parameter, 0.1, 1.0)
    found = set()
    for logit in range(16):
        # Random pixels give different maxima; the sum over images includes each of them.
        image = torch.rand(8, 1, 220, 188, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(model.contract_and_expand(image)[:, :, logit + 8, 2].sum(), image)
        rows = gradient.sum(dim=(0, 1, 3)).nonzero().flatten()
        found.add(int(rows[-1] - rows[0]) + 1)
    assert found == {188, 204}


def test_extents_of_pspnet_with_and_without_its_pyramid():
    model = on_meta("pspnet", "encoder")
    reach = 1 + 6 + 2 * 2 + 4 * 8  # 7x7 stem, 3x3 pooling at stride 2, layer1 at stride 4
    reach += 8 + 3 * 16 + 16 + 3 * 32  # layer2 and layer3, whose first convolutions read the finer grid
    reach += 32 + 3 * 64  # layer4 at stride 16, dilated by 2 but for its first convolution
    reach += 32 + 16  # fusion; a logit lies between two scores
    assert measure_extent(model, 544, global_branches=False) == ((reach, reach), (reach, reach))
    assert measure_extent(model, 544) == ((544, 544), (544, 544))


def test_deeplabv3_depends_on_the_whole_image():
    assert measure_extent(on_meta("deeplabv3", "encoder"), 1216) == ((1216, 1216), (1216, 1216))


def test_measuring_does_not_change_the_model():
    model = build_model("fcn", 2)
    before, mode = copy.deepcopy(model.state_dict()), model.training
    measure_extent(model, 544)
    measure_gradient(model, torch.randn(1, 3, 32, 32))
    assert model.training is mode
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.requires_grad for key, parameter in model.named_parameters())


def test_an_image_smaller_than_the_field_is_refused():
    with pytest.raises(ValueError, match="64 pixels is smaller"):
        measure_extent(Layers(conv(3, 2, dilation=34, padding=34)), 64)


def test_unsupported_layers_are_refused():
    with pytest.raises(TypeError, match="through Permute"):
        measure_extent(on_meta("fcn", "encoder", encoder="swin_t"), 544)
    # Squeeze-and-excitation multiplies by what it pools: on an image of zeros its gradient is zero.
    with pytest.raises(TypeError, match="through AdaptiveAvgPool2d"):
        measure_extent(Layers(conv(3, 2), nn.AdaptiveAvgPool2d(64)), 64)


def test_a_side_that_is_no_multiple_of_32_is_refused():
    with pytest.raises(ValueError, match="545 pixels is not a multiple of 32"):
        measure_extent(on_meta("fcn", "encoder"), 545)


@pytest.mark.parametrize(
    ("name", "side", "rows"),
    [
        # VGG-16 and fc6 have 404; two 2x2 and one 8x upsampling add from one to two cells of each grid.
        ("fcn8s", 544, (436, 468)),
        pytest.param("fcn16s", 544, (436, 468), marks=pytest.mark.slow),
        # ResNet-50 has 427 pixels; the head's 3x3 convolution adds 2 * 8, the interpolation 8.
        ("fcn", 544, (451, 451)),
        pytest.param("pspnet", 544, (451, 451), marks=pytest.mark.slow),
        # Multi-grid adds 288 pixels, the largest rate 2 * 36 * 8, the shift by half a cell 8, the interpolation 8.
        pytest.param("deeplabv3", 1408, (1307, 1307), marks=pytest.mark.slow),
    ],
)
def test_extents_of_the_papers_networks(name, side, rows):
    assert measure_extent(on_meta(name, "paper"), side, global_branches=False)[0] == rows


def test_gradient_of_one_convolution_is_that_of_its_weights():
    torch.manual_seed(0)
    layer = conv(3, 2, padding=1)
    gradient = measure_gradient(Layers(layer), torch.randn(2, 3, 9, 7))
    expected = layer.weight.detach().sum(dim=0).abs().sum(dim=0)
    torch.testing.assert_close(gradient[3:6, 2:5], expected / expected.sum())
    assert gradient.sum().item() == pytest.approx(1)


def test_effective_side_is_that_of_the_smallest_square():
    point = torch.zeros(21, 21)
    point[10, 10] = 1
    assert effective_side(point) == 1
    assert effective_side(torch.ones(101, 101)) == 99  # 99 squared is 96% of 101 squared, 97 squared 92%
    point[10, 13] = 0.2  # three pixels aside
    assert effective_side(point, 0.8) == 1
    assert effective_side(point) == 7
