"""What is in a folder of images and masks: what `check` returns."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segarena.formats import join_words, plural, small_percent
from segarena.results.folder import html_table

if TYPE_CHECKING:
    import pandas as pd


class Findings(dict[str, Any]):
    """What `segarena.check` found: a dictionary as --json writes it, e.g. `findings["pairs"]`.

    Args:
        content: The content of the JSON.
        sheet: check.png: overlays, class frequencies, sizes.
    """

    def __init__(self, content: dict[str, Any], sheet: Path) -> None:
        super().__init__(content)
        self.sheet = sheet
        """check.png: overlays, class frequencies, sizes."""

    @cached_property
    def problems(self) -> pd.DataFrame:
        """A row for each problem: code, severity, message, files, remedy."""
        return self._table("problems", ["code", "severity", "message", "files", "remedy"])

    @cached_property
    def classes(self) -> pd.DataFrame:
        """A row for each class: index, name, source (its values in the masks), color, background, pixels, images."""
        return self._table("classes", ["index", "name", "source", "color", "background", "pixels", "images"])

    @cached_property
    def samples(self) -> pd.DataFrame:
        """A row for each image: name, image and mask (files, relative to the folder), layers, split."""
        return self._table("samples", ["name", "image", "mask", "layers", "split"])

    def _table(self, key: str, columns: list[str]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(self[key], columns=columns)

    def _summary(self) -> str:
        counts = Counter(problem["severity"] for problem in self["problems"])
        wrong = [plural(counts[severity], severity) for severity in ("error", "warning", "note") if counts[severity]]
        known = f"{plural(self['pairs'], 'image')} with masks, {plural(len(self['classes']), 'class')}"
        return f"{known}; {join_words(wrong) or 'nothing looks wrong'}"

    def __repr__(self) -> str:
        return f"Findings({self['data']!r}: {self._summary()})"

    def _repr_html_(self) -> str:
        """The layout, the classes and the problems, for a notebook."""
        facts = [
            f"<b>{escape(self._summary())}</b>",
            *(escape(f"{key}: {self[key]}") for key in ("layout", "encoding")),
        ]
        total = max(1, sum(entry["pixels"] for entry in self["classes"]))
        rows = [
            (entry["name"], entry["source"], small_percent(entry["pixels"] / total), entry["images"])
            for entry in self["classes"]
        ]
        problems = [
            f"<li><b>{escape(problem['severity'])}</b>: {escape(problem['message'])}"
            f"<br>Remedy: {escape(problem['remedy'])}</li>"
            for problem in self["problems"]
        ]
        table = html_table(("class", "value", "pixels", "images"), rows)
        listed = f"<ul>{''.join(problems)}</ul>" if problems else ""
        picture = f"<p>Overlays: <code>{escape(str(self.sheet))}</code></p>"
        return f"<p>{'<br>'.join(facts)}</p>{table}{listed}{picture}"
