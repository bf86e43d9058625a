"""`evaluate`, `predict`, `export` and `report` as functions. Generated from the options by docs/build_signatures.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from segarena.api.calls import api_function, run_command
from segarena.config import EvaluateOptions, ExportOptions, PredictOptions, ReportOptions
from segarena.config.export import ExportFormat
from segarena.config.own_models import Builder
from segarena.config.results import SplitName

if TYPE_CHECKING:  # `import segarena` is light
    from segarena.results.evaluation import Evaluation


@api_function
def evaluate(
    run: str | PathLike[str],
    data: str | PathLike[str] | None = None,
    *,
    scale: float | Literal["auto", "whole"] = "auto",
    window: int | Sequence[int] = (),
    tta: Literal["flip", "scales"] | Sequence[Literal["flip", "scales"]] = (),
    out: str | PathLike[str] | None = None,
    images: str | PathLike[str] | None = None,
    masks: str | PathLike[str] | None = None,
    root: str | PathLike[str] | None = None,
    split: SplitName | Literal["unseen", "all"] | None = None,
    device: str = "auto",
    quiet: bool = False,
    verbose: bool = False,
    build: Builder | None = None,
) -> Evaluation:
    """Score a trained run on a split of its data, or on other labelled data.

    The scores are written to a new folder in the run folder, or to `out`.

    Args:
        run: Run folder, or a comparison folder (then its model with the highest mIoU). For other labelled data also
            what `export` wrote: an ONNX file, or a folder with model.safetensors.
        data: Other labelled data, with the same class names. Default: the data of the training.
        scale: At which scale images are labelled. auto: an image with a side more than 1.5 times as long as that of the
            largest training image in overlapping windows, in which objects are as large as in the training; others as a
            whole. whole: every image as a whole, resized to the size of the training. A number: every image at this
            multiple of the training scale, e.g. 2 where objects have half as many pixels as in the training images.
            Default: auto.
        window: Height and width of a window, in pixels of the resized image, or one number for both. Default: the size
            at which the network saw whole training images.
        tta: Further views of each image, whose probabilities are averaged (test-time augmentation). flip: mirrored too.
            scales: at 0.75, 1 and 1.25 times the scale. It takes 2, 3, or with both 6 times as long.
        out: Folder to write; it must not exist or be empty. Default: a new folder in the run folder.
        images: Folder of the other data's images, or a pattern of their files. Default: found by name and content.
        masks: Folder of the other data's masks, or a pattern of their files. Default: found by name and content.
        root: Folder of the other data, if it is a published data set.
        split: Which images to score. Images of the training are recognised by their content, and keep their part of the
            split. unseen: test, and images that the run does not have. One of train, val, test, unseen, all. Default:
            those that had no part in the training, or val if there are none.
        device: Where to compute: auto, cpu, cuda, cuda:N (the GPU of number N, from 0) or mps (Apple's GPU). Default:
            auto, the GPU if there is one.
        quiet: Show only the result and warnings.
        verbose: Show more: versions and the machine, IoU of each class after each epoch, each image that is labelled.
        build: For a run of your own module, the function that builds it.

    Returns:
        The scores, a dictionary with the content of metrics.json; `.classes` and `.images` are tables.

    Raises:
        SegarenaError: Something in the input is wrong; the message has what, where and a remedy.
    """
    result = run_command(EvaluateOptions, locals(), "evaluate")
    from segarena.results.evaluation import Evaluation

    return Evaluation(result)


@api_function
def predict(
    run: str | PathLike[str],
    images: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    scale: float | Literal["auto", "whole"] = "auto",
    window: int | Sequence[int] = (),
    tta: Literal["flip", "scales"] | Sequence[Literal["flip", "scales"]] = (),
    max_megapixels: int | None = None,
    no_legend: bool = False,
    no_overlay: bool = False,
    probabilities: Literal["png8", "npz"] | None = None,
    polygons: Literal["coco", "geojson"] | None = None,
    labels: Literal["labelstudio", "cvat", "coco"] | None = None,
    video_masks: Literal["png", "ffv1"] = "png",
    min_area: int = 1,
    tables: Literal["csv", "parquet"] = "csv",
    shards: int | None = None,
    shard: int | None = None,
    out: str | PathLike[str] | None = None,
    resume: str | PathLike[str] | None = None,
    device: str = "auto",
    quiet: bool = False,
    verbose: bool = False,
    build: Builder | None = None,
) -> Path:
    """Write masks for images, at the images' own size, and overlays with a legend.

    For images in memory use `segarena.load(run).predict(image)`.

    Args:
        run: Run folder, or a comparison folder (then its run on all images, where there is one, else the model with the
            highest mIoU), or what `export` wrote: an ONNX file, or a folder with model.safetensors.
        images: Files of images or videos, or folders of them; subfolders are searched too.
        scale: At which scale images are labelled. auto: an image with a side more than 1.5 times as long as that of the
            largest training image in overlapping windows, in which objects are as large as in the training; others as a
            whole. whole: every image as a whole, resized to the size of the training. A number: every image at this
            multiple of the training scale, e.g. 2 where objects have half as many pixels as in the training images.
            Default: auto.
        window: Height and width of a window, in pixels of the resized image, or one number for both. Default: the size
            at which the network saw whole training images.
        tta: Further views of each image, whose probabilities are averaged (test-time augmentation). flip: mirrored too.
            scales: at 0.75, 1 and 1.25 times the scale. It takes 2, 3, or with both 6 times as long.
        max_megapixels: Millions of pixels of an image at most. Default: 89, to protect from files that become huge in
            memory.
        no_legend: Write overlays without a legend, at the images' own size.
        no_overlay: Write no overlays.
        probabilities: Write the probability of each class in each pixel, and their entropy. png8: grey PNGs of 8 bits
            in NAME_probabilities, 255 for 1. npz: NumPy arrays of float16 in NAME_probabilities.npz.
        polygons: Write the outlines of the regions of all classes but the background, along the edges of the pixels.
            coco: coco.json for all images. geojson: NAME.geojson for each image.
        labels: Write pre-annotations, which a labelling tool imports and a person corrects: labelstudio.json, cvat.xml
            or coco.json.
        video_masks: The form of the masks of a video. png: a folder of PNG files, as for images. ffv1: one file
            NAME_masks.mkv without loss (8 bits grey), which is smaller and needs a library for videos to be read.
        min_area: Objects of fewer pixels are left out of polygons, pre-annotations and the number of objects in
            areas.csv. Masks keep them.
        tables: The form of the table of areas: csv or parquet.
        shards: Number of processes that divide the images between them, on one machine or several, and share the folder
            of resume. Which of them labels an image depends on its path below the folder that is named.
        shard: The number of this process, from 0.
        out: Folder to write; it must not exist or be empty. Default: a new folder in the run folder.
        resume: Continue the folder of an earlier call, or start a new one: images that have their results are not
            labelled again. The model and the options have to be the same.
        device: Where to compute: auto, cpu, cuda, cuda:N (the GPU of number N, from 0) or mps (Apple's GPU). Default:
            auto, the GPU if there is one.
        quiet: Show only the result and warnings.
        verbose: Show more: versions and the machine, IoU of each class after each epoch, each image that is labelled.
        build: For a run of your own module, the function that builds it.

    Returns:
        The folder of the masks and overlays.

    Raises:
        SegarenaError: Something in the input is wrong; the message has what, where and a remedy.
    """
    result: Path = run_command(PredictOptions, locals(), "predict")
    return result


@api_function
def export(
    run: str | PathLike[str],
    *,
    format: ExportFormat = "onnx",
    probabilities: bool = False,
    int8: bool = False,
    push_to: str | None = None,
    public: bool = False,
    out: str | PathLike[str] | None = None,
    quiet: bool = False,
    verbose: bool = False,
    build: Builder | None = None,
) -> Path:
    """Write a trained network as a file for other programs, after a check that it gives the same labels.

    It is checked against PyTorch on images of the run; what does not pass is not written.

    Args:
        run: Run folder, or a comparison folder (then its run on all images, where there is one, else the model with the
            highest mIoU).
        format: onnx: one file for ONNX Runtime and others. torch: a program of torch.export, .pt2. huggingface: a
            folder with weights, config.json and a model card, as on the Hugging Face hub.
        probabilities: Add an output with the probability of each class at each pixel (onnx and torch).
        int8: Compute with 8 bits (onnx). Ranges are measured on training images; refused if the validation mIoU falls
            by more than 0.005.
        push_to: Repository OWNER/NAME on the Hugging Face hub to which the folder of format="huggingface", which this
            implies, is uploaded. A new one is private. Default: no upload.
        public: With push_to: anybody may read the repository.
        out: File to write, or a folder for it; a file that exists is not overwritten. Default: a new file or folder in
            the run folder.
        quiet: Show only the result and warnings.
        verbose: Show more: versions and the machine, IoU of each class after each epoch, each image that is labelled.
        build: For a run of your own module, the function that builds it.

    Returns:
        The file or folder, for `segarena.load`.

    Raises:
        SegarenaError: Something in the input is wrong; the message has what, where and a remedy.
    """
    result: Path = run_command(ExportOptions, locals(), "export")
    return result


@api_function
def report(
    folder: str | PathLike[str],
    *,
    zip: bool = False,
    images: Literal["sample", "all"] = "sample",
    quiet: bool = False,
    verbose: bool = False,
) -> Path:
    """Rebuild the figures, the page and the texts for a paper of a comparison from its files.

    Args:
        folder: Comparison folder.
        zip: Also write NAME.zip into the folder, to send: the page, figures, tables and settings, without weights.
        images: all: also write viewer/index.html with every scored image at the size that was kept, in files beside it.
            sample: report.html has all images where they are together no larger than 21 MB, else the worst, the best,
            those on which the models differ most, and random ones.
        quiet: Show only the result and warnings.
        verbose: Show more: versions and the machine, IoU of each class after each epoch, each image that is labelled.

    Returns:
        The page, report.html.

    Raises:
        SegarenaError: Something in the input is wrong; the message has what, where and a remedy.
    """
    result: Path = run_command(ReportOptions, locals(), "report")
    return result
