"""Arrow's types and ours: what the values of a column are, and which column holds the values of a shape.

| Arrow | here |
|---|---|
| integers of any width and sign, durations (their count) | int |
| decimals | decimal, with the places of the column |
| floats | float |
| booleans | bool |
| strings; binaries that are UTF-8, or as base64; UUIDs; times of day | text |
| timestamps with a zone | instant, in UTC |
| timestamps without one | local |
| dates | date |
| lists of any kind | list |
| structs | object |
| maps whose keys are texts | object; of repeated keys the last counts |
| other maps | list of `{key, value}` |
| dictionaries | what they stand for |
"""

from __future__ import annotations

from typing import Any, Final

from engine.language.shapes import ANY, Shape

KINDS: Final = (
    ("string", "text"),
    ("integer", "int"),
    ("decimal", "decimal"),
    ("floating", "float"),
    ("boolean", "bool"),
    ("timestamp", "timestamp"),
    ("date", "date"),
    ("time", "time"),
    ("struct", "struct"),
    ("list", "list"),
    ("map", "map"),
    ("dictionary", "dictionary"),
    ("null", "null"),
    ("large_string", "text"),
    ("string_view", "text"),
    ("binary", "binary"),
    ("large_binary", "binary"),
    ("binary_view", "binary"),
    ("fixed_size_binary", "binary"),
    ("large_list", "list"),
    ("fixed_size_list", "list"),
    ("list_view", "list"),
    ("large_list_view", "list"),
    ("duration", "int"),
)
"""The library's name of each type, and the kind of reading that it takes; the commonest first."""

PRECISION: Final = 38
"""Digits that a decimal column holds."""


class Unheld(Exception):
    """A type whose values are no values of the language."""


def kind_of(of: Any) -> str:
    """How the values of an Arrow type are read; Unheld where they are none of ours."""
    from pyarrow import ExtensionType, types

    if isinstance(of, ExtensionType) or hasattr(of, "extension_name"):
        return "extension"
    for name, kind in KINDS:
        if getattr(types, f"is_{name}")(of):
            return kind
    raise Unheld(str(of))


def shape_of_schema(schema: Any) -> Shape:
    """The records that a schema promises: just these names, each of its type."""
    return Shape("object", {each.name: shape_of(each.type) for each in schema}, closed=True)


def shape_of(of: Any) -> Shape:
    """The values of an Arrow type. Another file may have another: it is said of this one alone, and so not sure."""
    kind = kind_of(of)
    if kind == "struct":
        return shape_of_schema(of.fields)
    if kind == "list":
        return Shape("list", item=shape_of(of.value_type))
    if kind == "map":
        return _map_shape(of)
    if kind == "decimal":
        return Shape("decimal", places=of.scale)
    if kind == "timestamp":
        return Shape("instant" if of.tz else "local")
    if kind == "extension":
        return Shape("text") if of.extension_name == "arrow.uuid" else shape_of(of.storage_type)
    if kind == "dictionary":
        return shape_of(of.value_type)
    return ANY if kind == "null" else Shape({"binary": "text", "time": "text"}.get(kind, kind))


def _map_shape(of: Any) -> Shape:
    key, value = shape_of(of.key_type), shape_of(of.item_type)
    if has_text_keys(of):
        return Shape("object", rest=value)
    return Shape("list", item=Shape("object", {"key": key, "value": value}, closed=True))


def has_text_keys(of: Any) -> bool:
    """Whether a map's keys are texts, and it is an object."""
    return shape_of(of.key_type).type == "text"


def arrow_type(shape: Shape) -> Any:
    """The type of the column that holds values of a shape, all of whose types are known."""
    import pyarrow as pa

    if shape.type == "object":
        return pa.struct(fields_of(shape))
    if shape.type == "list":
        return pa.list_(pa.field("element", arrow_type(shape.item or ANY)))
    if shape.type == "decimal":
        return pa.decimal128(PRECISION, shape.places or 0)
    made = {"text": pa.string, "int": pa.int64, "float": pa.float64, "bool": pa.bool_, "date": pa.date32}
    if shape.type in made:
        return made[shape.type]()
    return pa.timestamp("us", tz="UTC" if shape.type == "instant" else None)


def fields_of(shape: Shape) -> list[Any]:
    """The columns of an object."""
    import pyarrow as pa

    return [pa.field(name, arrow_type(each)) for name, each in shape.fields.items()]
