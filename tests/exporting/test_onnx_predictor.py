"""Large images with an ONNX file: windows as large as the training images, blended, or the middle of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segarena.classes import name_classes
from segarena.config import PredictOptions
from segarena.errors import ConfigError
from segarena.exporting.onnx_model import OnnxModel
from segarena.exporting.onnx_predictor import OnnxPredictor, predictor_of
from support import refuses

SIDES = {"shorter": 40, "longest_shorter": 48, "longest": 60}
#: Height and width of a window at the training scale, in pixels of an image.
WINDOW = (40, 60)
SETTINGS: Any = SimpleNamespace(protocol=SimpleNamespace(input_size=(20, 30)))


class Graph:
    """What stands for an ONNX file: the class is that of the red of a pixel, 0 to 2, and certain to 90%."""

    def __init__(self, *, gives_probabilities: bool = True, sides: dict[str, int] | None = None) -> None:
        self.gives_probabilities, self.seen = gives_probabilities, list[tuple[int, ...]]()
        self.session: Any = self
        self.classes = name_classes([0, 1, 2], ["a", "b", "c"])
        self.path, self.size = Path("model.onnx"), 20
        self.facts = SimpleNamespace(train_sides=sides, image_bits=8, deep_images=0, channels=None)

    def get_outputs(self) -> list[Any]:
        names = ["labels", "probabilities"][: 1 + self.gives_probabilities]
        return [SimpleNamespace(name=name) for name in names]

    def run(self, first: Any, inputs: Any = None) -> Any:
        """Labels of images, as an `OnnxModel`; or the probabilities, as its session."""
        images: NDArray[np.uint8] = first if inputs is None else inputs["image"]
        self.seen.append(images.shape[1:3])
        labels = images[..., 0]
        if inputs is None:
            return labels
        return [np.where(np.arange(3)[None, :, None, None] == labels[:, None], 0.9, 0.05).astype(np.float32)]


def predictor(graph: Graph, **options: Any) -> OnnxPredictor:
    onnx: Any = graph
    return OnnxPredictor(onnx, SETTINGS, **options)


def image(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 3, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("blends", [True, False])
@pytest.mark.parametrize("size", [(100, 130), (100, 30), (41, 300), (333, 61)])
def test_windows_give_each_pixel_its_label(size: tuple[int, int], blends: bool) -> None:
    graph = Graph(gives_probabilities=blends, sides=SIDES)
    pixels = image(*size)
    assert np.array_equal(predictor(graph).predict(pixels), pixels[..., 0])
    assert set(graph.seen) == {WINDOW}, "also of an image that is narrower than a window"
    assert len(graph.seen) > 1
    words = predictor(graph).explain(*size)
    assert "60 × 40" in words
    assert ("middle" in words) != blends


class Borders(Graph):
    """Wrong in the outermost pixels of each image that it gets, where a network has the least context."""

    def run(self, first: Any, inputs: Any = None) -> Any:
        if inputs is None:
            labels = np.ones(first.shape[:3], np.uint8)
            labels[:, 8:-8, 8:-8] = 0
            return labels
        return super().run(first, {"image": self.run(inputs["image"])[..., None]})


@pytest.mark.parametrize("blends", [True, False])
def test_the_borders_of_windows_do_not_count(blends: bool) -> None:
    found = predictor(Borders(gives_probabilities=blends, sides=SIDES)).predict(image(200, 240))
    assert not found[8:-8, 8:-8].any()


def test_probabilities_of_windows_add_up_to_one() -> None:
    graph = Graph(sides=SIDES)
    found = predictor(graph).probabilities(image(100, 130))
    assert found.shape == (3, 100, 130)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(found.max(axis=0), 0.9, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "sides", "scale", "window"),
    [
        ((70, 80), SIDES, "auto", (70, 80)),  # not clearly larger than the training images
        ((100, 130), SIDES, "whole", (100, 130)),
        ((100, 130), None, "auto", (100, 130)),
        ((100, 130), SIDES, 2.0, (20, 30)),
        ((30, 30), SIDES, 1.0, WINDOW),
    ],
)
def test_the_scale_is_chosen_as_for_a_run(
    size: tuple[int, int], sides: dict[str, int] | None, scale: Any, window: tuple[int, int]
) -> None:
    graph = Graph(sides=sides)
    assert np.array_equal(predictor(graph, scale=scale).predict(image(*size)), image(*size)[..., 0])
    assert set(graph.seen) == {window}


def test_a_large_image_is_read_part_by_part() -> None:
    graph, pixels = Graph(sides=SIDES), image(100, 130)
    parts = []

    def part(top: int, bottom: int, left: int, right: int) -> NDArray[np.uint8]:
        parts.append((bottom - top, right - left))
        return pixels[top:bottom, left:right]

    large: Any = SimpleNamespace(size=(100, 130), part=part)
    assert np.array_equal(predictor(graph).label_large(large), pixels[..., 0])
    assert set(parts) == {WINDOW}


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"window": (64, 64)}, "--window"),
        ({"tta": ("flip",)}, "--tta"),
        ({"scale": 2.0}, "--scale"),
        ({"probabilities": "png8"}, "--probabilities"),
    ],
)
def test_what_an_onnx_file_cannot_do_is_refused(
    options: dict[str, Any], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segarena.exporting.onnx_predictor.Config.from_json", lambda content, where: SETTINGS)
    graph: Any = Graph(gives_probabilities=False)
    graph.facts.run = {}
    chosen = PredictOptions(run=graph.path, images=(Path("a.png"),), **options)
    with refuses(ConfigError, where=where):
        predictor_of(graph, chosen, needs_probabilities=chosen.probabilities is not None)
    plain = replace(chosen, **{name: PredictOptions.__dataclass_fields__[name].default for name in options})
    assert predictor_of(graph, plain, needs_probabilities=False).scale == "auto"


class Session(Graph):
    """What stands for ONNX Runtime's session."""

    def run(self, names: Any, inputs: Any = None, options: Any = None) -> Any:
        given = () if names == ["labels"] else (inputs,)
        found = super().run(inputs["image"], *given)
        return [found] if names == ["labels"] else found


@pytest.mark.parametrize("blends", [True, False])
def test_a_loaded_file_labels_large_images_in_windows(blends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segarena.exporting.onnx_model.Config.from_json", lambda content, where: SETTINGS)
    session: Any = Session(gives_probabilities=blends, sides=SIDES)
    session.facts.run, session.facts.size = {}, session.size
    model = OnnxModel(session, session.classes, session.facts, session.path, "cpu")
    large, small = image(100, 130), image(30, 40)
    assert np.array_equal(model.predict(large), large[..., 0])
    assert set(session.seen) == {WINDOW}
    found = model.predict([large, small])
    assert np.array_equal(found[0], large[..., 0])
    assert np.array_equal(found[1], small[..., 0])
    assert session.seen[-1] == (30, 40)
    if blends:
        assert np.array_equal(model.probabilities(large).argmax(axis=0), large[..., 0])
