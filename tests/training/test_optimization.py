"""The schedules, the learning rate by batch size, and which parameters are decayed."""

import itertools

import pytest
import torch
from torch import nn

from segarena.training.optimization import SCHEDULES, build_optimizer, one_cycle, poly

STEPS = 1000


def test_one_cycle_starts_low_peaks_after_a_fifth_and_ends_near_zero():
    values = [one_cycle(step / STEPS) for step in range(STEPS + 1)]
    assert values[0] == pytest.approx(0.04)
    assert values[200] == max(values) == 1
    assert values[-1] == pytest.approx(0.001)
    assert all(a < b for a, b in itertools.pairwise(values[:201]))
    assert all(a > b for a, b in itertools.pairwise(values[200:]))
    assert max(abs(a - b) for a, b in itertools.pairwise(values)) < 0.01  # no jump


def test_one_cycle_is_torchs_with_cosines():
    """OneCycleLR defines its ends by divisors and counts whole steps; the curve between them is the same."""
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=101, pct_start=21 / 101, div_factor=25, final_div_factor=40, cycle_momentum=False
    )
    for step in range(101):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(one_cycle(step / 100), abs=1e-9)
        optimizer.step()
        if step < 100:
            schedule.step()


def test_poly_falls_from_1_to_0_with_power_0_9():
    values = [poly(step / STEPS) for step in range(STEPS + 1)]
    assert values[0] == 1
    assert values[-1] == 0
    assert values[500] == pytest.approx(0.5**0.9)
    assert all(a > b for a, b in itertools.pairwise(values))


def test_schedules_have_the_names_of_the_options():
    assert {"onecycle": one_cycle, "poly": poly} == SCHEDULES


def make_model():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1, bias=False))
    model[2].weight.requires_grad_(False)
    return model


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_vectors_are_not_decayed_and_frozen_weights_not_trained(name, kind):
    model = make_model()
    optimizer = build_optimizer(model, name, 0.1, 0.5)
    assert type(optimizer) is kind
    decayed, free = optimizer.param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.5, 0.0)
    assert [id(p) for p in decayed["params"]] == [id(model[0].weight)]
    assert {id(p) for p in free["params"]} == {id(model[0].bias), id(model[1].weight), id(model[1].bias)}
    assert {group["lr"] for group in optimizer.param_groups} == {0.1}


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_a_step_without_gradient_shrinks_matrices_and_leaves_vectors(name):
    model = make_model()
    optimizer = build_optimizer(model, name, 0.1, 0.5)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    optimizer.step()
    after = model.state_dict()
    torch.testing.assert_close(after["0.weight"], before["0.weight"] * (1 - 0.1 * 0.5))
    for key in ("0.bias", "1.weight", "1.bias", "2.weight"):
        assert torch.equal(after[key], before[key])


def test_sgd_has_momentum():
    assert build_optimizer(make_model(), "sgd", 0.1, 0.0).param_groups[0]["momentum"] == 0.9


def test_layers_after_the_encoder_have_their_own_rate():
    model = nn.ModuleDict({"encoder": nn.Conv2d(3, 4, 3), "head": nn.Conv2d(4, 2, 1)})
    optimizer = build_optimizer(model, "adamw", 1e-3, 0.1, decoder_factor=3.0)
    groups = optimizer.param_groups
    found = {id(p): (group["factor"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert len(found) == 4
    assert found[id(model["encoder"].weight)] == (1.0, 0.1)
    assert found[id(model["encoder"].bias)] == (1.0, 0.0)
    assert found[id(model["head"].weight)] == (3.0, 0.1)
    assert found[id(model["head"].bias)] == (3.0, 0.0)
