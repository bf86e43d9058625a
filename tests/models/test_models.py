"""Tests of every architecture of both tracks, on thin and on real encoders, at each output stride."""

import copy
from contextlib import nullcontext
from itertools import product

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from networks import EACH, HALF_REAL, REAL, SLOW, SLOW_REAL, THIN, relative
from torch import nn
from torchvision.ops import StochasticDepth

from segarena.errors import ConfigError
from segarena.models import TRACKS, SegmentationOutput, build_model
from segarena.models.unet import UNet
from support import refuses

thin = pytest.mark.parametrize("case", THIN, ids=str)
each = pytest.mark.parametrize("case", EACH, ids=str)
every = pytest.mark.parametrize("case", [*THIN, *REAL, *SLOW], ids=str)

#: Networks that pool the whole image, and so cannot be trained on one.
POOLING = ("pspnet", "deeplabv3")


def has_batch_norm(model: nn.Module) -> bool:
    return any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@every
def test_logits_have_the_image_size(case):
    model = case.build().eval()
    for size in ((32, 32), (33, 65), (131, 35)):
        with torch.no_grad():
            logits = model(torch.randn(1, 3, *size)).logits
        assert logits.shape == (1, 5, *size)
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()
        assert logits.std() > 0


@thin
def test_every_size_works(case):
    model = case.build().eval()

    @example(1, 7)
    @example(5, 1)
    @example(2, 2)
    @given(st.integers(1, 80), st.integers(1, 80))
    @settings(max_examples=12, deadline=None)
    def check(height: int, width: int) -> None:
        with torch.no_grad():
            assert model(torch.randn(1, 3, height, width)).logits.shape == (1, 5, height, width)

    check()


@thin
def test_output_type_is_the_same_in_both_modes(case):
    model = case.build()
    image = torch.randn(2, 3, 37, 50)
    training, evaluating = model.train()(image), model.eval()(image)
    assert type(training) is type(evaluating) is SegmentationOutput
    assert training.logits.shape == evaluating.logits.shape == (2, 5, 37, 50)
    assert evaluating.auxiliary is None
    if case.name == "pspnet":
        assert training.auxiliary.shape == training.logits.shape
    else:
        assert training.auxiliary is None


@pytest.mark.parametrize("case", [*THIN, *HALF_REAL, *SLOW], ids=str)
def test_every_learned_parameter_has_a_gradient(case):
    model = case.build()
    for module in model.modules():
        if isinstance(module, StochasticDepth):  # skips random blocks
            module.eval()
    logits, auxiliary = model(torch.randn(2, 3, 49, 48))
    loss = logits.square().mean() + (0 if auxiliary is None else auxiliary.square().mean())
    loss.backward()
    learned = {key: p for key, p in model.named_parameters() if p.requires_grad}
    assert [key for key, p in learned.items() if p.grad is None or not p.grad.any()] == []
    fixed = [key for key, p in model.named_parameters() if not p.requires_grad]
    last = {"fcn8s": "upscore8", "fcn16s": "upscore16", "fcn32s": "upscore"}
    assert fixed == ([f"{last[case.name]}.weight"] if case.name in last else [])


@pytest.mark.parametrize("case", [*THIN, *SLOW_REAL, *SLOW], ids=str)
def test_settings_and_saved_weights_give_bit_equal_logits(case, tmp_path):
    model = case.build()
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    again = case._replace(stride=None).build(
        **{k: v for k, v in model.settings.items() if k not in ("name", "encoder")}
    )
    assert again.settings == model.settings
    assert list(again.state_dict()) == list(model.state_dict())
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.fill_(float("nan"))
    again.load_state_dict(torch.load(tmp_path / "weights.pth", weights_only=True))
    image = torch.randn(2, 3, 40, 40)
    for mode in (False, True):
        for network in (model, again):
            network.train(mode)
        assert dilations(again) == dilations(model)
        outputs = []
        for network in (model, again):
            torch.manual_seed(1)
            with torch.no_grad():
                outputs.append(network(image))
        assert torch.equal(outputs[0].logits, outputs[1].logits)


def dilations(model: nn.Module) -> list[tuple[int, ...]]:
    return [module.dilation for module in model.modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize(
    ("arguments"),
    [
        {"name": "deeplabv3", "track": "paper", "encoder": "resnet101"},
        {"name": "deeplabv3", "track": "paper", "output_stride": 16},
        {"name": "deeplabv3", "encoder": "resnet34", "multi_grid": (1, 3, 5), "auxiliary": True, "head": "torchvision"},
        {"name": "deeplabv3", "encoder": "resnet18", "multi_grid": [1, 1], "output_stride": 8},
        {"name": "pspnet", "track": "paper", "auxiliary": False, "output_stride": 16, "in_channels": 4},
        {"name": "fcn", "track": "paper", "auxiliary": True, "output_stride": 32},
        {"name": "fcn16s", "track": "paper", "in_channels": 1},
        {"name": "unet", "track": "paper", "padded": True, "in_channels": 1},
        {"name": "unet", "encoder": "efficientnet_b0"},
    ],
    ids=str,
)
def test_settings_rebuild_a_network_with_options(arguments):
    """They are lists where options are tuples, as in a JSON file."""
    with torch.device("meta"):
        model = build_model(num_classes=7, **arguments)
        again = build_model(**model.settings)
    assert again.settings == model.settings
    shapes = [{key: value.shape for key, value in m.state_dict().items()} for m in (model, again)]
    assert shapes[0] == shapes[1]
    assert str(again) == str(model)
    for mode in (True, False):
        assert dilations(again.train(mode)) == dilations(model.train(mode))


@pytest.mark.parametrize("case", [*THIN, *HALF_REAL, *SLOW], ids=str)
def test_logits_do_not_depend_on_memory_format_or_batch(case):
    model = case.build().eval()
    images = torch.randn(2, 3, 45, 52)
    with torch.no_grad():
        expected = model(images).logits
        alone = torch.cat([model(image[None]).logits for image in images])
        model.to(memory_format=torch.channels_last)
        channels_last = model(images.to(memory_format=torch.channels_last)).logits
    assert relative(alone, expected) < 1e-4
    assert relative(channels_last, expected) < 1e-4


@pytest.mark.parametrize("case", [*THIN, *REAL, *SLOW], ids=str)
def test_bf16_autocast_gives_float32_logits_near_those_of_fp32(case):
    model = case.build().eval().to(memory_format=torch.channels_last)
    image = torch.randn(1, 3, 64, 64).to(memory_format=torch.channels_last)
    with torch.no_grad():
        exact = model(image).logits
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(image).logits
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() < 0.02 * exact.norm()
    if case.name != "unet":  # whose logits have full resolution and are not interpolated
        assert not torch.equal(rough, rough.bfloat16().float()), "interpolated in bfloat16"


@each
def test_bf16_autocast_trains(case):
    model = case.build().to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        logits, _ = model(torch.randn(2, 3, 64, 64).to(memory_format=torch.channels_last))
    logits.square().mean().backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads
    assert all(grad.isfinite().all() for grad in grads)


@pytest.mark.parametrize(
    ("case", "in_channels", "num_classes"),
    [
        *((case, *numbers) for case, numbers in product(THIN, [(1, 1), (3, 2), (4, 150)])),
        *((case, 4, 150) for case in REAL),
        *(pytest.param(*case.values, 4, 150, marks=case.marks) for case in SLOW),
    ],
    ids=str,
)
def test_shapes_for_any_number_of_channels_and_classes(case, in_channels, num_classes):
    with torch.device("meta"):
        model = case.build_untouched(num_classes, in_channels=in_channels)
        logits, auxiliary = model(torch.empty(2, in_channels, 33, 40))
    assert logits.shape == (2, num_classes, 33, 40)
    assert auxiliary is None or auxiliary.shape == logits.shape


@each
def test_native_logits_are_interpolated_once_to_the_size(case):
    model = case.build().eval()
    image = torch.randn(1, 3, 48, 64)
    with torch.no_grad():
        native = model(image, size="native").logits
        asked = model(image, size=(75, 101)).logits
        default = model(image).logits
    strides = {
        "encoder": {"fcn": 8, "unet": 1, "pspnet": 16, "deeplabv3": 16},
        "paper": {"fcn": 8, "fcn8s": 1, "fcn16s": 1, "fcn32s": 1, "unet": 1, "pspnet": 8, "deeplabv3": 8},
    }
    stride = strides[case.track][case.name]
    assert native.shape == (1, 5, 48 // stride, 64 // stride)
    for logits, size in ((asked, (75, 101)), (default, (48, 64))):
        assert torch.equal(logits, nn.functional.interpolate(native, size, mode="bilinear", align_corners=False))


@each
def test_logits_do_not_depend_on_the_image_before(case):
    model = case.build().eval()
    small, large = torch.randn(1, 3, 33, 40), torch.randn(1, 3, 64, 50)
    with torch.no_grad():
        first = model(small).logits
        model(large)
        assert torch.equal(model(small).logits, first)


@each
def test_weights_depend_on_the_seed(case):
    first, again, other = (case.build_untouched(seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@every
def test_a_single_pixel_for_batch_norm_is_refused_in_training(case):
    model = case.build()
    side = 8
    if case.track == "encoder" and case.name in ("fcn", "unet"):
        side = 16 if case.encoder == "vgg16_bn" else 32  # VGG's last map is pooled after its last BatchNorm
    tiny = torch.randn(1, 3, side, side)
    # The first BatchNorm in U-Net's decoder has 2 x 2 pixels.
    if not has_batch_norm(model.encoder if case.name == "unet" and case.track == "encoder" else model):
        assert model(tiny).logits.isfinite().all()
        return
    with refuses(ConfigError, value="batch of one image") as caught:
        model(tiny)
    assert "batch size of 2" in caught.value.remedy
    model(tiny.repeat(2, 1, 1, 1))
    model.eval()(tiny)


@each
def test_one_image_trains_with_frozen_batch_norm(case):
    """Every BatchNorm in eval mode, the modules that contain it in training mode, as users do with few images."""
    model = case.build()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    assert model(torch.randn(1, 3, 32, 32)).logits.isfinite().all()


@pytest.mark.parametrize("encoder", ["convnext_tiny", "swin_t"])
def test_a_single_pixel_for_batch_norm_in_unets_decoder_is_refused(encoder):
    with torch.device("meta"), refuses(ConfigError, value="batch of one image"):
        build_model("unet", 2, encoder=encoder)(torch.empty(1, 3, 16, 16))


@each
def test_one_image_trains_unless_the_network_pools_it(case):
    model, image = case.build(), torch.randn(1, 3, 64, 64)
    with refuses(ConfigError, value="batch of one image") if case.name in POOLING else nullcontext():
        assert model(image).logits.isfinite().all()


@each
def test_deepcopy_is_independent(case):
    model = case.build().eval()
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
        assert model(torch.randn(1, 3, 32, 32)).logits.any()
        assert not twin(torch.randn(1, 3, 32, 32)).logits.any()


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_output_stride_is_supported_or_refused(track, stride):
    for name, kind in TRACKS[track].items():
        with torch.device("meta"):
            if stride in kind.output_strides:
                model = build_model(name, 2, track=track, output_stride=stride)
                assert model.settings["output_stride"] == stride
                assert kind is UNet or model.encoder.strides[-1] == stride
            else:
                with refuses(ConfigError, value=f"stride {stride}") as caught:
                    build_model(name, 2, track=track, output_stride=stride)
                assert " or ".join(map(str, kind.output_strides)) in caught.value.remedy
