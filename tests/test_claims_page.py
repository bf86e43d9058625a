"""docs/claims.md and docs/results.md: tables and answers are those of the measured suite, whatever it shows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import build_claims_page as generator
import pytest
from sections import insert

from segarena.records.suite import SuiteDataSet, SuiteRecord
from suites import SCORES, suite

#: Words that would state an outcome in the part of the page that is written by hand.
OUTCOMES = r"\b(?:is|was|are|were) (?:best|worse|fastest|slowest|first|last|highest|lowest)\b|\b\d+(?:\.\d+)? points\b"


@pytest.mark.parametrize("page", generator.PAGES, ids=lambda page: page.name)
def test_the_page_is_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    made = generator.sections(generator.read(), generator.PAGES[page])
    assert insert(text, made) == text, "run `make docs`"


def test_no_outcome_is_written_by_hand() -> None:
    page = (Path(generator.__file__).parent / "claims.md").read_text(encoding="utf-8")
    by_hand = re.sub(r"<!-- generated: \w+ -->.*?<!-- end -->", "", page, flags=re.DOTALL)
    assert not re.findall(OUTCOMES, by_hand.partition("## What was compared")[2])


def test_the_results_have_no_place_of_a_machine() -> None:
    record = generator.read()
    assert [Path(one.folder).parts[:-1] for one in record.data_sets] == [("..",)] * len(record.data_sets)
    assert record.command.count("/") <= 1


@pytest.fixture
def record(tmp_path: Path) -> SuiteRecord:
    return suite(tmp_path, {f"{name}{number}": scores for number in range(3) for name, scores in SCORES.items()})


def test_a_claim_is_supported_where_the_interval_is_on_its_side(record: SuiteRecord) -> None:
    text = generator.fcn(record)
    assert "supported against U-Net" in text
    assert "FCN has the lowest latency on 12 of 12 data sets." in text
    assert "| U-Net minus FCN | +4.0 |" in text


def test_a_claim_is_contradicted_where_it_is_on_the_other_side(tmp_path: Path) -> None:
    scores = {f"d{i}": {"fcn": 0.8, "unet": 0.6, "pspnet": 0.6 + 0.001 * i, "deeplabv3": 0.61} for i in range(6)}
    record = suite(tmp_path, scores)
    assert "supported against" not in generator.fcn(record)
    assert "contradicted against" in generator.fcn(record)
    assert "contradicted against FCN" in generator.deeplabv3(record)
    assert "place 2 of 4" in generator.deeplabv3(record)


def test_without_medical_images_there_is_no_answer_about_them(record: SuiteRecord) -> None:
    assert "Not tested" in generator.unet(record)
    assert "on 3 of 3 medical data sets" in generator.unet(with_medical(record, "cells"))
    assert "on 0 of 3 medical data sets" in generator.unet(with_medical(record, "roads"))


def with_medical(record: SuiteRecord, name: str) -> SuiteRecord:
    def domain(one: SuiteDataSet) -> str | None:
        return "Medical" if one.name.startswith(name) else None

    return replace(record, data_sets=tuple(replace(one, domain=domain(one)) for one in record.data_sets))


def test_a_model_that_is_not_there_has_no_answer(tmp_path: Path) -> None:
    record = suite(tmp_path, {name: {"unet": 0.5, "fcn": 0.4} for name in ("one", "two")})
    assert generator.sections(record, ("pspnet", "deeplabv3")) == {
        "pspnet": "Not measured: pspnet is not in the suite.\n",
        "deeplabv3": "Not measured: deeplabv3 is not in the suite.\n",
    }
    assert "supported against FCN" in generator.unet(record)


def test_one_data_set_has_a_page_too(tmp_path: Path) -> None:
    record = suite(tmp_path, {"roads": SCORES["roads"]})
    for names in generator.PAGES.values():
        assert all(generator.sections(record, names)[name] is not None for name in names)
