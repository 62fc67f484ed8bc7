"""The keys of a field and of a map: the schema and the meaning of each, said once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MAKERS: Final = ("source", "value", "fields", "each", "pairs", "pairs_from", "list")
BLANKS: Final = ("keep", "omit", "null")
ON_ERROR: Final = ("reject", "blank", "drop_item")
PAIR_TYPES: Final = ("STRING", "INTEGER", "FLOAT", "BOOLEAN", "JSON")

_ITEM: Final = {"$ref": "#/$defs/field"}
_PATHS: Final = {"type": ["string", "array"], "items": {"type": "string"}, "minLength": 1, "minItems": 1}
_COUNT: Final = {"type": "integer", "minimum": 0}

FIELD_KEYS: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "source": (_PATHS, "Path or `=expression`, or a list of them: the first that is not blank."),
    "value": ({}, "A literal."),
    "resolver": ({"$ref": "#/$defs/resolvers"}, "A resolver, or a list of them, applied left to right."),
    "default": ({}, "The field's value where the result is blank; final, not resolved again."),
    "required": ({"type": "boolean"}, "Still blank: the record is rejected."),
    "one_of": (
        {"type": "array", "minItems": 1},
        "The values that are allowed, compared as the field's type.",
    ),
    "pattern": ({"type": "string"}, "RE2; it matches the whole value."),
    "min": ({}, "The least value, read as the field's type."),
    "max": ({}, "The greatest value, read as the field's type."),
    "min_length": (_COUNT, "The least number of characters, or of items."),
    "max_length": (_COUNT, "The greatest number of characters, or of items."),
    "when": ({"type": "string", "minLength": 1}, "A condition; false: the field is left out, whatever else is said."),
    "on_error": (
        {"enum": list(ON_ERROR)},
        "What a failing source, resolver or check does; all but `reject` are counted.",
    ),
    "blank": ({"enum": list(BLANKS)}, "How a blank result is written."),
    "fields": ({"$ref": "#/$defs/fields"}, "A nested object; with `source` relative to it."),
    "each": (_PATHS, "Path to a list: with `fields` one object an item, with `resolver` one value an item."),
    "pairs": (
        {"$ref": "#/$defs/fields"},
        "`{KEY: field}` to a list of name, type and value; blanks are left out.",
    ),
    "names": (
        {
            "title": "`names`",
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("name", "type", "value")},
            "additionalProperties": False,
        },
        "Other names for the three members of a pair.",
    ),
    "as": ({"enum": list(PAIR_TYPES)}, "The type that a pair says, where not the value's own."),
    "pairs_from": (
        {
            "title": "`pairs_from`",
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "The object whose keys become pairs."},
                "except": {"type": "array", "items": {"type": "string"}, "description": "Keys that do not."},
                "types": {
                    "type": "object",
                    "additionalProperties": {"enum": list(PAIR_TYPES)},
                    "description": "The type that a key's pair says.",
                },
            },
            "required": ["path"],
            "additionalProperties": False,
        },
        "Pairs from the free keys of an object.",
    ),
    "list": ({"type": "array", "items": _ITEM}, "Fields to a list of values; blanks are left out."),
    "comment": ({}, "Ignored."),
}
"""Each key of a field: its JSON Schema and its meaning."""

MAPPING_KEYS: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "fields": ({"$ref": "#/$defs/fields"}, "The fields by their targets, in the order written."),
    "pass_through": (
        {
            "title": "`pass_through`",
            "type": ["boolean", "object"],
            "properties": {"except": {"type": "array", "items": {"type": "string"}}},
            "additionalProperties": False,
        },
        "Copy the input's fields first, but never one that `fields` names.",
    ),
    "blank": ({"enum": list(BLANKS)}, "How blank results are written, unless a field says otherwise."),
    "source": ({"type": "string"}, "What the paths of the map are relative to."),
}
"""Each key of a map: its JSON Schema and its meaning."""
