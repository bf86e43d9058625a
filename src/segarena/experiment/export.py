"""Export a run: write, check on images of the run, and put in place what has passed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from segarena.config.export import ExportOptions
from segarena.config.training import is_own
from segarena.errors import ConfigError, RunError
from segarena.experiment.progress import Reporter
from segarena.experiment.recorded_images import CheckedPart, RecordedImages, generated_images, open_recorded
from segarena.exporting.agreement import Labeller, check_agreement, compare_labels, torch_labels
from segarena.exporting.facts import collect_facts
from segarena.exporting.hub import check_repository, push_folder
from segarena.exporting.target import choose_target, written_whole
from segarena.extras import require
from segarena.formats import command
from segarena.records.exported import Agreement, ExportedModel, Quantization
from segarena.scoring.counts import confusion_per_image
from segarena.scoring.scores import score
from segarena.training.machine import computing_with, usual_threads
from segarena.training.predictor import Predictor, load

if TYPE_CHECKING:
    from onnx import ModelProto

#: Images on which labels are compared, and images that are scored in float32 and with 8 bits, at most.
CHECKED_IMAGES, SCORED_IMAGES = 16, 500
_NAMES = {"onnx": ".onnx", "torch": ".pt2", "huggingface": ""}


@dataclass(frozen=True)
class Exported:
    """A model that was exported.

    Args:
        path: The file or folder.
        facts: What it states about itself.
        address: Of the repository that it was uploaded to; None where it was not.
    """

    path: Path
    facts: ExportedModel
    address: str | None = None


def export(options: ExportOptions, reporter: Reporter) -> Exported:
    """Export a run.

    Args:
        options: The run, the format, and where to write.
        reporter: Receives the progress, and what the check was made with.

    Raises:
        RunError: The run or the output cannot be used, the exported model does not pass its check, or the upload
            failed.
        ConfigError: A library or the token of an upload is missing, or the working size is too small for the format.
    """
    if options.format == "onnx":
        require(["onnx", "onnxscript", "onnxruntime"], "export", "an export to ONNX")
    if options.push_to is not None:
        check_repository(options.push_to)
    predictor = load(options.run, device="cpu")
    if options.int8 and predictor.config.data.all_images:
        raise RunError(
            "cannot be exported with 8 bits: it was trained on all images, and has no validation images for the check",
            where=predictor.run,
            remedy="Name a run that has some, e.g. one of the comparison; or leave out --int8",
        )
    facts = collect_facts(predictor.run, "int8" if options.int8 else "fp32")
    kind = "-int8" if options.int8 else "-huggingface" if options.format == "huggingface" else ""
    target = choose_target(options.out, f"{facts.model}{kind}{_NAMES[options.format]}", predictor.run)
    if is_own(facts.model) and options.format == "huggingface":
        raise RunError(
            f"has the model {facts.model}, a module of a Python program, which a folder of weights cannot contain",
            where=predictor.run,
            remedy=f"Export its graph: {command('segarena', 'export', options.run)}",
        )
    if predictor.unfinished:
        reporter.warn(predictor.unfinished)
    with written_whole(target) as place, computing_with(usual_threads()):
        facts = _FORMATS[options.format](_Work(options, predictor, facts, place, reporter))
    if options.push_to is None:
        return Exported(target, facts)
    with reporter.progress("uploading"):
        return Exported(target, facts, push_folder(target, options.push_to, public=options.public))


@dataclass(frozen=True)
class _Work:
    """One export: what was asked for, the run, and the place to write to."""

    options: ExportOptions
    predictor: Predictor
    facts: ExportedModel
    place: Path
    reporter: Reporter

    def open_images(self) -> RecordedImages | None:
        """The images of the run; a warning where they cannot be read."""
        found = open_recorded(self.predictor, self.reporter)
        if isinstance(found, RecordedImages):
            return found
        reason = found.rstrip(".")
        self.reporter.warn(f"The data of the run cannot be read ({reason}). Generated images are used for the check.")
        return None

    def compare(self, labels: Labeller, recorded: RecordedImages | None) -> Agreement:
        """Compare labels with those of PyTorch."""
        expected = torch_labels(self.predictor.model, self.facts.size)
        source: CheckedPart = "generated" if recorded is None else recorded.checked_part
        images: Iterator[NDArray[Any]]
        if recorded is None or source == "generated":
            images = generated_images(self.facts.size, self.facts.channels)
            total = 8
        else:
            images = (image for image, _ in recorded.read(source, CHECKED_IMAGES))
            total = len(recorded.chosen(source, CHECKED_IMAGES))
        with self.reporter.progress("comparing with PyTorch") as on_progress:
            return compare_labels(expected, labels, images, source, on_progress=lambda done: on_progress(done, total))


def _export_onnx(work: _Work) -> ExportedModel:
    from segarena.exporting.graph import build_graph, export_network, save_graph
    from segarena.exporting.onnx_model import load_onnx, metadata_of

    model, facts = work.predictor.model, work.facts
    recorded = work.open_images()
    classes = work.predictor.classes.num_classes
    network = export_network(model, 3 if facts.channels is None else len(facts.channels.numbers))

    def build(facts: ExportedModel, network: ModelProto) -> Labeller:
        graph = build_graph(
            network,
            facts.size,
            model.size_multiple,
            classes,
            facts.channels,
            probabilities=work.options.probabilities,
        )
        save_graph(graph, metadata_of(facts), work.place)
        return _labeller(load_onnx(work.place, device="cpu", threads=usual_threads()).run)

    labels = build(facts, network)
    agreement = work.compare(labels, recorded)
    check_agreement(agreement, "the ONNX graph", work.predictor.run)
    facts = replace(facts, agreement=agreement)
    if work.options.int8:
        facts, network = _quantize(work, facts, network, recorded, labels, build)
    build(facts, network)
    return facts


def _quantize(
    work: _Work,
    facts: ExportedModel,
    network: ModelProto,
    recorded: RecordedImages | None,
    labels: Labeller,
    build: Callable[[ExportedModel, ModelProto], Labeller],
) -> tuple[ExportedModel, ModelProto]:
    from segarena.exporting.quantization import CALIBRATION_IMAGES, check_quantization, quantize_network

    run = work.predictor.run
    if recorded is None or not recorded.positions["train"] or not recorded.positions["val"]:
        raise RunError(
            "cannot be exported with 8 bits: its training and validation images are needed, and cannot be read",
            where=run,
            remedy="Put the data back to its place, or leave out --int8",
        )
    calibration = len(recorded.chosen("train", CALIBRATION_IMAGES))
    images = (image for image, _ in recorded.read("train", CALIBRATION_IMAGES))
    small = quantize_network(network, work.predictor.model, facts.size, images)
    small_labels = build(facts, small)
    val = len(recorded.chosen("val", SCORED_IMAGES))
    found = Quantization(
        calibration_images=calibration,
        val_images=val,
        val_miou=_miou(work, labels, recorded),
        val_miou_int8=_miou(work, small_labels, recorded),
    )
    check_quantization(found, run)
    return replace(facts, quantization=found), small


def _miou(work: _Work, labels: Labeller, recorded: RecordedImages) -> float:
    """The mIoU of a model on the validation images."""
    classes = work.predictor.classes
    counts = []
    total = len(recorded.chosen("val", SCORED_IMAGES))
    with work.reporter.progress("scoring validation images") as on_progress:
        for done, (image, mask) in enumerate(recorded.read("val", SCORED_IMAGES), start=1):
            found, truth = (torch.from_numpy(np.array(part))[None] for part in (labels(image), mask))
            counts.append(confusion_per_image(found, truth, classes.num_classes))
            on_progress(done, total)
    return score(torch.cat(counts).numpy(), background=classes.background).miou


def _export_torch(work: _Work) -> ExportedModel:
    from segarena.exporting.torch_program import export_program, load_program, save_program

    multiple = work.predictor.model.size_multiple
    if work.facts.size <= multiple:
        raise ConfigError(
            f"a program of torch.export needs a working size above {multiple} pixels, and the run has "
            f"{work.facts.size}: the map of a square image would have a single cell",
            where="--format",
            remedy="Use --format onnx, or a run of a larger working size",
        )
    recorded = work.open_images()
    probabilities = work.options.probabilities
    program = export_program(work.predictor.model, work.facts.size, work.facts.channels, probabilities=probabilities)
    save_program(program, work.place, {})
    agreement = work.compare(_labeller(load_program(work.place)), recorded)
    check_agreement(agreement, "the program of torch.export", work.predictor.run)
    facts = replace(work.facts, agreement=agreement)
    save_program(program, work.place, {"segarena.json": json.dumps(facts.to_json())})
    return facts


def _export_folder(work: _Work) -> ExportedModel:
    from segarena.exporting.folder import load_folder, write_folder

    write_folder(work.predictor, work.facts, work.place)
    again = load_folder(work.place, device="cpu")
    agreement = work.compare(torch_labels(again.model, again.size), work.open_images())
    check_agreement(agreement, "the folder", work.predictor.run)
    return work.facts


def _labeller(batch: Callable[[NDArray[Any]], NDArray[np.uint8]]) -> Labeller:
    """A function of a batch as one of an image."""

    def label(image: NDArray[Any]) -> NDArray[np.uint8]:
        labels: NDArray[np.uint8] = batch(np.ascontiguousarray(image[None]))[0]
        return labels

    return label


_FORMATS: dict[str, Callable[[_Work], ExportedModel]] = {
    "onnx": _export_onnx,
    "torch": _export_torch,
    "huggingface": _export_folder,
}
