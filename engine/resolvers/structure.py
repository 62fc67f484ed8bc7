"""The family of structure: lists and objects, and the texts of JSON and XML that hold them.

A list's items are of any type, so what one of them is converted by is said where it is used: `[first, int]`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from engine.errors import RecordError, UnitError
from engine.language.calls import Place
from engine.language.documents import whole
from engine.language.jsontext import decode, deeper_than, encode
from engine.language.picking import Name
from engine.language.scopes import Scope
from engine.language.shapes import ANY, Lost, Shape, follow, type_of
from engine.options import Report
from engine.records import MISSING, Damage, Digits, is_blank
from engine.registry import Doc, Example, resolver
from engine.resolvers._order import By, Key, ordered, same
from engine.spelling import show, suggest

DEPTH: Final = 256
"""Levels that a JSON text may nest, as many as a record may unless told otherwise."""

Keys = list[str] | str


# ── JSON texts ───────────────────────────────────────────────────────────────────────────────────────────


@resolver(
    takes="text",
    gives="any",
    examples=[
        Example('{"sku": "A", "price": 1.10}', {"sku": "A", "price": Digits("1.10")}),
        Example("null", None),
        Example("[1,]", error="R223"),
    ],
)
def json(value: str) -> Any:
    """What a JSON text says; digits are kept as written, and of repeated keys the last counts.

    Refuses what is not JSON from end to end, NaN and Infinity among it, and more than 256 levels.
    """
    try:
        text = value.encode()
        if not deeper_than(text, DEPTH):
            return decode(text)
    except UnicodeEncodeError as error:
        raise RecordError("R223", "half a character is not JSON") from error
    except RecordError as error:
        raise RecordError("R223", f"{show(value)} is {error.message}", value) from error
    raise RecordError("R223", f"{show(value)} nests more than {DEPTH} levels", value)


@resolver(
    takes="any",
    gives="text",
    examples=[
        Example({"sku": "A", "price": Digits("1.10")}, '{"sku":"A","price":1.10}'),
        Example("a", '"a"'),
        Example([], "[]"),
    ],
)
def to_json(value: Any) -> str:
    """The value as JSON text: compact, keys in their order, digits as they came, times as RFC 3339."""
    try:
        return encode(value).decode()
    except RecursionError as error:
        raise RecordError("R105", "nested too deeply") from error
    except UnicodeEncodeError as error:
        raise RecordError("R224", "half a character cannot be written as JSON") from error
    except ValueError as error:  # Python's own limit, far beyond that of every resolver
        raise RecordError("R224", "a whole number of over 4,300 digits cannot be written as JSON") from error


@resolver(
    takes="text",
    gives="object",
    examples=[
        Example('<order id="7"><line>A</line><line>B</line></order>', {"order": {"@id": "7", "line": ["A", "B"]}}),
        Example("<a/>", {"a": ""}),
        Example("<a><b></a>", error="R225"),
    ],
)
def xml(value: str) -> Any:
    """What a document of XML says, as the parser `xml` reads one: an object whose key is its root.

    Children of one name are a list where there are several; to have one where there may be a single, use `each`.
    Refuses what is not well-formed, a document that declares its type, text beside elements, and more than 256 levels.
    What it declares of its encoding does not count: a text has none.
    """
    try:
        found = whole(value.encode(), DEPTH)
    except UnicodeEncodeError as error:
        raise RecordError("R225", "half a character is not XML") from error
    except UnitError as error:
        raise RecordError("R225", f"{show(value)}: {error.message}", value) from error
    if isinstance(found, Damage):
        raise RecordError("R225", f"{show(value)}: {found.message}", value)
    return found


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────


def _item(options: Mapping[str, Any], given: Shape, *rest: Any) -> Shape:
    """One item, as far as it is known."""
    return given.item or ANY


def _same_items(options: Mapping[str, Any], given: Shape, *rest: Any) -> Shape:
    """A list of the items that came."""
    return Shape("list", item=given.item, sure=True)


def _sorted(options: Mapping[str, Any], given: Shape, place: Place, scope: Scope, report: Report) -> Shape:
    """The same items; what they are sorted by has to be in them."""
    for key in options["by"].keys if options.get("by") else ():
        lost = follow(given.item or ANY, key.steps)
        if isinstance(lost, Lost) and isinstance(name := key.steps[lost.step], Name):
            _report_unknown(name.text, lost.shape, "by", place, report)
    return _same_items(options, given)


def _report_unknown(name: str, shape: Shape, option: str, place: Place, report: Report) -> None:
    """A name that the evidence has not: an error where nothing else can be there, or a close name is."""
    near = suggest(name, shape.fields)
    if name not in shape.fields and shape.fields and (near or shape.closed):
        pointer = place.pointer if place.span else (*place.pointer, option)
        seen = f"seen: {', '.join(list(shape.fields)[:12])}"
        help = f"did you mean `{near}`?" if near else ""
        report("M204", pointer, f"`{name}` is no key of the object", help, span=place.span, seen=seen)


@resolver(takes="any", gives="list", examples=[Example("a", ["a"]), Example(["a"], ["a"]), Example({}, [{}])])
def list_(value: Any) -> Any:
    """One value as a list of one; a list stays as it is."""
    return value if isinstance(value, list) else [value]


@resolver(takes="list", gives="any", check=_item, examples=[Example(["a", "b"], "a"), Example([], MISSING)])
def first(value: Sequence[Any]) -> Any:
    """The first item; missing where there is none."""
    return value[0] if value else MISSING


@resolver(takes="list", gives="any", check=_item, examples=[Example(["a", "b"], "b"), Example([], MISSING)])
def last(value: Sequence[Any]) -> Any:
    """The last item; missing where there is none."""
    return value[-1] if value else MISSING


@resolver(
    takes="list",
    gives="list",
    check=_sorted,
    examples=[
        Example([3, None, 1], [1, 3, None]),
        Example([{"n": 1}, {"n": 2}], [{"n": 2}, {"n": 1}], options={"by": "-n"}),
        Example(["a", 1], error="R222"),
    ],
)
def sort(
    value: Sequence[Any], *, by: Annotated[By | None, Doc("What decides; the items themselves unless said.")] = None
) -> list[Any]:
    """The items in their order; those that are equal stay as they came, blank ones come last.

    Texts are compared by code point, false comes before true, numbers of all types mix. Refuses what has no
    order: items of several types, lists and objects without `by`.
    """
    items = list(value)
    for key in reversed(by.keys if by else (Key("@"),)):
        items = ordered(items, key)
    return items


@resolver(
    takes="list",
    gives="list",
    check=_same_items,
    examples=[Example(["b", "a", "b"], ["b", "a"]), Example([1, "1", Digits("1.0")], [1, "1", Digits("1.0")])],
)
def unique(value: Sequence[Any]) -> list[Any]:
    """The items without those that are equal to one before them; equal is the same type and the same value.

    `1.10` equals `1.1`, a moment equals itself in another offset, and objects are equal whatever the order of
    their keys; `1`, `1.0`, `"1"` and `true` all differ.
    """
    try:
        seen: dict[Hashable, Any] = {}
        for item in value:
            seen.setdefault(same(item), item)
        return list(seen.values())
    except RecursionError as error:
        raise RecordError("R105", "nested too deeply") from error


@resolver(takes="list", gives="list", examples=[Example([[1, 2], 3, [[4]]], [1, 2, 3, [4]]), Example([1], [1])])
def flatten(value: Sequence[Any]) -> list[Any]:
    """The items with each that is a list replaced by its own items: one level, no more."""
    return [one for item in value for one in (item if isinstance(item, list) else (item,))]


# ── objects ──────────────────────────────────────────────────────────────────────────────────────────────


def _picked(options: Mapping[str, Any], given: Shape, place: Place, scope: Scope, report: Report) -> Shape:
    """An object of these keys and no others."""
    keys = _named(options, given, place, report)
    return Shape("object", {key: given.fields.get(key, ANY) for key in keys}, closed=bool(keys), sure=True)


def _dropped(options: Mapping[str, Any], given: Shape, place: Place, scope: Scope, report: Report) -> Shape:
    """An object of the other keys."""
    keys = _named(options, given, place, report)
    return replace(given, type="object", fields={k: v for k, v in given.fields.items() if k not in keys}, sure=True)


def _named(options: Mapping[str, Any], given: Shape, place: Place, report: Report) -> Sequence[str]:
    """The keys that are known before the run, each held against the evidence."""
    keys = _listed(options.get("keys", ()))
    for key in keys:
        _report_unknown(key, given, "keys", place, report)
    return keys


@resolver(
    takes="object",
    gives="object",
    check=_picked,
    examples=[
        Example({"a": 1, "b": 2, "c": 3}, {"c": 3, "a": 1}, options={"keys": ["c", "a"]}),
        Example({"a": 1}, {"a": 1}, options={"keys": "a"}),
        Example({"a": 1}, {}, options={"keys": "b"}),
    ],
)
def pick(value: Mapping[str, Any], *, keys: Annotated[Keys, Doc("The names that stay.")]) -> dict[str, Any]:
    """The object with these keys alone, in the order of `keys`; those that are not there are left out.

    A key is a name, not a path: a dot is part of it. For the objects of a list, use it under `each`.
    """
    return {key: value[key] for key in _listed(keys) if key in value}


@resolver(
    takes="object",
    gives="object",
    check=_dropped,
    examples=[
        Example({"a": 1, "b": 2}, {"b": 2}, options={"keys": ["a", "x"]}),
        Example({"a": 1}, {"a": 1}, options={"keys": "b"}),
    ],
)
def drop(value: Mapping[str, Any], *, keys: Annotated[Keys, Doc("The names that go.")]) -> dict[str, Any]:
    """The object without these keys, the others in their order.

    A key is a name, not a path: a dot is part of it. For the objects of a list, use it under `each`.
    """
    gone = set(_listed(keys))
    return {key: item for key, item in value.items() if key not in gone}


def _listed(keys: Sequence[str]) -> Sequence[str]:
    return (keys,) if isinstance(keys, str) else keys


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────────────


@resolver(
    takes=("list", "object"),
    gives="int",
    blank=True,
    examples=[Example(["a", None], 2), Example({"a": 1, "b": 2}, 1), Example(MISSING, 0)],
)
def count(value: Any) -> int:
    """How many items a list has; one object is a list of one, blank is a list of none.

    Refuses a text or a number: nobody counts one of them.
    """
    if is_blank(value):
        return 0
    if isinstance(value, dict | list):
        return len(value) if isinstance(value, list) else 1
    raise RecordError("R202", f"`count` takes list or object, found {type_of(value)} {show(value)}", value)


@resolver(takes=("text", "list"), gives="int", examples=[Example("naïve", 5), Example(["a", ""], 2), Example([], 0)])
def length(value: str | Sequence[Any]) -> int:
    """How many characters a text has (code points of Unicode), or items a list."""
    return len(value)
