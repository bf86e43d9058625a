"""The encoder track's U-Net: five steps, each with the encoder's map of the same size where there is one."""

import pytest
import torch
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoderBlock
from torch import nn

from segarena.models import build_encoder, build_model
from segarena.models.unet import EncoderUNet, UpStep


@pytest.mark.parametrize("skip_channels", [4, 0])
def test_a_step_equals_smps_if_the_up_convolution_repeats_pixels(skip_channels):
    """Smp upsamples by repeating pixels; so does a 2x2 up-convolution with four equal weights, the identity."""
    torch.manual_seed(0)
    step = UpStep(8, skip_channels, 8).eval()
    with torch.no_grad():
        step.up.weight.copy_(torch.eye(8)[:, :, None, None].expand(8, 8, 2, 2))
        step.up.bias.zero_()
    reference = UnetDecoderBlock(8, skip_channels, 8).eval()
    with torch.no_grad():
        for ours, theirs in zip(step.convs, (reference.conv1, reference.conv2), strict=True):
            theirs[0].weight.copy_(ours[0].weight)
            nn.init.uniform_(ours[1].running_mean, -0.5, 0.5)
            theirs[1].load_state_dict(ours[1].state_dict())
        # smp concatenates (upsampled, skip), this project (skip, upsampled) as in the paper's figure.
        first = step.convs[0][0].weight
        reference.conv1[0].weight.copy_(torch.cat([first[:, skip_channels:], first[:, :skip_channels]], dim=1))
        features = torch.randn(2, 8, 5, 6)
        skip = torch.randn(2, skip_channels, 10, 12) if skip_channels else None
        torch.testing.assert_close(step(features, (10, 12), skip), reference(features, 10, 12, skip))


def test_an_odd_skip_crops_the_last_row_and_column_only():
    torch.manual_seed(0)
    step = UpStep(6, 0, 3)
    step.convs = nn.Identity()
    features = torch.randn(1, 6, 3, 4)
    assert torch.equal(step(features, (5, 7)), step(features, (6, 8))[..., :5, :7])


@pytest.mark.parametrize(
    ("name", "skips"),
    [
        ("resnet18", [256, 128, 64, 64, 0]),
        ("resnet50", [1024, 512, 256, 64, 0]),
        ("mobilenet_v2", [96, 32, 24, 16, 0]),
        ("vgg16_bn", [512, 512, 256, 128, 64]),  # has a map at full resolution
        ("convnext_tiny", [384, 192, 96, 0, 0]),  # has none at strides 2 and 1
        ("swin_t", [384, 192, 96, 0, 0]),
    ],
)
def test_every_encoder_level_is_a_skip_and_widths_fall(name, skips):
    with torch.device("meta"):
        model = build_model("unet", 3, encoder=name)
    assert [step.up.out_channels for step in model.steps] == [256, 128, 64, 32, 16]
    assert [step.convs[0][0].in_channels - step.up.out_channels for step in model.steps] == skips


@pytest.mark.parametrize("level", range(5))
def test_each_level_changes_the_logits(level, monkeypatch):
    torch.manual_seed(0)
    model = EncoderUNet(build_encoder("mobilenet_v2"), 3).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before, features = model(image).logits, list(model.encoder(image))
        features[level] = features[level] + 1
        monkeypatch.setattr(model.encoder, "forward", lambda _: tuple(features))
        assert not torch.equal(model(image).logits, before)
