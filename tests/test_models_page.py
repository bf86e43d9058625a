"""docs/models.md: its tables and figures are those of the networks, its snippets run."""

from __future__ import annotations

import re
from pathlib import Path

import build_models_page as generator
import effective_fields
import model_paths
import pytest
import torch
from matplotlib.figure import Figure

from segarena.models import TRACKS

pytestmark = pytest.mark.usefixtures("their_own_encoders")
PAGE = (Path(__file__).parents[1] / "docs" / "models.md").read_text()


@pytest.mark.parametrize(
    "section",
    ["references", "encoders", *(pytest.param(name, marks=pytest.mark.slow) for name in ("costs", "extents"))],
)
def test_tables_are_those_of_the_networks(section: str) -> None:
    assert generator.insert(PAGE, {section: getattr(generator, section)()}) == PAGE, "run `make docs`"


@pytest.mark.slow
@pytest.mark.parametrize(("track", "name"), [(track, name) for track in TRACKS for name in TRACKS[track]])
def test_effective_receptive_fields_are_those_of_the_networks(track: str, name: str) -> None:
    """To one pixel on each side, as the last bits of a convolution differ between processors."""
    fields = effective_fields.measure_effective(name, track)
    for line in generator.effective({(track, name): fields}).splitlines()[2:]:
        title, _, *sides, size = line.strip("| ").split(" | ")
        [written] = [row for row in PAGE.splitlines() if row.startswith(f"| {title} | {track} |") and "×" in row]
        _, _, *expected, expected_size = written.strip("| ").split(" | ")
        assert size == expected_size
        assert all(abs(int(a) - int(b)) <= 2 for a, b in zip(sides, expected, strict=True)), (line, written)


def test_counts_equal_every_reference() -> None:
    """In the page, whose table is that of the networks by the first test."""
    table = PAGE.partition("<!-- generated: references -->\n")[2].partition("<!-- end -->")[0]
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    assert len(rows) == 24
    assert all(ours == reference for _, _, ours, reference, _ in rows)


def test_a_missing_marker_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 places for costs"):
        generator.insert("no markers", {"costs": "a table"})


def test_snippets_run_as_written() -> None:
    fences = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(fences) == 7
    names: dict[str, object] = {}
    with torch.device("meta"):
        for fence in fences:
            exec(fence, names)
            network = names["network"]
            assert isinstance(network, torch.nn.Module)
            assert network(torch.zeros(1, 3, 512, 512)).logits.shape[-2:] == (512, 512)


def test_every_network_has_a_figure() -> None:
    assert set(model_paths.PATHS) == {(track, name) for track in TRACKS for name in TRACKS[track]}
    for track, name in model_paths.PATHS:
        assert f"images/models/{track}-{name}.png" in PAGE
        path = model_paths.PATHS[track, name]()
        shapes = model_paths.collect_shapes(name, track, path)
        assert {block.key for block in path.blocks if block.role != "operation"} <= set(shapes)
        assert {end for link in path.links for end in (link.start, link.end)} <= {block.key for block in path.blocks}
    unet = model_paths.collect_shapes("unet", "paper", model_paths.PATHS["paper", "unet"]())
    assert (unet["image"], unet["contract.4"], unet["logits"]) == ((1, 572, 572), (1024, 28, 28), (2, 388, 388))


def test_factors_bins_and_rates_in_figures_are_true() -> None:
    for (track, name), make in model_paths.PATHS.items():
        path = make()
        shapes = model_paths.collect_shapes(name, track, path)
        for link in path.links:
            factor = re.fullmatch(r"(\d+)×", link.label)
            if factor and link.start in shapes and link.end in shapes:
                times, start, end = int(factor[1]), shapes[link.start][1], shapes[link.end][1]
                # the output of a transposed convolution without padding has one cell more
                assert end in (times * start, times * (start + 1)), (track, name, link)
        labels = {block.key: block.label for block in path.blocks}
        if name in ("pspnet", "deeplabv3"):
            model = generator.build(name, track)
        if name == "pspnet":
            assert [labels[f"pyramid.reduce.{i}"] for i in range(4)] == [f"{k}×{k} bins" for k in model.pyramid.bins]
        if name == "deeplabv3":
            rates = [branch[0].dilation[0] for branch in model.train().aspp.atrous]
            assert [labels[f"aspp.atrous.{i}"] for i in range(3)] == [f"3×3 rate {rate}" for rate in rates]


def test_a_figure_shows_each_shape() -> None:
    figure = model_paths.draw("pspnet", "paper")
    assert isinstance(figure, Figure)
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"4,096", "6 × 6", "64 × 64", "auxiliary", "512 × 512"} <= texts
