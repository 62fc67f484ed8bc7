"""The closed vocabulary of option types: what a spec may write for each, and the value it becomes.

One walk over an annotation gives the JSON Schema of the option, another the value; an annotation outside the
vocabulary raises when the schema is made.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal, Protocol, Union, get_args, get_origin

from engine.errors import OptionError
from engine.registry import REQUIRED, Option, class_options, find_component, kind_of
from engine.spelling import listed

Pointer = tuple[str | int, ...]
INVALID: Final = object()
"""Stands for a value whose problem has been reported."""


class Report(Protocol):
    """Collects the problems of a spec; a pointer says where in it."""

    def __call__(
        self,
        code: str,
        pointer: Pointer,
        message: str,
        help: str = "",
        *,
        span: tuple[int, int] | None = None,
        key: bool = False,
        seen: str = "",
        level: str = "error",
    ) -> None:
        """Take one problem."""

    def secret(self, text: Any, pointer: Pointer) -> Any:
        """The text of a secret option, with what `${..}` names in place of it."""

    def broken(self, pointer: Pointer) -> bool:
        """Whether the schema refused something at or below this place, so that it need not be read."""

    def refused(self, pointer: Pointer) -> bool:
        """Whether the schema refused this place itself; what is below it may be read."""


SCALARS: Final[Mapping[Any, dict[str, Any]]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Decimal: {"type": "number"},
    Any: {},
}


def schema_of(hint: Any) -> dict[str, Any]:
    """The JSON Schema of one annotation."""
    if hint in SCALARS:
        return dict(SCALARS[hint])
    if hasattr(hint, "parse"):
        return dict(hint.schema)
    if kind := kind_of(hint):
        return {"$ref": f"#/$defs/{kind}"}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return object_schema(tuple(class_options(hint)))
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"type": "string", "enum": list(args)}
    if origin in (list, tuple):
        return {"type": "array", "items": schema_of(args[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(args[1])}
    if origin in (Union, types.UnionType):
        return _union_schema([arg for arg in args if arg is not type(None)])
    raise TypeError(f"{hint!r} is outside the vocabulary of option types; see engine/options.py")


def _union_schema(args: list[Any]) -> dict[str, Any]:
    """One choice by the JSON type, never by trial: an error then speaks of what was meant."""
    first = schema_of(args[0])
    if len(args) == 1:
        return first
    rest = _union_schema(args[1:])
    types = [first["type"], *(rest["type"] if isinstance(rest["type"], list) else [rest["type"]])]
    return {"type": types, "if": {"type": first["type"]}, "then": first, "else": rest}


def object_schema(options: tuple[Option, ...], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The schema of a map of options; `x-*` keys are the user's own."""
    properties = {**(extra or {}), **{option.name: _option_schema(option) for option in options}}
    required = [option.name for option in options if option.required]
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    schema["patternProperties"] = {"^x-": {}}
    return {**schema, "required": required} if required else schema


def _option_schema(option: Option) -> dict[str, Any]:
    schema = {**schema_of(option.type), "description": option.doc.text}
    low, high = ("minLength", "maxLength") if schema.get("type") == "string" else ("minimum", "maximum")
    if option.doc.min is not None:
        schema[low] = option.doc.min
    if option.doc.max is not None:
        schema[high] = option.doc.max
    return schema


def build(options: tuple[Option, ...], doc: Mapping[str, Any], pointer: Pointer, report: Report) -> dict[str, Any]:
    """The values of all options that the document gives, by parameter name; problems go to `report`."""
    values = {}
    for option in options:
        at = (*pointer, option.name)
        if option.name in doc and option.doc.secret:
            told = report.secret(doc[option.name], at)
            values[option.parameter] = INVALID if report.broken(at) else told
        elif option.name in doc:
            values[option.parameter] = convert(option.type, doc[option.name], at, report)
        elif option.default is REQUIRED:
            values[option.parameter] = INVALID
    return values


def convert(hint: Any, value: Any, pointer: Pointer, report: Report) -> Any:
    """The value that one option becomes, INVALID where it has a problem."""
    if kind := kind_of(hint):
        return build_component(kind, value, pointer, report)
    record = dataclasses.is_dataclass(hint) and isinstance(hint, type) and not hasattr(hint, "parse")
    if report.refused(pointer) if record else report.broken(pointer):
        return INVALID
    if hasattr(value, "reveal"):
        report("A201", pointer, "a secret stands where its text would show", "say it openly, or with `${env:NAME}`")
        return INVALID
    if hasattr(hint, "parse"):
        return _parse(hint, value, pointer, report)
    if record:
        return _make(hint, build(tuple(class_options(hint)), value, pointer, report), pointer, report)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (list, tuple):
        return tuple(convert(args[0], item, (*pointer, i), report) for i, item in enumerate(value))
    if origin is dict:
        return {key: convert(args[1], item, (*pointer, key), report) for key, item in value.items()}
    if origin in (Union, types.UnionType):
        return convert(_chosen(args, value), value, pointer, report)
    return value


def _chosen(args: tuple[Any, ...], value: Any) -> Any:
    """The member of a union that the JSON type of the value picks."""
    for arg in args:
        plain = get_origin(arg) or arg
        if plain in (list, tuple) and isinstance(value, list):
            return arg
        if isinstance(plain, type) and plain in SCALARS and type(value) is plain:
            return arg
        if dataclasses.is_dataclass(plain) and not hasattr(plain, "parse") and isinstance(value, dict):
            return arg
    return next((arg for arg in args if hasattr(arg, "parse") or kind_of(arg)), Any)


def _parse(hint: Any, value: Any, pointer: Pointer, report: Report) -> Any:
    try:
        return hint.parse(value)
    except OptionError as error:
        report(error.code, pointer, error.message, error.help, span=error.span)
        return INVALID


def build_component(kind: str, doc: Any, pointer: Pointer, report: Report) -> Any:
    """A component from `{type: name, ...}` or a bare name; INVALID where it has a problem."""
    name = doc.get("type") if isinstance(doc, dict) else doc
    found = find_component(kind, name) if isinstance(name, str) else None
    if found is None or report.refused(pointer):
        return INVALID
    options = doc if isinstance(doc, dict) else {}
    if hasattr(found.cls, "from_spec"):
        return found.cls.from_spec(options, pointer, report)
    if isinstance(doc, str):
        report_needed(f"{kind} `{name}`", str(name), found.options, pointer, report)
    return _make(found.cls, build(found.options, options, pointer, report), pointer, report)


def report_needed(what: str, name: str, options: tuple[Option, ...], pointer: Pointer, report: Report) -> None:
    """A bare name where options are required is a problem."""
    needed = [option.name for option in options if option.required]
    if needed:
        written = ", ".join(f"{option}: .." for option in needed)
        report("S202", pointer, f"{what} needs {listed(needed)}", f"write `{{type: {name}, {written}}}`")


def _make(cls: type, values: dict[str, Any], pointer: Pointer, report: Report) -> Any:
    """The object; what its options refuse together is a problem of the whole."""
    if any(value is INVALID for value in values.values()):
        return INVALID
    try:
        return cls(**values)
    except OptionError as error:
        report(error.code, pointer, error.message, error.help)
        return INVALID


def kind_word(hint: Any) -> str:
    """What an option's value is, in the words of the reference page."""
    words = {str: "text", int: "whole number", bool: "true or false", Decimal: "number", Any: "any value"}
    if hint in words:
        return words[hint]
    if kind := kind_of(hint):
        return f"a {kind}"
    origin, args = get_origin(hint), [arg for arg in get_args(hint) if arg is not type(None)]
    if origin is Literal:
        return ", ".join(f"`{arg}`" for arg in args)
    if origin in (list, tuple):
        return f"list of {kind_word(args[0])}"
    if origin is dict:
        return f"map of {kind_word(args[1])}"
    if origin in (Union, types.UnionType):
        return " or ".join(kind_word(arg) for arg in args)
    return str(getattr(hint, "kind", "a map"))


def groups_in(hint: Any) -> list[type]:
    """The maps of options that an annotation allows."""
    found = [hint, *get_args(hint)]
    return [
        each
        for each in found
        if isinstance(each, type)
        and dataclasses.is_dataclass(each)
        and not hasattr(each, "parse")
        and not kind_of(each)
    ]
