"""Parsed options and values as a spec writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from engine.language.fields import Use
from engine.language.jsontext import encode
from engine.language.times import text_of
from engine.records import MISSING, Value
from engine.registry import Option, class_options, kind_of
from engine.resolvers.number import Limits

HIDDEN: Final = "***"


def said(value: Any) -> Any:
    """A parsed option as JSON that says the same; what cannot be said is `..`, a secret `***`."""
    if value is None or isinstance(value, str | int | float | Decimal):
        return value
    if hasattr(value, "reveal"):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): said(each) for key, each in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "text"):
        return [said(each) for each in value]
    if isinstance(value, Limits):
        return {str(limit): name for limit, name in zip(value.limits, value.names, strict=True)}
    return _of_type(value)


def _of_type(value: Any) -> Any:
    """What an option type keeps of its text: `text`, `texts`, or the texts of its `keys`."""
    if isinstance(value, date):
        return text_of(value)
    for name in ("text", "texts", "keys"):
        if isinstance(found := getattr(value, name, None), str | tuple):
            return said(found)
    return component(value) if kind_of(type(value)) else ".."


def component(made: Any) -> dict[str, Any]:
    """A component as a spec would write it, without what is as it would be anyway."""
    return {"type": made.type, **options_of(made)}


def options_of(made: Any) -> dict[str, Any]:
    """The options of a component that were given."""
    found = ((option, getattr(made, option.parameter)) for option in class_options(type(made)))
    return {option.name: _shown(option, value) for option, value in found if value != option.default}


def options_of_use(use: Use) -> dict[str, Any]:
    """The options of a resolver that were given."""
    declared = {option.parameter: option for option in use.resolver.options}
    return {declared[name].name: _shown(declared[name], value) for name, value in use.options.items()}


def _shown(option: Option, value: Any) -> Any:
    return HIDDEN if option.doc.secret else said(value)


def called(use: Use) -> str:
    """A resolver with its options, as one word or a call: `trim`, `round(places: 2)`."""
    options = ", ".join(f"{name}: {plainly(value)}" for name, value in options_of_use(use).items())
    return f"{use.resolver.name}({options})" if options else use.resolver.name


def plainly(value: Any) -> str:
    """JSON for people: a text without quotes where it is one word."""
    if isinstance(value, str):
        return value if value and all(letter.isalnum() or letter in "_.$-%/@*" for letter in value) else written(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {plainly(each)}" for key, each in value.items()) + "}"
    return "[" + ", ".join(map(plainly, value)) + "]" if isinstance(value, list | tuple) else written(value)


def written(value: Value) -> str:
    """A value of a record as it is written: JSON, or the word `missing`."""
    return "missing" if value is MISSING else HIDDEN if hasattr(value, "reveal") else encode(value).decode()
