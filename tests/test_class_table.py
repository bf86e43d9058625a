"""The class table: what classes.yaml may contain, and the errors for anything else."""

import json
import os

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


#: Texts that declare the same: what was written, name and values of the classes, void values.
SAME = {
    "words of YAML": (
        "classes: [{name: no, value: 0}, {name: yes, value: 1}, {name: null, value: 2}, {name: 1.0, value: 3},"
        " {name: 012, value: 4}, {name: on, value: 5}, {name: 2024-99-99, value: 6}]",
        [("no", 0), ("yes", 1), ("null", 2), ("1.0", 3), ("012", 4), ("on", 5), ("2024-99-99", 6)],
        (),
    ),
    "several values": (
        "classes: [{name: a, value: 0}, {name: b, value: [1, 2]}, {name: c, value: [3, 4, 5]}]\nignore: 255",
        [("a", 0), ("b", (1, 2)), ("c", (3, 4, 5))],
        (255,),
    ),
    "several values in classes of three": (
        "classes: [{name: a, values: [0, 1, 2]}, {name: b, values: [3, 4, 5]}]",
        [("a", (0, 1, 2)), ("b", (3, 4, 5))],
        (),
    ),
    "several colours": (
        "classes: [{name: a, value: [[0, 0, 0], [9, 8, 7]]}, {name: b, value: [1, 2, 3]}]\nignore: [4, 5, 6]",
        [("a", ((0, 0, 0), (9, 8, 7))), ("b", (1, 2, 3))],
        ((4, 5, 6),),
    ),
    "hexadecimal colours": (
        "classes:\n  - {name: a, value: #804080}\n  - name: b\n    value: '#f0a'\n  - {name: c, value: 0x0000ff}\n"
        "ignore: ['#FFFFFF', #010203] # void\n",
        [("a", (128, 64, 128)), ("b", (255, 0, 170)), ("c", (0, 0, 255))],
        ((255, 255, 255), (1, 2, 3)),
    ),
    "colours as words, with alpha": (
        "classes:\n  - name: a\n    value: 128, 64, 128\n  - name: b\n    value: (0 0 142)\n",
        [("a", (128, 64, 128)), ("b", (0, 0, 142))],
        (),
    ),
    "RGBA": (
        "classes: [{name: a, value: [128, 64, 128, 255]}, {name: b, value: [1, 2, 3, 255]}]",
        [("a", (128, 64, 128)), ("b", (1, 2, 3))],
        (),
    ),
    "RGBA, and void in it": (
        "classes: [{name: a, value: [128, 64, 128, 255]}, {name: b, value: [1, 2, 3, 255]}]\nignore: [[0, 0, 0, 255]]",
        [("a", (128, 64, 128)), ("b", (1, 2, 3))],
        ((0, 0, 0),),
    ),
    "a grey colour beside numbers": (
        'classes: [{name: a, value: 0}, {name: b, value: "#010101"}, {name: c, value: 2}]',
        [("a", 0), ("b", 1), ("c", 2)],
        (),
    ),
    "void as in PyTorch": (TWO + "ignore: -1", [("a", 0), ("b", 1)], (-1,)),
    "no void": (TWO + "ignore: null", [("a", 0), ("b", 1)], ()),
    "tabs": ("classes:\n\t- name: a\n\t  value: 0\n\t- {name: b,\tvalue: 1}\n", [("a", 0), ("b", 1)], ()),
    "names of any kind": (
        'classes: [{name: "a, b", value: 0}, {name: "c\\td\\ne", value: 1}, {name: 🚗, value: 2}, {name: A, value: 3},'
        " {name: a, value: 4}]",
        [("a, b", 0), ("c d e", 1), ("🚗", 2), ("A", 3), ("a", 4)],
        (),
    ),
}


def values_of(entry):
    return entry.values if entry.others else entry.value


@pytest.mark.parametrize("way", SAME)
def test_what_people_write_is_read(tmp_path, way):
    text, classes, ignore = SAME[way]
    table = read(tmp_path, text)
    assert [(entry.name, values_of(entry)) for entry in table.classes] == classes
    assert table.ignore == ignore
    written = json.loads(json.dumps(table.to_dict()))
    assert ClassTable.from_dict(written, where="data.json") == table
    assert read(tmp_path, yaml.safe_dump(written, allow_unicode=True)) == table


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_any_common_text_encoding_is_read(tmp_path, encoding, line_end):
    text = TWO.replace("{name: a", "{name: Fläche").replace("\n", line_end)
    assert read(tmp_path, text.encode(encoding)).names == ("Fläche", "b")


def test_the_order_of_classes_and_their_values_is_in_the_digest():
    def digest(*values):
        classes = [{"name": name, "values": list(one)} for name, one in zip("ab", values, strict=True)]
        return ClassTable.from_dict({"classes": classes}, where="").digest

    assert digest([0], [1]) == name_classes([0, 1], ["a", "b"]).digest
    assert len({digest([0], [1]), digest([0], [1, 2]), digest([0, 2], [1]), digest([1], [0])}) == 4


def many(count):
    return "classes: [" + ", ".join(f"{{name: c{n}, value: {n}}}" for n in range(count)) + "]"


def test_255_classes_fit_in_a_byte_beside_void(tmp_path):
    table = read(tmp_path, many(255))
    assert table.num_classes == IGNORE_INDEX
    assert len(table.palette()) == 768


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("# all of it is a comment\n", "is empty"),
        ("[1, 2]", "has no list `classes`"),
        ("classes: {road: 1}", "has no list `classes`"),
        (TWO + "ignored: [3]", "has an unknown key 'ignored'"),
        (TWO + "1: x\nother: y", "has an unknown key '1'"),
        ("classes: [{name: a, value: 0, colour: [1, 2, 3]}]", "class 0 has an unknown key 'colour'"),
        (TWO + "ignore: [-2]", "-2 is not a mask value"),
        (TWO + "ignore: {void: 255}", "is not a mask value"),
        (TWO + TWO, "is not valid YAML (line 2, column 1: the key 'classes' is given twice)"),
        ("classes: [{name: a, value: 0, value: 1}]", "the key 'value' is given twice"),
        ("classes: [{name: a, value: 0, values: [1]}, {name: b, value: 2}]", "class 0 has both `value` and `values`"),
        ("classes: [{name: , value: 0}, {name: b, value: 1}]", "class 0 has no name"),
        ("classes: [{name: a, value: []}, {name: b, value: 1}]", "class 0 has no name or no value"),
        ("classes: [{name: a, value: [1, 2, 1, 4]}, {name: b, value: 3}]", "[1, 2, 1, 4] is not a mask value"),
        ("classes: [{name: a, value: [1, 2]}, {name: b, value: 2}]", "two classes have the value 2"),
        ("classes: [{name: a, value: [1, 2]}, {name: b, value: 3}]\nignore: [2]", "the value of class 'a' is also"),
        ("classes: [{name: a, value: -1}, {name: b, value: 1}]", "-1 is not a mask value"),
        ("classes: [road, sky]", "class 0 has no name or no value"),
        ("classes: [{name: a}, {name: b, value: 1}]", "class 0 has no name or no value"),
        ("classes: [{name: a, value: true}]", "true is not a mask value"),
        ("classes: [{name: a, value: 65536}]", "65536 is not a mask value"),
        ("classes: [{name: a, value: 1.0}]", "1.0 is not a mask value"),
        ("classes: [{name: a, value: [0, 0, 256]}]", "[0, 0, 256] is not a mask value"),
        ("classes: [{name: a, value: [0, 0]}]", "[0, 0] is not a mask value"),
        (f"classes: [{{name: a, value: {'1   ' * 30}x}}]", "is not a mask value"),  # not in years
        ("classes: [{name: a, value: 0, color: 7}]", "class 0 has a color that is not [r, g, b]"),
        ("classes: [{name: a, value: 0, color: red}]", "class 0 has a color that is not [r, g, b]"),
        ("classes: [{name: a, value: 0, background: soil}, {name: b, value: 1}]", "'soil'"),
        (
            "classes: [{name: a, value: 0, background: true}, {name: b, value: 1, background: true}]",
            "marks 2 classes as background: a, b",
        ),
        ("classes: [{name: a, value: 0}]", "declares 1 class, needs 2 to 255"),
        (many(256), "declares 256 classes, needs 2 to 255"),
        ("classes: [{name: a, value: 0}, {name: a, value: 1}]", "two classes have the name 'a'"),
        ("classes: [{name: a, value: 4}, {name: b, value: 4}]", "two classes have the value 4"),
        (TWO + "ignore: [1]", "the value of class 'b' is also in `ignore`"),
        ("classes:\n  [", "is not valid YAML (line 2, column 4: "),
        ("classes: [\0]", "is not valid YAML (unacceptable character #x0000"),
        ("classes: " + 3000 * "[", "is not valid YAML"),
        (b"\xff\xfeclasses: []\x00\xd8", "cannot be read"),
    ],
)
def test_each_mistake_is_an_error_of_the_file(tmp_path, text, what):
    with refuses(where=tmp_path / "classes.yaml", value=what) as raised:
        read(tmp_path, text)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with refuses(where=tmp_path / "classes.yaml"):
        read_class_table(tmp_path / "classes.yaml")


@pytest.mark.parametrize("name", ["Classes.yaml", "CLASSES.YML", "class.yaml"])
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


@pytest.mark.parametrize(
    ("names", "values", "mark", "background", "untinted"),
    [
        (["Background", "cell"], [0, 255], None, 0, 0),
        (["a", "b", "__background__"], [0, 1, 2], None, 2, 2),
        (["a", "BG"], [0, 1], None, 1, 1),
        (["soil", "crop", "weed"], [5, 6, 7], 1, 1, 1),
        (["background", "soil"], [0, 1], 1, 1, 1),
        (["road", "car", "other"], [0, 1, 2], None, None, 2),
        (["Unlabelled", "car"], [0, 1], None, None, 0),
        (["crack", "wall", "door"], [1, 0, 2], None, None, 1),
        (["crack", "wall"], [(9, 9, 9), (0, 0, 0)], None, None, 1),
        (["sky", "road"], [1, 2], None, None, 0),
    ],
)
def test_the_background_and_the_untinted_class(tmp_path, names, values, mark, background, untinted):
    lines = [
        f"  - {{name: {name}, value: {list(value) if isinstance(value, tuple) else value}"
        + (", background: true}" if index == mark else "}")
        for index, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    table = read(tmp_path, "\n".join(["classes:", *lines]))
    assert (table.background, table.untinted) == (background, untinted)
    assert [entry.is_background for entry in table.classes] == [index == mark for index in range(len(names))]
    assert read(tmp_path, yaml.safe_dump(table.to_dict())) == ClassTable.from_dict(table.to_dict(), where="") == table


def test_a_mark_is_in_the_digest_only_where_the_name_differs(tmp_path):
    marked = TWO.replace("value: 1", "value: 1, background: yes")
    assert read(tmp_path, marked).digest != read(tmp_path, TWO).digest
    named = TWO.replace("name: b", "name: background")
    assert (
        read(tmp_path, named.replace("value: 1", "value: 1, background: true")).digest == read(tmp_path, named).digest
    )
    assert read(tmp_path, TWO.replace("value: 1", "value: 1, background: false")) == read(tmp_path, TWO)


def test_palette_has_the_class_colours_and_black_for_void():
    table = name_classes([0, 1], ["a", "b"])
    palette = table.palette()
    assert tuple(palette[:6]) == DEFAULT_COLORS[0] + DEFAULT_COLORS[1]
    assert palette[-3:] == [0, 0, 0]
    assert len(palette) == 768


def test_aliases_of_lists_are_refused_and_those_of_words_read(tmp_path):
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30))]
    text = "\n".join([*lines, "classes: [{name: *a29, value: 0}, {name: b, value: 1}]"])
    with refuses(where=tmp_path / "classes.yaml", value="line 2"):
        read(tmp_path, text)
    table = read(tmp_path, "classes: [{name: &x road, value: 0}, {name: b, value: 1}]\nignore: [&void 255, *void]")
    assert table.names == ("road", "b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_in_place_of_the_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "classes.yaml")
    with refuses(where=tmp_path / "classes.yaml", value="pipe"):
        read_class_table(tmp_path / "classes.yaml")
