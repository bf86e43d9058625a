import pytest
import torch
from torch import nn
from torchvision.models.segmentation import deeplabv3 as reference

from segarena.errors import ConfigError
from segarena.models import build_encoder, build_model
from segarena.models.deeplabv3 import ASPP


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


def test_multi_grid_can_be_another_one():
    with torch.device("meta"):
        model = build_model("deeplabv3", 2, encoder="resnet50", multi_grid=(1, 1, 1))
    assert model.multi_grid == (1, 1, 1)
    assert dilations(model.encoder.layer4) == [2, 2, 2]


def test_mobilenet_keeps_its_dilation_and_refuses_a_multi_grid():
    model = build_model("deeplabv3", 2, encoder="mobilenet_v2")
    assert model.multi_grid == ()
    assert dilations(model.encoder) == dilations(build_encoder("mobilenet_v2", output_stride=16))
    with pytest.raises(ConfigError, match=r"\(1, 1, 1\) does not fit the encoder mobilenet_v2"):
        build_model("deeplabv3", 2, encoder="mobilenet_v2", multi_grid=(1, 1, 1))


@pytest.mark.parametrize("grid", [(1, 2), (1, 2, 4, 8), (1, 0, 4), ()], ids=str)
def test_a_multi_grid_that_does_not_fit_is_refused(grid):
    with torch.device("meta"), pytest.raises(ConfigError, match="Give 3 numbers, each 1 or more"):
        build_model("deeplabv3", 2, encoder="resnet50", multi_grid=grid)


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


def test_auxiliary_head_answers_when_asked_for_in_training_only():
    model = build_model("deeplabv3", 3, encoder="mobilenet_v2", auxiliary=True)
    image = torch.randn(2, 3, 32, 40)
    assert model(image).auxiliary.shape == (2, 3, 32, 40)
    assert model.eval()(image).auxiliary is None
