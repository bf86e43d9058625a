"""What the statistics count as independent: images, or groups of images that belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segarena.checks.dependence import find_dependence
from segarena.data.folder import FolderSource
from segarena.data.source import Source
from segarena.experiment.inputs import groups_by_name
from segarena.formats import plural
from segarena.records.statistics import unit_name

#: Counts every image, whatever is found.
NONE = "none"


@dataclass(frozen=True)
class Units:
    """The groups that count as one unit each.

    Args:
        groups: The group of each image, by the image's name.
        rule: What made the groups: the value of `--group-by`, or prefix, blocks or copies where they were found.
        found: Whether they were found in the data, and not given with `--group-by`.
    """

    groups: Mapping[str, str]
    rule: str
    found: bool

    @property
    def number(self) -> int:
        """How many groups there are."""
        return len(set(self.groups.values()))

    def describe(self, scored: Sequence[str]) -> str:
        """Return how the scored images are counted, in a line; empty where each is a group of its own.

        Args:
            scored: The names of the scored images.
        """
        units = len({self.groups[name] for name in scored})
        if units == len(scored):
            return ""
        counted = f"counted as {plural(units, unit_name(self.rule))}, not {plural(len(scored), 'image')}"
        if not self.found:
            return f"{counted} (--group-by {self.rule})"
        why = "copies of an image" if self.rule == "copies" else "neighbouring frames"
        return f"{counted}, because {why} look alike (--group-by {NONE} counts images)"

    def within_folds(self, folds: Sequence[Sequence[str]]) -> tuple[dict[str, str], bool]:
        """Divide the groups that are in several folds, as each fold is a unit of its own.

        Args:
            folds: The names of the images that each fold tests.

        Returns:
            The group of each image, and whether any group was divided.
        """
        places: dict[str, set[int]] = {}
        for fold, names in enumerate(folds):
            for name in names:
                places.setdefault(self.groups[name], set()).add(fold)
        divided = {group for group, found in places.items() if len(found) > 1}
        groups = {
            name: f"{self.groups[name]}, fold {fold}" if self.groups[name] in divided else self.groups[name]
            for fold, names in enumerate(folds, start=1)
            for name in names
        }
        return groups, bool(divided)


def find_units(source: Source, group_by: str | None) -> Units | None:
    """Return the groups of `--group-by`, or those that names and images show; None where each image is a unit.

    Args:
        source: The data.
        group_by: The value of `--group-by`.

    Raises:
        ConfigError: The groups cannot be made.
    """
    if group_by == NONE:
        return None
    typed = groups_by_name(source, group_by)
    if typed is not None:
        return Units(typed, str(group_by), found=False)
    found = find_dependence(source) if isinstance(source, FolderSource) else None
    if found is None:
        return None
    names = [sample.name for sample in source.samples]
    return Units(dict(zip(names, found.groups, strict=True)), found.rule, found=True)
