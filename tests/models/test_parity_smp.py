"""DeepLabv3 and the encoder track's U-Net against segmentation-models-pytorch's (smp) on ResNet-34.

What differs, and how the tests make the networks equal:

- DeepLabV3: at output stride 16 smp keeps the rates (12, 24, 36), where the paper has (6, 12, 18); here they are set to
  smp's. Its last stage is dilated by 2 throughout; here this replaces the multi-grid. It has torchvision's head,
  dropout and a 3x3 convolution after ASPP, an option here. It resizes the scores with align_corners=True, so the scores
  before that are compared. Its separable convolutions in ASPP are an option, off by default.
- Unet: smp upsamples by repeating pixels and keeps all channels; here a learned 2x2 up-convolution reduces them first.
  An up-convolution with four equal weights and no bias equals a 1x1 convolution whose result is repeated, and a 1x1
  convolution before smp's first 3x3 one equals another 3x3 one: so every such network of ours is one of smp's. smp
  concatenates (upsampled, skip), this project (skip, upsampled) as in the paper's figure.
"""

import pytest
import segmentation_models_pytorch as smp
import torch
from networks import randomise, relative
from torch import nn

from segarena.models import build_model

images = pytest.mark.parametrize(("size", "training"), [((64, 32), False), ((33, 49), False), ((33, 49), True)])


def copy_encoder(ours: nn.Module, theirs: nn.Module) -> None:
    theirs.encoder.load_state_dict(ours.encoder.state_dict(), strict=True)


def run_backward(run, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits, and the gradient of a fixed random combination of them in the image."""
    image = image.clone().requires_grad_()
    torch.manual_seed(1)  # dropout
    logits = run(image)
    torch.manual_seed(2)
    (logits * torch.randn_like(logits)).sum().backward()
    return logits, image.grad


def assert_same(ours, theirs, image: torch.Tensor, encoders: tuple[nn.Module, nn.Module]) -> None:
    """Compare the logits, and the gradients of the image and of every parameter of the encoder."""
    for encoder in encoders:
        encoder.zero_grad()
    for mine, reference in zip(run_backward(ours, image), run_backward(theirs, image), strict=True):
        assert mine.shape == reference.shape
        assert relative(mine, reference) < 1e-10
    for name, parameter in encoders[0].named_parameters():
        assert relative(parameter.grad, encoders[1].get_parameter(name).grad) < 1e-10


@pytest.fixture(scope="module")
def deeplabv3():
    torch.manual_seed(0)
    ours = build_model("deeplabv3", 5, encoder="resnet34", output_stride=16, head="torchvision", multi_grid=(1, 1, 1))
    randomise(ours).double()
    ours.aspp.set_rates((12, 24, 36))
    for layer in ours.encoder.layer4.modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            layer.dilation = layer.padding = (2, 2)
    theirs = smp.DeepLabV3("resnet34", encoder_weights=None, encoder_output_stride=16, classes=5).double()
    copy_encoder(ours, theirs)
    pairs = [
        (ours.aspp.point, theirs.decoder.aspp.convs[0]),
        *zip(ours.aspp.atrous, theirs.decoder.aspp.convs[1:4], strict=True),
        (ours.aspp.image_level, nn.Sequential(*list(theirs.decoder.aspp.convs[4])[1:])),
        (ours.aspp.project, theirs.decoder.aspp.project[:3]),
        (ours.refine[1], nn.Sequential(theirs.decoder.conv, theirs.decoder.bn)),
        (ours.classifier, theirs.segmentation_head[0]),
    ]
    for mine, other in pairs:
        other.load_state_dict(mine.state_dict(), strict=True)
    return ours, theirs


@images
def test_deeplabv3_equals_smps_before_the_last_interpolation(deeplabv3, size, training):
    ours, theirs = (network.train(training) for network in deeplabv3)
    assert_same(
        lambda image: ours(image, size="native").logits,
        lambda image: theirs.segmentation_head[0](theirs.decoder(theirs.encoder(image))),
        torch.randn(2, 3, *size, dtype=torch.float64),
        (ours.encoder, theirs.encoder),
    )


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    ours = randomise(build_model("unet", 5, encoder="resnet34")).double()
    theirs = smp.Unet("resnet34", encoder_weights=None, classes=5).double()
    copy_encoder(ours, theirs)
    for step, block in zip(ours.steps, theirs.decoder.blocks, strict=True):
        with torch.no_grad():
            step.up.weight.copy_(step.up.weight[..., :1, :1].expand_as(step.up.weight).clone())
            step.up.bias.zero_()
            reduce = step.up.weight[:, :, 0, 0]  # (all channels, width)
            first = step.convs[0][0].weight  # (width, skip + width, 3, 3)
            skip, upsampled = first.split([first.shape[1] - reduce.shape[1], reduce.shape[1]], dim=1)
            composed = torch.einsum("omij,cm->ocij", upsampled, reduce)
            block.conv1[0].weight.copy_(torch.cat([composed, skip], dim=1))
            block.conv2[0].weight.copy_(step.convs[1][0].weight)
        block.conv1[1].load_state_dict(step.convs[0][1].state_dict())
        block.conv2[1].load_state_dict(step.convs[1][1].state_dict())
    theirs.segmentation_head[0].load_state_dict(ours.classifier.state_dict())
    return ours, theirs


@images
def test_unet_equals_smps_if_up_convolutions_repeat_pixels(unet, size, training):
    """Also at odd sizes: cropping the repeated pixels is smp's nearest neighbour to one row less."""
    ours, theirs = (network.train(training) for network in unet)
    image = torch.randn(2, 3, *size, dtype=torch.float64)
    assert_same(lambda image: ours(image).logits, theirs, image, (ours.encoder, theirs.encoder))
