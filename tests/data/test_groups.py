"""What belongs together: by prefix, folder, block, pattern or table; and what the names suggest."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.data.splitting.groups import cut_blocks, find_groups, frame_prefixes, natural_key, propose_groups
from segarena.errors import ConfigError, DataError
from support import SHARED, needs_real_data


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
    assert frame_prefixes([name]) == (prefix,)


def test_an_ending_that_all_names_share_is_no_frame_number():
    names = ["aachen_000000_000019_leftImg8bit", "aachen_000001_000019_leftImg8bit", "bonn_000000_000003_leftImg8bit"]
    assert frame_prefixes(names) == ("aachen_000000", "aachen_000001", "bonn_000000")
    assert frame_prefixes(["case_1_0000", "case_2_0000"]) == ("case", "case")
    assert frame_prefixes(["a_1", "b_1"]) == ("a", "b")


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(alphabet="ab01_-. /é", max_size=12), max_size=12), st.sampled_from(["prefix", "blocks"]))
def test_every_name_has_a_group_or_an_error_that_names_it(names, by):
    propose_groups(names)
    prefixes = frame_prefixes(names)
    assert len(prefixes) == len(names)
    if by == "blocks" or all(prefixes):
        groups = find_groups(names, by)
        assert len(groups) == len(names)
        assert all(groups)
    else:
        with pytest.raises(ConfigError) as caught:
            find_groups(names, by)
        assert f"the name {names[prefixes.index('')]} has nothing" in str(caught.value)


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
    with pytest.raises(ConfigError, match="--group-by folder: these images lie in no folders"):
        find_groups("ab", "folder", paths=paths)


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [(r"^(p\d+)", ("p1", "p12")), (r"p\d+", ("p1", "p12")), (r"s(\d)", ("3", "4")), (r"(?:x|(s))\d", ("s", "s"))],
)
def test_groups_by_pattern_are_its_first_group_or_all_it_finds(pattern, groups):
    assert find_groups(["p1_s3", "p12_s4"], pattern) == groups


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?P<a>b)(?P<a>c)", "a{99999999999999999999}", "\\"])
def test_a_pattern_that_is_none_is_an_error_that_lists_the_rules(pattern):
    with pytest.raises(ConfigError, match="is neither prefix, folder, blocks, a file that exists nor a regular expr"):
        find_groups(["a"], pattern)


@pytest.mark.parametrize("pattern", ["z", "a(z)?", "^", "a" * 300, "\0"])
def test_a_pattern_that_does_not_match_is_an_error_that_names_the_image(pattern):
    with pytest.raises(ConfigError, match="--group-by: the name a1 has nothing that "):
        find_groups(["a1"], pattern)


@pytest.mark.parametrize("by", ["prefix"])
def test_a_name_without_a_prefix_is_an_error_with_another_way(by):
    with pytest.raises(ConfigError, match="the name 007 has nothing before its number .* regular expression"):
        find_groups(["seq_001", "007"], by)


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
    ("table", "message"),
    [
        (b"a,one\n", "names no group of b, c. Add a line"),
        (b"a,one\nb\nc,two\n", "line 2 is not name,group: 'b'"),
        (b"a,one\nb,\n", "line 2 is not name,group"),
        (b"a,one,more\n", "line 1 is not name,group"),
        (b"a,one\nb,one\nc,one\na,two\n", "line 4 puts a into the group two, an earlier line into one"),
        (b"a.png,one\na.jpg,two\n", "line 2 puts a into the group two"),
        (b"\xff\xfea", "cannot be read"),
        (b"a," + b"x" * 200_000, "line 1 is not name,group"),
        (b"", "names no group of a, b, c"),
    ],
)
def test_a_table_that_does_not_fit_is_an_error_that_names_file_and_line(tmp_path, table, message):
    path = tmp_path / "groups.txt"
    path.write_bytes(table)
    with pytest.raises(DataError, match=f"groups.txt: .*{message}"):
        find_groups("abc", str(path))


def test_a_table_that_is_not_there_is_no_pattern(tmp_path):
    with pytest.raises(ConfigError, match="there is no file groups.csv"):
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


def frames(prefix, count, step=1, first=0):
    return [f"{prefix}{number:05}" for number in range(first, first + count * step, step)]


@pytest.mark.parametrize("step", [1, 30])
def test_several_sequences_are_proposed_as_groups(step):
    names = frames("A_f", 20, step) + frames("B_", 12, step, first=7)
    proposal = propose_groups(names)
    assert proposal.by == "prefix"
    assert proposal.groups == ("A",) * 20 + ("B",) * 12
    assert proposal.groups == find_groups(names, proposal.by)
    assert "2 sequences: A (20 images), B (12 images)" in proposal.sentence


def test_one_run_of_numbers_is_proposed_as_blocks_of_neighbours():
    names = [str(n) for n in range(30)]
    proposal = propose_groups(names)
    assert proposal.by == "blocks"
    assert proposal.groups == find_groups(names, "blocks")
    assert len(set(proposal.groups)) == 5
    assert "0 to 29. If these are slices" in proposal.sentence


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a"],
        ["cat", "dog", "cow"] * 5,
        frames("A_", 9),
        [f"{n:012}" for n in (9, 25, 30, 34, 36, 42, 49, 61, 64, 71, 72, 73, 74, 77)],  # photographs of a collection
        [f"p{n}_{n * n}" for n in range(30)],
        frames("A_", 20) + [f"photo{n * n}x" for n in range(20)],
    ],
)
def test_names_that_are_no_sequences_propose_nothing(names):
    assert propose_groups(names) is None


@needs_real_data
def test_what_the_names_of_real_data_suggest():
    def propose(folder):
        return propose_groups([path.stem for path in sorted((SHARED / "data" / folder).iterdir())])

    assert set(propose("camvid/train").groups) == {"0001TP", "0006R0", "0016E5"}
    assert set(propose("camvid/test").groups) == {"0001TP", "Seq05VD"}
    assert propose("isbi/image").by == "blocks"
