"""The resolvers of the original SDK, known in its dialect only: 16 by their names, and 9 transforms.

Each gives the SDK's result on good input. Where the SDK would lose or invent a value, ours keeps it or rejects the
record (R275); that text without a number becomes 0, and an unknown word false, is kept, and `check` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from engine.errors import RecordError
from engine.language.jsontext import decode, encode
from engine.records import MISSING
from engine.registry import Example, resolver
from engine.resolvers import _javascript as js

sdk = partial(resolver, takes="any", blank=True, dialect="sdk")
"""Every one of them is given any value, also blank ones, as the SDK does."""

BLANK: Final = (MISSING, None, "")
WORDS: Final = ("true", "1", "yes", "y")


# ── the sixteen ──────────────────────────────────────────────────────────────────────────────────────────


def _of_text(change: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda value: change(value) if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    """A text in upper case; any other value as it is."""
    return _of_text(str.upper)(value)


def _lower(value: Any) -> Any:
    """A text in lower case; any other value as it is."""
    return _of_text(str.lower)(value)


def _trim(value: Any) -> Any:
    """A text without blank space at its ends; any other value as it is."""
    return value.strip(js.BLANK_SPACE) if isinstance(value, str) else value


def _unchanged(value: Any) -> Any:
    """The value as it is."""
    return value


def _parse_int(value: Any) -> int:
    """The whole number that the text begins with; 0 for everything else, also for nothing."""
    return 0 if value in BLANK else js.leading_int(value) or 0


def _parse_float(value: Any) -> Decimal:
    """The number that the text begins with; 0 for everything else, also for nothing."""
    return Decimal(0) if value in BLANK else js.leading_number(value) or Decimal(0)


def _boolean(value: Any) -> bool:
    """Whether it is true, 1, or one of `true 1 yes y` in any case; everything else is false."""
    return value.lower() in WORDS if isinstance(value, str) else not isinstance(value, list | dict) and value == 1


def _to_string(value: Any) -> str:
    """The value as text; nothing is empty text."""
    return "" if value in BLANK else js.text_of(value)


def _format_date(value: Any) -> Any:
    """The text's moment as `2024-01-31T10:00:00.000Z`; a text that is no date stays as it is."""
    if not value:
        return value
    if not isinstance(value, str):
        return js.text_of(value)
    moment = js.read_date(value)
    return js.iso(moment) if moment else value


def _format_date_short(value: Any) -> Any:
    """The day in UTC of a text, or of milliseconds since 1970; what is no date stays as it is."""
    if not value or isinstance(value, list | dict):
        return value
    if isinstance(value, bool):
        raise js.lost(value, "is no time: the SDK would make it 1970-01-01")
    moment = js.read_date(value) if isinstance(value, str) else js.date_of_epoch(value)
    return js.iso(moment)[:10] if moment else value


def _parse_date(value: Any) -> Any:
    """The moment of a text, or of milliseconds since 1970, as the SDK writes it to JSON; null for nothing."""
    if value in BLANK:
        return None
    if isinstance(value, bool | list | dict):
        raise js.lost(value, "is no time: the SDK would send another, or null")
    moment = js.read_date(value) if isinstance(value, str) else js.date_of_epoch(value)
    if moment is None:
        raise js.lost(value, "is no date: the SDK would send null")
    return js.iso(moment)


def _coalesce(value: Any) -> Any:
    """The value; null is left out."""
    return MISSING if value is None else value


def _parse_json(value: Any) -> Any:
    """The value of a JSON text; what is none stays as it is."""
    if not value or not isinstance(value, str):
        return value
    try:
        return decode(value.encode("utf-8", "surrogatepass"))
    except RecordError:
        return value


def _to_json(value: Any) -> Any:
    """The value as compact JSON text; nothing is left out, null is `null`."""
    return MISSING if value is MISSING else encode(_bare_all(value)).decode()


def _bare_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bare_all(item) for key, item in value.items()}
    return [_bare_all(item) for item in value] if isinstance(value, list) else js.bare(value)


Declared = Mapping[str, tuple[Callable[[Any], Any], str, Example]]
SIXTEEN: Final[Declared] = {
    "sdk.uppercase": (_upper, "any", Example("ß1", "SS1")),
    "sdk.lowercase": (_lower, "any", Example("AB", "ab")),
    "sdk.trim": (_trim, "any", Example("\u00a0a\ufeff", "a")),
    "sdk.parseInt": (_parse_int, "int", Example(" 12abc", 12)),
    "sdk.parseFloat": (_parse_float, "decimal", Example("12.70", Decimal("12.7"))),
    "sdk.number": (_parse_float, "decimal", Example("3,5", Decimal(3))),
    "sdk.boolean": (_boolean, "bool", Example("Yes", True)),
    "sdk.toString": (_to_string, "text", Example(Decimal("1.10"), "1.1")),
    "sdk.formatDate": (_format_date, "any", Example("2024-01-31", "2024-01-31T00:00:00.000Z")),
    "sdk.formatDateShort": (_format_date_short, "any", Example("2024-01-31T23:00:00-05:00", "2024-02-01")),
    "sdk.parseDate": (_parse_date, "any", Example("01/02/2024", "2024-01-02T00:00:00.000Z")),
    "sdk.default": (_unchanged, "any", Example("a", "a")),
    "sdk.identity": (_unchanged, "any", Example("a", "a")),
    "sdk.coalesce": (_coalesce, "any", Example(None, MISSING)),
    "sdk.parseJson": (_parse_json, "any", Example('{"a":1}', {"a": 1})),
    "sdk.toJson": (_to_json, "any", Example({"a": Decimal("1.10")}, '{"a":1.1}')),
}


# ── the nine of its mutation mapper ──────────────────────────────────────────────────────────────────────


def _number_or_reject(read: Callable[[Any], Any], value: Any) -> Any:
    if value is None or value is MISSING:
        return value
    number = read(value)
    if number is None:
        raise js.lost(value, "is not a number: the SDK would send null")
    return number


def _gm_int(value: Any) -> Any:
    """The whole number that the text begins with; a text without one rejects, nothing stays nothing."""
    return _number_or_reject(js.leading_int, value)


def _gm_float(value: Any) -> Any:
    """The number that the text begins with; a text without one rejects, nothing stays nothing."""
    return _number_or_reject(js.leading_number, value)


def _gm_boolean(value: Any) -> bool:
    """Whether it is a number but 0, an object or a list, or one of `true 1 yes y on` in any case."""
    if isinstance(value, str):
        return value.lower() in (*WORDS, "on")
    return isinstance(value, list | dict) or (value is not None and value is not MISSING and value != 0)


def _gm_iso(value: Any) -> Any:
    """The text's moment as `2024-01-31T10:00:00.000Z`; what is no date stays as it is."""
    moment = js.read_date(value) if value and isinstance(value, str) else None
    return js.iso(moment) if moment else value


def _gm_date(value: Any) -> Any:
    """The text's moment as the SDK writes it to JSON; null for nothing, what is no date rejects."""
    if not value:
        return None
    moment = js.read_date(value) if isinstance(value, str) else None
    if moment is None:
        raise js.lost(value, "is no date: the SDK would send null")
    return js.iso(moment)


NINE: Final[Declared] = {
    "sdk.gm.parseInt": (_gm_int, "int", Example("7 pcs", 7)),
    "sdk.gm.parseFloat": (_gm_float, "decimal", Example("7.50", Decimal("7.5"))),
    "sdk.gm.toString": (_to_string, "text", Example(None, "")),
    "sdk.gm.toUpperCase": (_upper, "any", Example("a", "A")),
    "sdk.gm.toLowerCase": (_lower, "any", Example("A", "a")),
    "sdk.gm.trim": (_trim, "any", Example(" a ", "a")),
    "sdk.gm.toBoolean": (_gm_boolean, "bool", Example("on", True)),
    "sdk.gm.toISO8601": (_gm_iso, "any", Example("2024-01-31", "2024-01-31T00:00:00.000Z")),
    "sdk.gm.toDate": (_gm_date, "any", Example("", None)),
}

for _name, (_function, _gives, _example) in {**SIXTEEN, **NINE}.items():
    sdk(name=_name, gives=_gives, examples=[_example])(_function)
