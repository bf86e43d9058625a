"""What a suite has to train: data sets whose comparison is finished are used, others are started or resumed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segarena.config import TRACK_MODELS, CompareOptions
from segarena.errors import RunError
from segarena.formats import join_words, plain
from segarena.records.comparison import ComparisonRecord
from segarena.records.options import OptionsRecord
from segarena.records.suite import SuiteEntry, SuiteOptionsRecord
from segarena.reuse.complete import complete
from segarena.reuse.recorded import MAY_DIFFER
from segarena.reuse.suite_file import options_of

#: Options in which a data set may differ from what it was started with: the data may have been moved, which is checked
#: by its fingerprint, models may be added and left out, and the others change the speed alone.
_MAY_DIFFER = MAY_DIFFER | {"models", "disk_cache_gib", "download"}


def find_place(entry: SuiteEntry, folder: Path) -> Path:
    """Return the folder of a data set's comparison: the finished one, or that in the folder of the suite."""
    return folder / entry.name if entry.comparison is None else Path(entry.comparison)


def check_unchanged(folder: Path, entries: Sequence[SuiteEntry]) -> None:
    """Check that the data sets that were started have the options that they were started with.

    Args:
        folder: The folder of the suite.
        entries: The data sets of now.

    Raises:
        RunError: An option of a data set differs. The message names the data set and all options that differ.
    """
    if not (folder / SuiteOptionsRecord.file).exists():
        return
    before = {entry.name: entry for entry in SuiteOptionsRecord.read(folder).data_sets}
    for entry in entries:
        earlier = before.get(entry.name)
        is_trained = earlier is not None and earlier.comparison is None and entry.comparison is None
        if earlier is None or not is_trained or not (folder / entry.name / OptionsRecord.file).exists():
            continue
        differences = find_differences(earlier.options, entry.options)
        if differences:
            raise RunError(
                f"{entry.name} was started with other options: {join_words(differences)}",
                where=folder,
                remedy="Put them back as they were, or give the data set another name: its folder then has that name",
            )


def find_differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the options that differ, in words. More seeds are no difference: they are trained in addition."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if old == new or name in _MAY_DIFFER:
            continue
        if name == "seeds" and (new is None or old is None or new > old):
            continue
        label = name.replace("_", "-")
        found.append(f"{label} {_shown(new)} (it was {_shown(old)})")
    return found


def is_finished(entry: SuiteEntry, place: Path, earlier: SuiteEntry | None) -> bool:
    """Whether the comparison of a data set has all that is wanted, so that nothing is trained.

    Args:
        entry: The data set.
        place: The folder of its comparison.
        earlier: The same data set, as the suite was started; None where it is new.
    """
    if not (place / ComparisonRecord.file).is_file():
        return False
    if entry.comparison is not None:
        return True
    record = ComparisonRecord.read(place)
    seeds = {one.model: len(one.seeds) for one in record.ranking}
    wanted = entry.options.get("seeds") or 1
    has_all = all(seeds.get(name, 0) >= wanted for name in wanted_models(entry))
    data = ("data", "images", "masks")
    is_there = earlier is None or all(entry.options.get(name) == earlier.options.get(name) for name in data)
    return has_all and not record.failed and is_there


def wanted_models(entry: SuiteEntry) -> tuple[str, ...]:
    """Return the models that a data set is compared with."""
    options = options_of(entry)
    return tuple(options.models or TRACK_MODELS[options.track])


def compare_options(entry: SuiteEntry, place: Path, **more: Any) -> CompareOptions:
    """Return the options with which a data set is compared: started, or resumed where something is there.

    Args:
        entry: The data set.
        place: The folder of its comparison.
        **more: Further options, such as `jobs`; None for one that is left out.

    Raises:
        ConfigError: An option has a value that cannot work.
        RunError: What is in the folder was started with other options, or cannot be resumed.
    """
    more = {name: value for name, value in more.items() if value is not None}
    if (place / OptionsRecord.file).exists():
        return complete(CompareOptions, **{**entry.options, **more, "resume": place})
    has_files = place.is_dir() and any(place.iterdir())
    return options_of(entry, out=place, **more, **({"resume": place} if has_files else {}))


def _shown(value: Any) -> str:
    if value is None:
        return "left open"
    return " ".join(map(str, value)) if isinstance(value, list) else str(plain(value))
