"""The U-Net of 2015 against a transcription of figure 1, and the overlap-tile strategy of figure 2."""

import numpy as np
import pytest
import torch
from networks import Case, relative
from torch import Tensor
from torch.nn import functional as F

from segarena.errors import ConfigError
from segarena.models import build_model, unet
from segarena.models.layers import mirror_pad
from support import refuses


def transcription(image: Tensor, w: dict[str, Tensor], *, padding: int = 0) -> Tensor:
    """Figure 1: blue arrows 3x3 and ReLU, red max pooling, green up-convolutions, grey copy and crop."""

    def blue(x: Tensor, name: str) -> Tensor:
        for layer in (0, 2):
            x = F.relu(F.conv2d(x, w[f"{name}.{layer}.weight"], w[f"{name}.{layer}.bias"], padding=padding))
        return x

    x, left = image, []
    for level in range(4):
        x = blue(x, f"contract.{level}")
        left.append(x)
        x = F.max_pool2d(x, 2)
    x = blue(x, "contract.4")
    for level in range(4):
        x = F.conv_transpose2d(x, w[f"up.{level}.weight"], w[f"up.{level}.bias"], stride=2)
        copy = left.pop()
        top, side = (copy.shape[2] - x.shape[2]) // 2, (copy.shape[3] - x.shape[3]) // 2
        copy = copy[:, :, top : copy.shape[2] - top, side : copy.shape[3] - side]
        x = blue(torch.cat([copy, x], dim=1), f"expand.{level}")
    return F.conv2d(x, w["classifier.weight"], w["classifier.bias"])


@pytest.fixture(scope="module")
def thin():
    return Case("unet", "paper").build(3).double().eval()


@pytest.mark.parametrize("size", [(188, 188), (204, 268)], ids=str)
def test_valid_network_is_figure_1(thin, size):
    image = torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        logits = thin.contract_and_expand(image)
        assert logits.shape == (1, 3, size[0] - 184, size[1] - 184)
        assert relative(logits, transcription(image, thin.state_dict())) < 1e-10


def test_padded_network_is_figure_1_with_padded_convolutions():
    model = Case("unet", "paper").build(3, padded=True).double().eval()
    image = torch.randn(2, 3, 48, 80, dtype=torch.float64)
    with torch.no_grad():
        assert relative(model(image).logits, transcription(image, model.state_dict(), padding=1)) < 1e-10


@pytest.mark.slow
def test_valid_network_of_64_to_1024_channels_is_figure_1():
    torch.manual_seed(0)
    model = build_model("unet", 2, track="paper", in_channels=1).double().eval()
    image = torch.randn(1, 1, 188, 204, dtype=torch.float64)
    with torch.no_grad():
        assert relative(model.contract_and_expand(image), transcription(image, model.state_dict())) < 1e-10


def test_channels_and_sizes_are_those_of_figure_1():
    with torch.device("meta"):
        model = build_model("unet", 2, track="paper", in_channels=1)
        seen = []
        for part in (*model.contract, *model.up, *model.expand):
            part.register_forward_hook(lambda _part, _inputs, output: seen.append((output.shape[1], output.shape[2])))
        assert model.contract_and_expand(torch.empty(1, 1, 572, 572)).shape == (1, 2, 388, 388)
    contracting = [(64, 568), (128, 280), (256, 136), (512, 64), (1024, 28)]
    expanding = [(512, 56), (512, 52), (256, 104), (256, 100), (128, 200), (128, 196), (64, 392), (64, 388)]
    assert seen == contracting + expanding


@pytest.mark.parametrize("size", [(190, 190), (188, 571), (187, 188), (172, 172), (4, 4)], ids=str)
def test_impossible_sizes_are_refused(thin, size):
    with refuses(ConfigError, value=f"{size[0]} x {size[1]} pixels") as caught:
        thin.contract_and_expand(torch.zeros(1, 3, *size, dtype=torch.float64))
    assert "188, 204, 220" in caught.value.remedy


@pytest.mark.parametrize("size", [(131, 70), (68, 101), (20, 260), (52, 53), (388, 20), (4, 101)], ids=str)
def test_tiles_give_the_logits_of_the_whole_image(thin, size, monkeypatch):
    image = torch.randn(1, 3, *size, dtype=torch.float64)
    tiles = []
    whole_tile = thin.contract_and_expand
    monkeypatch.setattr(thin, "contract_and_expand", lambda tile: tiles.append(tile.shape) or whole_tile(tile))
    with torch.no_grad():
        whole = thin(image).logits
        assert len(tiles) == 1
        monkeypatch.setattr(unet, "TILE", 52)
        tiled = thin(image).logits
    # each tile adds 48 pixels
    possible = [-(-(length - 4) // 16) * 16 + 4 for length in size]
    across = [max(-(-(length - 4) // 48), 1) for length in possible]
    assert len(tiles) == 1 + across[0] * across[1]
    assert max(max(shape[-2:]) for shape in tiles[1:]) <= 52 + 184
    assert tiled.shape == (1, 3, *size)
    assert relative(tiled, whole) < 1e-10


def test_gradients_flow_through_tiles(thin, monkeypatch):
    image = torch.randn(1, 3, 60, 60, dtype=torch.float64, requires_grad=True)
    (whole,) = torch.autograd.grad(thin(image).logits.sum(), image)
    monkeypatch.setattr(unet, "TILE", 52)
    (tiled,) = torch.autograd.grad(thin(image).logits.sum(), image)
    assert relative(tiled, whole) < 1e-10


@pytest.mark.parametrize("length", [1, 2, 3, 33, 92, 93, 94, 200])
def test_mirror_pad_is_numpys_reflection(length):
    image = torch.randn(2, 1, length, 7)
    wanted = np.pad(image.numpy(), ((0, 0), (0, 0), (92, 110), (92, 92)), mode="reflect")
    assert np.array_equal(mirror_pad(image, 92, (length + 202, 7 + 184)).numpy(), wanted)


@pytest.mark.parametrize("size", [(33, 49), (1, 40), (100, 64)], ids=str)
def test_forward_is_figure_1_on_the_mirrored_image(thin, size):
    image = torch.randn(1, 3, *size, dtype=torch.float64)
    height, width = (max(-(-(length - 4) // 16), 0) * 16 + 4 for length in size)
    below, right = 92 + height - size[0], 92 + width - size[1]
    surrounded = np.pad(image.numpy(), ((0, 0), (0, 0), (92, below), (92, right)), mode="reflect")
    with torch.no_grad():
        expected = transcription(torch.from_numpy(surrounded), thin.state_dict())[..., : size[0], : size[1]]
        assert relative(thin(image).logits, expected) < 1e-10


def test_initial_weights_have_variance_two_over_the_inputs():
    torch.manual_seed(0)
    model = build_model("unet", 2, track="paper", in_channels=1)
    for convs in (*model.contract, *model.expand):
        for conv in (convs[0], convs[2]):
            assert conv.weight.std().item() == pytest.approx((2 / (9 * conv.in_channels)) ** 0.5, rel=0.1)
            assert not conv.bias.any()
    # one output of a 2x2 up-convolution is made of the inputs of one pixel
    ups = [*model.up, *(step.up for step in build_model("unet", 2).steps)]
    assert len(ups) == 4 + 5
    for up in ups:
        assert up.weight.std().item() == pytest.approx((2 / up.in_channels) ** 0.5, rel=0.1)
        assert not up.bias.any()


def test_dropout_is_at_the_end_of_the_contracting_path():
    model = Case("unet", "paper").build(2)
    places = []
    model.dropout.register_forward_hook(lambda _module, inputs, _output: places.append(inputs[0].shape[1]))
    model(torch.randn(1, 3, 33, 33))
    assert model.dropout.p == 0.5
    assert places == [16, 16]  # the two deepest levels of (4, 8, 8, 16, 16)
