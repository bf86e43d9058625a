"""On an NVIDIA GPU: a training step, labels, and a whole comparison. Run by `make test-slow` where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor, nn

import segarena
from on_a_gpu import CLASSES, GPU, MODELS, batch, network
from sample_records import PROTOCOL
from segarena.errors import ConfigError, Interrupted
from segarena.loading.dataset import EvaluationItem
from segarena.loading.transforms import normalize
from segarena.models import SegmentationModel
from segarena.models.layers import FixedUpsampling
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.run import Costs, Environment
from segarena.training import steps
from segarena.training.counting import evaluate
from segarena.training.devices import computing_on
from segarena.training.engine import Trainer
from segarena.training.evaluation import predict_masks
from segarena.training.losses import SegmentationLoss
from segarena.training.machine import choose_device
from support import refuses, waiting_is_an_error, write_pair

pytestmark = pytest.mark.gpu

#: Model and encoder.
NETWORKS = [*((name, "resnet18") for name in MODELS), ("deeplabv3", "resnet50"), ("unet", "mobilenet_v2")]


@pytest.fixture(autouse=True)
def ieee() -> Iterator[None]:
    """Convolutions of float32 are computed in float32."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


class Batches(list[tuple[Tensor, Tensor]]):
    """The batches of an epoch, in the memory that a GPU copies from by itself."""

    batch_size = 4

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        yield from self[first:]


def trainer(model: SegmentationModel, folder: Path, loss: SegmentationLoss, device: str, **options: Any) -> Trainer:
    protocol = replace(
        PROTOCOL,
        device=device,
        epochs=1,
        patience=1,
        batch_size=4,
        learning_rate=1e-3,
        **{"precision": "fp32"} | options,
    )
    pair = batch()
    batches = Batches([tuple(part.pin_memory() for part in pair) if device == "cuda" else pair] * 4)
    return Trainer(model, batches, loss, None, protocol, 0, folder)  # type: ignore[arg-type]


def gradients(model: nn.Module) -> Tensor:
    return torch.cat([p.grad.detach().double().flatten().cpu() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize(("name", "encoder"), NETWORKS)
def test_a_step_is_near_that_of_a_processor(
    name: str, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, slopes = {}, {}
    for device, precision in (("cpu", "fp32"), ("cuda", "fp32"), ("cuda", "bf16"), ("cuda", "fp16")):
        model = network(name, encoder)
        loss = SegmentationLoss("ce+dice")
        made = trainer(model, tmp_path, loss, device, precision=precision, clip_norm=1e9)
        made._begin_to_train()
        total, _ = made._train_step(*made.loader[0])  # type: ignore[index]
        losses[device, precision], slopes[device, precision] = float(total), gradients(model)
        assert all(tensor.isfinite().all() for tensor in model.state_dict().values())
    assert losses["cuda", "fp32"] == pytest.approx(losses["cpu", "fp32"], rel=1e-4)
    assert losses["cuda", "bf16"] == pytest.approx(losses["cpu", "fp32"], rel=0.03)
    # Of random weights. On a CPU too, gradients of float32 differ from those of float64 by up to 0.02 of their norm;
    # with TF32, which a training uses, those of a ResNet-50 have a cosine of 0.7 with them.
    with monkeypatch.context() as patch:
        patch.setattr(steps, "computing_on", lambda device, fixed_sizes: nullcontext())
        made = trainer(network(name, encoder), tmp_path, SegmentationLoss("ce+dice"), "cuda", clip_norm=1e9)
        made._begin_to_train()
        made._train_step(*made.loader[0])  # type: ignore[index]
        exact = gradients(made.model)
    cosine = float(torch.cosine_similarity(exact, slopes["cpu", "fp32"], dim=0))
    assert cosine > 0.99, cosine
    assert losses["cuda", "fp16"] == pytest.approx(losses["cpu", "fp32"], rel=0.01)
    assert all(slopes["cuda", precision].isfinite().all() for precision in ("bf16", "fp16"))


@pytest.mark.parametrize(("name", "encoder"), NETWORKS)
def test_gradients_of_float64_are_those_of_a_processor(name: str, encoder: str) -> None:
    slopes = {}
    images, mask = batch()
    for device in ("cpu", "cuda"):
        model = network(name, encoder).double().to(device)
        output = model(normalize(images.to(device)).double(), size="native")
        SegmentationLoss("ce+dice")(output.logits, output.auxiliary, mask.to(device))[0].backward()
        slopes[device] = gradients(model)
    # the loss itself is of float32
    assert (slopes["cuda"] - slopes["cpu"]).norm() < 1e-4 * slopes["cpu"].norm()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_step_does_not_wait_for_the_gpu(name: str, precision: str, tmp_path: Path) -> None:
    loss = SegmentationLoss("ce+dice", torch.ones(CLASSES, device="cuda"))
    made = trainer(network(name), tmp_path, loss, "cuda", precision=precision, ema_decay=0.99)
    made._begin_to_train()
    for index, (images, mask) in enumerate(made.loader.epoch(1)):
        with waiting_is_an_error() if index >= 2 else nullcontext():  # the first ones choose algorithms
            made._train_step(images, mask)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("ce", {}), ("ce+dice", {"label_smoothing": 0.1}), ("ce", {"hard_pixels": 0.5})],
)
def test_no_loss_waits_for_the_gpu(kind: Any, options: dict[str, float]) -> None:
    logits = torch.randn(4, CLASSES, 16, 16, device="cuda", requires_grad=True)
    mask = batch()[1].cuda()
    loss = SegmentationLoss(kind, torch.ones(CLASSES, device="cuda"), **options)
    for index in range(2):
        with waiting_is_an_error() if index else nullcontext():
            loss(logits, None, mask)[0].backward()
    there = logits.detach().cpu().requires_grad_()
    logits.grad = None
    values = [
        loss(logits, None, mask)[0],
        SegmentationLoss(kind, torch.ones(CLASSES), **options)(there, None, mask.cpu())[0],
    ]
    for value in values:
        value.backward()
    assert float(values[0].detach()) == pytest.approx(float(values[1].detach()), rel=1e-4)
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad.cpu(), there.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_labels_are_computed_without_waiting(name: str) -> None:
    model = network(name).cuda().to(memory_format=torch.channels_last).eval()
    images = batch()[0].pin_memory()
    for index in range(2):
        with waiting_is_an_error() if index else nullcontext():
            predict_masks(model, images[..., 5:], (107, 211), device="cuda", precision="fp32")


@pytest.mark.parametrize("name", MODELS)
def test_an_evaluation_counts_as_on_a_processor(name: str) -> None:
    images, masks = batch(6)
    items = [EvaluationItem(image, mask, index) for index, (image, mask) in enumerate(zip(images, masks, strict=True))]
    counts = {}
    for device, precision in (("cpu", "fp32"), ("cuda", "fp32"), ("cuda", "bf16")):
        model = network(name).to(device).to(memory_format=torch.channels_last)
        counts[device, precision] = evaluate(model, [items[:4], items[4:]], CLASSES, device=device, precision=precision)
    whole = int((masks != 255).sum())
    assert all(matrix.sum() == whole for matrix in counts.values())
    assert abs(counts["cuda", "fp32"] - counts["cpu", "fp32"]).sum() / whole < 0.002
    assert abs(counts["cuda", "bf16"] - counts["cpu", "fp32"]).sum() / whole < 0.1


def test_a_comparison_from_start_to_end(squares: Path, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    result = segarena.compare(squares, out=folder, models=list(MODELS), seeds=1, **GPU)
    assert sorted(result.ranking["model"]) == sorted(MODELS)
    for name in MODELS:
        run = folder / f"{name}-seed0"
        environment = Environment.read(run)
        assert (environment.device, environment.gpu) == ("cuda", torch.cuda.get_device_name())
        assert environment.tf32 is (torch.cuda.get_device_capability() >= (8, 0))
        protocol = Config.read(run).protocol
        assert (protocol.device, protocol.crops, protocol.workers) == ("cuda", "batch", 0)  # threads load the images
        costs = Costs.read(run)
        assert costs.peak_memory_mib
        assert 0 < costs.peak_memory_mib < 1024 * 40
        assert 0 < costs.latency_ms < 1000
        assert costs.labelled_per_second is not None
        assert costs.labelled_per_second > 1000 / costs.latency_ms
    assert torch.cuda.get_device_name() in (folder / "report.html").read_text()
    # another seed, in the same folder
    segarena.compare(resume=folder, seeds=2)
    assert Metrics.read(folder / "unet-seed1").epochs == 2
    # with each device, the same labels but at a few pixels
    image = np.asarray(Image.open(next((squares / "images").iterdir())).convert("RGB"))
    there, here = (result.predictor(device=device).predict(image) for device in ("cuda", "cpu"))
    assert there.shape == image.shape[:2]
    assert (there != here).mean() < 0.1
    for number in range(3):
        write_pair(tmp_path / "other", f"new{number}", seed=90 + number)
    evaluation = segarena.evaluate(folder, tmp_path / "other", device="cuda", out=tmp_path / "scores")
    assert 0 <= evaluation.miou <= 1


def test_a_stopped_training_is_resumed(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**GPU, "model": "unet", "precision": "fp16", "epochs": 3}
    whole = segarena.train(squares, out=tmp_path / "whole", **options).folder
    steps = 0
    step = Trainer._train_step

    def stop(self: Trainer, *arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 4:
            monkeypatch.setattr(self, "should_stop", lambda: True)
        return step(self, *arguments)

    part = tmp_path / "part"
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_step", stop)
        with pytest.raises(Interrupted):
            segarena.train(squares, out=part, **options)
    segarena.train(resume=part)
    assert Metrics.read(part).epochs == Metrics.read(whole).epochs == 3
    first, second = (safetensors.torch.load_file(run / "best.safetensors") for run in (whole, part))
    for name, tensor in first.items():
        if tensor.is_floating_point() and Metrics.read(part).best_epoch == Metrics.read(whole).best_epoch:
            torch.testing.assert_close(second[name], tensor, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("device", ["cuda:0", "cpu"])
def test_the_device_that_computed_is_named(device: str, squares: Path, tmp_path: Path) -> None:
    options = {**GPU, "device": device, "epochs": 1, "workers": 0}
    run = segarena.train(squares, model="fcn", out=tmp_path / "run", **options).folder
    environment = Environment.read(run)
    assert environment.device == Config.read(run).protocol.device == device
    assert environment.gpu == (None if device == "cpu" else torch.cuda.get_device_name())


def test_a_gpu_that_is_not_there_is_refused() -> None:
    with refuses(ConfigError, where="--device cuda:99", value=torch.cuda.get_device_name()):
        choose_device("cuda:99")


def test_fixed_upsampling_is_computed_in_float32() -> None:
    scores = torch.randn(1, CLASSES, 9, 11)
    layer = FixedUpsampling(CLASSES, 8)
    with computing_on("cuda"):
        there = layer.cuda()(scores.cuda()).cpu()
    torch.testing.assert_close(there, layer.cpu()(scores), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", [{"track": "paper", "size": 64, "models": ["fcn", "pspnet"]}, {"folds": 2}])
def test_other_comparisons(options: dict[str, Any], squares: Path, tmp_path: Path) -> None:
    settings = {**GPU, "epochs": 1, "models": ["fcn", "deeplabv3"], **options}
    if "track" in options:
        settings.pop("encoder")
    result = segarena.compare(squares, out=tmp_path / "out", seeds=1, **settings)
    assert set(result.ranking["model"]) == set(settings["models"])
