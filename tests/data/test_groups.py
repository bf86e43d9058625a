"""Which images are a group: by prefix, folder, block, pattern or table."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.data.splitting.groups import cut_blocks, cut_frame_numbers, find_groups, natural_key
from segarena.errors import ConfigError
from support import refuses


def prefixes(names):
    return [prefix for prefix, _ in cut_frame_numbers(names)]


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("0001TP_006690", "0001TP"),
        ("Seq05VD_f00000", "Seq05VD"),
        ("satImage_001", "satImage"),
        ("patient12_slice3_flair", "patient12"),
        ("frame0012", "frame"),
        ("2021-05-03_frame_00012", "2021-05-03_frame"),
        ("a b 7", "a b"),
        ("scan.12", "scan"),
        ("train/scan-12", "train/scan"),
        ("left_right", "left"),
        ("0012", ""),
        ("001_image", ""),
        ("alone", ""),
        ("", ""),
    ],
)
def test_the_prefix_is_what_stands_before_the_frame_number(name, prefix):
    assert prefixes([name]) == [prefix]


def test_an_ending_that_all_names_share_is_no_frame_number():
    names = ["aachen_000000_000019_leftImg8bit", "aachen_000001_000019_leftImg8bit", "bonn_000000_000003_leftImg8bit"]
    assert prefixes(names) == ["aachen_000000", "aachen_000001", "bonn_000000"]
    assert cut_frame_numbers(["case_1_0000", "case_2_0000"]) == [("case", 1), ("case", 2)]
    assert cut_frame_numbers(["a_1", "b_1"]) == [("a", 1), ("b", 1)]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(alphabet="ab01_-. /é", max_size=12), max_size=12), st.sampled_from(["prefix", "blocks"]))
def test_every_name_has_a_group_or_is_named_by_an_error(names, by):
    found = prefixes(names)
    if by == "blocks" or all(found):
        groups = find_groups(names, by)
        assert len(groups) == len(names)
        assert all(groups)
    else:
        with refuses(ConfigError, where="--group-by", value=f"the name {names[found.index('')]} "):
            find_groups(names, by)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(alphabet="ab019_", max_size=8), unique=True))
def test_natural_order_is_one_order_of_all_names(names):
    keys = [natural_key(name) for name in names]
    assert len(set(keys)) == len(names)
    assert sorted(sorted(names), key=natural_key) == sorted(sorted(names, reverse=True), key=natural_key)


def test_natural_order_counts_as_people_do():
    names = ["img_1", "img_2", "img_9", "img_10", "img_100", "imh_1", "a" + "9" * 4000 + "b"]
    assert sorted(names, key=natural_key)[1:] == names[:-1]


def test_no_rule_gives_no_groups():
    assert find_groups(["a"], None) is None


def test_groups_by_folder_are_named_from_the_root(tmp_path):
    paths = [tmp_path / "p1" / "a.png", tmp_path / "p2" / "b.png", tmp_path / "c.png", Path("/elsewhere/d.png")]
    assert find_groups("abcd", "folder", root=tmp_path, paths=paths) == ("p1", "p2", ".", "/elsewhere")


@pytest.mark.parametrize("paths", [None, [Path("x/a.png"), None]])
def test_scenes_without_files_have_no_folders(paths):
    with refuses(ConfigError, where="--group-by folder"):
        find_groups("ab", "folder", paths=paths)


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [(r"^(p\d+)", ("p1", "p12")), (r"p\d+", ("p1", "p12")), (r"s(\d)", ("3", "4")), (r"(?:x|(s))\d", ("s", "s"))],
)
def test_groups_by_pattern_are_its_first_group_or_all_it_finds(pattern, groups):
    assert find_groups(["p1_s3", "p12_s4"], pattern) == groups


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?P<a>b)(?P<a>c)", "a{99999999999999999999}", "\\"])
def test_a_pattern_that_is_none_is_an_error(pattern):
    with refuses(ConfigError, where="--group-by", value=repr(pattern)):
        find_groups(["a"], pattern)


@pytest.mark.parametrize(
    ("names", "by"),
    [
        *((["a1"], pattern) for pattern in ("z", "a(z)?", "^", "a" * 300, "\0")),
        (["seq_001", "a1"], "q"),
        (["007"], "prefix"),
    ],
)
def test_a_name_without_a_group_is_an_error_that_names_it(names, by):
    with refuses(ConfigError, where="--group-by", value=names[-1]):
        find_groups(names, by)


@pytest.mark.parametrize(
    "table",
    [
        "a,one\nb 2,two\n",
        "\ufeffname,group\r\na,one\r\n\r\nb 2,two\r\nunused,three\r\n",
        "image;Group\na;one\nb 2;two",
        "a\tone\nb 2\ttwo",
        'a.png,one\n"b 2.JPG","two"\n',
        "b 2 , two\na , one\na,one\n",
    ],
)
def test_groups_by_table(tmp_path, table):
    (tmp_path / "groups.csv").write_text(table, encoding="utf-8")
    assert find_groups(["a", "b 2"], str(tmp_path / "groups.csv")) == ("one", "two")
    assert find_groups(["a", "b 2"], "groups.csv", root=tmp_path) == ("one", "two")


@pytest.mark.parametrize(
    ("table", "value"),
    [
        (b"a,one\n", "b, c"),
        (b"a,one\nb\nc,two\n", "line 2 is not name,group: 'b'"),
        (b"a,one\nb,\n", "line 2"),
        (b"a,one,more\n", "line 1"),
        (b"a,one\nb,one\nc,one\na,two\n", "line 4 assigns a to the group two"),
        (b"a.png,one\na.jpg,two\n", "line 2 assigns a to the group two"),
        (b"\xff\xfea", "cannot be read"),
        (b"a," + b"x" * 200_000, "cannot be read"),
        (b"", "a, b, c"),
    ],
)
def test_a_table_that_does_not_fit_is_an_error_with_file_and_line(tmp_path, table, value):
    path = tmp_path / "groups.txt"
    path.write_bytes(table)
    with refuses(where=path, value=value):
        find_groups("abc", str(path))


@pytest.mark.parametrize(
    ("table", "words", "corrected"),
    [
        ("a,one\nb,one\n", "Add a line for each: name,group", "a,one\nb,one\nc,two\n"),
        ("a,one\nb\nc,two\n", "Write a name and its group in each line", "a,one\nb,one\nc,two\n"),
        ("a,one\nb,one\nc,one\na,two\n", "Keep one line for each image", "a,one\nb,one\nc,one\n"),
    ],
)
def test_the_remedy_for_a_table_works(tmp_path, table, words, corrected):
    path = tmp_path / "groups.csv"
    path.write_text(table)
    with refuses(where=path) as caught:
        find_groups("abc", str(path))
    assert words in caught.value.remedy
    path.write_text(corrected)
    assert len(find_groups("abc", str(path))) == 3


def test_the_pattern_in_the_remedy_is_one():
    with refuses(ConfigError, where="--group-by") as caught:
        find_groups(["patient1_a"], "(patient")
    pattern = caught.value.remedy.partition("'")[2].rpartition("'")[0]
    assert find_groups(["patient1_a", "patient2_b"], pattern) == ("patient1", "patient2")


def test_a_table_that_does_not_exist_is_no_pattern(tmp_path):
    with refuses(ConfigError, where="--group-by", value="groups.csv"):
        find_groups("abc", "groups.csv", root=tmp_path)


def test_blocks_are_of_neighbours_and_nearly_equal():
    names = [str(n) for n in range(33)]
    blocks = cut_blocks(names)
    assert list(dict.fromkeys(blocks)) == ["0..5", "6..12", "13..18", "19..25", "26..32"]
    assert cut_blocks(names[::-1]) == blocks[::-1]
    assert len(set(cut_blocks([str(n) for n in range(80)]))) == 8
    assert len(set(cut_blocks([str(n) for n in range(1000)]))) == 10
    assert cut_blocks(["b", "a"]) == ("b..b", "a..a")
    assert cut_blocks([]) == ()
