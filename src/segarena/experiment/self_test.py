"""A training of seconds on this machine: what has to work before hours of it make sense."""

from __future__ import annotations

import io
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from segarena.config.devices import device_type
from segarena.image_files.raw_masks import read_plane
from segarena.kernels.upsample_argmax import plain_upsample_argmax, upsample_argmax
from segarena.models import SegmentationModel, build_model
from segarena.scenes.synthetic import SyntheticSource
from segarena.training.checkpoint import load_state, save_state
from segarena.training.devices import place
from segarena.training.losses import SegmentationLoss

_SIZE, _STEPS = 64, 3
#: The share of pixels at which two logits may differ by rounding only.
_ROUNDING = 1e-3


def check_files() -> str:
    """Write a mask as PNG and read it again. Returns what was found; raises where it differs."""
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    stream = io.BytesIO()
    Image.fromarray(labels).save(stream, format="PNG")
    if not np.array_equal(read_plane(Path("mask.png"), stream.getvalue()).values, labels):
        raise RuntimeError("a mask that was written as PNG is read with other labels")
    return "a mask is read as it was written"


def check_folder() -> str:
    """Write a training state into the folder for temporary files, and read it. Returns what was found."""
    with TemporaryDirectory(prefix="segarena-") as folder:
        path = Path(folder, "state.pt")
        state = {"values": torch.arange(1000)}
        save_state(state, path)
        found = load_state(path)
        if found is None or not torch.equal(found["values"], state["values"]):
            raise RuntimeError("a state is not read as it was written")
        return f"a state is read as it was written, in {Path(folder).parent}"


def check_training(device: str) -> str:
    """Take some steps with a small network, and compare its labels with those of the reference.

    Args:
        device: "cpu", "cuda" or "mps".

    Returns:
        What was found.

    Raises:
        RuntimeError: The loss does not fall, or labels differ.
    """
    start = time.perf_counter()
    source = SyntheticSource(seed=0, size=_SIZE)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = place(build_model("unet", source.classes.num_classes, encoder="mobilenet_v2"), device)
    pairs = [source.read(index) for index in range(4)]
    images = torch.stack([torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1) for image, _ in pairs])
    masks = torch.stack([torch.from_numpy(mask) for _, mask in pairs])
    images, masks = images.to(device), masks.to(device)
    losses = _train(model, images, masks)
    if not np.isfinite(losses).all() or losses[-1] >= losses[0]:
        raise RuntimeError(f"the loss of {_STEPS} steps went from {losses[0]:.3g} to {losses[-1]:.3g}")
    model.eval()
    with torch.inference_mode():
        logits = model(images).logits.float().cpu()
    sides = (4 * logits.shape[2], 4 * logits.shape[3])
    differing = int((upsample_argmax(logits, sides) != plain_upsample_argmax(logits, sides)).sum())
    if differing > _ROUNDING * logits.shape[0] * sides[0] * sides[1]:
        raise RuntimeError(f"{differing} labels differ from those of the reference implementation")
    seconds = time.perf_counter() - start
    name = torch.cuda.get_device_name(device) if device_type(device) == "cuda" else device
    return f"{_STEPS} steps on {name}: loss {losses[0]:.2f} to {losses[-1]:.2f}, in {seconds:.1f} s"


def _train(model: SegmentationModel, images: Tensor, masks: Tensor) -> list[float]:
    loss = SegmentationLoss("ce")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    model.train()
    for _ in range(_STEPS):
        output = model(images)
        total, _ = loss(output.logits, output.auxiliary, masks)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(total.detach()))
    return losses
