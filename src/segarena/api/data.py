"""`check`, `convert` and `synth` as functions. Generated from the options by docs/build_signatures.py."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from segarena.api.calls import api_function, run_command
from segarena.config import CheckOptions, ConvertOptions, SynthOptions
from segarena.config.data import AnnotationFormat

if TYPE_CHECKING:  # `import segarena` is light
    from segarena.results.findings import Findings


@api_function
def check(
    data: str | PathLike[str] | None = None,
    *,
    write_classes: bool = False,
    optimise_ceilings: bool = False,
    out: str | PathLike[str] | None = None,
    config: str | PathLike[str] | None = None,
    images: str | PathLike[str] | None = None,
    masks: str | PathLike[str] | None = None,
    channels: str = "rgb",
    split: float = 0.8,
    test_fraction: float = 0.0,
    group_by: str | PathLike[str] | None = None,
    splits: str | PathLike[str] | None = None,
    json: str | PathLike[str] | None = None,
    quiet: bool = False,
    verbose: bool = False,
) -> Findings:
    """Show how a folder of images and masks is read, and what looks wrong in it.

    Args:
        data: Folder of images and masks.
        write_classes: Write the classes, as they are read, to `data`/classes.yaml, to be edited. The file must not
            exist.
        optimise_ceilings: Also fit logits to some training masks: the ceiling that is possible, not only likely. Takes
            minutes.
        out: Folder for check.png; it must not exist or be empty. Default: a new folder under runs/.
        config: Read options from a file: YAML or JSON with the names of options as keys, or the options.json or
            config.json of an earlier run. Options that are typed replace those of the file. Paths in the file are
            relative to it.
        images: Folder of the images, in `data`, or a pattern of their files: '*_sat.jpg'. Default: found by name and
            content.
        masks: Folder of the masks, in `data`, or a pattern of their files: '*_labelIds.png'. Default: found by name and
            content.
        channels: Channels that a network gets of each image. rgb: red, green and blue of 8 bits, into which images are
            converted. all: what the files store, 1 to 16 channels of 8 or 16 bits or float32 (TIFF, .npy, PNG, ...),
            alpha included, normalised by mean and standard deviation of the training images. Or their numbers from 1:
            4,3,2.
        split: Share of the images for training, if the data has no train and val split of its own.
        test_fraction: Share of all images for the test split, if the data has none of its own.
        group_by: Which images belong together and stay in one part of the split. prefix: same name before the frame
            number. folder: same folder. blocks: neighbours in the order of the names. Or a regular expression, or a
            file with name,group in each line. In the statistics a group counts once. none: each image counts, also
            frames of a film that look alike.
        splits: Use the split of an earlier run: its folder, or its data.json.
        json: File to write the findings to, as JSON; it must not exist.
        quiet: Show only the result and warnings.
        verbose: Show more: versions and the machine, IoU of each class after each epoch, each image that is labelled.

    Returns:
        What was found, a dictionary as `json` writes it, with tables as `.problems`, `.classes`, `.samples`.

    Raises:
        DataError: A training on the folder would stop; all problems are printed first.
    """
    result = run_command(CheckOptions, locals(), "check")
    from segarena.results.findings import Findings

    return Findings(*result)


@api_function
def convert(
    src: str | PathLike[str],
    dst: str | PathLike[str],
    *,
    source: AnnotationFormat = "auto",
    overlap: Literal["smaller-on-top", "file-order"] = "smaller-on-top",
    crowd: Literal["void", "object"] | None = None,
    class_attribute: str | None = None,
    quiet: bool = False,
    verbose: bool = False,
) -> Path:
    """Write annotations of another format as images, index masks and a classes.yaml.

    Args:
        src: Folder of annotations and images, or the annotation file.
        dst: Folder to write; it must not exist or be empty.
        source: Format of the annotations; auto: the one that is found. One of auto, coco, labelme, cvat, voc, yolo,
            via, supervisely, label-studio, rle-csv, geojson, instances.
        overlap: Which of two overlapping objects is above: the one of fewer pixels, or the later one in the file. One
            of smaller-on-top, file-order.
        crowd: COCO: what objects with iscrowd: 1 are. One of void, object. Default: void in COCO's own files, else
            mostly object.
        class_attribute: The attribute of an object that is its class; for via and geojson. Default: the only one, or
            one named class or label.
        quiet: Show only the result and warnings.
        verbose: Show more: versions and the machine, IoU of each class after each epoch, each image that is labelled.

    Returns:
        The folder that was written.

    Raises:
        SegarenaError: Something in the input is wrong; the message has what, where and a remedy.
    """
    result: Path = run_command(ConvertOptions, locals(), "convert")
    return result


@api_function
def synth(
    folder: str | PathLike[str],
    *,
    seed: int = 0,
    size: int = 128,
    quiet: bool = False,
    verbose: bool = False,
) -> Path:
    """Write the built-in data set to a folder, as images and masks.

    Args:
        folder: Folder to write; it must not exist or be empty.
        seed: Another seed gives other scenes.
        size: Side of a scene, in pixels.
        quiet: Show only the result and warnings.
        verbose: Show more: versions and the machine, IoU of each class after each epoch, each image that is labelled.

    Returns:
        The folder that was written.

    Raises:
        SegarenaError: Something in the input is wrong; the message has what, where and a remedy.
    """
    result: Path = run_command(SynthOptions, locals(), "synth")
    return result
