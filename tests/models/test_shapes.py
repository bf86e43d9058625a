"""Networks as shapes only: the same networks, without memory and without random numbers."""

from __future__ import annotations

import pytest
import torch

from segarena.models import TRACKS, build_model
from segarena.models.shapes import shapes_only


@pytest.mark.parametrize(("track", "name"), [(track, name) for track in TRACKS for name in TRACKS[track]])
def test_a_network_of_shapes_has_those_of_the_network(track: str, name: str) -> None:
    random = torch.get_rng_state()
    with shapes_only():
        shapes = build_model(name, 3, track=track)
    assert torch.equal(torch.get_rng_state(), random)
    with torch.device("meta"):
        usual = build_model(name, 3, track=track)
    assert all(tensor.is_meta for tensor in shapes.state_dict().values())
    of_both = [{key: tuple(tensor.shape) for key, tensor in one.state_dict().items()} for one in (shapes, usual)]
    assert of_both[0] == of_both[1]
    assert shapes.settings == usual.settings


@pytest.mark.parametrize("encoder", ["resnet18", "convnext_tiny", "swin_t"])
def test_no_function_that_takes_long_fills_them(encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch computes random numbers for the device "meta" with its reference functions."""
    called: list[str] = []
    reference = torch._refs.normal_
    monkeypatch.setattr(torch._refs, "normal_", lambda *a, **k: called.append("normal_") or reference(*a, **k))
    with shapes_only():
        build_model("fcn", 3, encoder=encoder)
    assert not called


def test_after_the_block_networks_have_their_initial_values() -> None:
    with shapes_only():
        build_model("fcn", 2, encoder="mobilenet_v2")
    layer = build_model("fcn", 2, encoder="mobilenet_v2").encoder
    assert all(weight.std() > 0 for weight in layer.parameters() if weight.ndim == 4)
