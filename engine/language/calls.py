"""A resolver called with a value: what it takes is said before the run where the type is known, else guarded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from engine.errors import RecordError
from engine.language.scopes import Scope
from engine.language.shapes import ANY, Shape, type_of
from engine.options import Pointer, Report
from engine.records import Instant, Leaf, Value, is_blank
from engine.registry import SCALARS, Resolver
from engine.spelling import describe

PYTHON_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,),
    "int": (int,),
    "decimal": (Decimal,),
    "float": (float,),
    "bool": (bool,),
    "date": (date,),
    "instant": (Instant,),
    "local": (datetime,),
    "list": (list,),
    "object": (dict,),
}


@dataclass(frozen=True)
class Place:
    """Where a call stands, for what is said of it: a pointer into the spec, and a span in the text there.

    `said` are the words of the value in an expression; a chain has none.
    """

    pointer: Pointer
    span: tuple[int, int] | None = None
    said: str = ""


def call_shape(
    resolver: Resolver, options: Mapping[str, Any], given: Shape, place: Place, scope: Scope, report: Report
) -> Shape | None:
    """The shape of what it gives; None where the value has a type that it does not take, which is reported."""
    takes = resolver.takes
    if given.type != "any" and "any" not in takes and given.type not in takes:
        message = f"`{resolver.name}` takes {' or '.join(takes)}, here it gets {given.type}"
        report("M302", place.pointer, message, conversion(takes, given.type, place.said), span=place.span)
        return None
    if resolver.check:
        found: Shape | None = resolver.check(options, given, place, scope, report)
        return found
    gives = resolver.result(options, given.type)
    return Shape(gives, sure=True) if gives != "any" else ANY


def conversion(takes: Sequence[str], found: str, said: str = "") -> str:
    """The sentence that names the resolver which would convert, called with the words of an expression."""
    if found in ("list", "object"):
        return "pick one value of it, or use `each`"
    if found == "bool" and "int" in takes:
        what = "time" if "date" in takes else "number"
        return f"write `1 if {said} else 0`" if said and what == "number" else f"a truth value is no {what}"
    for wanted in takes:
        if wanted in (*SCALARS, "list") and wanted != found:
            name = {"list": "split", "local": "instant"}.get(wanted, wanted)
            return called(name, said)
    return "take another resolver"


def called(name: str, said: str) -> str:
    """How a conversion is written: around the words of an expression, else further left in the chain."""
    return f"write `{name}({said})`" if said else f"write `{name}` before it"


def is_certain(resolver: Resolver, given: Shape) -> bool:
    """Whether no value of this shape needs to be looked at before the call."""
    return "any" in resolver.takes or (given.sure and given.type != "any")


def guarded(function: Callable[..., Value], resolver: Resolver, said: str = "") -> Callable[..., Value]:
    """The same function; a value of a type the resolver does not take is a reject that names what would convert it.

    Blank is let through to a resolver that sees it.
    """
    accepted = {python for name in resolver.takes for python in PYTHON_TYPES[name]}
    if resolver.contextual:
        return lambda value, frame: function(_taken(value, accepted, resolver, said), frame)
    other = partial(_other, function, accepted, resolver, said)
    if accepted == {str} and not resolver.blank:
        return lambda value: function(value) if type(value) is str else other(value)
    return lambda value: function(value) if type(value) in accepted else other(value)


def _other(
    function: Callable[[Value], Value], accepted: Collection[type], resolver: Resolver, said: str, value: Value
) -> Value:
    """The result for a value whose type is not among those that are taken as they are."""
    if type(value) is Leaf and str in accepted:
        text = value.text
        return function(text) if text or resolver.blank else text
    return function(_taken(value, accepted, resolver, said))


def _taken(value: Value, accepted: Collection[type], resolver: Resolver, said: str) -> Value:
    """The value where the resolver takes it; else the reject."""
    if type(value) is Leaf and (str in accepted or dict in accepted):
        return value.text if str in accepted else value
    if type(value) in accepted or (Decimal in accepted and isinstance(value, Decimal)):
        return value
    if resolver.blank and is_blank(value):
        return value
    found, takes = type_of(value), " or ".join(resolver.takes)
    message = f"`{resolver.name}` takes {takes}, found {found} `{describe(value)}`: "
    raise RecordError("R202", message + conversion(resolver.takes, found, said), value)
