"""The part of an ONNX graph behind the network: logits are enlarged to the image's size, and the largest one is chosen.

The size of an image is not always a multiple of the distance of the logits. Therefore the logits are enlarged by a
factor, not to a size, and cut off: then pixels and logits are where `kernels.upsample_argmax` has them. A repeated last
row and column make sure that the enlarged logits are not shorter than the image where the factor is rounded.
"""

from __future__ import annotations

from segarena.exporting.preprocessing import OPSET

_GRAPH = """
<ir_version: 9, opset_import: ["" : OPSET]>
postprocessing (uint8[N, H, W, 3] image, float[N, 3, in_tall, in_wide] pixels, float[N, CLASSES, out_r, out_c] logits,
  int64 in_height, int64 in_width, int64 in_rows, int64 in_columns) => (OUTPUTS)
<
  int64 out_two = {2}, int64 out_three = {3}, int64[1] out_axis = {0}, int64[8] out_edge = {0, 0, 0, 0, 0, 0, 1, 1},
  float[2] out_ones = {1, 1}, int64[2] out_begin = {0, 0}, int64[2] out_axes = {1, 2}LAST_AXES
>
{
  out_padded_shape = Shape (pixels)
  out_tall = Gather (out_padded_shape, out_two)
  out_wide = Gather (out_padded_shape, out_three)
  out_grid_shape = Shape (logits)
  out_grid_rows = Gather (out_grid_shape, out_two)
  out_grid_columns = Gather (out_grid_shape, out_three)
  ROWS
  COLUMNS
  out_down_1d = Unsqueeze (out_down, out_axis)
  out_right_1d = Unsqueeze (out_right, out_axis)
  out_factors = Concat <axis = 0> (out_ones, out_down_1d, out_right_1d)
  out_extended = Pad <mode = "edge"> (logits, out_edge)
  out_enlarged = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"> (out_extended, , out_factors)
  out_height_1d = Unsqueeze (in_height, out_axis)
  out_width_1d = Unsqueeze (in_width, out_axis)
  out_end = Concat <axis = 0> (out_height_1d, out_width_1d)
  out_winner = ArgMax <axis = 1, keepdims = 0, select_last_index = 0> (out_enlarged)
  out_all_labels = Cast <to=2> (out_winner)
  labels = Slice (out_all_labels, out_begin, out_end, out_axes)
  PROBABILITIES
}
"""

#: Pixels of the image from one logit to the next: H / (rows of the working size / (padded rows / rows of the grid)).
_FACTOR = """
  F_tall_d = Cast <to=11> (TALL)
  F_grid_d = Cast <to=11> (GRID)
  F_stride = Div (F_tall_d, F_grid_d)
  F_small_d = Cast <to=11> (SMALL)
  F_extent = Div (F_small_d, F_stride)
  F_size_d = Cast <to=11> (SIZE)
  F_factor = Div (F_size_d, F_extent)
  RESULT = Cast <to=1> (F_factor)
"""

_PROBABILITIES = """
  out_cut = Slice (out_enlarged, out_begin, out_end, out_last_axes)
  probabilities = Softmax <axis = 1> (out_cut)
"""


def postprocessing_text(num_classes: int, *, probabilities: bool) -> str:
    """Write the graph from native `logits`, float32 (N, C, r, c), to `labels`, uint8 (N, H, W).

    Args:
        num_classes: Number of classes C.
        probabilities: Add the output `probabilities`, float32 (N, C, H, W).

    Returns:
        A model in ONNX's text syntax.
    """
    outputs = "uint8[N, H, W] labels"
    if probabilities:
        outputs += f", float[N, {num_classes}, H, W] probabilities"
    text = _GRAPH.replace("OUTPUTS", outputs).replace("CLASSES", str(num_classes)).replace(": OPSET]", f": {OPSET}]")
    # An initialiser that nothing uses would be a warning of ONNX Runtime.
    text = text.replace("LAST_AXES", ", int64[2] out_last_axes = {2, 3}" if probabilities else "")
    text = text.replace("PROBABILITIES", _PROBABILITIES if probabilities else "")
    text = text.replace(
        "ROWS", _factor("out_vertical", "out_tall", "out_grid_rows", "in_rows", "in_height", "out_down")
    )
    return text.replace(
        "COLUMNS", _factor("out_horizontal", "out_wide", "out_grid_columns", "in_columns", "in_width", "out_right")
    )


def _factor(prefix: str, tall: str, grid: str, small: str, size: str, result: str) -> str:
    text = _FACTOR.replace("F_", f"{prefix}_").replace("TALL", tall).replace("GRID", grid).replace("SMALL", small)
    return text.replace("SIZE", size).replace("RESULT", result)
