"""Which of the attributes that a tool lets its users define is the class of an object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from segarena.annotations.annotations import Malformed, show
from segarena.errors import DataError
from segarena.formats import listing

_CLASS_WORDS = frozenset({"class", "class_name", "classname", "classification", "label", "category", "name", "type"})

#: Stands for the names of the attributes, in place of the name of one.
NAMES = "\0names"


def choose_attribute(objects: Iterable[Mapping[str, object]], chosen: str | None, where: object) -> str | None:
    """Return the name of the attribute that is the class, None if no object has an attribute.

    It is the one that is chosen; else the only one that has values; else the only one with a usual name (class, label,
    category, ...). If each object has a value of one attribute only, and not all of the same, the attributes' names are
    the classes: `NAMES` is returned.

    Args:
        objects: The attributes of each object.
        chosen: The user's choice.
        where: The file or folder, for messages.

    Raises:
        DataError: The choice does not exist, or there is none and several attributes could be the class.
    """
    values: dict[str, dict[str, None]] = {}
    alone = True
    for attributes in objects:
        given = {name: value for name, value in attributes.items() if not is_missing(value)}
        alone = alone and len(given) == 1
        for name, value in given.items():
            values.setdefault(name, {})[show(value)] = None
    if chosen is not None:
        if chosen not in values:
            raise DataError(
                f"has no attribute {chosen!r}, but {listing([repr(name) for name in values]) or 'none'}",
                where=where,
                remedy="Name one of these attributes",
            )
        return chosen
    if len(values) < 2:
        return next(iter(values), None)
    if len({name.lower() for name in values} & _CLASS_WORDS) == 0 and alone:
        return NAMES
    usual = [name for name in values if name.lower() in _CLASS_WORDS]
    if len(usual) != 1:
        described = [f"{name} ({listing(list(found), 3)})" for name, found in values.items()]
        raise DataError(
            f"has several attributes that could be the class: {listing(described)}",
            where=where,
            remedy="Name the one that is the class: --class-attribute NAME",
        )
    return usual[0]


def is_missing(value: object) -> bool:
    """Whether an attribute has no value: nothing, an empty text, or a table of boxes none of which is ticked."""
    return value in (None, "", [], {}) or (isinstance(value, dict) and not any(value.values()))


def read_class(attributes: Mapping[str, object], name: str) -> str:
    """Return the class of an object. Raises Malformed if its attribute has no value, or several."""
    if name == NAMES:
        return next(str(key) for key, value in attributes.items() if not is_missing(value))
    value = attributes.get(name)
    if is_missing(value):
        raise Malformed(f"its attribute {name!r} has no value", remedy="Give it a value, or remove the object")
    if isinstance(value, dict):  # boxes to tick
        ticked = [str(option) for option, is_ticked in value.items() if is_ticked]
        if len(ticked) > 1:
            raise Malformed(
                f"its attribute {name!r} has several values: {listing(ticked)}", remedy="Leave it one of them"
            )
        return ticked[0]
    if isinstance(value, (list, bool)):
        raise Malformed(f"its attribute {name!r} is {show(value)}")
    return str(value).strip()
