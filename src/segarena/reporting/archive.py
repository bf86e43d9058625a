"""Pack what a comparison found into one ZIP file: page, figures, tables and settings, without weights and states."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

from segarena.files import write_with
from segarena.reporting.label_maps import PICTURES, ZIP_DATE

#: What belongs to a result, below the comparison's folder. Results of `evaluate` and `predict` in a run do not.
_RESULT = tuple(
    (
        "report.html comparison.json options.json *.csv figures/* gallery/*/* paper/* suspicious/*/*"
        " slices.json pictures.zip *-seed*/predictions.zip *-seed*/fold*/predictions.zip data_fractions.json"
        " data-fractions/*/*-seed*/*.json data-fractions/*/*-seed*/*.csv *-seed*/*.json *-seed*/*.csv"
        " *-seed*/fold*/*.json *-seed*/fold*/*.csv tuning/*/*/trial.json"
        " *-all-images/*.json"
    ).split()
)


def write_archive(folder: Path) -> Path:
    """Write NAME.zip into the comparison folder NAME; unpacked, `segarena report NAME` can make the page again.

    In a folder called "pictures" it is pictures-report.zip, as the viewer's pictures have the other name.

    Args:
        folder: A comparison folder whose page has been made.

    Returns:
        The archive. One of an earlier call is replaced.

    Raises:
        RunError: It cannot be written.
    """
    name = folder.resolve().name
    path = folder / f"{name}.zip"
    if path.name.casefold() == PICTURES:
        path = folder / f"{name}-report.zip"

    def save(stream: IO[bytes]) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in _files(folder):
                entry = zipfile.ZipInfo((Path(name) / file.relative_to(folder)).as_posix(), ZIP_DATE)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, file.read_bytes())

    write_with(path, save)
    return path


def _files(folder: Path) -> list[Path]:
    """The files of the result, in the order of their names."""
    found = {path for pattern in _RESULT for path in folder.glob(pattern) if not path.name.startswith(".")}
    return sorted(path for path in found if path.is_file())
