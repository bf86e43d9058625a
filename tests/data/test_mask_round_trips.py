"""Labels written in any encoding, with any values, at any size, are read back as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from encoding_zoo import WRITERS, Value, write_classes
from segarena.data.folder import FolderSource

Labels = NDArray[np.int64]
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass
class Case:
    """Label maps, the value of each label (void last, if any), and how the mask files have them."""

    writer: str
    labels: list[Labels]
    values: list[Value]
    void: bool
    declared: bool


BITS = [name for name in WRITERS if name.startswith("bits")]
COLORS = [name for name in WRITERS if name.startswith(("RGB", "colours"))]
WIDE = [name for name in WRITERS if name.startswith(("16", "32", "float"))]


@st.composite
def cases(draw: Draw) -> Case:
    """Any encoding with values that it can hold; what classes.yaml is needed for comes with one."""
    writer = draw(st.sampled_from(list(WRITERS)))
    kinds = (
        ["bits"] if writer in BITS else ["colours"] if writer in COLORS else ["numbers", "spread greys", "two levels"]
    )
    kind = draw(st.sampled_from([*kinds, *["wide"] * (writer in WIDE)]))
    # one file's own palette is everybody's: only a declaration says that its colours count
    declared = writer == "colours in palettes" or draw(st.booleans())
    void = kind == "numbers" and draw(st.booleans())
    values: list[Value]
    if kind == "numbers":
        numbers = st.integers(0, 254 if declared else 63)
        values = sorted(draw(st.lists(numbers, min_size=2, max_size=9, unique=True)))
        values += [255] * void
    elif kind == "spread greys":
        steps = draw(st.lists(st.integers(0, 15), min_size=2, max_size=7, unique=True))
        values = sorted({*(17 * step for step in steps), 102})
        if 2 < len(values) < 4 + (0 in values):  # too few to show a step; 255 beside them could be void, and is refused
            values = [value for value in values if value != 255]
    elif kind == "two levels":
        values = [(low := draw(st.integers(0, 191))), draw(st.integers(low + 64, 255))]
    elif kind == "wide":
        values = sorted(300 * step for step in draw(st.lists(st.integers(1, 218), min_size=2, max_size=7, unique=True)))
    elif kind == "bits":
        values = [0, draw(st.sampled_from([1, 255]))] if declared else [0, 255]
    else:
        channel = st.sampled_from([0, 37, 64, 128, 192, 255])
        colors = draw(st.lists(st.tuples(channel, channel, channel), min_size=2, max_size=9, unique=True))
        values = sorted({*colors, (12, 200, 90), (200, 12, 90)})  # two that are not grey
    return Case(writer, draw(label_maps(len(values))), values, void, declared)


@st.composite
def label_maps(draw: Draw, count: int) -> list[Labels]:
    """One or two maps of blocks, 3 to 6 pixels wide: `count` labels, all of which occur in the first map."""
    maps = []
    for number in range(draw(st.integers(1, 2))):
        rows = draw(st.integers(0 if number == 0 else 1, 3))
        blocks = draw(
            st.lists(st.lists(st.integers(0, count - 1), min_size=count, max_size=count), min_size=rows, max_size=rows)
        )
        if number == 0:
            blocks.append(draw(st.permutations(range(count))))
        maps.append(np.kron(np.array(blocks), np.ones((draw(st.integers(3, 6)), draw(st.integers(3, 6))), dtype=int)))
    return maps


def check_round_trip(case: Case) -> None:
    suffix, make = WRITERS[case.writer]
    with TemporaryDirectory() as folder:
        for kind in ("images", "masks"):
            (Path(folder) / kind).mkdir()
        for number, labels in enumerate(case.labels):
            image, options = make(np.array(case.values)[labels])
            image.save(Path(folder) / "masks" / f"{number}.{suffix}", **options)
            Image.new("RGB", labels.shape[::-1]).save(Path(folder) / "images" / f"{number}.jpg")
        classes = case.values[:-1] if case.void else case.values
        if case.declared:
            write_classes(Path(folder), tuple(classes), (255,) if case.void else ())
        source = FolderSource(Path(folder))
        assert source.classes.num_classes == len(classes)
        assert [entry.value for entry in source.classes.classes] == classes
        for number, labels in enumerate(case.labels):
            expected = np.where(labels == len(classes), 255, labels)
            np.testing.assert_array_equal(source.read(number)[1], expected)
            counts = np.bincount(labels.ravel(), minlength=len(classes) + 1)
            np.testing.assert_array_equal([*source.mask_pixels[number], source.void_pixels[number]], counts)


SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
BLOCKS = np.kron(np.array([[0, 1, 2], [2, 1, 0]]), np.ones((4, 4), dtype=int))


@pytest.mark.parametrize("writer", WRITERS)
def test_each_encoding_is_read_back(writer: str) -> None:
    colors: list[Value] = [(0, 0, 0), (0, 255, 0), (255, 0, 0)]
    if writer in COLORS:
        check_round_trip(Case(writer, [BLOCKS], colors, void=False, declared=writer == "colours in palettes"))
    elif writer in BITS:
        check_round_trip(Case(writer, [BLOCKS % 2], [0, 255], void=False, declared=False))
    else:
        check_round_trip(Case(writer, [BLOCKS], [0, 5, 255], void=True, declared=False))


@settings(SETTINGS, max_examples=200)
@given(cases())
@example(Case("grey png", [BLOCKS % 2], [0, 255], void=False, declared=True))
def test_any_values_in_any_encoding_are_read_back(case: Case) -> None:
    check_round_trip(case)


@pytest.mark.slow
@settings(SETTINGS, max_examples=2000)
@given(cases())
def test_any_values_in_any_encoding_are_read_back_2000_times(case: Case) -> None:
    check_round_trip(case)
