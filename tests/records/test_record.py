"""Records: written and read back as they were; what does not fit is refused with the file and the key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest

from sample_records import COSTS, ENVIRONMENT, ranked_model, sample_comparison, sample_metrics
from segarena.errors import RunError
from segarena.files import read_json, write_json
from segarena.records.record import Count, Fraction, Record, field_names
from segarena.records.run import Costs
from support import refuses


@dataclass(frozen=True, kw_only=True)
class Inner:
    share: Fraction | None


@dataclass(frozen=True, kw_only=True)
class Sample(Record, file="sample.json", schema=3):
    name: str
    kind: Literal["a", "b"] = "a"
    numbers: tuple[float, ...] = ()
    pair: tuple[int, str] = (1, "x")
    counts: dict[str, Count] = None  # type: ignore[assignment]
    inner: Inner | None = None
    either: str | tuple[str, ...] = ""
    anything: Any = None


SAMPLE = Sample(
    name="ü", numbers=(1, 0.1), counts={"a": 2}, inner=Inner(share=None), either=("x", "y"), anything={"k": [1]}
)


@pytest.mark.parametrize(
    "record",
    [
        SAMPLE,
        COSTS,
        ENVIRONMENT,
        sample_metrics(),
        sample_comparison(ranking=(ranked_model("unet", fold_mious=(0.1, None)),)),
    ],
    ids=lambda record: record.file,
)
def test_a_record_is_read_back_as_it_was_written(tmp_path: Path, record: Record) -> None:
    record.write(tmp_path)
    assert type(record).read(tmp_path) == record
    assert read_json(tmp_path / record.file) == record.to_json()


def test_the_schema_is_the_first_key_of_the_file() -> None:
    assert list(COSTS.to_json()) == ["schema", *field_names(Costs)]
    assert SAMPLE.to_json()["schema"] == 3


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"schema": 4}, "schema 4"),  # a newer version's
        ({"schema": 2}, "schema 2"),  # an older one's
        ({"schema": None}, "no schema"),
        ({"name": 3}, "3 as `name`, not text"),
        ({"name": None}, "null as `name`"),
        ({"kind": "c"}, "'c' as `kind`, not one of a, b"),
        ({"numbers": {}}, "an object with keys as `numbers`, not a list"),
        ({"numbers": [1, "2"]}, "'2' as `numbers[1]`, not a number"),
        ({"numbers": [True]}, "True as `numbers[0]`"),
        ({"pair": [1]}, "1 value in `pair`, not 2"),
        ({"counts": {"a": 1.5}}, "1.5 as `counts.a`, not a whole number"),
        ({"counts": {"a": -1}}, "-1 as `counts.a`, which cannot be below 0"),
        ({"inner": {"share": 1.5}}, "1.5 as `inner.share`, which cannot be above 1"),
        ({"inner": {}}, "no key `inner.share`"),
        ({"either": 5}, "5 as `either`"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_key(tmp_path: Path, change: dict[str, Any], value: str) -> None:
    write_json(tmp_path / "sample.json", SAMPLE.to_json() | change)
    with refuses(RunError, where=tmp_path / "sample.json", value=value):
        Sample.read(tmp_path)


ADDED = ("latency_low_ms", "latency_high_ms", "labelled_per_second", "train_cpu_seconds")


@pytest.mark.parametrize("key", [key for key in field_names(Costs) if key not in ADDED])
def test_a_missing_key_is_refused_by_name(key: str) -> None:
    content = COSTS.to_json()
    del content[key]
    with refuses(RunError, where="costs.json", value=f"no key `{key}`"):
        Costs.from_json(content, "costs.json")


def test_keys_that_older_versions_did_not_write_are_null() -> None:
    content = {key: value for key, value in COSTS.to_json().items() if key not in ADDED}
    assert Costs.from_json(content, "costs.json") == replace(COSTS, **dict.fromkeys(ADDED))


def test_a_file_that_is_missing_or_no_object_is_refused(tmp_path: Path) -> None:
    with refuses(RunError, where=tmp_path / "costs.json", value="missing"):
        Costs.read(tmp_path)
    write_json(tmp_path / "costs.json", [1])
    with refuses(RunError, where=tmp_path / "costs.json", value="a list"):
        Costs.read(tmp_path)


def test_unknown_keys_are_ignored_and_defaults_fill_added_ones() -> None:
    content = {"schema": 3, "name": "ü", "counts": {}, "of a later version": 1}
    assert Sample.from_json(content, "x") == replace(
        SAMPLE, numbers=(), counts={}, inner=None, either="", anything=None
    )


def test_a_comparison_without_models_is_refused() -> None:
    content = sample_comparison().to_json() | {"ranking": []}
    with refuses(RunError, where="comparison.json", value="ranks no model"):
        type(sample_comparison()).from_json(content, "comparison.json")
