"""What `segarena bench` measures: a trained run, an exported model or an architecture, ready to label and to train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from segarena.config import BenchOptions, Protocol
from segarena.config.bench import BATCH_SIZE, NUM_CLASSES, SIZE
from segarena.config.training import is_own
from segarena.errors import ConfigError
from segarena.exporting.loading import load_exported
from segarena.exporting.onnx_model import OnnxModel
from segarena.models import SegmentationModel, build_model
from segarena.models.shapes import shapes_only
from segarena.records.config import Config
from segarena.runs import find_run
from segarena.training.costs import count_parameters, noise_images
from segarena.training.devices import check_precision, fastest_precision, place
from segarena.training.evaluation import evaluation_pixels, padded_size, predict_masks, prepared
from segarena.training.machine import choose_device
from segarena.training.predictor import Predictor, load
from segarena.training.rates import Work, forward_work, step_work

Kind = Literal["architecture", "run", "onnx", "huggingface"]
#: Labels a number of images that are in memory, and returns when their labels are in memory.
Label = Callable[[int], object]


@dataclass(frozen=True, kw_only=True)
class BenchNetwork:
    """A network that is measured. Nothing of it is in memory until one of its functions is called."""

    kind: Kind
    """What was named."""
    model: str
    """Name of the architecture."""
    encoder: str | None
    """Its encoder; None without one."""
    num_classes: int
    """Number of classes."""
    size: tuple[int, int]
    """(height, width) of the images that the network gets, in pixels."""
    batch_size: int
    """Images of a batch and of a training step."""
    device: str
    """Where it is computed: "cpu", "cuda", "cuda:1" or "mps"."""
    precision: str
    """Number format of the forward pass: "fp32", "bf16" or "fp16"; "int8" of a quantised ONNX file."""
    params: int | None
    """Parameters; None where they are not known."""
    flops: int | None
    """Operations of one image; None where they are not known."""
    work: Work | None
    """The work of one image's forward pass; None where it is not known, or has no limit that is measured."""
    step_work: Work | None
    """The work of one image of a training step, likewise; None for what is not trained."""
    train_size: tuple[int, int]
    """(height, width) of the images of a training step, in pixels."""
    make_label: Callable[[], Label]
    """Loads the network, and returns what labels with it."""
    build: Callable[[], SegmentationModel] | None
    """Loads the network, on its device, to be trained; None for what cannot be."""
    protocol: Protocol | None
    """The settings of the training; None for an architecture."""


def open_network(options: BenchOptions) -> BenchNetwork:
    """Find out what is to be measured.

    Args:
        options: The options as typed.

    Raises:
        ConfigError: The network cannot be built, or the device cannot compute it.
        RunError: The run or the exported model cannot be used.
    """
    if options.architecture is not None:
        return _architecture(options, options.architecture)
    path = Path(options.network)
    exported = load_exported(path, device=options.device)
    if isinstance(exported, OnnxModel):
        return _onnx(options, exported)
    if exported is not None:
        return _trained(options, exported, partial(_folder, path), "huggingface")
    reload = partial(load, find_run(path))
    return _trained(options, reload(device=options.device), reload, "run")


def _architecture(options: BenchOptions, name: str) -> BenchNetwork:
    device = choose_device(options.device)
    precision = fastest_precision(device) if options.precision == "auto" else options.precision
    check_precision(device, precision)
    make = partial(
        build_model,
        name,
        options.num_classes or NUM_CLASSES,
        track=options.track or "encoder",
        encoder=options.encoder,
        output_stride=options.output_stride,
    )
    with shapes_only():
        shape = make().eval()

    def build() -> SegmentationModel:
        return place(make(), device)

    sides = options.size or (SIZE,)
    size = (sides[0], sides[-1])
    work = forward_work(shape, padded_size(shape, size), precision)
    return BenchNetwork(
        kind="architecture",
        model=name,
        encoder=shape.settings["encoder"],
        num_classes=shape.settings["num_classes"],
        size=size,
        batch_size=options.batch_size or BATCH_SIZE,
        device=device,
        precision=precision,
        params=count_parameters(shape),
        flops=int(work.flops),
        work=work,
        step_work=_step_work(shape, padded_size(shape, size), precision),
        train_size=padded_size(shape, size),
        make_label=lambda: _labelling(build(), size, device, precision),
        build=build,
        protocol=None,
    )


def _folder(path: Path, *, device: str) -> Predictor:
    loaded = load_exported(path, device=device)
    assert isinstance(loaded, Predictor)
    return loaded


def _trained(options: BenchOptions, predictor: Predictor, reload: Callable[..., Predictor], kind: Kind) -> BenchNetwork:
    protocol, device, precision = predictor.config.protocol, predictor.device, predictor.precision
    if options.precision != "auto":
        precision = options.precision
        check_precision(device, precision)
    size = (options.size[0], options.size[-1]) if options.size else protocol.input_size
    most = evaluation_pixels(protocol)
    train_size = padded_size(predictor.model, size) if options.size else protocol.crop
    work = forward_work(predictor.model, padded_size(predictor.model, size), precision)
    return BenchNetwork(
        kind=kind,
        model=predictor.config.model,
        encoder=predictor.config.architecture.get("encoder"),
        num_classes=predictor.classes.num_classes,
        size=size,
        batch_size=options.batch_size or protocol.batch_size,
        device=device,
        precision=precision,
        params=count_parameters(predictor.model),
        flops=int(work.flops),
        work=work,
        step_work=_step_work(predictor.model, train_size, precision),
        train_size=train_size,
        make_label=lambda: _labelling(reload(device=device).model, size, device, precision, most),
        build=lambda: reload(device=device).model,
        protocol=protocol,
    )


def _step_work(model: SegmentationModel, size: tuple[int, int], precision: str) -> Work:
    """The work of one image of a training step, in which a network may have another stride than in an evaluation."""
    if not is_own(str(model.settings["name"])):
        settings = {name: value for name, value in model.settings.items() if name != "eval_output_stride"}
        with shapes_only():
            model = build_model(**settings)
    return step_work(forward_work(model, size, precision))


def _labelling(
    model: SegmentationModel, size: tuple[int, int], device: str, precision: str, most_pixels: int | None = None
) -> Label:
    """What labels images as `predict` does."""
    network = prepared(model.eval(), device, precision)
    images: dict[int, torch.Tensor] = {}

    def label(count: int) -> object:
        if count not in images:
            images[count] = noise_images(model, count, size)
        return predict_masks(
            network, images[count], size, device=device, precision=precision, most_pixels=most_pixels
        ).cpu()

    return label


def _onnx(options: BenchOptions, model: OnnxModel) -> BenchNetwork:
    for name, why in (("size", "resizes each image to its own working size"), ("precision", "has its own precision")):
        if getattr(options, name) not in ((), "auto"):
            raise ConfigError(
                f"an ONNX file {why}",
                where=f"--{name}",
                remedy="Leave it out, or name the run in place of the ONNX file",
            )
    facts = model.facts
    protocol = Config.from_json(facts.run, model.path).protocol
    size = protocol.input_size
    shape = None
    if not is_own(facts.model):
        with shapes_only():
            shape = build_model(**facts.architecture).eval()
    work = None if shape is None else forward_work(shape, padded_size(shape, size), facts.precision)
    return BenchNetwork(
        kind="onnx",
        model=facts.model,
        encoder=facts.architecture.get("encoder"),
        num_classes=model.classes.num_classes,
        size=size,
        batch_size=options.batch_size or protocol.batch_size,
        device=model.device,
        precision=facts.precision,
        params=None if shape is None else count_parameters(shape),
        flops=None if work is None else int(work.flops),
        work=None if facts.precision == "int8" else work,  # no rate of products of 8 bits is measured
        step_work=None,
        train_size=size,
        make_label=lambda: _onnx_labelling(model.path, options.device, size),
        build=None,
        protocol=protocol,
    )


def _onnx_labelling(path: Path, device: str, size: tuple[int, int]) -> Label:
    loaded = load_exported(path, device=device)
    assert isinstance(loaded, OnnxModel)
    channels = loaded.facts.channels
    number, dtype = (3, "uint8") if channels is None else (len(channels.numbers), channels.dtype)
    images: dict[int, NDArray[np.generic]] = {}

    def label(count: int) -> object:
        if count not in images:
            images[count] = np.random.default_rng(0).integers(0, 256, (count, *size, number)).astype(dtype)
        return loaded.run(images[count])

    return label
