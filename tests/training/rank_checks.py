"""Three processes that train together, for `test_ranks.py`: started once, they run all checks and write the results.

The first one imports what is needed, and the others are forked from it: a process that imports PyTorch takes seconds.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from segarena.classes import IGNORE_INDEX
from segarena.errors import DataError, Interrupted, SegarenaError
from segarena.loading.dataset import EpochBatches, EvaluationItem
from segarena.models import build_model
from segarena.training.accumulation import add_gradients
from segarena.training.counting import evaluate
from segarena.training.distributed.batchnorm import synchronize
from segarena.training.distributed.group import Group
from segarena.training.distributed.ranks import ALONE, Ranks
from segarena.training.losses import SegmentationLoss
from segarena.training.optimization import build_optimizer, build_scaler
from segarena.training.steps import TrainingStep
from support import QUICK, small_encoders, write_pair

MOST, CLASSES, BATCH, SIDE = 3, 4, 5, 32
MODELS = ("fcn", "unet", "pspnet", "deeplabv3")
#: Class weights: each class has its own.
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64)


def batch(count: int = BATCH) -> tuple[Tensor, Tensor]:
    """Images, and masks of which each has another share of void pixels; one is void altogether."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    mask = torch.randint(0, CLASSES, (count, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    for number in range(count):
        mask[number, : number * 14 // count] = IGNORE_INDEX
    mask[-2] = IGNORE_INDEX
    return images, mask


def own(ranks: Ranks, *tensors: Tensor) -> tuple[Tensor, ...]:
    """The slice of a batch that a process has."""
    keys = next(iter(EpochBatches(len(tensors[0]), len(tensors[0]), 0, (ranks.rank, ranks.number))))
    return tuple(tensor[[position for _, position in keys]] for tensor in tensors)


def network(name: str, dtype: torch.dtype = torch.float64) -> Any:
    """A network in training mode. Dropout stays on: it has to be that of the whole batch."""
    torch.manual_seed(0)
    model = build_model(name, CLASSES, encoder="mobilenet_v2", weights="none").train().to(dtype)
    model.register_forward_pre_hook(lambda module, arguments: (arguments[0].to(dtype),))
    return model


def crops(ranks: Ranks) -> list[list[list[tuple[int, int]]]]:
    """The keys of the crops of two epochs, resumed in the middle of the second: they decide about each crop."""
    batches, found = EpochBatches(23, BATCH, 7, (ranks.rank, ranks.number)), []
    for epoch, first in ((1, 0), (2, 2)):
        batches.epoch, batches.first = epoch, first
        found.append([list(keys) for keys in batches])
    return found


def gradients(ranks: Ranks) -> dict[str, Any]:
    """Loss, gradients and statistics of each model, of main and auxiliary loss with Dice and class weights."""
    found = {}
    for name in MODELS:
        model = network(name)
        ranks.join(model)
        loss = SegmentationLoss("ce+dice", WEIGHTS, label_smoothing=0.1, ranks=ranks)
        ranks.seed(3, "cpu")
        options = {"parts": 1, "device": "cpu", "precision": "fp32", "ranks": ranks}
        losses = add_gradients(model, loss, *own(ranks, *batch()), **options)
        found[name] = {
            "losses": [float(value) for value in losses if value is not None],
            "gradients": _gradients(model),
            "statistics": {key: value.clone() for key, value in model.named_buffers()},
        }
    return found


class Plain(nn.Module):
    """Logits and auxiliary logits, without BatchNorm: parts of a batch then add up to the whole."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.main = nn.Conv2d(3, CLASSES, 3, padding=1, dtype=torch.float64)
        self.side = nn.Conv2d(3, CLASSES, 3, padding=1, dtype=torch.float64)

    def forward(self, image: Tensor, size: str) -> Any:
        image = image.double()
        return SimpleNamespace(logits=self.main(image), auxiliary=self.side(image))


def parts(ranks: Ranks) -> dict[str, Tensor]:
    """The gradients of a batch of which each process computes its slice in two parts."""
    model: Any = Plain()
    ranks.join(model)
    loss = SegmentationLoss("ce", WEIGHTS, ranks=ranks)
    options = {"parts": 2, "device": "cpu", "precision": "fp32", "ranks": ranks}
    add_gradients(model, loss, *own(ranks, *batch(8)), **options)
    return _gradients(model)


def _gradients(model: nn.Module) -> dict[str, Tensor]:
    """Copies: in several processes each is a view of all."""
    return {key: value.grad.clone() for key, value in model.named_parameters() if value.grad is not None}


def scores(ranks: Ranks) -> np.ndarray[Any, Any]:
    """The counts of seven images in batches of two; the last batch has one."""
    model = network("unet", torch.float32)
    images, masks = batch(7)
    items = [EvaluationItem(image, mask, place) for place, (image, mask) in enumerate(zip(images, masks, strict=True))]
    chosen = [items[index] for index in ranks.indices(range(len(items)), 2)]
    batches = [chosen[start : start + 2] for start in range(0, len(chosen), 2)]
    counts = evaluate(model, batches, CLASSES, device="cpu", precision="fp32")
    return ranks.gather(counts, len(items), 2)


def batchnorm(ranks: Ranks) -> dict[str, Any]:
    """Layers of BatchNorm for inputs of 2, 3 and 4 axes, far from 0, in float32; one is frozen."""
    found: dict[str, Any] = {}
    shapes = {"1d": (BATCH, 3), "2d": (BATCH, 3, 4, 5), "frozen": (BATCH, 3, 4, 5), "average": (BATCH, 3, 4, 5)}
    for name, shape in shapes.items():
        torch.manual_seed(0)
        momentum: Any = None if name == "average" else 0.1
        layer: Any = nn.BatchNorm1d(3) if name == "1d" else nn.BatchNorm2d(3, momentum=momentum)
        values = torch.randn(shape) + 100
        above = torch.randn(shape)
        if isinstance(ranks, Group):
            synchronize(layer, ranks)
        layer.train(name != "frozen")
        (values, above) = own(ranks, values, above)
        values.requires_grad_()
        (layer(values) * above).sum().backward()
        found[name] = {
            "features": values.grad,
            "weight": ranks.sum(layer.weight.grad),
            "bias": ranks.sum(layer.bias.grad),
            "mean": layer.running_mean,
            "variance": layer.running_var,
        }
    return found


def agreement(ranks: Ranks) -> dict[str, Any]:
    """What the processes agree on where one of them, the last one, differs."""
    is_last = ranks.rank == ranks.number - 1
    damaged = DataError("is damaged", where="1.png", remedy="Fix it")
    return {
        "stop": ranks.agree(is_last, False),
        "due": ranks.agree(False, is_last),
        "all": ranks.all(not is_last),
        "first": ranks.of_first(ranks.rank),
        "total": ranks.total(1.5),
        "error": _raised(lambda: ranks.attempt(lambda: _fail(damaged, is_last))),
        "stopped": _raised(lambda: ranks.attempt(lambda: _fail(Interrupted("stopped"), is_last))),
        "bug": _raised(lambda: ranks.attempt(lambda: _fail(ZeroDivisionError(), is_last))),
        "batches": _raised(lambda: list(ranks.together(_batches(3 if is_last else 5)))),
    }


def _fail(error: Exception, fails: bool) -> None:
    if fails:
        raise error


def _batches(number: int) -> Iterator[int]:
    yield from range(3)
    if number == 3:
        raise DataError("is not there any more", where="2.png", remedy="Put it back")
    yield from range(3, number)


def _raised(call: Callable[[], Any]) -> tuple[str, str] | None:
    try:
        call()
    except Exception as error:
        return type(error).__name__, str(error)
    return None


def skipped(ranks: Ranks) -> dict[str, Any]:
    """A step in which an image of the last process is infinite, and one after it that is not."""
    model = network("fcn", torch.float32)
    ranks.join(model)
    made = build_optimizer(model, "adamw", 1e-3, 1e-2)
    step = TrainingStep(
        model,
        SegmentationLoss("ce", ranks=ranks),
        made,
        build_scaler("cpu", "fp32"),
        parts=1,
        clip_norm=5.0,
        device="cpu",
        precision="fp32",
        is_checked=True,
        ranks=ranks,
    )
    images, mask = batch()
    broken = images.float()
    broken[-1] = torch.inf
    before = {key: value.clone() for key, value in model.state_dict().items()}
    ranks.seed(3, "cpu")
    lost, _ = step(*own(ranks, broken, mask))
    is_kept = all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    ranks.seed(4, "cpu")
    counted, _ = step(*own(ranks, images, mask))
    weights = torch.cat([value.detach().flatten() for value in model.parameters()])
    return {"lost": float(lost), "is_kept": is_kept, "counted": float(counted), "weights": weights}


CHECKS: dict[str, Callable[[Ranks], Any]] = {
    check.__name__: check for check in (crops, gradients, parts, scores, batchnorm, agreement, skipped)
}


def train(folder: Path, rank: int) -> dict[str, Any]:
    """A training of two processes in `segarena.train`, stopped by a signal to the second one, resumed by one alone."""
    import segarena
    from segarena.training.engine import Trainer

    place = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1"}
    os.environ.update({name: str(value) for name, value in place.items()})
    os.environ["MASTER_PORT"] = (folder / "port").read_text()
    data, out = folder / "data", folder / "run"
    options: dict[str, Any] = {**QUICK, "model": "unet", "batch_size": 5, "epochs": 2}
    seen: list[int] = []
    step = Trainer._train_step

    def stop_in_second(trainer: Trainer, images: Tensor, mask: Tensor) -> Any:
        seen.append(len(images))
        if rank == 1 and trainer.state.epoch == 2:
            os.kill(os.getpid(), 2)
        return step(trainer, images, mask)

    found: dict[str, Any] = {}
    Trainer._train_step = stop_in_second  # type: ignore[method-assign]
    found["stopped"] = _raised(lambda: segarena.train(data, out=out, **options))
    Trainer._train_step = step  # type: ignore[method-assign]
    found["sizes"] = seen
    found["compare"] = _raised(lambda: segarena.compare(data, out=folder / "no", **QUICK))
    os.environ["MASTER_PORT"] = (folder / "port2").read_text()
    found["refused"] = _raised(lambda: segarena.train(data, out=folder / "small", **{**options, "budget": "1m"}))
    os.environ["MASTER_PORT"] = (folder / "port3").read_text()
    done = _raised(lambda: segarena.train(resume=out))
    found["resumed"] = done
    return found


def work(folder: Path, rank: int) -> None:
    """Run all checks in one of the processes."""
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    try:
        with small_encoders():
            if rank < 2 and (folder / "port").exists():
                found["train"] = train(folder, rank)
            store = dist.FileStore(str(folder / "store"), MOST)
            dist.init_process_group("gloo", store=store, rank=rank, world_size=MOST, timeout=timedelta(seconds=60))
            groups = {number: dist.new_group(list(range(number))) for number in range(2, MOST + 1)}
            for name, check in CHECKS.items():
                if rank == 0:
                    found[name, 0] = check(ALONE)
                for number in range(max(2, rank + 1), MOST + 1):
                    found[name, number] = check(Group(rank, number, process_group=groups[number]))
    except BaseException:
        found["failure"] = traceback.format_exc()
    (folder / f"found{rank}").write_bytes(pickle.dumps(found))
    sys.stdout.flush()
    os._exit(0)


def main(folder: Path) -> None:
    """Start the processes, and wait for them."""
    for number in range(10):
        write_pair(folder / "data", f"square{number}", seed=number)
    children = []
    for rank in range(1, MOST):
        child = os.fork()
        if child == 0:
            work(folder, rank)
        children.append(child)
    work(folder, 0)


if __name__ == "__main__":
    assert issubclass(DataError, SegarenaError)
    main(Path(sys.argv[1]))
