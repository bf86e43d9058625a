"""docs/models.md: its tables are what the networks say, its snippets run, its figures draw what is there."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from matplotlib.figure import Figure

from segarena.models import TRACKS

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "models.md").read_text()


@pytest.fixture(scope="module")
def generator() -> Iterator[ModuleType]:
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("build_models_page")
    sys.path.remove(str(DOCS))


@pytest.mark.parametrize(
    "section", ["costs", "references", "encoders", pytest.param("extents", marks=pytest.mark.slow)]
)
def test_tables_are_what_the_networks_say(generator: ModuleType, section: str) -> None:
    assert generator.insert(PAGE, {section: getattr(generator, section)()}) == PAGE, "run `make docs`"


def test_every_reference_is_met(generator: ModuleType) -> None:
    rows = [line.split(" | ") for line in generator.references().splitlines()[2:]]
    assert len(rows) == 24
    assert all(ours == reference for _, _, ours, reference, _ in rows)


def test_a_missing_place_is_not_passed_over(generator: ModuleType) -> None:
    with pytest.raises(ValueError, match="0 places for costs"):
        generator.insert("no markers", {"costs": "a table"})


def test_snippets_run_as_written() -> None:
    fences = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(fences) == 8
    names: dict[str, object] = {}
    with torch.device("meta"):
        for fence in fences:
            exec(fence, names)
            network = names["network"]
            assert isinstance(network, torch.nn.Module)
            assert network(torch.zeros(1, 3, 512, 512)).logits.shape[-2:] == (512, 512)


def test_every_network_has_a_figure_of_its_own_shapes(generator: ModuleType) -> None:
    paths = importlib.import_module("model_paths")
    assert set(paths.PATHS) == {(track, name) for track in TRACKS for name in TRACKS[track]}
    for track, name in paths.PATHS:
        assert f"images/models/{track}-{name}.png" in PAGE
        path = paths.PATHS[track, name]()
        shapes = paths.collect_shapes(name, track, path)
        assert {block.key for block in path.blocks if block.role != "operation"} <= set(shapes)
        assert {end for link in path.links for end in (link.start, link.end)} <= {block.key for block in path.blocks}
    unet = paths.collect_shapes("unet", "paper", paths.PATHS["paper", "unet"]())
    assert (unet["image"], unet["contract.4"], unet["logits"]) == ((1, 572, 572), (1024, 28, 28), (2, 388, 388))


def test_a_figure_says_each_shape(generator: ModuleType) -> None:
    paths = importlib.import_module("model_paths")
    figure = paths.draw("pspnet", "paper")
    assert isinstance(figure, Figure)
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"4,096", "6 × 6", "64 × 64", "auxiliary", "512 × 512"} <= texts
