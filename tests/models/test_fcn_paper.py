"""FCN-32s, -16s and -8s against a transcription of the paper and the authors' networks, in float64.

Long et al. 2015, section 4.2 and figure 3; crops and paddings as in the authors' voc-fcn8s, voc-fcn16s and voc-fcn32s:
https://github.com/shelhamer/fcn.berkeleyvision.org.
"""

import math

import pytest
import torch
import torchvision
from networks import Case, relative, thin_networks
from torch import Tensor, nn
from torch.nn import functional as F

from segarena.models import TRACKS, build_model
from segarena.models.encoders import VGG16
from segarena.models.fitting import load_encoder
from segarena.models.weights import read_weights

CLASSES = 5
#: The convolutions of VGG-16 between its poolings, by their names in torchvision.
STAGES = [[0, 2], [5, 7], [10, 12, 14], [17, 19, 21], [24, 26, 28]]


def vgg16(image: Tensor, w: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """pool3, pool4 and fc7 of the convolutional VGG-16 (3.1), the image padded by 100 pixels."""
    x, pools = image, []
    for stage in STAGES:
        for layer in stage:
            padding = 100 if layer == 0 else 1
            x = F.relu(F.conv2d(x, w[f"features.{layer}.weight"], w[f"features.{layer}.bias"], padding=padding))
        x = F.max_pool2d(x, kernel_size=2, stride=2, ceil_mode=True)  # Caffe rounds up
        pools.append(x)
    fc6 = F.relu(F.conv2d(x, w["classifier.0.weight"], w["classifier.0.bias"]))
    fc7 = F.relu(F.conv2d(fc6, w["classifier.3.weight"], w["classifier.3.bias"]))
    return pools[2], pools[3], fc7


def bilinear(classes: int, size: int, stride: int, scores: Tensor) -> Tensor:
    """Caffe's Deconvolution with its filler "bilinear", each class by itself."""
    f = math.ceil(size / 2)
    c = (2 * f - 1 - f % 2) / (2 * f)
    line = [1 - abs(i / f - c) for i in range(size)]
    weight = torch.zeros(classes, classes, size, size, dtype=scores.dtype)
    for k in range(classes):
        weight[k, k] = torch.tensor([[a * b for b in line] for a in line])
    return F.conv_transpose2d(scores, weight, stride=stride)


def fcn32s(maps: tuple[Tensor, ...], w: dict[str, Tensor], height: int, width: int) -> Tensor:
    _, _, fc7 = maps
    score_fr = F.conv2d(fc7, w["score_fr.weight"], w["score_fr.bias"])
    return bilinear(CLASSES, 64, 32, score_fr)[:, :, 19 : 19 + height, 19 : 19 + width]


def fcn16s(maps: tuple[Tensor, ...], w: dict[str, Tensor], height: int, width: int) -> Tensor:
    _, pool4, fc7 = maps
    score_fr = F.conv2d(fc7, w["score_fr.weight"], w["score_fr.bias"])
    upscore2 = F.conv_transpose2d(score_fr, w["upscore2.weight"], stride=2)
    score_pool4 = F.conv2d(pool4, w["score_pool4.weight"], w["score_pool4.bias"])
    score_pool4c = score_pool4[:, :, 5 : 5 + upscore2.shape[2], 5 : 5 + upscore2.shape[3]]
    upscore16 = bilinear(CLASSES, 32, 16, upscore2 + score_pool4c)
    return upscore16[:, :, 27 : 27 + height, 27 : 27 + width]


def fcn8s(maps: tuple[Tensor, ...], w: dict[str, Tensor], height: int, width: int) -> Tensor:
    pool3, pool4, fc7 = maps
    score_fr = F.conv2d(fc7, w["score_fr.weight"], w["score_fr.bias"])
    upscore2 = F.conv_transpose2d(score_fr, w["upscore2.weight"], stride=2)
    score_pool4 = F.conv2d(pool4, w["score_pool4.weight"], w["score_pool4.bias"])
    score_pool4c = score_pool4[:, :, 5 : 5 + upscore2.shape[2], 5 : 5 + upscore2.shape[3]]
    upscore_pool4 = F.conv_transpose2d(upscore2 + score_pool4c, w["upscore_pool4.weight"], stride=2)
    score_pool3 = F.conv2d(pool3, w["score_pool3.weight"], w["score_pool3.bias"])
    score_pool3c = score_pool3[:, :, 9 : 9 + upscore_pool4.shape[2], 9 : 9 + upscore_pool4.shape[3]]
    upscore8 = bilinear(CLASSES, 16, 8, upscore_pool4 + score_pool3c)
    return upscore8[:, :, 31 : 31 + height, 31 : 31 + width]


TRANSCRIPTIONS = {"fcn32s": fcn32s, "fcn16s": fcn16s, "fcn8s": fcn8s}
each = pytest.mark.parametrize("name", TRANSCRIPTIONS)


@each
@pytest.mark.parametrize("size", [(32, 32), (33, 65), (70, 41), (121, 64)], ids=str)
def test_scores_are_summed_and_cropped_as_in_the_paper(name, size):
    """On maps with VGG-16's geometry and few channels, with random values."""
    model = Case(name, "paper").build(CLASSES).double().eval()
    image = torch.randn(2, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        expected = TRANSCRIPTIONS[name](model.encoder(image), model.state_dict(), *size)
        assert expected.shape == (2, CLASSES, *size)
        assert relative(model(image).logits, expected) < 1e-10


@pytest.fixture(scope="module")
def encoder():
    """The real VGG-16 in float64. Its 134 million weights repeat a million random numbers, to save time."""
    with torch.device("meta"):
        network = VGG16()
    network = network.to_empty(device="cpu").double().eval()
    torch.manual_seed(0)
    numbers = torch.randn(1_000_003, dtype=torch.float64)
    for parameter in network.parameters():
        flat = parameter.data.view(-1)
        for part in flat.split(len(numbers)):
            part.copy_(numbers[: len(part)])
        parameter.data *= (2 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.1
    return network


@pytest.mark.parametrize("size", [(33, 50)], ids=str)
@pytest.mark.long
def test_maps_are_those_of_the_convolutional_vgg16(encoder, size):
    image = torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        for ours, expected in zip(encoder(image), vgg16(image, encoder.state_dict()), strict=True):
            assert ours.shape == expected.shape
            assert relative(ours, expected) < 1e-10


@each
@pytest.mark.parametrize("size", [(32, 32), (33, 50), (500, 375)], ids=str)
def test_no_crop_extends_beyond_its_map(name, size):
    """Beyond the map, a crop would fill the logits with zeros."""
    height, width = size
    with torch.device("meta"):
        pool3, pool4, fc7 = VGG16()(torch.empty(1, 3, height, width))
    for axis, length in ((2, height), (3, width)):
        coarse = 2 * fc7.shape[axis] + 2
        if name == "fcn32s":
            assert 19 + length <= 32 * fc7.shape[axis] + 32
        elif name == "fcn16s":
            assert 5 + coarse <= pool4.shape[axis]
            assert 27 + length <= 16 * coarse + 16
        else:
            assert 9 + 2 * coarse + 2 <= pool3.shape[axis]
            assert 31 + length <= 8 * (2 * coarse + 2) + 8


@each
def test_initial_scores_are_zero_and_upsamplings_bilinear(name):
    with thin_networks():
        model = build_model(name, 3, track="paper").eval()
    scores = {key for key, _ in model.named_modules() if key.startswith("score")}
    upsamplings = {key for key, _ in model.named_modules() if key.startswith("up")}
    streams = {"fcn32s": 1, "fcn16s": 2, "fcn8s": 3}[name]
    assert scores == set(["score_fr", "score_pool4", "score_pool3"][:streams])
    assert len(upsamplings) == streams
    for key in scores:
        assert not model.get_submodule(key).weight.any()
        assert not model.get_submodule(key).bias.any()
    for key in upsamplings:
        up = model.get_submodule(key)
        assert isinstance(up, nn.ConvTranspose2d)
        assert up.bias is None
        data = torch.randn(1, 3, 4, 5)
        expected = bilinear(3, up.kernel_size[0], up.stride[0], data)
        torch.testing.assert_close(up(data), expected)
        assert up.weight.requires_grad is (up.stride == (2, 2))
    assert not model(torch.randn(1, 3, 32, 32)).logits.any()


@each
def test_fc6_and_fc7_drop_half_in_training(name):
    with torch.device("meta"):
        model = build_model(name, 3, track="paper")
    assert [module.p for module in model.modules() if isinstance(module, nn.Dropout)] == [0.5, 0.5]


@pytest.mark.slow
@each
def test_whole_network_equals_the_transcription(name, encoder):
    torch.manual_seed(1)
    model = TRACKS["paper"][name](encoder, CLASSES).double().eval()
    for key, parameter in model.named_parameters():
        if parameter.requires_grad and not key.startswith("encoder."):
            nn.init.normal_(parameter, std=0.1)
    image = torch.randn(1, 3, 61, 40, dtype=torch.float64)
    with torch.no_grad():
        expected = TRANSCRIPTIONS[name](vgg16(image, encoder.state_dict()), model.state_dict(), 61, 40)
        assert relative(model(image).logits, expected) < 1e-10


@pytest.mark.slow
def test_fc7_is_torchvisions_second_fully_connected_layer(tmp_path):
    """With VGG's own padding of 1, fc6 and fc7 have a single position on its 7x7 map, as torchvision's classifier."""
    torch.manual_seed(0)
    reference = torchvision.models.vgg16(weights=None).eval()
    torch.save(reference.state_dict(), tmp_path / "vgg16.pth")
    network = VGG16().eval()
    load_encoder(network, read_weights(tmp_path / "vgg16.pth", "vgg16"))
    network.features[0].padding = (1, 1)
    image = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        expected = reference.classifier[:5](reference.features(image).flatten(1))
        assert relative(network(image)[2].flatten(1), expected) < 1e-5
