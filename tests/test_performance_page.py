"""docs/performance.md: its tables are those of the measured results."""

from __future__ import annotations

import re
from pathlib import Path

import build_performance_page as generator

PAGE = (Path(__file__).parents[1] / "docs" / "performance.md").read_text()


def test_the_page_is_up_to_date() -> None:
    assert generator.insert(PAGE, generator.sections()) == PAGE, "run `make docs`"


def test_a_step_that_was_not_run_has_no_table() -> None:
    assert generator.training({}) == generator.loss({}) == generator.counts({}) == "Not measured yet.\n"
    assert generator.where({}) == generator.memory({}) == ""


def test_each_measured_network_has_a_row() -> None:
    row = {"model": "pspnet", "output_stride": 8, "variant": generator.USED, "images_per_second": 242.4}
    lines = generator.training({"training": [row | {"share_of_limit": 0.257, "peak_mib": 11628}]}).splitlines()
    assert lines[2] == "| PSPNet, stride 8 | 242 (26%) | 11,628 |"


def test_where_the_time_goes_has_a_column_for_each_kind() -> None:
    row = {"model": "fcn", "output_stride": None, "step_ms": [20, 19, 21], "launch_ms": 5, "kernels_ms": 15}
    table = generator.where({"where": [row | {"graph_ms": [14, 14, 14], "by_kind": {"convolution": 9.0, "loss": 2.0}}]})
    assert "| FCN | 20.0 | 5.0 | 15.0 | 14.0 | 9.0 | 2.0 |" in table
    assert re.search(r"\| convolution \| loss \|\n", table)
