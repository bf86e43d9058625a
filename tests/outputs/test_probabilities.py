"""Probabilities and entropy as PNG and NumPy files: the values, their rounding, and the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segarena.classes.table import name_classes
from segarena.outputs.probabilities import NpzProbabilityWriter, PngProbabilityWriter, entropy
from segarena.outputs.result import Result

CLASSES = name_classes([0, 1, 2], ["soil", "a/b: c", "été"])


@pytest.fixture
def result() -> Result:
    logits = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=0)
    probabilities[:, 0, 0] = 1, 0, 0
    probabilities[:, 0, 1] = 1 / 3
    image = np.zeros((5, 7, 3), dtype=np.uint8)
    return Result("sub/x", Path("x.png"), image, probabilities.argmax(axis=0).astype(np.uint8), probabilities)


def test_pngs_have_the_values_in_steps_of_a_255th(result: Result, tmp_path: Path) -> None:
    paths = PngProbabilityWriter(CLASSES).write(result, tmp_path)
    assert [path.name for path in paths] == ["0_soil.png", "1_a-b-c.png", "2_été.png", "entropy.png"]
    assert {path.parent for path in paths} == {tmp_path / "sub" / "x_probabilities"}
    planes = np.stack([np.asarray(Image.open(path)) for path in paths])
    assert planes.dtype == np.uint8
    assert np.abs(planes[:3] / 255 - result.probabilities).max() <= 0.5 / 255 + 1e-6
    assert (planes[3, 0, 0], planes[3, 0, 1]) == (0, 255)


def test_long_names_of_classes_are_cut(result: Result, tmp_path: Path) -> None:
    """85 Chinese letters are 255 bytes, with which `predict` ended."""
    paths = PngProbabilityWriter(name_classes([0, 1, 2], ["道" * 85, "道" * 86, "c"])).write(result, tmp_path)
    assert [path.name for path in paths[:2]] == [f"{index}_{'道' * 50}.png" for index in range(2)]
    assert all(path.exists() for path in paths)


def test_npz_has_arrays_and_the_same_bytes_each_time(result: Result, tmp_path: Path) -> None:
    [path] = NpzProbabilityWriter(CLASSES).write(result, tmp_path / "a")
    [again] = NpzProbabilityWriter(CLASSES).write(result, tmp_path / "b")
    assert path.read_bytes() == again.read_bytes()
    with np.load(path) as arrays:
        assert arrays["classes"].tolist() == list(CLASSES.names)
        assert arrays["probabilities"].dtype == np.float16
        assert np.abs(arrays["probabilities"] - result.probabilities).max() < 5e-4
        assert np.abs(arrays["entropy"] - entropy(result.probabilities)).max() < 5e-4


def test_entropy_is_that_of_scipy(result: Result) -> None:
    from scipy.stats import entropy as reference

    assert np.abs(entropy(result.probabilities) - reference(result.probabilities, base=3, axis=0)).max() < 1e-5
