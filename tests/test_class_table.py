"""The class table: what classes.yaml may contain, and the errors for anything else."""

import pytest
import yaml

from segarena.classes import (
    DEFAULT_COLORS,
    IGNORE_INDEX,
    ClassTable,
    SegmentationClass,
    find_class_table,
    name_classes,
    read_class_table,
)
from support import refuses

TWO = "classes: [{name: a, value: 0}, {name: b, value: 1}]\n"


def read(tmp_path, text):
    path = tmp_path / "classes.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_class_table(path)


def test_classes_are_read_in_the_order_of_the_file(tmp_path):
    table = read(
        tmp_path,
        "classes:\n"
        "  - {name: sky, value: 7, color: [1, 2, 3]}\n"
        "  - {name: 12, value: [0, 128, 255]}\n"
        "  - {name: road, value: 65535}\n"
        "ignore: [11, [0, 0, 0]]\n",
    )
    assert table.classes == (
        SegmentationClass("sky", 7, (1, 2, 3)),
        SegmentationClass("12", (0, 128, 255), (0, 128, 255)),
        SegmentationClass("road", 65535, DEFAULT_COLORS[2]),
    )
    assert table.ignore == (11, (0, 0, 0))
    assert table.names == ("sky", "12", "road")
    assert table.num_classes == 3


@pytest.mark.parametrize("ignore", ["", "ignore:\n", "ignore: []\n"])
def test_void_values_may_be_left_out(tmp_path, ignore):
    assert read(tmp_path, TWO + ignore).ignore == ()


def test_what_is_written_is_read_back(tmp_path):
    table = ClassTable(
        (SegmentationClass("a", 3, (9, 8, 7)), SegmentationClass("b", (1, 2, 3), (4, 5, 6))), (255, (0, 0, 0))
    )
    assert ClassTable.from_dict(table.to_dict(), where="memory") == table
    assert read(tmp_path, yaml.safe_dump(table.to_dict())) == table


def many(count):
    return "classes: [" + ", ".join(f"{{name: c{n}, value: {n}}}" for n in range(count)) + "]"


def test_255_classes_fit_in_a_byte_beside_void(tmp_path):
    table = read(tmp_path, many(255))
    assert table.num_classes == IGNORE_INDEX
    assert len(table.palette()) == 768


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "has no list `classes`"),
        ("[1, 2]", "has no list `classes`"),
        ("classes: {road: 1}", "has no list `classes`"),
        (TWO + "ignored: [3]", "has an unknown key 'ignored'"),
        (TWO + "1: x\nother: y", "has an unknown key 1"),
        ("classes: [{name: a, value: 0, colour: [1, 2, 3]}]", "class 0 has an unknown key 'colour'"),
        (TWO + "ignore: 255", "`ignore` is not a list"),
        (TWO + "ignore: [-1]", "-1 is not a mask value"),
        ("classes: [road, sky]", "class 0 has no name or no value"),
        ("classes: [{name: a}, {name: b, value: 1}]", "class 0 has no name or no value"),
        ("classes: [{name: a, value: true}]", "True is not a mask value"),
        ("classes: [{name: a, value: 65536}]", "65536 is not a mask value"),
        ("classes: [{name: a, value: 1.0}]", "1.0 is not a mask value"),
        ("classes: [{name: a, value: [0, 0, 256]}]", "[0, 0, 256] is not a mask value"),
        ("classes: [{name: a, value: [0, 0]}]", "[0, 0] is not a mask value"),
        ("classes: [{name: a, value: 0, color: 7}]", "class 0 has a color that is not [r, g, b]"),
        ("classes: [{name: a, value: 0, color: red}]", "class 0 has a color that is not [r, g, b]"),
        ("classes: [{name: a, value: 0}]", "declares 1 classes, needs 2 to 255"),
        (many(256), "declares 256 classes, needs 2 to 255"),
        ("classes: [{name: a, value: 0}, {name: a, value: 1}]", "two classes have the name 'a'"),
        ("classes: [{name: a, value: 4}, {name: b, value: 4}]", "two classes have the value 4"),
        (TWO + "ignore: [1]", "the value of class 'b' is also in `ignore`"),
        ("classes:\n  [", "is not valid YAML (line 2, column 4: "),
        ("classes: [\0]", "is not valid YAML (unacceptable character #x0000"),
        ("classes: " + 3000 * "[", "is not valid YAML"),
        ("classes: [{name: 2024-99-99, value: 0}]", "is not valid YAML"),
        (b"classes: [\xff\xfe]", "cannot be read"),
    ],
)
def test_each_mistake_is_an_error_of_the_file(tmp_path, text, what):
    with refuses(where=tmp_path / "classes.yaml", value=what) as raised:
        read(tmp_path, text)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with refuses(where=tmp_path / "classes.yaml"):
        read_class_table(tmp_path / "classes.yaml")


@pytest.mark.parametrize("name", ["classes.yml", "Classes.yaml", "CLASSES.YML", "class.yaml"])
def test_a_misspelt_name_is_an_error(tmp_path, name):
    (tmp_path / name).write_text("classes: []")
    with refuses(where=tmp_path / name) as caught:
        find_class_table(tmp_path)
    assert "Rename it to classes.yaml" in caught.value.remedy


def test_a_broken_link_is_an_error_and_no_file_is_none(tmp_path):
    assert find_class_table(tmp_path) is None
    (tmp_path / "classes.yaml").symlink_to(tmp_path / "gone.yaml")
    with refuses(where=tmp_path / "classes.yaml"):
        find_class_table(tmp_path)


def test_background_is_found_by_its_name_in_any_case():
    assert name_classes([0, 255], ["Background", "cell"]).background == 0
    assert name_classes([0, 1, 2], ["a", "b", "background"]).background == 2
    assert name_classes([0, 1], ["a", "b"]).background is None


def test_palette_has_the_class_colours_and_black_for_void():
    table = name_classes([0, 1], ["a", "b"])
    palette = table.palette()
    assert tuple(palette[:6]) == DEFAULT_COLORS[0] + DEFAULT_COLORS[1]
    assert palette[-3:] == [0, 0, 0]
    assert len(palette) == 768


def test_default_colours_repeat_for_more_classes():
    table = name_classes(list(range(20)), [f"c{n}" for n in range(20)], ignore=[30])
    assert table.colors[len(DEFAULT_COLORS)] == DEFAULT_COLORS[0]
    assert len(set(DEFAULT_COLORS)) == len(DEFAULT_COLORS)
    assert table.ignore == (30,)
