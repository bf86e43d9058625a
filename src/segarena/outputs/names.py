"""names.csv: which mask is of which image, where several images have one name, or one has a long name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from segarena.data.layout.new_images import NewImage, NewImages
from segarena.files import write_text
from segarena.outputs.manifest import Manifest, key_of

#: The table of images and their masks, where the names alone do not show it.
NAMES = "names.csv"


def write_names(found: NewImages, folder: Path, mask_of: Callable[[NewImage], str]) -> None:
    """Write the table, once all images are labelled, if it is needed: a row for each image that could be read.

    Args:
        found: The images and videos.
        folder: The output folder.
        mask_of: What the mask of an image is called, or the masks of a video.

    Raises:
        RunError: It cannot be written.
    """
    everything = [*found.images, *found.videos]
    if not any(image.is_renamed for image in everything):
        return
    manifest = Manifest(folder)
    keys = [key_of(image.name, image.location) for image in everything]
    labelled = [image for image, (done, _) in zip(everything, manifest.lines(keys), strict=True) if not done.fault]
    table = pd.DataFrame({"image": [str(image.path) for image in labelled]})
    table["mask"] = [mask_of(image) for image in labelled]
    write_text(folder / NAMES, table.to_csv(index=False, lineterminator="\n"))
