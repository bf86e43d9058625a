"""A saved split comes back as it was, or not at all."""

import json
import re

import pytest

from segarena.data.source import Sample
from segarena.data.splitting.saved import read_splits
from segarena.data.splitting.splits import split_samples
from segarena.errors import DataError
from segarena.files import write_json


def samples(count=20):
    return [Sample(f"ü {n}", None, None, None) for n in range(count)]


@pytest.mark.parametrize("bare", [True, False])
def test_a_saved_split_can_be_given_back_by_its_file_or_its_folder(tmp_path, bare):
    splits = split_samples(samples(), where="d", test_share=0.2)
    saved = splits.to_dict(samples())
    write_json(tmp_path / "data.json", saved if bare else {"split": saved, "name": "x"})
    assert read_splits(tmp_path / "data.json", samples()) == splits
    assert read_splits(tmp_path, samples()) == splits


def test_it_wins_over_the_datas_own_and_over_the_order_of_listing(tmp_path):
    own = [Sample(f"ü {n}", "train", None, None) for n in reversed(range(5))]
    write_json(tmp_path / "s.json", {"train": ["ü 1", "ü 0"], "val": ["ü 2", "ü 3", "ü 4"]})
    splits = read_splits(tmp_path / "s.json", own)
    assert (splits.train, splits.val, splits.test) == ((3, 4), (0, 1, 2), ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train": ["ü 0", "ü 1", "new"], "val": ["ü 2"]}, "names new, which the data does not have"),
        ({"train": ["ü 0", "ü 1"], "val": []}, "says nothing of ü 2. Add each name to a part"),
        ({"train": ["ü 0", "ü 1"], "val": ["ü 2"], "test": ["ü 1"]}, "names ü 1 in train and in test"),
        ({"train": ["ü 0", "ü 1", "ü 0"], "val": ["ü 2"]}, "names ü 0 twice"),
        ({"train": ["ü 0"], "val": ["ü 1", "ü 2"]}, "gives 1 images for training and 2 for validation"),
        ({"train": ["ü 0", "ü 1", "ü 2"], "val": []}, "gives 3 images for training and 0 for validation"),
        ({"train": ["ü 0", "ü 1", "ü 2"]}, "has not the parts train and val"),
        ({"train": [], "val": [], "dev": []}, "has not the parts train and val"),
        ({"train": "ü 0", "val": ["ü 2"]}, "the part train is not a list of names"),
        ({"train": [0, 1], "val": [2]}, "the part train is not a list of names"),
        ({"split": None}, "has not the parts"),
        ([], "has not the parts"),
    ],
)
def test_what_does_not_fit_is_an_error_that_names_file_and_image(tmp_path, content, message):
    file = tmp_path / "split.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(str(file)) + ".*" + message):
        read_splits(file, samples(3))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_json_is_an_error(tmp_path, content):
    file = tmp_path / "split.json"
    file.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as a saved split"):
        read_splits(file, samples(3))


def test_a_missing_file_or_a_folder_without_one_is_an_error(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(DataError, match="cannot be read as a saved split"):
            read_splits(path, samples(3))
