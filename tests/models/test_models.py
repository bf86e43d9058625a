"""One tester that every architecture of both tracks goes through, on thin and on real encoders, at each stride."""

import copy

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

thin = pytest.mark.parametrize("case", THIN, ids=str)
each = pytest.mark.parametrize("case", EACH, ids=str)
every = pytest.mark.parametrize("case", [*THIN, *REAL, *SLOW], ids=str)

#: What pools the whole image, and so cannot train on one.
POOLING = ("pspnet", "deeplabv3")


def has_batch_norm(model: nn.Module) -> bool:
    return any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@every
def test_logits_have_the_image_size_also_when_odd_tall_or_wide(case):
    model = case.build().eval()
    for size in ((32, 32), (33, 65), (131, 35)):
        with torch.no_grad():
            logits = model(torch.randn(1, 3, *size)).logits
        assert logits.shape == (1, 5, *size)
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()
        assert logits.std() > 0


@thin
def test_every_size_works_also_smaller_than_useful(case):
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
def test_output_type_is_the_same_in_both_modes_and_auxiliary_is_for_training_only(case):
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
def test_backward_reaches_every_parameter_that_is_to_be_learned(case):
    model = case.build()
    for module in model.modules():
        if isinstance(module, StochasticDepth):  # leaves out whole blocks, by chance
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
def test_settings_build_the_same_network_and_saved_weights_give_bit_equal_logits(case, tmp_path):
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
        answers = []
        for network in (model, again):
            torch.manual_seed(1)
            with torch.no_grad():
                answers.append(network(image))
        assert torch.equal(answers[0].logits, answers[1].logits)


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
def test_settings_rebuild_what_options_built(arguments):
    """Also when they went through a file, where a tuple becomes a list."""
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
def test_channels_last_gives_the_logits_of_contiguous(case):
    model = case.build().eval()
    image = torch.randn(2, 3, 45, 52)
    with torch.no_grad():
        contiguous = model(image).logits
        model.to(memory_format=torch.channels_last)
        other = model(image.to(memory_format=torch.channels_last)).logits
    assert relative(other, contiguous) < 1e-4


@pytest.mark.parametrize("case", [*THIN, *SLOW_REAL, *SLOW], ids=str)
def test_an_image_scores_the_same_alone_and_in_a_batch(case):
    model = case.build().eval()
    images = torch.randn(2, 3, 45, 52)
    with torch.no_grad():
        together = model(images).logits
        alone = torch.cat([model(image[None]).logits for image in images])
    assert relative(alone, together) < 1e-4


@pytest.mark.parametrize("case", [*THIN, *REAL, *SLOW], ids=str)
def test_bf16_autocast_is_near_fp32_and_gives_float32_logits(case):
    model = case.build().eval().to(memory_format=torch.channels_last)
    image = torch.randn(1, 3, 64, 64).to(memory_format=torch.channels_last)
    with torch.no_grad():
        exact = model(image).logits
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(image).logits
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() < 0.02 * exact.norm()
    if case.name != "unet":  # whose scores are of full resolution, and not interpolated
        assert not torch.equal(rough, rough.bfloat16().float()), "interpolated in bfloat16: neighbours tie"


@each
def test_bf16_autocast_trains(case):
    model = case.build().to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        logits, _ = model(torch.randn(2, 3, 64, 64).to(memory_format=torch.channels_last))
    logits.square().mean().backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads
    assert all(grad.isfinite().all() for grad in grads)


@every
@pytest.mark.parametrize(("in_channels", "num_classes"), [(1, 1), (3, 2), (4, 150)])
def test_shapes_for_any_number_of_channels_and_classes(case, in_channels, num_classes):
    with torch.device("meta"):
        model = case.build_untouched(num_classes, in_channels=in_channels)
        logits, auxiliary = model(torch.empty(2, in_channels, 33, 40))
    assert logits.shape == (2, num_classes, 33, 40)
    assert auxiliary is None or auxiliary.shape == logits.shape


@each
@pytest.mark.parametrize("in_channels", [1, 4])
def test_images_may_have_other_than_three_channels(case, in_channels):
    model = case.build(in_channels=in_channels).eval()
    with torch.no_grad():
        assert model(torch.randn(1, in_channels, 32, 32)).logits.shape == (1, 5, 32, 32)


@each
@pytest.mark.parametrize("num_classes", [1, 2, 150])
def test_any_number_of_classes(case, num_classes):
    logits, auxiliary = case.build(num_classes)(torch.randn(2, 3, 32, 32))
    assert logits.shape == (2, num_classes, 32, 32)
    assert auxiliary is None or auxiliary.shape == logits.shape


@each
def test_size_interpolates_native_logits_once_straight_to_it_and_never_corner_aligned(case):
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
def test_two_sizes_in_a_row_leave_no_trace(case):
    model = case.build().eval()
    small, large = torch.randn(1, 3, 33, 40), torch.randn(1, 3, 64, 50)
    with torch.no_grad():
        first = model(small).logits
        model(large)
        assert torch.equal(model(small).logits, first)


@each
def test_same_seed_same_model_and_another_seed_another(case):
    first, again, other = (case.build_untouched(seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@every
def test_a_batch_of_one_is_refused_with_a_remedy_where_batch_norm_cannot_train_on_it(case):
    model = case.build()
    side = 32 if case.track == "encoder" and case.name in ("fcn", "unet") else 8
    side = (
        16 if side == 32 and case.encoder == "vgg16_bn" else side
    )  # its last map is pooled, behind the last BatchNorm
    tiny = torch.randn(1, 3, side, side)
    # The first map that U-Net's own BatchNorm sees is of 2 x 2 pixels.
    if not has_batch_norm(model.encoder if case.name == "unet" and case.track == "encoder" else model):
        assert model(tiny).logits.isfinite().all()
        return
    with pytest.raises(ConfigError, match=r"this batch of one image.*batch size of 2 or more"):
        model(tiny)
    model(tiny.repeat(2, 1, 1, 1))
    model.eval()(tiny)


@each
def test_a_batch_of_one_trains_where_every_batch_norm_is_frozen(case):
    """As is done with few images: each BatchNorm by itself in eval mode, all around it in training."""
    model = case.build()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    assert model(torch.randn(1, 3, 32, 32)).logits.isfinite().all()


@pytest.mark.parametrize("encoder", ["convnext_tiny", "swin_t"])
def test_unets_own_batch_norm_refuses_a_single_pixel_too(encoder):
    with torch.device("meta"), pytest.raises(ConfigError, match="batch of one"):
        build_model("unet", 2, encoder=encoder)(torch.empty(1, 3, 16, 16))


@pytest.mark.parametrize("case", [case for case in EACH if case.name not in POOLING], ids=str)
def test_a_batch_of_one_trains_where_every_layer_sees_more_than_one_pixel(case):
    assert case.build()(torch.randn(1, 3, 33, 32)).logits.isfinite().all()


@pytest.mark.parametrize("case", [case for case in EACH if case.name in POOLING], ids=str)
def test_image_level_pooling_refuses_a_batch_of_one_of_any_size(case):
    with pytest.raises(ConfigError, match="batch of one"):
        case.build()(torch.randn(1, 3, 64, 64))


@pytest.mark.parametrize("value", ["no", 1, None])
@pytest.mark.parametrize(
    ("name", "option"), [("unet", "padded"), *((n, "auxiliary") for n in ("fcn", "pspnet", "deeplabv3"))]
)
def test_a_switch_is_true_or_false(name, option, value):
    with torch.device("meta"), pytest.raises(ConfigError, match=f"{option} is {value!r}. Give True or False"):
        build_model(name, 2, track="paper", **{option: value})


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
def test_output_stride_is_allowed_or_refused_with_the_allowed_ones(track, stride):
    for name, kind in TRACKS[track].items():
        with torch.device("meta"):
            if stride in kind.output_strides:
                model = build_model(name, 2, track=track, output_stride=stride)
                assert model.settings["output_stride"] == stride
                assert kind is UNet or model.encoder.strides[-1] == stride
            else:
                with pytest.raises(ConfigError, match="Use " + " or ".join(map(str, kind.output_strides))):
                    build_model(name, 2, track=track, output_stride=stride)
