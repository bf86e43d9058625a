"""The part of an ONNX graph before the network: resize, normalise and pad, as the evaluation does it, to the bit.

ONNX's Resize with antialiasing rounds the weights of pixels to other numbers than PyTorch does for uint8 images: with
it up to 1.4% of the values differ by one. Here the weights are computed in the graph as PyTorch computes them
(`upsample_bilinear2d` with antialias, as in Pillow: triangular filter, weights of 16 bits, rows after columns, rounded
in between), and summed tap by tap in a loop, in integers; for images of 16 bits and of floating-point values, which
PyTorch resizes as such, in float32. Time and memory are proportional to the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from segarena.loading.transforms import IMAGENET_MEAN, IMAGENET_STD
from segarena.records.run import ChannelValues

#: Opset of the exported graphs: the first with antialiasing, which other tools expect of a recent file.
OPSET = 18
#: Types of images as ONNX names them.
_NAMES = {"uint8": "uint8", "uint16": "uint16", "float32": "float"}

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
  WEIGHTS
  P_whole = Unsqueeze (P_weights_2d, BEHIND)
  P_last = Sub (LENGTH, in_one)
  P_index = Min (P_source, P_last)
  P_values = Cast <to=NUMBER> (SOURCE)
  P_index_0 = Gather <axis=0> (P_index, in_zero)
  P_whole_0 = Gather <axis=0> (P_whole, in_zero)
  P_taken_0 = Gather <axis=AXIS> (P_values, P_index_0)
  START
  P_others = Sub (P_taps, in_one)
  P_total = Loop (P_others, in_true, P_start) <body = P_tap_by_tap
    (int64 P_i, bool P_go, KIND[P_N, P_A, P_B, P_C] P_before) => (bool P_on, KIND[P_N, P_A, P_B, P_C] P_after) {
      P_on = Identity (P_go)
      P_k = Add (P_i, in_one)
      P_index_k = Gather <axis=0> (P_index, P_k)
      P_whole_k = Gather <axis=0> (P_whole, P_k)
      P_taken = Gather <axis=AXIS> (P_values, P_index_k)
      P_product = Mul (P_taken, P_whole_k)
      P_after = Add (P_before, P_product)
  }>
  FINISH
"""

#: Images of 8 bits: integers, rounded to 8 bits after each axis.
_INTEGERS = {
    "KIND": "int32",
    "NUMBER": "6",
    "WEIGHTS": """
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
  P_weights_2d = Cast <to=6> (P_fixed_rounded)
  P_unit = Cast <to=6> (P_unit_d)
  P_half = Div (P_unit, in_two_i)
""",
    "START": """
  P_product_0 = Mul (P_taken_0, P_whole_0)
  P_start = Add (P_product_0, P_half)
""",
    "FINISH": """
  P_total_u = Cast <to=12> (P_total)
  P_bits_u = Cast <to=12> (P_bits)
  P_mean = BitShift <direction = "RIGHT"> (P_total_u, P_bits_u)
  P_clipped = Min (P_mean, in_most_u)
  RESULT = Cast <to=TYPE> (P_clipped)
""",
}
_INTEGER_CONSTANTS = """
  double in_two_d = {2}, double in_limit_d = {32768}, double[22] in_powers = {POWERS},
  int32 in_two_i = {2}, uint32 in_most_u = {255},"""

#: Other images: float32.
_FLOATS = {
    "KIND": "float",
    "NUMBER": "1",
    "WEIGHTS": "P_weights_2d = Cast <to=1> (P_weight)",
    "START": "P_start = Mul (P_taken_0, P_whole_0)",
    "FINISH": "RESULT = Identity (P_total)",
}

_GRAPH = """
<ir_version: 9, opset_import: ["" : OPSET]>
preprocessing (DTYPE[N, H, W, CHANNELS] image) => (float[N, CHANNELS, in_tall, in_wide] pixels)
<
  int64 in_zero = {0}, int64 in_one = {1}, int64 in_two = {2}, int64 in_least = {32}, int64 in_multiple = {MULTIPLE},
  double in_zero_d = {0}, double in_half_d = {0.5}, double in_one_d = {1},
  double in_size_d = {SIZE}, CONSTANTS bool in_true = {1},
  int64[1] in_axis_0 = {0}, int64[1] in_axis_1 = {1}, int64[1] in_axis_2 = {2}, int64[2] in_axes_23 = {2, 3},
  int64[6] in_before = {0, 0, 0, 0, 0, 0},
  float[1, CHANNELS, 1, 1] in_mean = {MEAN}, float[1, CHANNELS, 1, 1] in_std = {STD}
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
  in_turned = Transpose <perm = [0, 2, 3, 1]> (image)
  COLUMN_PASS
  in_turned_back = Transpose <perm = [0, 2, 3, 1]> (in_narrow)
  ROW_PASS
  in_centred = Sub (in_resized, in_mean)
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


def preprocessing_text(size: int, multiple: int, channels: ChannelValues | None = None) -> str:
    """Write the graph from an image, (N, H, W, C), to the network's input `pixels`, float32 (N, C, h, w).

    Args:
        size: The working size: pixels of the shorter side of the resized image.
        multiple: Height and width of the input are padded to multiples of this, with the mean colour.
        channels: The channels of the images, with their type; None for RGB, uint8.

    Returns:
        A model in ONNX's text syntax. Its values `in_rows` and `in_columns`, int64, are the size before padding.
    """
    if channels is None:
        dtype, mean, std = "uint8", _times_255(IMAGENET_MEAN), _times_255(IMAGENET_STD)
    else:
        dtype, mean, std = channels.dtype, _float32(channels.mean), _float32(channels.std)
    whole = dtype == "uint8"
    kinds = _INTEGERS if whole else _FLOATS
    columns = _axis(kinds, "in_columns_pass", "in_turned", "in_width", "in_columns", "in_narrow", "2", 1)
    rows = _axis(kinds, "in_rows_pass", "in_turned_back", "in_height", "in_rows", "in_resized", "1", 2)
    text = _GRAPH.replace("COLUMN_PASS", columns).replace("ROW_PASS", rows)
    text = text.replace("CONSTANTS", _INTEGER_CONSTANTS if whole else "").replace("OPSET]", f"{OPSET}]")
    text = text.replace("CHANNELS", str(3 if channels is None else len(channels.numbers))).replace(
        "DTYPE", _NAMES[dtype]
    )
    filled = {
        "MULTIPLE": str(multiple),
        "SIZE": str(size),
        "POWERS": ", ".join(str(2 ** (bits + 1)) for bits in range(22)),
        "MEAN": mean,
        "STD": std,
    }
    for name, value in filled.items():
        text = text.replace(f"{{{name}}}", f"{{{value}}}")
    return text


def _axis(
    kinds: Mapping[str, str], prefix: str, source: str, length: str, target: str, result: str, kind: str, axis: int
) -> str:
    """Resize (N, LENGTH, B, C), or of axis 2 (N, B, LENGTH, C), to the TARGET."""
    text = _AXIS
    for name, part in kinds.items():
        text = text.replace(name, part.strip())
    text = text.replace("P_", f"{prefix}_").replace("SOURCE", source).replace("LENGTH", length)
    text = text.replace("TARGET", target).replace("RESULT", result).replace("TYPE", kind)
    return text.replace("AXIS", str(axis)).replace("BEHIND", "in_axes_23" if axis == 1 else "in_axis_2")


def _times_255(values: Sequence[float]) -> str:
    """As `normalize` computes them: rounded to float32, times 255, rounded again."""
    return _float32(np.asarray(values, np.float32) * np.float32(255))


def _float32(values: Sequence[float] | NDArray[np.float32]) -> str:
    return ", ".join(repr(float(value)) for value in np.asarray(values, np.float32))
