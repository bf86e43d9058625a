"""What is known of one image once it is labelled: what every writer gets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Result:
    """One image with its labels."""

    name: str
    """What its files are called: their path below the output folder, `/` between folders, without an ending."""
    source: Path
    """The image file."""
    image: NDArray[np.uint8]
    """RGB, (H, W, 3), 0..255; of a large image, which is not held as an array, a reduced picture."""
    mask: NDArray[np.uint8]
    """Class indices, (H, W)."""
    probabilities: NDArray[np.float32] | None = None
    """(C, H, W), 0..1, with the sum 1 in each pixel; None if no writer uses them."""
