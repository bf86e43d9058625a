"""Files of earlier versions: read, or refused with what to do, and never changed.

`old_runs` has the files, without weights and pictures, of comparisons of FCN and U-Net on twelve squares:

- no_schema: before files had the key `schema`.
- first_schemas: the first version that wrote it. Its config.json has none yet, its protocol no `network`.
- one_protocol: the first version whose options are closed once, as they are now.
- later_files: the files that were not there yet, one of each kind, of the version of November 2026.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import segarena
from segarena.config import Choice, CompareOptions
from segarena.errors import RunError
from segarena.records.bench import BenchRecord
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.data_curve import DataCurve
from segarena.records.error_analysis import ErrorAnalysis
from segarena.records.expected import Expected
from segarena.records.exported import ExportedModel
from segarena.records.metrics import Metrics
from segarena.records.options import OptionsRecord
from segarena.records.plan import PlanRecord
from segarena.records.prediction import PredictionRecord
from segarena.records.record import Record
from segarena.records.run import Costs, Data, Environment
from segarena.records.slices import Slices
from segarena.records.suite import SuiteOptionsRecord, SuiteRecord
from segarena.records.tracking import Tracking
from segarena.records.tuning import TrialRecord
from segarena.reuse.like import read_like
from segarena.reuse.recorded import find_recorded
from support import refuses

OLD = Path(__file__).parent / "old_runs"
RUN_FILES = (Config, Costs, Data, Environment, Metrics)
LATER_FILES = (
    *(BenchRecord, DataCurve, ErrorAnalysis, Expected, PlanRecord, PredictionRecord, Slices, SuiteOptionsRecord),
    *(SuiteRecord, Tracking, TrialRecord),
)
ANOTHER_VERSION = "Use the version of segarena that wrote it, or repeat the run or the comparison in a new folder"
REPEAT = "Repeat the run or the comparison in a new folder"


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("run", ["fcn-seed0", "unet-seed0"])
@pytest.mark.parametrize("kind", RUN_FILES)
def test_each_file_of_a_run_is_read(kind: type[Record], run: str) -> None:
    folder = OLD / "one_protocol" / run
    written = json.loads((folder / kind.file).read_text())
    read = kind.read(folder).to_json()
    assert written["schema"] == read["schema"] == 1
    same = [name for name in written if not isinstance(written[name], dict) or name == "per_class"]
    assert {name: read[name] for name in same} == {name: written[name] for name in same}


def test_the_files_of_a_comparison_are_read() -> None:
    folder = OLD / "one_protocol"
    comparison, options = ComparisonRecord.read(folder), OptionsRecord.read(folder)
    assert [entry.model for entry in comparison.ranking] == ["fcn", "unet"]
    assert comparison.ranking[0].miou == pytest.approx(Metrics.read(folder / "fcn-seed0").miou or 0.0)
    assert (options.command, options.options["models"]) == ("compare", ["fcn", "unet"])
    assert Metrics.read(folder / "fcn-seed0").micro_batch is None  # keys that came later have their defaults
    assert Config.read(folder / "fcn-seed0").protocol.epochs == 2


def test_trainings_of_before_scale_jitter_was_recorded_had_the_factor_2(tmp_path: Path) -> None:
    """They are resumed, and used by `train --like`, with it: a rule chooses another one for new trainings."""
    folder = OLD / "one_protocol"
    record = find_recorded(CompareOptions, folder)
    assert record is not None
    assert record.options["scale_jitter"] == 2.0
    assert Config.read(folder / "fcn-seed0").protocol.scale_jitter == 2.0
    assert read_like(folder, "fcn", all_images=False).options["scale_jitter"] == 2.0
    record.write(tmp_path)
    chosen = Choice("scale_jitter", 1.25, "by a rule")
    options = {name: value for name, value in record.options.items() if name != "scale_jitter"}
    replace(record, options=options, choices=(*record.choices, chosen)).write(tmp_path)
    again = find_recorded(CompareOptions, tmp_path)
    assert again is not None
    assert "scale_jitter" not in again.options


def read_back(kind: type[Record], folder: Path) -> None:
    """Check that a file is read, and that each of its values is in what was read, also those inside of others."""
    written = json.loads((folder / kind.file).read_text())
    assert_within(written, kind.read(folder).to_json(), kind.file)


def assert_within(written: object, read: object, place: str) -> None:
    """What came later is not in an old file, so objects may have more keys; all else is equal."""
    if isinstance(written, dict) and isinstance(read, dict):
        assert written.keys() <= read.keys(), place
        for name, value in written.items():
            assert_within(value, read[name], f"{place}: {name}")
    elif isinstance(written, list) and isinstance(read, list):
        assert len(written) == len(read), place
        for number, (one, other) in enumerate(zip(written, read, strict=True)):
            assert_within(one, other, f"{place}[{number}]")
    else:
        assert written == read, place


@pytest.mark.parametrize("kind", LATER_FILES)
def test_each_later_file_is_read(kind: type[Record]) -> None:
    read_back(kind, OLD / "later_files")


def test_the_description_of_an_exported_model_is_read() -> None:
    read_back(ExportedModel, OLD / "later_files" / "hub")


def test_each_kind_of_file_is_there() -> None:
    kinds = {kind for kind in Record.__subclasses__() if kind.__module__.startswith("segarena")}
    assert kinds == {*RUN_FILES, *LATER_FILES, ComparisonRecord, OptionsRecord, ExportedModel}


@pytest.mark.parametrize(
    ("version", "file", "kind", "what", "remedy"),
    [
        ("no_schema", "comparison.json", ComparisonRecord, "has no schema", ANOTHER_VERSION),
        ("no_schema", "fcn-seed0/config.json", Config, "has no schema", ANOTHER_VERSION),
        ("no_schema", "fcn-seed0/metrics.json", Metrics, "has no schema", ANOTHER_VERSION),
        ("first_schemas", "comparison.json", ComparisonRecord, "has no key `protocol.network`", REPEAT),
        ("first_schemas", "fcn-seed0/config.json", Config, "has no schema", ANOTHER_VERSION),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(
    version: str, file: str, kind: type[Record], what: str, remedy: str
) -> None:
    path = OLD / version / file
    with refuses(RunError, where=path, value=what) as caught:
        kind.read(path.parent)
    assert caught.value.remedy == remedy


@pytest.mark.parametrize("kind", [Costs, Data, Environment, Metrics])
def test_the_other_files_of_the_first_schemas_are_read(kind: type[Record]) -> None:
    assert kind.read(OLD / "first_schemas" / "fcn-seed0").to_json()["schema"] == 1


@pytest.mark.parametrize("version", ["no_schema", "first_schemas"])
def test_commands_refuse_old_folders_and_change_nothing(version: str, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(OLD / version, folder)
    (folder / "fcn-seed0" / "best.safetensors").touch()
    before = content(folder)
    for use in (
        lambda: segarena.report(folder),
        lambda: segarena.load(folder / "fcn-seed0"),
        lambda: segarena.compare(resume=folder),
        lambda: segarena.train(resume=folder / "fcn-seed0"),
    ):
        with pytest.raises(RunError) as caught:
            use()
        assert caught.value.remedy in (ANOTHER_VERSION, REPEAT)
    assert content(folder) == before


def test_a_newer_schema_is_refused() -> None:
    written = json.loads((OLD / "one_protocol" / "comparison.json").read_text())
    with refuses(RunError, value="schema 3") as caught:
        ComparisonRecord.from_json({**written, "schema": 3}, "comparison.json")
    assert caught.value.remedy == "Update segarena"
