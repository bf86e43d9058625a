"""Eight bits: quantise the network of an ONNX graph with the ranges of activations on training images."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional as F

from segarena.errors import RunError
from segarena.formats import percent, plain, plural
from segarena.loading.decoded import to_tensor
from segarena.loading.sizes import working_size
from segarena.loading.transforms import resize_image
from segarena.models import SegmentationModel
from segarena.records.exported import Quantization
from segarena.training.evaluation import normalization_of, padded_size, to_input

if TYPE_CHECKING:
    from onnx import ModelProto

#: How much the validation mIoU may fall.
MOST_LOST = 0.005
#: Training images that the ranges are measured on, at most.
CALIBRATION_IMAGES = 32
#: Operations that ONNX Runtime computes with 8 bits on a processor; others, e.g. interpolation, stay in float32.
_OPERATIONS = ["Conv", "Add", "Mul", "Concat", "MaxPool", "Relu", "Clip", "GlobalAveragePool", "AveragePool"]


def quantize_network(
    network: ModelProto, model: SegmentationModel, size: int, images: Iterable[NDArray[Any]]
) -> ModelProto:
    """Quantise a network statically (onnxruntime.quantization): QDQ, a scale for each channel of the weights.

    The first convolution and those that compute class scores stay in float32. Weights have 8 bits: with 7, as ONNX
    Runtime advises for processors without VNNI, an FCN on MobileNetV2 lost 5 points of mIoU.

    Args:
        network: From `pixels` to `logits`, see `graph.export_network`.
        model: The network in PyTorch.
        size: The working size, in pixels of the shorter side.
        images: Training images, uint8 RGB (H, W, 3), or of other channels.

    Returns:
        The quantised network, with the same input and output.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import CalibrationDataReader
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self.inputs = _inputs(model, size, images)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            """The next input; None after the last one."""
            return next(self.inputs, None)

    logger = logging.getLogger()
    level = logger.level
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "network.onnx"), Path(folder, "int8.onnx")
        logger.setLevel(logging.ERROR)  # the library logs advice to the root
        try:
            onnx.save(network, before)
            quant_pre_process(before, before, skip_symbolic_shape=True)
            excluded = _sensitive(onnx.load(before), model.num_classes)
            quantize_static(
                before,
                after,
                Reader(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=_OPERATIONS,
                nodes_to_exclude=excluded,
                per_channel=True,
                reduce_range=False,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                extra_options={"CalibMovingAverage": True},
            )
        finally:
            logger.setLevel(level)
        return onnx.load(after)


def check_quantization(found: Quantization, where: object) -> None:
    """Raise RunError where the validation mIoU falls by more than `MOST_LOST`.

    Args:
        found: The scores in float32 and with 8 bits.
        where: The run.
    """
    lost = found.val_miou - found.val_miou_int8
    if lost <= MOST_LOST:
        return
    raise RunError(
        f"with 8 bits the validation mIoU falls from {percent(found.val_miou, 2)} to {percent(found.val_miou_int8, 2)}"
        f" ({plural(found.val_images, 'image')}), which is more than {plain(100 * MOST_LOST)} points."
        " Nothing was written",
        where=where,
        remedy="Export it without --int8, or another model of the comparison with it",
    )


def _sensitive(network: ModelProto, num_classes: int) -> list[str]:
    """Names of the convolutions whose rounding costs most: the first one, and those whose results are class scores."""
    shapes = {weights.name: tuple(weights.dims) for weights in network.graph.initializer}
    convolutions = [node for node in network.graph.node if node.op_type == "Conv"]
    scores = [node for node in convolutions if shapes.get(node.input[1], (0,))[0] == num_classes]
    return [node.name for node in (*convolutions[:1], *scores)]


def _inputs(
    model: SegmentationModel, size: int, images: Iterable[NDArray[Any]]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """The network's input for each image, as the evaluation prepares it."""
    for image in images:
        height, width = image.shape[:2]
        pixels = to_tensor(np.array(image))
        small = resize_image(pixels, working_size(height, width, size))[None]
        rows, columns = small.shape[-2:]
        tall, wide = padded_size(model, (rows, columns))
        padded = F.pad(to_input(small, "cpu", normalization_of(model)), (0, wide - columns, 0, tall - rows))
        yield {"pixels": padded.contiguous().numpy()}
