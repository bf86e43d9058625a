"""Time and memory of a network on a machine: what `bench` returns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from segarena.records.bench import BenchRecord
from segarena.results.folder import html_table

if TYPE_CHECKING:
    import pandas as pd


class Benchmark(dict[str, Any]):
    """Time and memory of a network: what `segarena.bench` returns.

    A dictionary with the content of bench.json: `found["image"]["median_ms"]`.

    Args:
        record: What was measured.
    """

    def __init__(self, record: BenchRecord) -> None:
        super().__init__(record.to_json())

    @property
    def table(self) -> pd.DataFrame:
        """A column for each kind of work, image, batch and step; a row for each number."""
        import pandas as pd

        return pd.DataFrame({name: self[name] for name in ("image", "batch", "step") if self[name] is not None})

    def _summary(self) -> str:
        height, width = self["size"]
        encoder = f" on {self['encoder']}" if self["encoder"] else ""
        return f"{self['model']}{encoder}, {height} × {width}, {self['precision']}"

    def __repr__(self) -> str:
        step = "" if self["step"] is None else f"; training {self['step']['images_per_second']:.1f} images/s"
        return (
            f"Benchmark({self._summary()}: {self['image']['median_ms']:.1f} ms an image,"
            f" {self['batch']['images_per_second']:.1f} images/s{step})"
        )

    def _repr_html_(self) -> str:
        """The table, for a notebook."""
        table = self.table
        rows = [
            (key, *("" if value is None or math.isnan(value) else f"{value:,.2f}" for value in row))
            for key, *row in table.itertuples()
        ]
        return f"<p>{self._summary()}</p>{html_table(('', *table.columns), rows)}"
