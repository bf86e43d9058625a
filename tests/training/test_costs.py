"""Parameters and FLOPs by hand; latency in milliseconds, of alternating models."""

import time

import pytest
import torch
from torch import nn

from segarena.models import build_model
from segarena.models.base import SegmentationOutput
from segarena.training import costs
from segarena.training.costs import count_flops, count_parameters, logit_stride, measure_latency, measure_throughput


class Network(nn.Module):
    """One convolution from RGB to 4 classes, and an auxiliary head that runs in training only."""

    size_multiple = 1

    def __init__(self, seconds=0.0, calls=None, name=""):
        super().__init__()
        self.head = nn.Conv2d(3, 4, 3, padding=1)
        self.auxiliary = nn.Conv2d(3, 4, 1)
        self.seconds, self.calls, self.name = seconds, calls if calls is not None else [], name

    def forward(self, image, size=None):
        self.calls.append((self.name, tuple(image.shape), size, self.training))
        time.sleep(self.seconds)
        return SegmentationOutput(self.head(image), self.auxiliary(image) if self.training else None)


def test_parameters_include_the_auxiliary_head_but_no_statistics():
    assert count_parameters(Network()) == (3 * 4 * 9 + 4) + (3 * 4 + 4)
    assert count_parameters(nn.BatchNorm2d(5)) == 10  # running statistics are not trained


@pytest.mark.parametrize("training", [True, False])
def test_flops_of_a_convolution_by_hand_without_the_auxiliary_head(training):
    model = Network().train(training)
    multiply_adds = 10 * 14 * 4 * 3 * 9
    assert count_flops(model, (10, 14)) == 2 * multiply_adds
    assert model.training is training
    assert model.head.training is training


def test_flops_follow_stride_groups_and_matrix_products():
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1),
        nn.Conv2d(6, 6, 3, padding=1, groups=6),
        nn.Flatten(2),
        nn.Linear(32, 5),
    )
    convolutions = 4 * 8 * 6 * 3 * 9 + 4 * 8 * 6 * 9
    assert count_flops(model, (8, 16)) == 2 * (convolutions + 6 * 32 * 5)


def test_latency_is_in_milliseconds_for_each_model():
    models = {"slow": Network(0.02), "fast": Network()}
    latency = measure_latency(models, (16, 24), device="cpu", precision="fp32", rounds=3)
    assert list(latency) == ["slow", "fast"]
    assert 20 <= latency["slow"].low <= latency["slow"].median <= latency["slow"].high < 2000
    assert 0 < latency["fast"].median < latency["slow"].low


def test_models_alternate_on_one_image_in_eval_mode():
    calls = []
    models = {name: Network(calls=calls, name=name).train() for name in "ab"}
    measure_latency(models, (16, 24), device="cpu", precision="fp32", rounds=2)
    assert calls == [(name, (1, 3, 16, 24), "native", False) for _ in range(5) for name in "ab"]


def test_latency_ignores_the_first_and_single_slow_rounds():
    class Interrupted(Network):
        def forward(self, image, size=None):
            self.seconds = 0.2 if len(self.calls) in {0, 1, 2, 5, 6} else 0.0
            return super().forward(image, size)

    latency = measure_latency({"a": Interrupted()}, (8, 8), device="cpu", precision="fp32", rounds=5)
    assert latency["a"].median < 190


@pytest.fixture
def like_a_gpu(monkeypatch):
    """The processor is taken for a GPU, with a clock that advances by 0.1 s each time it is read."""
    monkeypatch.setattr(costs, "device_type", lambda device: "mps")
    now = iter(range(10**6))
    monkeypatch.setattr(costs.time, "perf_counter", lambda: next(now) / 10)


def test_a_gpu_is_warm_before_it_is_measured(like_a_gpu):
    model = Network()
    latency = measure_latency({"a": model}, (8, 8), device="cpu", precision="fp32", rounds=None)["a"]
    assert len(model.calls) == 7 + 50  # three rounds, and four more until half a second has passed
    assert latency.median == pytest.approx(100)


def test_throughput_is_that_of_batches_on_a_gpu(like_a_gpu):
    model = Network().train()
    rate = measure_throughput(model, (8, 12), device="cpu", precision="fp32")
    assert set(model.calls) == {("", (16, 3, 8, 12), "native", False)}
    batches = len(model.calls) - 1  # the clock is read after each, and once more at the end
    assert rate == pytest.approx(16 * batches / ((batches + 1) / 10))


def test_no_throughput_is_measured_on_a_processor():
    model = Network()
    assert measure_throughput(model, (8, 8), device="cpu", precision="fp32") is None
    assert not model.calls


@pytest.mark.parametrize(
    ("name", "options", "stride"),
    [
        ("unet", {}, 1),
        ("fcn", {}, 8),
        ("pspnet", {"output_stride": 16}, 16),
        ("deeplabv3", {"output_stride": 8}, 8),
        ("fcn16s", {"track": "paper"}, 16),  # its fixed upsampling adds no detail
        ("fcn8s", {"track": "paper"}, 8),
    ],
)
def test_the_stride_of_the_logits_is_that_of_the_finest_scores(name, options, stride):
    with torch.device("meta"):
        model = build_model(name, 3, **options).eval()
    assert logit_stride(model) == stride


@pytest.mark.parametrize("name", ["fcn", "unet", "pspnet", "deeplabv3"])
def test_flops_are_counted_without_memory_for_weights(name: str) -> None:
    """As for the time left: on "meta", where autocast is unknown."""
    with torch.device("meta"):
        empty = build_model(name, 3, encoder="mobilenet_v2")
    assert count_flops(empty, (64, 64)) == count_flops(build_model(name, 3, encoder="mobilenet_v2"), (64, 64))
