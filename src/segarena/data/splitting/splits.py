"""Which image trains, which one chooses the epoch, which one tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segarena.data.source import Sample, Split
from segarena.data.splitting.assign import TEST, TRAIN, VAL, deal, exact_share
from segarena.data.splitting.stratify import make_units, members_of
from segarena.errors import DataError
from segarena.formats import plural

SPLIT_SEED = 0


@dataclass(frozen=True)
class Splits:
    """Indices into a source's samples: `train` fits the weights, `val` chooses the epoch, `test` is scored once."""

    train: tuple[int, ...]
    val: tuple[int, ...]
    test: tuple[int, ...]

    @property
    def scored(self) -> Literal["test", "val"]:
        """The split whose scores count: test where there is one."""
        return "test" if self.test else "val"

    def indices(self, name: Split) -> tuple[int, ...]:
        return {"train": self.train, "val": self.val, "test": self.test}[name]

    @property
    def counts(self) -> dict[str, int]:
        return {"train": len(self.train), "val": len(self.val), "test": len(self.test)}

    def to_dict(self, samples: Sequence[Sample]) -> dict[str, list[str]]:
        """The names in each part, as they are saved; `saved_splits.read_splits` gives them back."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        return {part: [samples[i].name for i in indices] for part, indices in parts.items()}


def split_samples(
    samples: Sequence[Sample],
    *,
    share: float = 0.8,
    seed: int = SPLIT_SEED,
    where: object,
    class_images: NDArray[np.bool_] | None = None,
    groups: Sequence[str] | None = None,
    test_share: float = 0.0,
) -> Splits:
    """Keep the data's own splits. Of what has none `test_share` tests; of the rest `share` trains, the others validate.

    Only what the data lacks is divided off, val and with a `test_share` also test, from its train and undivided
    samples. The answer depends on names, classes and seed: not on the machine, not on the order of `samples`.

    *Images* are dealt in the natural order of their names, each by its own hash and by how many before it were drawn
    (`data/dividing/dealing.py`). Each share is met within one image, but at least two images train and one validates. A
    file whose name comes last moves no other; one that comes earlier can move those behind it.

    *Groups* (`groups`, a name for each sample) are never divided. They are dealt by the hashes of their names. Val and
    test each miss their share by at most half of the largest group, or they are one group, the smallest left. Groups
    of one image each are dealt as images.

    *Classes* (`class_images`, (N, num_classes) bool: which class occurs in which sample). Each class that occurs in
    two images (groups) is in train and in val, in three or more also in test: wherever an allocation with the same
    shares has all of that, and of groups, any allocation at all. Where none has, as much is met as exchanging images
    one for one can reach, and never less than without `class_images`. Where no class is missing from a part, it
    changes nothing. The search behind this is complete up to `allocation.STEPS` steps, which takes
    hundreds of images with a hundred rare classes to reach.

    `where` names the data in an error. Raises DataError where a part would be empty or training has under two images.
    """
    own = {part: [i for i, s in enumerate(samples) if s.split == part] for part in ("train", "val", "test")}
    pool = own["train"] + [i for i, s in enumerate(samples) if s.split is None]
    shares = {}
    if test_share > 0 and not own["test"]:
        shares[TEST] = exact_share(test_share)
    if not own["val"]:
        shares[VAL] = 1 - exact_share(share)
    units = make_units(samples, pool, class_images, groups)
    if groups is not None and 0 < len(units) <= len(shares):
        raise DataError(
            f"{len(pool)} images in {plural(len(units), 'group')} cannot fill"
            f" {len(shares) + 1} splits without dividing a group",
            where=where,
            remedy="Group them in another way with --group-by, or leave it out",
        )
    parts = deal(units, shares, seed)
    train, val, test = (members_of(units, parts, part) for part in (TRAIN, VAL, TEST))
    found = Splits(train, val or tuple(own["val"]), test or tuple(own["test"]))
    if len(found.train) < 2 or not found.val:
        raise DataError(
            f"{len(samples)} labelled images give {len(found.train)} for training and {len(found.val)} for validation;"
            " at least 2 and 1 are needed",
            where=where,
            remedy="Add labelled images" if pool else "All of them are in val or test: put some in train",
        )
    return found
