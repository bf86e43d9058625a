"""The classes of a data set: names, values in masks, colours, void; and the file that declares them."""

from segarena.classes.colors import DEFAULT_COLORS
from segarena.classes.entries import SegmentationClass
from segarena.classes.table import (
    IGNORE_INDEX,
    TABLE,
    TABLES,
    ClassTable,
    DeclaredClasses,
    find_class_table,
    find_declared,
    name_classes,
    read_class_table,
)
from segarena.classes.values import Value

__all__ = [
    "DEFAULT_COLORS",
    "IGNORE_INDEX",
    "TABLE",
    "TABLES",
    "ClassTable",
    "DeclaredClasses",
    "SegmentationClass",
    "Value",
    "find_class_table",
    "find_declared",
    "name_classes",
    "read_class_table",
]
