"""A viewer of all scored images, in files beside its page: for more images than one file should hold."""

from __future__ import annotations

import shutil
from pathlib import Path

from segarena.errors import RunError
from segarena.files import write_text
from segarena.reporting.comparison import read_comparison
from segarena.reporting.sections import find_template
from segarena.reporting.viewer import describe_all, image_content, remedy, to_json

#: The folder in the comparison, and its page.
FOLDER, PAGE = "viewer", "index.html"


def write_viewer(folder: Path) -> Path:
    """Write viewer/index.html and a file for each image, at the size that was kept; return the page's path.

    Args:
        folder: A comparison folder.

    Raises:
        RunError: The folder is no comparison, has no pictures, or cannot be written.
    """
    comparison = read_comparison(folder)
    found = describe_all(comparison)
    if found is None:
        raise RunError(
            "has no labels of all its images: it was made by an earlier version",
            where=folder,
            remedy=f"Label them again: {remedy(comparison, folder)}",
        )
    viewer, names, truth, labels = found
    place = folder / FOLDER
    shutil.rmtree(place / "data", ignore_errors=True)  # of more images, perhaps
    for number, name in enumerate(names):
        content = to_json(image_content(truth, labels, name, None))
        write_text(place / "data" / f"{number}.js", f"viewer.receive({number}, {content});\n")
    page = place / PAGE
    write_text(page, find_template("viewer.html.j2").render(record=comparison.record, content=viewer))
    return page
