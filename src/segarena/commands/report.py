"""`segarena report`: rebuild a comparison's figures and page from its files."""

from __future__ import annotations

from pathlib import Path

from segarena.commands.terminal import console, shown
from segarena.config import ReportOptions
from segarena.config.checks import flag
from segarena.errors import ConfigError
from segarena.reporting.archive import write_archive
from segarena.reporting.page import build_report
from segarena.reporting.suite_page import build_suite_report, is_suite
from segarena.reporting.viewer_folder import write_viewer


@shown
def run(options: ReportOptions) -> Path:
    """Rebuild the figures, the page and the texts for a paper; pack them if that is wanted.

    Args:
        options: The options as typed.

    Returns:
        The page, report.html.

    Raises:
        ConfigError: An option is not for a suite.
        RunError: The folder is not a comparison, or has no pictures for `--images all`.
    """
    if is_suite(options.folder):
        for name in ("zip", "images"):
            if getattr(options, name) not in (False, "sample"):
                raise ConfigError(
                    "is for one comparison, and this is a suite of several",
                    where=flag(name),
                    remedy="Leave it out, or name one of the comparisons",
                )
        page = build_suite_report(options.folder)
        console.result(f"Report: {page}", markup=False)
        return page
    all_images = write_viewer(options.folder) if options.images == "all" else None
    page = build_report(options.folder)
    console.result(f"Report: {page}", markup=False)
    if all_images is not None:
        console.result(f"All images: {all_images}", markup=False)
    if options.zip:
        console.print(f"To send: {write_archive(options.folder)}", markup=False)
    return page
