"""Finished runs that are to be compared: whether they are of one protocol, and what each is called."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from segarena.errors import ConfigError, RunError
from segarena.experiment.found_runs import FoundRun
from segarena.experiment.prepared import Recorded
from segarena.formats import command, join_words, listing, plain, plural
from segarena.records.options import OptionsRecord
from segarena.records.run import Data
from segarena.reporting.style import label_of
from segarena.reuse.recorded import NETWORK, is_same
from segarena.runs import Run

#: Files of a run that a copy of it does not need.
_LEFT_OUT = frozenset({OptionsRecord.file, "log.txt"})
#: Settings that follow from --size.
_OF_SIZE = frozenset({"crop", "input_size"})
#: What no option can allow: such scores are not of one experiment.
_NEVER = frozenset({"track", "protocol_version", "folds"})


@dataclass(frozen=True)
class Matched:
    """Runs of one protocol.

    Args:
        runs: Each with what it is called in the comparison.
        varied: The settings that differ between the runs, as was allowed, with their values.
    """

    runs: tuple[tuple[Run, FoundRun], ...]
    varied: dict[str, tuple[Any, ...]]

    @property
    def first(self) -> FoundRun:
        """The run that the shared settings are read from."""
        return self.runs[0][1]

    @property
    def recorded(self) -> Recorded:
        """The protocol, with what all networks use together, and the split."""
        network: dict[str, str | int] = {}
        for _, run in reversed(self.runs):
            network |= run.config.protocol.network
        if len({run.config.protocol.network.get("output_stride") for _, run in self.runs}) > 1:
            network.pop("output_stride", None)
        own = {name: self.first.settings[name] for name in ("learning_rate", "class_weights")}
        protocol = replace(self.first.config.protocol, network=network, **own)
        return Recorded(protocol, self.first.trainings, tuple(data.fingerprint for data in self.first.data))


def match_runs(runs: Sequence[FoundRun], vary: Sequence[str], again: Sequence[Path]) -> Matched:
    """Check that runs are of one protocol and the same data, and name them.

    Models and seeds may differ, and an output stride that is that of its architecture. The places of the data and
    settings that change the speed of a run alone are not looked at.

    Args:
        runs: The runs.
        vary: The settings that may differ.
        again: The folders as they were given, for the remedy.

    Raises:
        RunError: Runs differ in their data, in another setting, or not at all.
        ConfigError: No setting of `vary` exists, or it cannot be allowed.
    """
    if len(runs) < 2:
        raise RunError("is the only finished run", where=runs[0].folder, remedy="Name another one, to compare it with")
    known = {name for run in runs for name in run.settings} - _OF_SIZE
    for name in vary:
        if name not in known - _NEVER:
            raise ConfigError(
                f"{name} is no setting in which runs may differ",
                where="--vary",
                remedy=f"Choose from {', '.join(sorted(known - _NEVER))}",
            )
    _check_have_scores(runs)
    _check_same_data(runs)
    differing = _differences(runs)
    refused = {name: values for name, values in differing.items() if name not in vary}
    if refused:
        raise _other_protocol(refused, [*vary, *refused], again)
    varied = {name: values for name, values in differing.items() if name in vary}
    named = [(Run(_name(run, varied), run.config.seed), run) for run in runs]
    seen: dict[Run, FoundRun] = {}
    modules: dict[str, FoundRun] = {}
    for key, run in named:
        other = modules.setdefault(key.model, run)
        if run.config.architecture.get("tensors") != other.config.architecture.get("tensors"):
            raise RunError(
                f"has another module called {label_of(run.config.model)} than {other.folder}",
                where=run.folder,
                remedy="Train one of them again with another name",
            )
        if key in seen:
            raise RunError(
                f"has {label_of(run.config.model)} with seed {key.seed}, as {seen[key].folder} has",
                where=run.folder,
                remedy="Leave out one of them, or train one with another --seed",
            )
        seen[key] = run
    named.sort(key=lambda pair: pair[0].seed)
    return Matched(tuple(named), {name: tuple(values) for name, values in varied.items()})


def copy_runs(matched: Matched, folder: Path) -> None:
    """Copy the files of runs into the folder of their comparison, so that it can be moved and used alone.

    Weights are not copied but linked, where the file system can do that. The state that resumes a training is left out.

    Args:
        matched: The runs.
        folder: The folder of the comparison.

    Raises:
        RunError: A file cannot be written.
    """
    for key, run in matched.runs:
        for place in dict.fromkeys((run.folder, *run.trainings)):
            target = folder / key.path / place.relative_to(run.folder)
            try:
                target.mkdir(parents=True, exist_ok=True)
                for file in place.iterdir():
                    if file.is_file() and file.name not in _LEFT_OUT:
                        _link_or_copy(file, target / file.name)
            except OSError as error:
                raise RunError(
                    f"cannot be copied ({error.strerror or error})",
                    where=place,
                    remedy="Check the space and permissions",
                ) from error


def _link_or_copy(file: Path, target: Path) -> None:
    if file.suffix == ".safetensors":  # never changed in place: a new one replaces the file
        try:
            os.link(file, target)
        except OSError:
            pass
        else:
            return
    shutil.copyfile(file, target)


def _differences(runs: Sequence[FoundRun]) -> dict[str, dict[str, list[FoundRun]]]:
    """The values of each setting that has several, with the runs of each."""
    differing = {}
    for name in dict.fromkeys(name for run in runs for name in run.settings):
        values: dict[str, list[FoundRun]] = {}
        for run in runs:
            if name in run.settings or name not in NETWORK:  # a network records what it uses
                value = run.settings.get(name)
                alike = (one for one, first in values.items() if _is_same(name, first[0].settings.get(name), value))
                values.setdefault(next(alike, plain(value)), []).append(run)
        if len(values) > 1:
            differing[name] = values
    if "size" in differing:
        differing = {name: values for name, values in differing.items() if name not in _OF_SIZE}
    own = ["output_stride"]
    if all(run.settings.get("equal") == "time" for run in runs):
        own += ["epochs", "patience"]  # chosen so that all models take the same time
    for name in own:
        by_model: dict[str, set[str]] = {}
        for value, having in differing.get(name, {}).items():
            for run in having:
                by_model.setdefault(run.config.model, set()).add(value)
        if all(len(values) == 1 for values in by_model.values()):  # part of what the architecture is
            differing.pop(name, None)
    return differing


def _is_same(name: str, one: Any, other: Any) -> bool:
    """Whether a setting is the same in two runs, each of which may have a relative path of its weights."""
    return is_same(name, one, other) or is_same(name, other, one)


def _other_protocol(
    refused: Mapping[str, Mapping[str, Sequence[FoundRun]]], names: Sequence[str], again: Sequence[Path]
) -> RunError:
    """Each setting that differs, with the value in each run, and what to do."""
    texts = []
    for name, values in refused.items():
        parts = [f"{value} in {listing([str(run.folder) for run in having], 2)}" for value, having in values.items()]
        texts.append(f"{name.replace('_', ' ')} is {join_words(parts)}")
    never = [name for name in refused if name in _NEVER]
    *_, last = next(iter(refused.values())).values()
    train = "Train the runs again with the same settings"
    line = command("segarena", "compare", *again, "--vary", *names)
    remedy = train if never else f"{train}; or compare them all the same, with the differences named: {line}"
    return RunError(f"the runs differ: {'; '.join(texts)}", where=last[0].folder, remedy=remedy)


def _name(run: FoundRun, varied: Mapping[str, Any]) -> str:
    """The model, and the settings that differ: "unet@ce+dice", "unet@ce,size=256"."""
    parts = []
    for name in varied:
        value = run.settings.get(name)
        if value is None and name in NETWORK:
            continue
        text = Path(value).stem if name == "weights" and isinstance(value, str) else plain(value)
        parts.append(text if name == "loss" else f"{name}={text}")
    if not parts:
        return run.config.model
    return re.sub(r"[^\w.+=,@-]", "_", f"{run.config.model}@{','.join(parts)}")


def _check_have_scores(runs: Sequence[FoundRun]) -> None:
    """Raise RunError if a run was trained on all images, so that none are left for a score."""
    without = [run for run in runs if run.config.data.all_images]
    if without:
        raise RunError(
            "was trained on all images, so it has no score to compare",
            where=listing([str(run.folder) for run in without]),
            remedy="Leave it out, or compare a run of the same model that was trained without --all-images",
        )


def _check_same_data(runs: Sequence[FoundRun]) -> None:
    first = runs[0]
    for run in runs[1:]:
        if run.folds != first.folds:
            one, other = (f"{plural(n, 'fold')}" if n else "one split" for n in (run.folds, first.folds))
            raise RunError(
                f"has {one}, and {first.folder} has {other}",
                where=run.folder,
                remedy="Compare runs of the same split, or the same number of folds",
            )
        for now, before in zip(run.data, first.data, strict=True):
            if now.fingerprint != before.fingerprint:
                what, remedy = _describe_data(now, before)
                raise RunError(f"{what} than {first.folder}", where=run.folder, remedy=remedy)


def _describe_data(now: Data, before: Data) -> tuple[str, str]:
    """How the data of a run differs from that of another one, and what to do."""
    one, other = ([entry["name"] for entry in data.class_table.get("classes", [])] for data in (now, before))
    if one != other:
        return (
            f"has other classes ({listing(one)}; not {listing(other)})",
            "Compare runs with the same classes",
        )
    ours, theirs = asdict(now.split), asdict(before.split)
    same_split = "Train it again on the same split: --splits with the folder of the other run"
    for part, what in (("test", "test"), ("val", "validation"), ("train", "training")):
        if set(ours[part]) != set(theirs[part]):
            only = sorted(set(ours[part]) ^ set(theirs[part]))
            counts = f"{len(ours[part])} and {len(theirs[part])}"
            is_part = {*ours[part], *ours["unused"]} == {*theirs[part], *theirs["unused"]}
            remedy = "Train it again with the --data-fraction of the other run" if is_part else same_split
            return f"has other {what} images ({counts}; {listing(only, 3)} in one of the two)", remedy
    changed = [name for name in now.sha256 if now.sha256[name] != before.sha256.get(name)]
    again = "Train it again on the present files"
    if changed:
        return f"has other content in {listing(changed, 3)}", again
    return "decodes the masks in another way", again
