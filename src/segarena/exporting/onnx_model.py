"""Label images with an exported ONNX file: `segarena.load("model.onnx").predict(image)`. Needs no PyTorch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.config.devices import device_type
from segarena.cores import count_cores
from segarena.errors import ConfigError, RunError
from segarena.exporting.onnx_bytes import check_external_data, read_metadata
from segarena.exporting.onnx_windows import OnnxWindows
from segarena.extras import require
from segarena.formats import listing, plural, shorten
from segarena.image_files.channel_format import ChannelFormat, channel_format
from segarena.image_files.image_labeller import ImageLabeller
from segarena.image_files.in_memory import ImageInput
from segarena.image_files.large_images import LargeImage
from segarena.records.config import Config
from segarena.records.exported import ExportedModel

if TYPE_CHECKING:
    import onnxruntime

#: The name under which the metadata has the whole record, as JSON; others repeat parts of it for other programs.
KEY = "segarena"
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@dataclass(frozen=True, repr=False)
class OnnxModel(ImageLabeller):
    """An exported network in ONNX Runtime, with its classes."""

    session: onnxruntime.InferenceSession
    """The loaded graph."""
    classes: ClassTable
    """The classes, in the order of their indices."""
    facts: ExportedModel
    """All that the file states about the model."""
    path: Path
    """The file."""
    device: str
    """Where it is computed: "cpu", or "cuda"."""

    @property
    def size(self) -> int:
        """The working size, to which the shorter side of an image is resized, in pixels."""
        return self.facts.size

    @property
    def image_bits(self) -> int:
        """Bits that the 16-bit images of the training used."""
        return self.facts.image_bits

    @property
    def deep_images(self) -> int | None:
        """How many images of the training data had 16 bits per channel; None if that is not recorded."""
        return self.facts.deep_images

    @cached_property
    def channels(self) -> ChannelFormat | None:
        """The channels of the images; None for RGB of 8 bits."""
        return channel_format(self.facts.channels)

    def label(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Label an image as `read_file` gives it, (H, W, C): class indices, uint8 (H, W).

        In windows, the probabilities are blended if the file gives them.
        """
        return self._windows.label(image)

    def label_large(self, image: LargeImage) -> NDArray[np.uint8]:
        """Label an image of which only a part at a time is an array: class indices, uint8 (H, W), as `predict`."""
        return self._windows.label_parts(image.part, image.size)

    def probabilities(self, image: ImageInput) -> NDArray[np.float32]:
        """Compute the probability of each class at each pixel.

        Args:
            image: An image, as for `predict`.

        Returns:
            float32 (num_classes, H, W), which add up to 1 at each pixel.

        Raises:
            ConfigError: The file was exported without them.
            DataError: The image cannot be read; ImageTypeError if it is not one.
        """
        if not self._windows.has_probabilities:
            raise ConfigError(
                f"{self.path} gives labels only",
                remedy="Export the run again: segarena export RUN --probabilities",
            )
        [pixels] = self.read([image])
        return self._windows.probabilities(pixels)

    def run(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """Label a batch of images of one size, each as a whole, resized to the working size.

        Args:
            images: uint8 RGB (N, H, W, 3), or of the network's channels and their type.

        Returns:
            Class indices, uint8 (N, H, W).
        """
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.only_execute_path_to_fetches = True  # no probabilities
        [labels] = self.session.run(["labels"], {"image": np.ascontiguousarray(images)}, options)
        result: NDArray[np.uint8] = labels
        return result

    @cached_property
    def _windows(self) -> OnnxWindows:
        return OnnxWindows(self, Config.from_json(self.facts.run, self.path).protocol.input_size)

    def __repr__(self) -> str:
        names = listing([shorten(name) for name in self.classes.names], 8)
        facts = [f"{self.facts.model}, {plural(self.classes.num_classes, 'class')}: {names}", f"size {self.size}"]
        return f"OnnxModel({'; '.join([*facts, self.facts.precision, self.device])}; {str(self.path)!r})"


def load_onnx(path: str | PathLike[str], *, device: str = "auto", threads: int | None = None) -> OnnxModel:
    """Load an ONNX file that `segarena export` wrote.

    Args:
        path: The file.
        device: "auto" and "cpu" are the processor; "cuda" is an NVIDIA GPU, with onnxruntime-gpu installed.
        threads: Threads that compute; None for one on each core.

    Raises:
        ConfigError: ONNX Runtime is not installed, or has no such device.
        RunError: The file is missing, damaged, refers to files outside its folder, or is of another program.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(
            f"cannot be read ({error.strerror or error})", where=path, remedy="Name a file that `segarena export` wrote"
        ) from error
    facts = read_facts(read_metadata(content, path), path)
    check_external_data(content, path)
    require(["onnxruntime"], "onnx", "an ONNX file")
    import onnxruntime

    device = "cpu" if device == "auto" else device
    provider = _PROVIDERS.get(device_type(device))
    if provider not in onnxruntime.get_available_providers():
        raise ConfigError(
            f"ONNX Runtime cannot use {device} here",
            where="--device",
            remedy="Use --device cpu, or install onnxruntime-gpu in place of onnxruntime for an NVIDIA GPU",
        )
    _, _, number = device.partition(":")
    chosen = (provider, {"device_id": number}) if number else provider
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or count_cores()
    options.log_severity_level = 3  # errors
    try:
        # By its path: files of external data, which have been checked, are found beside it.
        session = onnxruntime.InferenceSession(str(path), options, providers=[chosen])
    except Exception as error:  # of a type of its own for each kind of damage
        raise RunError(
            f"cannot be loaded by ONNX Runtime {onnxruntime.__version__} ({str(error).splitlines()[0][:200]})",
            where=path,
            remedy="Update onnxruntime, or export the run again: segarena export RUN",
        ) from error
    if provider not in session.get_providers():  # then the processor computes
        raise ConfigError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load its libraries for {device}",
            where="--device",
            remedy="Use --device cpu, or install the versions of CUDA and cuDNN that this onnxruntime-gpu needs",
        )
    classes = ClassTable.from_dict(facts.class_table, where=path)
    return OnnxModel(session, classes, facts, path, device)


def read_facts(metadata: dict[str, str], where: Path) -> ExportedModel:
    """Return what a file states about its model.

    Args:
        metadata: Texts by name.
        where: The file, for messages.

    Raises:
        RunError: `segarena export` did not write it, or a newer version did.
    """
    try:
        content = json.loads(metadata[KEY])
    except (KeyError, ValueError) as error:
        raise RunError(
            "is not an ONNX file of segarena: its metadata has no classes",
            where=where,
            remedy="Name a file that `segarena export` wrote",
        ) from error
    return ExportedModel.from_json(content, where)


def metadata_of(facts: ExportedModel) -> dict[str, str]:
    """Return the metadata of a file, the inverse of `read_facts`: the record as JSON, and what others look for by name.

    Args:
        facts: What is known about the model.
    """
    classes = ClassTable.from_dict(facts.class_table, where="")
    return {
        KEY: json.dumps(facts.to_json(), ensure_ascii=False),
        "classes": json.dumps(list(classes.names), ensure_ascii=False),
        "colors": json.dumps([list(color) for color in classes.colors]),
        "size": str(facts.size),
        "model": facts.model,
        "version": facts.segarena,
        "fingerprint": facts.fingerprint,
    }
