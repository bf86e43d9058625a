"""The part of an ONNX graph before the network: resize, normalise and pad, as the evaluation does it, to the bit.

ONNX's Resize with antialiasing rounds the weights of pixels to other numbers than PyTorch does for uint8 images: with
it up to 1.4% of the values differ by one. Here the weights are computed in the graph as PyTorch computes them
(`upsample_bilinear2d` with antialias, as in Pillow: triangular filter, weights of 16 bits, rows after columns, rounded
in between), and summed tap by tap in a loop, in integers. Time and memory are proportional to the image.
"""

from __future__ import annotations

from collections.abc import Sequence

from segarena.data.transforms import IMAGENET_MEAN, IMAGENET_STD

#: Opset of the exported graphs: the first with antialiasing, which other tools expect of a recent file.
OPSET = 18

_AXIS = """
  P_from = Cast <to=11> (LENGTH)
  P_to = Cast <to=11> (TARGET)
  P_scale = Div (P_from, P_to)
  P_support = Max (P_scale, in_one_d)
  P_pixel = Range (in_zero, TARGET, in_one)
  P_pixel_d = Cast <to=11> (P_pixel)
  P_middle = Add (P_pixel_d, in_half_d)
  P_center = Mul (P_middle, P_scale)
  P_low = Sub (P_center, P_support)
  P_low_rounded = Add (P_low, in_half_d)
  P_low_inside = Max (P_low_rounded, in_zero_d)
  P_first = Cast <to=7> (P_low_inside)
  P_high = Add (P_center, P_support)
  P_high_rounded = Add (P_high, in_half_d)
  P_high_whole = Cast <to=7> (P_high_rounded)
  P_stop_1d = Min (P_high_whole, LENGTH)
  P_widths = Sub (P_stop_1d, P_first)
  P_taps = ReduceMax <keepdims=0> (P_widths)
  P_tap_1d = Range (in_zero, P_taps, in_one)
  P_tap = Unsqueeze (P_tap_1d, in_axis_1)
  P_source = Add (P_first, P_tap)
  P_source_d = Cast <to=11> (P_source)
  P_left = Sub (P_source_d, P_center)
  P_offset = Add (P_left, in_half_d)
  P_relative = Div (P_offset, P_support)
  P_distance = Abs (P_relative)
  P_slope = Sub (in_one_d, P_distance)
  P_triangle = Max (P_slope, in_zero_d)
  P_is_tap = Less (P_source, P_stop_1d)
  P_filter = Where (P_is_tap, P_triangle, in_zero_d)
  P_sum = ReduceSum <keepdims=1> (P_filter, in_axis_0)
  P_weight = Div (P_filter, P_sum)
  P_largest = ReduceMax <keepdims=0> (P_weight)
  P_scaled = Mul (P_largest, in_powers)
  P_scaled_rounded = Add (P_scaled, in_half_d)
  P_fits = Less (P_scaled_rounded, in_limit_d)
  P_fits_i = Cast <to=7> (P_fits)
  P_bits = ReduceSum <keepdims=0> (P_fits_i)
  P_bits_d = Cast <to=11> (P_bits)
  P_unit_d = Pow (in_two_d, P_bits_d)
  P_fixed = Mul (P_weight, P_unit_d)
  P_fixed_rounded = Add (P_fixed, in_half_d)
  P_whole_2d = Cast <to=6> (P_fixed_rounded)
  P_whole = Unsqueeze (P_whole_2d, in_axes_23)
  P_last = Sub (LENGTH, in_one)
  P_index = Min (P_source, P_last)
  P_unit = Cast <to=6> (P_unit_d)
  P_half = Div (P_unit, in_two_i)
  P_values = Cast <to=6> (SOURCE)
  P_index_0 = Gather <axis=0> (P_index, in_zero)
  P_whole_0 = Gather <axis=0> (P_whole, in_zero)
  P_taken_0 = Gather <axis=1> (P_values, P_index_0)
  P_product_0 = Mul (P_taken_0, P_whole_0)
  P_start = Add (P_product_0, P_half)
  P_others = Sub (P_taps, in_one)
  P_total = Loop (P_others, in_true, P_start) <body = P_tap_by_tap
    (int64 P_i, bool P_go, int32[P_N, P_A, P_B, P_C] P_before) => (bool P_on, int32[P_N, P_A, P_B, P_C] P_after) {
      P_on = Identity (P_go)
      P_k = Add (P_i, in_one)
      P_index_k = Gather <axis=0> (P_index, P_k)
      P_whole_k = Gather <axis=0> (P_whole, P_k)
      P_taken = Gather <axis=1> (P_values, P_index_k)
      P_product = Mul (P_taken, P_whole_k)
      P_after = Add (P_before, P_product)
  }>
  P_mean = Div (P_total, P_unit)
  P_clipped = Min (P_mean, in_most_i)
  RESULT = Cast <to=TYPE> (P_clipped)
"""

_GRAPH = """
<ir_version: 9, opset_import: ["" : OPSET]>
preprocessing (uint8[N, H, W, 3] image) => (float[N, 3, in_tall, in_wide] pixels)
<
  int64 in_zero = {0}, int64 in_one = {1}, int64 in_two = {2}, int64 in_least = {32}, int64 in_multiple = {MULTIPLE},
  double in_zero_d = {0}, double in_half_d = {0.5}, double in_one_d = {1}, double in_two_d = {2},
  double in_limit_d = {32768}, double in_size_d = {SIZE}, double[22] in_powers = {POWERS},
  int32 in_two_i = {2}, int32 in_most_i = {255}, bool in_true = {1},
  int64[1] in_axis_0 = {0}, int64[1] in_axis_1 = {1}, int64[2] in_axes_23 = {2, 3},
  int64[6] in_before = {0, 0, 0, 0, 0, 0},
  float[1, 3, 1, 1] in_mean = {MEAN}, float[1, 3, 1, 1] in_std = {STD}
>
{
  in_shape = Shape (image)
  in_height = Gather (in_shape, in_one)
  in_width = Gather (in_shape, in_two)
  in_height_d = Cast <to=11> (in_height)
  in_width_d = Cast <to=11> (in_width)
  in_shorter = Min (in_height_d, in_width_d)
  in_factor = Div (in_size_d, in_shorter)
  in_rows_exact = Mul (in_height_d, in_factor)
  in_rows_d = Round (in_rows_exact)
  in_rows_i = Cast <to=7> (in_rows_d)
  in_rows = Max (in_rows_i, in_least)
  in_columns_exact = Mul (in_width_d, in_factor)
  in_columns_d = Round (in_columns_exact)
  in_columns_i = Cast <to=7> (in_columns_d)
  in_columns = Max (in_columns_i, in_least)
  in_turned = Transpose <perm = [0, 2, 1, 3]> (image)
  COLUMN_PASS
  in_turned_back = Transpose <perm = [0, 2, 1, 3]> (in_narrow)
  ROW_PASS
  in_small = Transpose <perm = [0, 3, 1, 2]> (in_resized)
  in_centred = Sub (in_small, in_mean)
  in_normalized = Div (in_centred, in_std)
  in_row_rest = Mod (in_rows, in_multiple)
  in_row_missing = Sub (in_multiple, in_row_rest)
  in_row_padding = Mod (in_row_missing, in_multiple)
  in_column_rest = Mod (in_columns, in_multiple)
  in_column_missing = Sub (in_multiple, in_column_rest)
  in_column_padding = Mod (in_column_missing, in_multiple)
  in_row_padding_1d = Unsqueeze (in_row_padding, in_axis_0)
  in_column_padding_1d = Unsqueeze (in_column_padding, in_axis_0)
  in_padding = Concat <axis = 0> (in_before, in_row_padding_1d, in_column_padding_1d)
  pixels = Pad <mode = "constant"> (in_normalized, in_padding)
}
"""


def preprocessing_text(size: int, multiple: int) -> str:
    """Write the graph from an image, uint8 (N, H, W, 3), to the network's input `pixels`, float32 (N, 3, h, w).

    Args:
        size: The working size: pixels of the shorter side of the resized image.
        multiple: Height and width of the input are padded to multiples of this, with the mean colour.

    Returns:
        A model in ONNX's text syntax. Its values `in_rows` and `in_columns`, int64, are the size before padding.
    """
    float32, uint8 = 1, 2
    columns = _axis("in_columns_pass", "in_turned", "in_width", "in_columns", "in_narrow", uint8)
    rows = _axis("in_rows_pass", "in_turned_back", "in_height", "in_rows", "in_resized", float32)
    text = _GRAPH.replace("COLUMN_PASS", columns).replace("ROW_PASS", rows)
    filled = {
        "OPSET": str(OPSET),
        "MULTIPLE": str(multiple),
        "SIZE": str(size),
        "POWERS": ", ".join(str(2 ** (bits + 1)) for bits in range(22)),
        "MEAN": _times_255(IMAGENET_MEAN),
        "STD": _times_255(IMAGENET_STD),
    }
    for name, value in filled.items():
        text = text.replace(f"{{{name}}}", f"{{{value}}}").replace(f": {name}]", f": {value}]")
    return text


def _axis(prefix: str, source: str, length: str, target: str, result: str, kind: int) -> str:
    """Resize (N, LENGTH, B, C) to (N, TARGET, B, C)."""
    text = _AXIS.replace("P_", f"{prefix}_").replace("SOURCE", source).replace("LENGTH", length)
    return text.replace("TARGET", target).replace("RESULT", result).replace("TYPE", str(kind))


def _times_255(values: Sequence[float]) -> str:
    """As `normalize` computes them: rounded to float32, times 255, rounded again."""
    import numpy as np

    return ", ".join(repr(float(value)) for value in np.asarray(values, np.float32) * np.float32(255))
