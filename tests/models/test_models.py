"""One tester that every architecture goes through, on each kind of encoder and at each of its output strides."""

import copy

import pytest
import torch
from torch import nn

from segarena.errors import ConfigError
from segarena.models import MODELS, Encoder, SegmentationModel, SegmentationOutput, build_model
from segarena.models.encoders import OUTPUT_STRIDES

CASES = [
    pytest.param(name, encoder, stride, id=f"{name}-{encoder}-os{stride}")
    for name, kind in MODELS.items()
    for encoder in ("resnet18", "mobilenet_v2")
    for stride in kind.output_strides
]
every_model = pytest.mark.parametrize(("name", "encoder", "stride"), CASES)
each_name = pytest.mark.parametrize("name", MODELS)


def build(name: str, encoder: str = "mobilenet_v2", stride: int | None = None, **options) -> SegmentationModel:
    """A model whose every parameter and BatchNorm statistic matters: zero-initialised ones would hide mistakes."""
    torch.manual_seed(0)
    model = build_model(name, options.pop("num_classes", 5), encoder=encoder, output_stride=stride, **options)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.uniform_(module.bias, -0.1, 0.1)
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    for key, parameter in model.named_parameters():
        if key.startswith(("score", "up", "classifier", "auxiliary_head")):
            nn.init.normal_(parameter, std=0.1)
    return model


@every_model
def test_logits_have_the_image_size_also_when_odd_tall_or_wide(name, encoder, stride):
    model = build(name, encoder, stride).eval()
    for size in ((32, 32), (33, 65), (64, 35), (1, 7)):
        with torch.no_grad():
            logits = model(torch.randn(1, 3, *size)).logits
        assert logits.shape == (1, 5, *size)
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()


@every_model
def test_output_type_is_the_same_in_both_modes_and_auxiliary_is_for_training_only(name, encoder, stride):
    model = build(name, encoder, stride)
    image = torch.randn(2, 3, 37, 50)
    training, evaluating = model.train()(image), model.eval()(image)
    assert type(training) is type(evaluating) is SegmentationOutput
    assert evaluating.auxiliary is None
    if name == "pspnet":
        assert training.auxiliary.shape == training.logits.shape == (2, 5, 37, 50)
    else:
        assert training.auxiliary is None


@every_model
def test_backward_reaches_every_parameter(name, encoder, stride):
    model = build(name, encoder, stride)
    logits, auxiliary = model(torch.randn(2, 3, 49, 48))
    loss = logits.square().mean() + (0 if auxiliary is None else auxiliary.square().mean())
    loss.backward()
    untouched = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert untouched == []


@every_model
def test_saved_weights_give_bit_equal_logits(name, encoder, stride, tmp_path):
    model = build(name, encoder, stride).eval()
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    torch.manual_seed(1)
    again = build_model(name, 5, encoder=encoder, output_stride=stride).eval()
    again.load_state_dict(torch.load(tmp_path / "weights.pth", weights_only=True))
    image = torch.randn(1, 3, 40, 40)
    with torch.no_grad():
        assert torch.equal(model(image).logits, again(image).logits)


@every_model
def test_channels_last_gives_the_logits_of_contiguous(name, encoder, stride):
    model = build(name, encoder, stride).eval()
    image = torch.randn(2, 3, 45, 52)
    with torch.no_grad():
        contiguous = model(image).logits
        model.to(memory_format=torch.channels_last)
        torch.testing.assert_close(
            model(image.to(memory_format=torch.channels_last)).logits, contiguous, rtol=1e-4, atol=1e-4
        )


@every_model
def test_an_image_scores_the_same_alone_and_in_a_batch(name, encoder, stride):
    model = build(name, encoder, stride).eval()
    images = torch.randn(2, 3, 45, 52)
    with torch.no_grad():
        together = model(images).logits
        alone = torch.cat([model(image[None]).logits for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@every_model
def test_bf16_autocast_is_near_fp32_and_gives_float32_logits(name, encoder, stride):
    model = build(name, encoder, stride).eval().to(memory_format=torch.channels_last)
    image = torch.randn(1, 3, 64, 64).to(memory_format=torch.channels_last)
    with torch.no_grad():
        exact = model(image).logits
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(image).logits
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() < 0.05 * exact.norm()


@each_name
def test_bf16_autocast_trains(name):
    model = build(name).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        logits, _ = model(torch.randn(2, 3, 64, 64).to(memory_format=torch.channels_last))
    logits.square().mean().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@each_name
@pytest.mark.parametrize("in_channels", [1, 2, 4])
def test_images_may_have_other_than_three_channels(name, in_channels):
    model = build(name, in_channels=in_channels).eval()
    with torch.no_grad():
        assert model(torch.randn(1, in_channels, 32, 32)).logits.shape == (1, 5, 32, 32)


@each_name
@pytest.mark.parametrize("num_classes", [1, 2, 150])
def test_any_number_of_classes(name, num_classes):
    model = build(name, num_classes=num_classes)
    logits, auxiliary = model(torch.randn(2, 3, 32, 32))
    assert logits.shape == (2, num_classes, 32, 32)
    assert auxiliary is None or auxiliary.shape == logits.shape


@each_name
def test_size_interpolates_native_logits_once_straight_to_it_and_never_corner_aligned(name):
    model = build(name).eval()
    image = torch.randn(1, 3, 48, 64)
    with torch.no_grad():
        native = model(image, size="native").logits
        asked = model(image, size=(75, 101)).logits
        default = model(image).logits
    expected_stride = {"fcn": 8, "unet": 1, "pspnet": 16, "deeplabv3": 16}[name]
    assert native.shape == (1, 5, 48 // expected_stride, 64 // expected_stride)
    for logits, size in ((asked, (75, 101)), (default, (48, 64))):
        assert torch.equal(logits, nn.functional.interpolate(native, size, mode="bilinear", align_corners=False))


@each_name
def test_two_sizes_in_a_row_leave_no_trace(name):
    model = build(name).eval()
    small, large = torch.randn(1, 3, 33, 40), torch.randn(1, 3, 64, 50)
    with torch.no_grad():
        first = model(small).logits
        model(large)
        assert torch.equal(model(small).logits, first)


@each_name
def test_same_seed_same_model_and_another_seed_another(name):
    def weights(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        return build_model(name, 3, encoder="mobilenet_v2").state_dict()

    first, again, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@each_name
def test_a_batch_of_one_that_batch_norm_cannot_train_on_is_refused_with_a_remedy(name):
    model = build(name)
    image = torch.randn(1, 3, 16, 16)
    with pytest.raises(ConfigError, match="batch size of 2 or more"):
        model(image)
    model(image.repeat(2, 1, 1, 1))
    model.eval()(image)


@pytest.mark.parametrize("name", ["fcn", "unet"])
def test_a_batch_of_one_trains_where_every_layer_sees_more_than_one_pixel(name):
    assert build(name)(torch.randn(1, 3, 33, 32)).logits.isfinite().all()


@pytest.mark.parametrize("name", ["pspnet", "deeplabv3"])
def test_image_level_pooling_refuses_a_batch_of_one_of_any_size(name):
    with pytest.raises(ConfigError, match="batch of one"):
        build(name)(torch.randn(1, 3, 64, 64))


@each_name
def test_deepcopy_is_independent(name):
    model = build(name).eval()
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
        assert model(torch.randn(1, 3, 32, 32)).logits.any()


@each_name
@pytest.mark.parametrize("stride", OUTPUT_STRIDES)
def test_output_stride_is_allowed_or_refused_with_the_allowed_ones(name, stride):
    allowed = (32,) if name in ("fcn", "unet") else (8, 16)
    if stride in allowed:
        assert build(name, stride=stride).encoder.strides[-1] == stride
    else:
        with pytest.raises(ConfigError, match=r"Use " + ", ".join(map(str, allowed))):
            build(name, stride=stride)


class ThinEncoder(Encoder):
    """Five plain convolutions, so that only the decoder is exported: the rest costs seconds."""

    def __init__(self, output_stride: int) -> None:
        super().__init__()
        self.name, self.channels = "thin", (4, 8, 8, 8, 8)
        self.strides = tuple(min(stride, output_stride) for stride in (2, 4, 8, 16, 32))
        steps = [2 if stride <= output_stride else 1 for stride in (2, 4, 8, 16, 32)]
        shapes = zip((3, 4, 8, 8, 8), self.channels, steps, strict=True)
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 3, step, 1) for i, o, step in shapes)

    def forward(self, image):
        maps = [image]
        for conv in self.convs:
            maps.append(conv(maps[-1]))
        return tuple(maps[1:])


@each_name
def test_one_exported_graph_serves_every_size(name):
    """Also where the example's sizes coincide with a bin of the pyramid, or leave nothing to crop."""
    kind = MODELS[name]
    torch.manual_seed(0)
    model = kind(ThinEncoder(kind.output_strides[0]), 2).eval()
    axes = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    program = torch.export.export(model, (torch.randn(1, 3, 96, 128),), dynamic_shapes={"image": axes}).module()
    for size in ((71, 150), (96, 96), (33, 35)):
        image = torch.randn(1, 3, *size)
        torch.testing.assert_close(program(image).logits, model(image).logits)
