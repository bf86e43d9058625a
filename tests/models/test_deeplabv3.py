"""DeepLabv3: rates, multi-grid, output strides and the alignment of its logits."""

import copy

import numpy as np
import pytest
import torch
import torchvision
from networks import Case, ThinEncoder, relative
from scipy.ndimage import map_coordinates
from torch import nn
from torchvision.models.segmentation import deeplabv3 as reference

from segarena.errors import ConfigError
from segarena.models import build_encoder, build_model
from segarena.models.deeplabv3 import ASPP, shift_logits
from support import refuses


def dilations(module: nn.Module) -> list[int]:
    return [m.dilation[0] for m in module.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]


@pytest.mark.parametrize(("stride", "rates"), [(16, [6, 12, 18]), (8, [12, 24, 36])])
def test_aspp_rates_are_the_papers_at_16_and_double_at_8(stride, rates):
    model = build_model("deeplabv3", 2, encoder="mobilenet_v2", output_stride=stride)
    assert dilations(model.aspp) == rates
    assert all(conv.padding == conv.dilation for conv in (branch[0] for branch in model.aspp.atrous))


@pytest.mark.parametrize(
    ("encoder", "stride", "expected"),
    [
        ("resnet18", 16, [2, 2, 4, 4]),
        ("resnet34", 16, [2, 2, 4, 4, 8, 8]),
        ("resnet50", 16, [2, 4, 8]),
        ("resnet50", 8, [4, 8, 16]),
        ("resnet101", 16, [2, 4, 8]),
    ],
)
def test_multi_grid_multiplies_the_unit_rate_of_the_last_stage(encoder, stride, expected):
    with torch.device("meta"):
        model = build_model("deeplabv3", 2, encoder=encoder, output_stride=stride)
    assert dilations(model.encoder.layer4) == expected
    assert all(
        m.padding == m.dilation for m in model.encoder.layer4.modules() if getattr(m, "kernel_size", 0) == (3, 3)
    )


@pytest.mark.parametrize("stride", [16, 8])
def test_multi_grid_option(stride):
    with torch.device("meta"):
        model = build_model("deeplabv3", 2, encoder="resnet50", multi_grid=(1, 3, 2), output_stride=stride)
    assert model.encoder.multi_grid == (1, 3, 2)
    unit = 32 // stride
    assert dilations(model.encoder.layer4) == [unit, 3 * unit, 2 * unit]


@pytest.mark.parametrize(("stride", "expected"), [(16, [1, 2, 2]), (8, [2, 4, 4])])
def test_multi_grid_of_ones_keeps_torchvisions_dilations(stride, expected):
    with torch.device("meta"):
        model = build_model("deeplabv3", 2, encoder="resnet50", multi_grid=(1, 1, 1), output_stride=stride)
        replace = [False, stride == 8, True]
        theirs = torchvision.models.resnet50(weights=None, replace_stride_with_dilation=replace)
    assert dilations(model.encoder.layer4) == dilations(theirs.layer4) == expected
    assert dilations(model.encoder) == dilations(theirs)


@pytest.mark.parametrize("encoder", ["resnet50", "resnet101"])
def test_paper_network_trains_at_16_and_evaluates_at_8(encoder):
    """Section 4.2. Rates double with the resolution (3.3), multi-grid (1, 2, 4) multiplies 2, then 4 (3.2.1)."""
    with torch.device("meta"):
        model = build_model("deeplabv3", 2, track="paper", encoder=encoder)
    state = {key: id(value) for key, value in named(model)}
    convs = {16: ([2, 4, 8], [6, 12, 18]), 8: ([4, 8, 16], [12, 24, 36])}
    for stride in (16, 8, 8, 16, 16, 8, 16):
        model.train(stride == 16)
        block4, rates = convs[stride]
        assert model.encoder.strides == (2, 4, 8, min(16, stride), stride)
        assert dilations(model.encoder.layer4) == block4
        assert dilations(model.aspp) == rates
        for module in model.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
                assert module.padding == module.dilation
        # conv4 keeps its stride at 16 and is dilated by 2 after its first block at 8
        assert set(dilations(model.encoder.layer3)[1:]) == ({1} if stride == 16 else {2})
        assert dilations(model.encoder.layer3)[0] == 1
        assert {key: id(value) for key, value in named(model)} == state


def named(model: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]


def test_training_mode_returns_to_stride_16_after_evaluation():
    """As in a training loop after each epoch; also in a deep copy."""
    model = Case("deeplabv3", "paper").build()
    fresh = copy.deepcopy(model)
    model.eval()
    copied = copy.deepcopy(model)
    for network in (model, copied):
        network.train()
        assert dilations(network) == dilations(fresh)
        assert network.encoder.strides[-1] == 16


def test_features_at_stride_8_contain_those_at_16():
    """The same weights at more positions: every second position of a map at stride 8 is one of the map at 16."""
    model = Case("deeplabv3", "paper").build().double()
    image = torch.randn(1, 3, 97, 64, dtype=torch.float64)
    maps = {}
    with torch.no_grad():
        for stride in (16, 8):
            model.train(stride == 16)
            for module in model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
            features = model.encoder(image)[-1]
            maps[stride] = [features, *(branch(features) for branch in (model.aspp.point, *model.aspp.atrous))]
    for fine, coarse in zip(maps[8], maps[16], strict=True):
        assert relative(fine[..., ::2, ::2], coarse) < 1e-10


def test_encoder_track_trains_and_evaluates_at_one_stride():
    with torch.device("meta"):
        model = build_model("deeplabv3", 2)
    before = dilations(model)
    assert model.eval().encoder.strides[-1] == 16
    assert dilations(model) == before


def test_mobilenet_keeps_its_dilation_and_has_no_multi_grid():
    model = build_model("deeplabv3", 2, encoder="mobilenet_v2")
    assert model.encoder.multi_grid == ()
    assert dilations(model.encoder) == dilations(build_encoder("mobilenet_v2", output_stride=16))


@pytest.mark.parametrize("grid", [(1, 2), (1, 2, 4, 8), (1, 0, 4), (), 2, (1.5, 2, 4), "124"], ids=str)
def test_a_multi_grid_that_does_not_fit_is_refused(grid):
    with torch.device("meta"), refuses(ConfigError, value=f"multi_grid {grid!r}") as caught:
        build_model("deeplabv3", 2, encoder="resnet50", multi_grid=grid)
    assert "3 integers" in caught.value.remedy


def test_a_refused_multi_grid_changes_nothing():
    encoder = ThinEncoder(16)
    before = [layer.dilation for layer in encoder.modules() if isinstance(layer, nn.Conv2d)]
    with refuses(ConfigError, value="multi_grid (1, 2) does not fit the encoder thin"):
        encoder.set_multi_grid((1, 2))
    assert encoder.multi_grid == ()
    assert [layer.dilation for layer in encoder.modules() if isinstance(layer, nn.Conv2d)] == before


@pytest.mark.parametrize(("trained", "evaluated"), [(16, 8), (8, 16), (16, 16)])
def test_logits_are_aligned_at_every_stride_of_evaluation(trained, evaluated):
    """With features that are the coordinates of their pixels, the logits of each pixel must be equal in both modes.

    Trained at 16 and evaluated at 8 without `shift_logits`, they differ by four pixels.
    """
    model = Case("deeplabv3", "paper", stride=trained).build(2, eval_output_stride=evaluated)
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(160.0), indexing="ij")
    image = torch.stack([rows, columns])[None]

    def read(image):
        stride = model.encoder.strides[-1]
        return image, image[..., ::stride, ::stride]

    model.encoder.forward, model.aspp.forward = read, lambda features: features
    model.classifier = nn.Identity()
    trained_logits, logits = (model.train(mode)(image).logits for mode in (True, False))
    inside = (slice(None), slice(None), slice(32, 96), slice(32, 128))
    torch.testing.assert_close(logits[inside], trained_logits[inside])
    torch.testing.assert_close(trained_logits[inside], image[inside] - (trained - 1) / 2)


@pytest.mark.parametrize("shift", [0.5, -0.25, 0.1])
def test_shift_interpolates_between_cells_and_repeats_the_border(shift):
    scores = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    rows, columns = (np.clip(np.arange(n) - shift, 0, n - 1) for n in (5, 7))
    expected = [
        [map_coordinates(grid.numpy(), np.meshgrid(rows, columns, indexing="ij"), order=1) for grid in image]
        for image in scores
    ]
    np.testing.assert_allclose(shift_logits(scores, shift), expected, rtol=1e-12)
    assert torch.equal(shift_logits(scores[..., :1, :1], shift), scores[..., :1, :1])


def test_aspp_is_torchvisions_on_the_same_weights():
    torch.manual_seed(0)
    ours, theirs = ASPP(24, (2, 3, 4), width=16).double().eval(), reference.ASPP(24, (2, 3, 4), 16).double().eval()
    pairs = [(ours.point, theirs.convs[0]), *zip(ours.atrous, theirs.convs[1:4], strict=True)]
    pairs += [(ours.image_level, nn.Sequential(*list(theirs.convs[4])[1:])), (ours.project, theirs.project[:3])]
    for mine, other in pairs:
        nn.init.uniform_(mine[1].running_mean, -0.5, 0.5)
        nn.init.uniform_(mine[1].running_var, 0.5, 1.5)
        other.load_state_dict(mine.state_dict())
    features = torch.randn(2, 24, 9, 11, dtype=torch.float64)
    with torch.no_grad():
        assert (ours(features) - theirs(features)).abs().max() < 1e-10


def test_auxiliary_head_is_an_option_and_runs_in_training_only():
    model = build_model("deeplabv3", 3, encoder="mobilenet_v2", auxiliary=True)
    image = torch.randn(2, 3, 32, 40)
    assert model(image).auxiliary.shape == (2, 3, 32, 40)
    assert model.eval()(image).auxiliary is None
