"""`segarena export`: a trained network as a file for other programs, checked against PyTorch."""

from __future__ import annotations

from pathlib import Path

from segarena.commands.progress import TerminalReporter
from segarena.commands.terminal import console, shown
from segarena.config.export import ExportOptions
from segarena.experiment.export import Exported, export
from segarena.formats import command, percent, plural
from segarena.records.exported import Agreement, ExportedModel
from segarena.reporting.style import label_of


@shown
def run(options: ExportOptions) -> Path:
    """Export a run.

    Args:
        options: The options as typed.

    Returns:
        The file or folder that was written.

    Raises:
        SegarenaError: The run or the output cannot be used, a library is missing, or the check failed.
    """
    done = export(options, TerminalReporter())
    _show(done, options)
    return done.path


def _show(done: Exported, options: ExportOptions) -> None:
    facts, path = done.facts, done.path
    console.result(f"{label_of(facts.model)} ({facts.precision}): {path}", markup=False)
    if facts.agreement is not None:
        console.print(f"  checked: {_agreement(facts.agreement, facts)}", markup=False)
    if facts.quantization is not None:
        found = facts.quantization
        console.print(
            f"  validation mIoU: {percent(found.val_miou, 2)} in float32, {percent(found.val_miou_int8, 2)} with 8 bits"
            f" ({plural(found.val_images, 'image')})",
            markup=False,
        )
    if options.format == "torch":
        console.print("  use it: torch.export.load(FILE).module()(images); docs/export.md", markup=False)
    else:
        console.print(f"  use it: segarena.load({str(path)!r}).predict(image); docs/export.md", markup=False)
    if done.address is not None:
        kind = "" if options.public else " (private)"  # with --public, a private repository that exists stays private
        console.print(f"  uploaded{kind}: {done.address}", markup=False)
        console.print("  state a licence in its README.md", markup=False)
    elif options.format == "huggingface":
        upload = command("hf", "upload", "OWNER/NAME", path, "--private")
        console.print(f"  read README.md in it, state a licence, and upload it: {upload}", markup=False)


def _agreement(found: Agreement, facts: ExportedModel) -> str:
    kind = "generated images" if found.source == "generated" else f"{found.source} images"
    labels = "labels in float32" if facts.quantization is not None else "labels"
    return f"{labels} equal those of PyTorch on {percent(found.share, 3)} of the pixels of {found.images} {kind}"
