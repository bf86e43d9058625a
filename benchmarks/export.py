"""Time from an image to its class map, in PyTorch and in exported files, on one processor core.

    taskset -c 0 python benchmarks/export.py RUN [RUN ...]

Each run is exported as `segarena export RUN` and `segarena export RUN --int8` do, into a temporary folder. All label
the same images of the run, one at a time, in turns; the result is the median of the ratios within a turn, with its
range. Processor time is measured, which other programs disturb less than the time that passes.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import segarena
from segarena.errors import RunError
from segarena.experiment.recorded_images import RecordedImages, open_recorded
from segarena.exporting.onnx_model import OnnxModel
from segarena.loading.sizes import working_size
from segarena.loading.transforms import resize_image
from segarena.training import predictor
from segarena.training.evaluation import predict_masks
from segarena.training.machine import describe_environment

ROUNDS, IMAGES = 7, 3
Image = NDArray[np.uint8]


def torch_way(run: Path, precision: str) -> Callable[[Image], object]:
    """Label an image as `segarena predict` does."""
    loaded = predictor.load(run, device="cpu")

    def label(image: Image) -> object:
        height, width = image.shape[:2]
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        small = resize_image(pixels, working_size(height, width, loaded.size))[None]
        return predict_masks(loaded.model, small, (height, width), device="cpu", precision=precision)

    return label


def onnx_way(path: Path) -> Callable[[Image], object]:
    """Label an image with an exported file."""
    from segarena.exporting.onnx_model import load_onnx

    model = load_onnx(path, device="cpu", threads=1)
    return lambda image: model.run(image[None])


def measure(run: Path, folder: Path) -> dict[str, Any]:
    """Export a run and time it in four ways."""
    loaded = predictor.load(run, device="cpu")
    recorded = open_recorded(loaded)
    assert isinstance(recorded, RecordedImages), recorded
    images = [image for image, _ in recorded.read(recorded.checked_part, IMAGES)]
    fp32 = segarena.export(run, out=folder / f"{run.parent.name}-{run.name}.onnx", quiet=True)
    ways = {
        "torch bf16": torch_way(run, "bf16"),
        "torch fp32": torch_way(run, "fp32"),
        "onnx fp32": onnx_way(fp32),
    }
    found: dict[str, Any] = {"run": run.name, "size": loaded.size, "image": list(images[0].shape[:2])}
    try:
        int8 = segarena.export(run, int8=True, out=folder / f"{run.parent.name}-{run.name}-int8.onnx", quiet=True)
    except RunError as refused:
        found["int8 refused"] = refused.what
    else:
        ways["onnx int8"] = onnx_way(int8)
        exported = segarena.load(int8)
        assert isinstance(exported, OnnxModel)
        assert exported.facts.quantization is not None
        found["val mIoU"] = exported.facts.quantization.val_miou
        found["val mIoU int8"] = exported.facts.quantization.val_miou_int8
        found["MB"] = [round(path.stat().st_size / 1e6, 1) for path in (fp32, int8)]
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, way in ways.items():
            start = time.process_time()
            for image in images:
                way(image)
            if number:  # the first round prepares
                times[name].append((time.process_time() - start) / len(images))
    for name, seconds in times.items():
        ratios = [base / own for base, own in zip(times["torch bf16"], seconds, strict=True)]
        found[name] = {
            "ms": round(1e3 * median(seconds), 2),
            "times as fast as torch bf16": round(median(ratios), 2),
            "range": [round(min(ratios), 2), round(max(ratios), 2)],
        }
    return found


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for run in sys.argv[1:]:
            print(json.dumps(measure(Path(run), Path(folder))), flush=True)
    print(json.dumps({"machine": describe_environment("cpu").sentence}))


if __name__ == "__main__":
    main()
