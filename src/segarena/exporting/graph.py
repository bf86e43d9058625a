"""One ONNX graph from a trained network: image in, class map out, any size and any batch."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from segarena.exporting.postprocessing import postprocessing_text
from segarena.exporting.preprocessing import OPSET, preprocessing_text
from segarena.models import SegmentationModel
from segarena.records.run import ChannelValues

if TYPE_CHECKING:
    from onnx import ModelProto

#: Number, height and width of the example that the network is traced with. A dimension of 1 would stay 1 in the graph,
#: as would a single window of Swin's coarsest map.
_EXAMPLE = (2, 256, 288)


class NativeLogits(nn.Module):
    """A network as a function from its input to its native logits.

    Args:
        model: The network in eval mode.
    """

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute native logits (N, num_classes, h, w) of normalised images (N, C, H, W)."""
        logits: Tensor = self.model(pixels, size="native").logits
        return logits


def build_graph(
    network: ModelProto,
    size: int,
    multiple: int,
    num_classes: int,
    channels: ChannelValues | None = None,
    *,
    probabilities: bool,
) -> ModelProto:
    """Build the graph from an image to its class map.

    Args:
        network: From `pixels` to `logits`, see `export_network`.
        size: The working size, in pixels of the shorter side.
        multiple: The network's `size_multiple`.
        num_classes: Number of classes C.
        channels: The channels of the images; None for RGB.
        probabilities: Add the output `probabilities`, float32 (N, C, H, W).

    Returns:
        A model of opset 18 with the input `image`, uint8 RGB (N, H, W, 3) or of the type and number of the channels,
        and the output `labels`, uint8 (N, H, W).
    """
    import onnx

    before = onnx.parser.parse_model(preprocessing_text(size, multiple, channels))
    after = onnx.parser.parse_model(postprocessing_text(num_classes, probabilities=probabilities))
    graph = onnx.helper.make_graph(
        [*before.graph.node, *network.graph.node, *after.graph.node],
        "segarena",
        list(before.graph.input),
        list(after.graph.output),
        [*before.graph.initializer, *network.graph.initializer, *after.graph.initializer],
    )
    whole: ModelProto = onnx.helper.make_model(
        graph,
        opset_imports=list(network.opset_import),
        functions=list(network.functions),
        ir_version=network.ir_version,
        producer_name="segarena",
    )
    return whole


def save_graph(graph: ModelProto, facts: Mapping[str, str], path: Path) -> None:
    """Write an ONNX file.

    Args:
        graph: The graph.
        facts: Texts for its metadata, by name; those of before are replaced.
        path: The file.
    """
    import onnx

    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, dict(facts))
    onnx.checker.check_model(graph)
    path.write_bytes(graph.SerializeToString())


def export_network(model: SegmentationModel, channels: int = 3) -> ModelProto:
    """Export a network, by itself, from `pixels`, float32 (N, B, h, w), to native `logits`, float32 (N, C, r, c).

    Args:
        model: The network in eval mode, on the CPU, in float32. It is not changed.
        channels: Number of channels B of an image.
    """
    import onnx

    axes = {0: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    with _quiet():
        program = torch.onnx.export(
            NativeLogits(copy.deepcopy(model)).eval(),
            (torch.zeros(_EXAMPLE[0], channels, *_EXAMPLE[1:]),),
            input_names=["pixels"],
            output_names=["logits"],
            dynamic_shapes={"pixels": axes},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    exported: ModelProto = program.model_proto
    return onnx.version_converter.convert_version(exported, OPSET) if _opset(exported) != OPSET else exported


def _opset(model: ModelProto) -> int:
    version: int = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return version


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter prints about its own work; errors are raised all the same."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
