"""A saved split is read as it was, or not at all."""

import json

import pytest

from segarena.data.source import Sample
from segarena.data.splitting.splits import read_splits, split_samples
from segarena.files import write_json
from support import refuses


def named(names):
    return [Sample(name, None, None, None) for name in names]


@pytest.mark.parametrize("is_bare", [True, False])
def test_a_saved_split_is_read_from_its_file_or_its_folder(tmp_path, is_bare):
    given_samples = named([f"ü {n}" for n in range(20)])
    splits = split_samples(given_samples, where="d", test_share=0.2)
    saved = splits.to_dict(given_samples)
    write_json(tmp_path / "data.json", saved if is_bare else {"split": saved, "name": "x"})
    assert read_splits(tmp_path / "data.json", given_samples) == splits
    assert read_splits(tmp_path, given_samples) == splits


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_split_that_an_editor_of_windows_saved_is_read(tmp_path, encoding):
    (tmp_path / "s.json").write_bytes(json.dumps({"train": ["ü 0", "ü 1"], "val": ["ü 2"]}).encode(encoding))
    assert read_splits(tmp_path / "s.json", named(["ü 0", "ü 1", "ü 2"])).train == (0, 1)


def test_a_saved_split_wins_over_the_datas_own(tmp_path):
    own = [Sample(f"ü {n}", "train", None, None) for n in reversed(range(5))]
    write_json(tmp_path / "s.json", {"train": ["ü 1", "ü 0"], "val": ["ü 2", "ü 3", "ü 4"]})
    splits = read_splits(tmp_path / "s.json", own)
    assert (splits.train, splits.val, splits.test) == ((3, 4), (0, 1, 2), ())


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ({"train": ["ü 0", "ü 1", "new"], "val": ["ü 2"]}, "new"),
        ({"train": ["ü 0", "ü 1"], "val": []}, "ü 2"),
        ({"train": ["ü 0", "ü 1"], "val": ["ü 2"], "test": ["ü 1"]}, "ü 1"),
        ({"train": ["ü 0", "ü 1", "ü 0"], "val": ["ü 2"]}, "ü 0"),
        ({"train": ["ü 0"], "val": ["ü 1", "ü 2"]}, "1 in train and 2 in val"),
        ({"train": ["ü 0", "ü 1", "ü 2"], "val": []}, "3 in train and 0 in val"),
        ({"train": ["ü 0", "ü 1", "ü 2"]}, "parts"),
        ({"train": [], "val": [], "dev": []}, "parts"),
        ({"train": "ü 0", "val": ["ü 2"]}, "part train"),
        ({"train": [0, 1], "val": [2]}, "part train"),
        ({"split": None}, "parts"),
        ([], "parts"),
    ],
)
def test_a_saved_split_that_does_not_fit_is_an_error(tmp_path, content, value):
    file = tmp_path / "split.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    with refuses(where=file, value=value):
        read_splits(file, named(["ü 0", "ü 1", "ü 2"]))


def test_nobody_is_advised_to_edit_the_file_of_a_run(tmp_path):
    split = {"train": ["a", "b"], "val": ["c"]}
    for own in ({"train": ["a", "b", "a"], "val": ["c"]}, {**split, "val": ["c", "d"]}, {**split, "val": []}):
        remedies = []
        for name in ("data.json", "mine.json"):
            (tmp_path / name).write_text(json.dumps({"split": own}))
            with refuses(where=tmp_path / name) as caught:
                read_splits(tmp_path / name, named("abc"))
            remedies.append(caught.value.remedy)
        assert "--splits" in remedies[0]
        assert "--splits" not in remedies[1]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, None])
def test_a_saved_split_that_cannot_be_read_is_an_error(tmp_path, content):
    file = tmp_path / "data.json"
    if content is not None:
        file.write_bytes(content)
    for path in (file, tmp_path):
        with refuses(where=file):
            read_splits(path, named("abc"))
