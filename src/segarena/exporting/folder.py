"""A folder in the form of the Hugging Face hub: weights as safetensors, config.json, and a model card."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from segarena.classes import ClassTable
from segarena.errors import RunError
from segarena.exporting.card import model_card
from segarena.files import read_json, write_json, write_text
from segarena.image_files.channel_format import channel_format
from segarena.loading.scaling import TrainingSides
from segarena.models import build_model
from segarena.records.config import Config
from segarena.records.exported import WEIGHTS, ExportedModel
from segarena.training.checkpoint import load_weights, save_tensors
from segarena.training.devices import place, usable_precision
from segarena.training.machine import choose_device
from segarena.training.predictor import Predictor

CARD = "README.md"


def write_folder(predictor: Predictor, facts: ExportedModel, folder: Path) -> None:
    """Write the folder of a run.

    Args:
        predictor: The run, on the CPU.
        facts: What is known about the model.
        folder: The folder to make.
    """
    folder.mkdir()
    save_tensors(predictor.model.state_dict(), folder / WEIGHTS)
    write_json(folder / ExportedModel.file, facts.to_json())
    write_text(folder / CARD, model_card(facts))


def load_folder(folder: str | PathLike[str], *, device: str = "auto") -> Predictor:
    """Load a folder that `segarena export --format huggingface` wrote.

    Args:
        folder: The folder.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".

    Returns:
        A predictor, as of a run.

    Raises:
        RunError: A file is missing or damaged.
        WeightsError: The weights are not those of the network in config.json.
        ConfigError: The device does not exist.
    """
    folder = Path(folder)
    path = folder / ExportedModel.file
    facts = ExportedModel.from_json(read_json(path), path)
    if not (folder / WEIGHTS).is_file():
        raise RunError("is missing", where=folder / WEIGHTS, remedy="Download or copy the whole folder")
    classes = ClassTable.from_dict(facts.class_table, where=path)
    config = Config.from_json(facts.run, path)
    device = choose_device(device)
    model = build_model(**facts.architecture)
    model.initial_weights = config.start
    model.normalization = None if facts.channels is None else (facts.channels.mean, facts.channels.std)
    load_weights(model, folder / WEIGHTS)
    place(model, device).eval()
    return Predictor(
        model,
        classes,
        config,
        folder,
        device,
        usable_precision(device, config.protocol.precision),
        image_bits=facts.image_bits,
        deep_images=facts.deep_images,
        sides=TrainingSides.recorded({"train_sides": facts.train_sides}, path),
        train_images=facts.counts.get("train", 0),
        channels=channel_format(facts.channels),
    )
