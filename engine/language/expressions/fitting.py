"""Whether a value is one that an option takes: what the schema says of a spec's own options, said of values here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from engine.errors import OptionError
from engine.language.expressions.operators import as_decimal, kind_of
from engine.language.numbers import within_cap
from engine.language.shapes import type_of
from engine.options import INVALID, Pointer, build, object_schema
from engine.registry import Option
from engine.spelling import describe, either

WORDS: Final = {"string": "text", "integer": "an int", "number": "a number", "boolean": "true or false",
                "array": "a list", "object": "a map"}  # fmt: skip
PYTHON: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,), "integer": (int,), "number": (int, Decimal, float), "boolean": (bool,), "array": (list,),
    "object": (dict,),
}  # fmt: skip

TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "string": ("text",), "integer": ("int",), "number": ("decimal", "int", "float"), "boolean": ("bool",),
    "array": ("list",), "object": ("object",),
}  # fmt: skip
"""What each JSON type of a schema is in words, in Python, and in the language."""


class Raising:
    """A report that ends at its first problem."""

    def __call__(self, code: str, pointer: Pointer, message: str, help: str = "", **_: Any) -> None:
        """Raise it, with the pointer to the option."""
        error = OptionError(code, message, help)
        error.pointer = pointer  # type: ignore[attr-defined]
        raise error

    def secret(self, text: Any, pointer: Pointer) -> Any:
        """No expression holds a secret option; it was refused before."""
        return INVALID

    def broken(self, pointer: Pointer) -> bool:
        """What an expression gives was looked at by `misfit`."""
        return False

    refused = broken


def converted(option: Option, value: Any) -> Any:
    """A value of a record as the option takes it; OptionError where it does not."""
    if kind_of(value) == "number":
        value = within_cap(value) if type(value) is int else within_cap(as_decimal(value))
    wrong = misfit(value, schema_of_option(option))
    if wrong:
        raise OptionError("R245", f"`{option.name}` is {wrong}")
    return build((option,), {option.name: value}, (), Raising())[option.parameter]


def types_of(option: Option) -> tuple[str, ...]:
    """The language's types that the option takes, first the one that a message names; "any" where it takes all."""
    types = schema_of_option(option).get("type", [])
    names = [types] if isinstance(types, str) else types
    return tuple(dict.fromkeys(type for name in names for type in TYPES[name])) or ("any",)


def schema_of_option(option: Option) -> Mapping[str, Any]:
    """What a spec may write for it."""
    found: Mapping[str, Any] = object_schema((option,))["properties"][option.name]
    return found


def misfit(value: Any, schema: Mapping[str, Any]) -> str:
    """What is wrong with the value, in words that follow "it is"; empty where it fits."""
    if "if" in schema:
        chosen = schema["then"] if _is_of(value, [schema["if"]["type"]]) else schema["else"]
        return misfit(value, chosen)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not _is_of(value, types):
        return f"{type_of(value)} `{describe(value)}`, not {either(WORDS[name] for name in types)}"
    return _out_of_bounds(value, schema) or _inside(value, schema)


def _is_of(value: Any, types: Sequence[str]) -> bool:
    accepted = {python for name in types for python in PYTHON[name]}
    return type(value) in accepted or (isinstance(value, Decimal) and Decimal in accepted)


def _out_of_bounds(value: Any, schema: Mapping[str, Any]) -> str:
    if "enum" in schema and value not in schema["enum"]:
        return f"`{describe(value)}`, not one of {', '.join(schema['enum'])}"
    size = len(value) if isinstance(value, str | list | dict) else value
    low = _bound(schema, value, "minimum", "minLength", "minItems", "minProperties")
    high = _bound(schema, value, "maximum", "maxLength", "maxItems", "maxProperties")
    if low is not None and size < low:
        return f"`{describe(value)}`, {'too short' if size is not value else f'below {low}'}"
    if high is not None and size > high:
        return f"`{describe(value)}`, {'too long' if size is not value else f'above {high}'}"
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value[:4096]):
        return f"`{describe(value)}`, which has another form"
    return ""


def _bound(schema: Mapping[str, Any], value: Any, number: str, text: str, items: str, keys: str) -> Any:
    if isinstance(value, bool) or value is None:
        return None
    named = (str, text), (list, items), (dict, keys)
    return schema.get(next((key for python, key in named if isinstance(value, python)), number))


def _inside(value: Any, schema: Mapping[str, Any]) -> str:
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    rule = schema.get("items") if isinstance(value, list) else schema.get("additionalProperties")
    if not isinstance(rule, dict):
        return ""
    return next((f"wrong inside: {wrong}" for each in inner if (wrong := misfit(each, rule))), "")
