"""Which image trains, which one chooses the epoch, which one tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from segarena.data.source import Sample, Split
from segarena.errors import DataError
from segarena.seeding import derive_seed

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


def split_samples(samples: Sequence[Sample], *, share: float = 0.8, seed: int = SPLIT_SEED, where: object) -> Splits:
    """Keep the data's own splits; divide what has none into `share` for training and the rest for validation.

    Images are dealt by a hash of (seed, name): the same names give the same split on every machine and in
    any order of listing. Where the data has train and test folders but no val, val is taken from train.
    `where` names the data in an error. Raises DataError where a part would be empty or training has under two images.
    """
    own = {name: [i for i, s in enumerate(samples) if s.split == name] for name in ("train", "val", "test")}
    rest = [i for i, s in enumerate(samples) if s.split is None]
    train, val, test = own["train"] + rest, own["val"], own["test"]
    if not val:
        dealt = sorted(train, key=lambda i: derive_seed("split", seed, samples[i].name))
        num_val = max(1, round(len(dealt) * (1 - share)))
        train, val = sorted(dealt[num_val:]), sorted(dealt[:num_val])
    if len(train) < 2 or not val:
        raise DataError(
            f"{len(samples)} labelled images give {len(train)} for training and {len(val)} for validation;"
            " at least 2 and 1 are needed",
            where=where,
            remedy="Add labelled images",
        )
    return Splits(tuple(train), tuple(val), tuple(test))
