"""The part of an ONNX graph behind the network: logits are enlarged to the image's size, and the largest one is chosen.

The columns of the logits are enlarged at once, the rows strip by strip, so that the logits at the image's size are
never in memory as a whole, and those of a strip are still in the processor's cache when the largest one is chosen.
Pixels and logits are where `kernels.upsample_argmax` has them: the size of an image is not always a multiple of the
distance of the logits. Therefore columns are enlarged by a factor, not to a size, and cut off; a repeated last column
makes sure that there are enough where the factor is rounded. A row of pixels is a weighted sum of two rows of logits:
the rows of a strip are the product of a matrix of these weights and the rows of logits that the strip is between.
"""

from __future__ import annotations

from segarena.exporting.preprocessing import OPSET

#: Logits of a strip, about: 512 KiB.
_STRIP = 1 << 17

_GRAPH = """
<ir_version: 9, opset_import: ["" : OPSET]>
postprocessing (uint8[N, H, W, B] image, float[N, B, in_tall, in_wide] pixels, float[N, CLASSES, out_r, out_c] logits,
  int64 in_height, int64 in_width, int64 in_rows, int64 in_columns) => (OUTPUTS)
<
  int64 out_zero = {0}, int64 out_one = {1}, int64 out_two = {2}, int64 out_three = {3}, bool out_true = {1},
  double out_zero_d = {0}, double out_half_d = {0.5}, float out_one_f = {1}, float out_zero_f = {0},
  int64 out_strip = {STRIP}, int64[1] out_axis = {0}, int64[1] out_axis_1 = {1}, int64[1] out_axis_2 = {2},
  int64[1] out_three_1d = {3}, int64[1] out_four_1d = {4},
  int64[8] out_edge = {0, 0, 0, 0, 0, 0, 0, 1}, float[3] out_ones = {1, 1, 1}, int64[2] out_begin = {0, 0},
  CONSTANTS
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
  out_right_f = Cast <to=1> (out_right)
  out_right_1d = Unsqueeze (out_right_f, out_axis)
  out_factors = Concat <axis = 0> (out_ones, out_right_1d)
  out_extended = Pad <mode = "edge"> (logits, out_edge)
  out_wider = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"> (out_extended, , out_factors)
  out_row = Range (out_zero, in_height, out_one)
  out_row_d = Cast <to=11> (out_row)
  out_middle = Add (out_row_d, out_half_d)
  out_in_grid = Div (out_middle, out_down)
  out_unclipped = Sub (out_in_grid, out_half_d)
  out_last_row = Sub (out_grid_rows, out_one)
  out_last_row_d = Cast <to=11> (out_last_row)
  out_positive = Max (out_unclipped, out_zero_d)
  out_place_d = Min (out_positive, out_last_row_d)
  out_place = Cast <to=1> (out_place_d)
  out_before = Cast <to=7> (out_place_d)
  out_row_size_all = Size (out_wider)
  out_row_size = Div (out_row_size_all, out_grid_rows)
  out_fitting = Div (out_strip, out_row_size)
  out_some = Max (out_fitting, out_one)
  out_height_of_strip = Min (out_some, in_height)
  out_rounded_up = Add (in_height, out_height_of_strip)
  out_most = Sub (out_rounded_up, out_one)
  out_strips = Div (out_most, out_height_of_strip)
  out_wider_shape = Shape (out_wider)
  out_width_of_strip = Slice (out_wider_shape, out_three_1d, out_four_1d)
  out_in_strip = Range (out_zero, out_height_of_strip, out_one)
  out_bottom = Sub (in_height, out_one)
  out_height_1d = Unsqueeze (in_height, out_axis)
  out_width_1d = Unsqueeze (in_width, out_axis)
  out_end = Concat <axis = 0> (out_height_1d, out_width_1d)
  LABELS
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
  RESULT = Div (F_size_d, F_extent)
"""

#: The logits of all strips, and what is computed of them. Rows below the image repeat its last one, and are cut off.
_STRIPS = """
  S_strips = Loop (out_strips, out_true) <body = S_strip (int64 S_i, bool S_go) => (bool S_on, KIND S_found) {
    S_on = Identity (S_go)
    S_above = Mul (S_i, out_height_of_strip)
    S_row_inside = Add (out_in_strip, S_above)
    S_row = Min (S_row_inside, out_bottom)
    S_places = Gather <axis = 0> (out_place, S_row)
    S_place = Unsqueeze (S_places, out_axis_1)
    S_before = Gather <axis = 0> (out_before, S_row)
    S_first = ReduceMin <keepdims = 0> (S_before)
    S_last = ReduceMax <keepdims = 0> (S_before)
    S_stop = Add (S_last, out_two)
    S_stop_inside = Min (S_stop, out_grid_rows)
    S_grid_row = Range (S_first, S_stop_inside, out_one)
    S_grid_row_f = Cast <to=1> (S_grid_row)
    S_offset = Sub (S_place, S_grid_row_f)
    S_distance = Abs (S_offset)
    S_slope = Sub (out_one_f, S_distance)
    S_weights = Max (S_slope, out_zero_f)
    S_first_1d = Unsqueeze (S_first, out_axis)
    S_stop_1d = Unsqueeze (S_stop_inside, out_axis)
    S_between = Slice (out_wider, S_first_1d, S_stop_1d, out_axis_2)
    S_logits = MatMul (S_weights, S_between)
    FOUND
  }>
"""

_LABELS = """
    S_winner = ArgMax <axis = 1, keepdims = 0, select_last_index = 0> (S_logits)
    S_found = Cast <to=2> (S_winner)
"""

_PROBABILITIES = """
    S_found = Softmax <axis = 1> (S_logits)
"""

#: Strips of (strips, N, rows, W) or (strips, N, C, rows, W) as one.
_JOINED = """
  S_turned = Transpose <perm = [PERM]> (S_strips)
  S_shape = Concat <axis = 0> (S_kept, out_width_of_strip)
  S_all = Reshape (S_turned, S_shape)
  RESULT = Slice (S_all, out_begin, out_end, S_axes)
"""


def postprocessing_text(num_classes: int, *, probabilities: bool) -> str:
    """Write the graph from native `logits`, float32 (N, C, r, c), to `labels`, uint8 (N, H, W).

    Args:
        num_classes: Number of classes C.
        probabilities: Add the output `probabilities`, float32 (N, C, H, W).

    Returns:
        A model in ONNX's text syntax.
    """
    outputs, constants = ["uint8[N, H, W] labels"], ["int64[2] out_l_kept = {0, -1}, int64[2] out_l_axes = {1, 2}"]
    parts = {
        "LABELS": _strips("out_l_", "uint8[S_n, S_h, S_w]", _LABELS, "1, 0, 2, 3", "labels"),
        "PROBABILITIES": "",
        "ROWS": _factor("out_vertical", "out_tall", "out_grid_rows", "in_rows", "in_height", "out_down"),
        "COLUMNS": _factor("out_horizontal", "out_wide", "out_grid_columns", "in_columns", "in_width", "out_right"),
    }
    if probabilities:  # an initialiser that nothing uses would be a warning of ONNX Runtime
        outputs += [f"float[N, {num_classes}, H, W] probabilities"]
        constants += ["int64[3] out_p_kept = {0, 0, -1}, int64[2] out_p_axes = {2, 3}"]
        kind = "float[S_n, S_c, S_h, S_w]"
        parts["PROBABILITIES"] = _strips("out_p_", kind, _PROBABILITIES, "1, 2, 0, 3, 4", "probabilities")
    parts |= {"OUTPUTS": ", ".join(outputs), "CONSTANTS": ", ".join(constants)}
    text = _GRAPH
    for name, value in (parts | {"CLASSES": str(num_classes), "STRIP": str(_STRIP), "OPSET": str(OPSET)}).items():
        text = text.replace(name, value)
    return text


def _factor(prefix: str, tall: str, grid: str, small: str, size: str, result: str) -> str:
    text = _FACTOR.replace("F_", f"{prefix}_").replace("TALL", tall).replace("GRID", grid).replace("SMALL", small)
    return text.replace("SIZE", size).replace("RESULT", result)


def _strips(prefix: str, kind: str, found: str, perm: str, result: str) -> str:
    text = _STRIPS.replace("FOUND", found.strip()) + _JOINED.replace("PERM", perm).replace("RESULT", result)
    return text.replace("KIND", kind).replace("S_", prefix)
