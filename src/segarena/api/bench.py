"""`bench` as a function. Generated from the options by docs/build_signatures.py."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Literal

from segarena.api.calls import api_function, run_command
from segarena.config import BenchOptions
from segarena.config.own_models import Builder
from segarena.config.training import EncoderName, TrackName

if TYPE_CHECKING:  # `import segarena` is light
    from segarena.results.benchmark import Benchmark


@api_function
def bench(
    network: str,
    *,
    num_classes: int | None = None,
    seconds: float = 3.0,
    size: int | Sequence[int] = (),
    encoder: EncoderName | None = None,
    output_stride: Literal[8, 16] | None = None,
    track: TrackName | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    json: str | PathLike[str] | None = None,
    quiet: bool = False,
    verbose: bool = False,
    build: Builder | None = None,
) -> Benchmark:
    """Measure time and memory of a network on this machine, beside what the machine can do at most.

    Args:
        network: Run folder, or a comparison folder (then its model with the highest mIoU), or what `export` wrote: an
            ONNX file, or a folder with model.safetensors. Or an architecture: fcn, unet, pspnet, deeplabv3, and in the
            paper track fcn8s, fcn16s, fcn32s. A folder with such a name is meant by ./fcn.
        num_classes: Number of classes of an architecture. Default: 21.
        seconds: How long each of the measurements lasts, at least.
        size: Height and width of the images that the network gets, in pixels, or one number for both. Default: that of
            the training; 512 for an architecture.
        encoder: Encoder (backbone) of an architecture. One of resnet18, resnet34, resnet50, resnet101, resnext50_32x4d,
            vgg16_bn, mobilenet_v2, mobilenet_v3_large, efficientnet_b0, efficientnet_b1, efficientnet_b2,
            efficientnet_b3, efficientnet_b4, convnext_tiny, convnext_small, swin_t. Default: resnet18; in the paper
            track that of the paper.
        output_stride: Output stride of the encoder in PSPNet and DeepLabv3. One of 8, 16. Default: 16; in the paper
            track that of the paper.
        track: Of an architecture. encoder: on an encoder that all share. paper: as published. Default: encoder.
        batch_size: Images of a batch and of a training step. Default: that of the training; 8 for an architecture.
        device: Where to compute: auto, cpu, cuda, cuda:N (the GPU of number N, from 0) or mps (Apple's GPU). Default:
            auto, the GPU if there is one.
        precision: Number format of the forward pass. One of auto, fp32, bf16, fp16. Default: auto, bf16 where it is
            native; else fp16 on a GPU that is made for it, and fp32 elsewhere.
        json: Also write the numbers as JSON to this new file.
        quiet: Show only the result and warnings.
        verbose: Show more: versions and the machine, IoU of each class after each epoch, each image that is labelled.
        build: For a run of your own module, the function that builds it.

    Returns:
        The numbers, a dictionary as `json` writes it; `.table` has them as a table.

    Raises:
        SegarenaError: Something in the input is wrong; the message has what, where and a remedy.
    """
    result = run_command(BenchOptions, locals(), "bench")
    from segarena.results.benchmark import Benchmark

    return Benchmark(result)
