"""The encoder track's FCN: three score maps, summed from coarse to fine."""

import pytest
import torch
from torch import nn

from segarena.models import build_encoder, build_model
from segarena.models.fcn import EncoderFCN


def test_initial_scores_are_zero_and_upsamplings_bilinear():
    model = build_model("fcn", 3, encoder="mobilenet_v2")
    for score in (model.score8, model.score16, model.score32):
        assert not score.weight.any()
        assert not score.bias.any()
    scores = torch.randn(1, 3, 6, 7)
    expected = nn.functional.interpolate(scores, scale_factor=2, mode="bilinear", align_corners=False)
    for up in (model.up16, model.up8):
        assert up.weight.requires_grad
        # The transposed convolution fades to zero over the outermost pixel, interpolation repeats it.
        torch.testing.assert_close(up(scores)[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])


@pytest.mark.parametrize("size", [(64, 96), (65, 90), (33, 47)], ids=str)
def test_logits_are_the_sum_of_three_score_maps(size):
    """Figure 3 written out: taps of the upsamplings summed one by one, scores as matrix products."""
    torch.manual_seed(0)
    model = EncoderFCN(build_encoder("mobilenet_v2"), 4).double().eval()
    for key, parameter in model.named_parameters():
        if key.startswith(("score", "up")):
            nn.init.normal_(parameter)

    def score(layer, features):
        return torch.einsum("kc,nchw->nkhw", layer.weight[:, :, 0, 0], features) + layer.bias[:, None, None]

    def twice(layer, scores, height, width):
        padded = torch.zeros(*scores.shape[:2], 2 * scores.shape[2] + 2, 2 * scores.shape[3] + 2, dtype=scores.dtype)
        for i in range(4):
            for j in range(4):
                tap = torch.einsum("ck,nchw->nkhw", layer.weight[:, :, i, j], scores)
                padded[:, :, i : i + 2 * scores.shape[2] : 2, j : j + 2 * scores.shape[3] : 2] += tap
        return padded[:, :, 1 : 1 + height, 1 : 1 + width]

    image = torch.randn(2, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        _, _, x8, x16, x32 = model.encoder(image)
        sum16 = score(model.score16, x16) + twice(model.up16, score(model.score32, x32), *x16.shape[2:])
        sum8 = score(model.score8, x8) + twice(model.up8, sum16, *x8.shape[2:])
        assert (model(image, size="native").logits - sum8).abs().max() < 1e-10


def test_every_stream_reaches_the_logits():
    torch.manual_seed(0)
    model = build_model("fcn", 2, encoder="mobilenet_v2").eval()
    image = torch.randn(1, 3, 64, 64)
    for score in (model.score8, model.score16, model.score32):
        with torch.no_grad():
            assert not model(image).logits.any()
            score.bias.fill_(1.0)
            assert model(image).logits.any()
            score.bias.zero_()
