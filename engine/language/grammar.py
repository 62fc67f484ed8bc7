"""The grammar of fields. A field is a path or an `=expression` (short form), a list of them, or a map.

Of a list the first that is not blank counts, and what comes after it is not looked at.

Blank is one word: missing, null or empty text. The order is the same for every field: `when`, source, resolvers,
`default`, `required`, checks, writing. Blank passes through every resolver but `count`. `default` is final: it is not
resolved again, but it is checked. All sources blank is missing; a blank literal is filled by `default`.

Missing is left out, null is null, empty text is empty text in a text field and null in a typed one (`blank: omit` and
`blank: null` say otherwise, also for what is nested inside). Times are written as RFC 3339, moments in UTC with `Z`
and with six digits of a second where it has a fraction; decimals as plain digits; what no resolver touched with the
digits it came with.

`each` takes one object as a list of one; with `resolver` it keeps null and empty items and leaves missing ones out.
A resolver beside `fields`, `list`, `pairs` or `pairs_from` is given the whole value that these make. `fields` without
`source` may give `{}`, `list` and `pairs` may give `[]`. `as` and `types` of pairs name a type and
do not convert. `on_error: blank` goes on as blank, `drop_item` leaves out the item around the field (`required` is no
check: it rejects); each use is counted as recovered, by field and code.

A target is a name, or names with dots: `address.city` makes `address` when the city has a value. A quoted part
(`'"a.b"'`) holds dots. A target that begins with `_` is a working field: fields below see it as `$out._name`, nothing
writes it. With `pass_through` the input's fields come first, but never one that the map names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from engine.errors import OptionError
from engine.language.expressions import Condition, Expression
from engine.language.fields import Checks, Field, FieldMap, Use
from engine.language.keys import FIELD_KEYS, MAKERS
from engine.language.patterns import Pattern
from engine.language.picking import PUBLIC_HEADS
from engine.language.values import Pick
from engine.options import INVALID, Pointer, Report, build, convert, report_needed
from engine.records import MISSING
from engine.registry import Resolver, find_resolver
from engine.spelling import listed, suggest

UNKNOWN: Final = Resolver("?", "", lambda value: value, ("any",), "any", (), (), blank=True)
"""Stands for a resolver that has a problem: of what it gives nothing is known."""

_QUOTED_PART: Final = re.compile(r'"((?:[^"\\]|\\.)+)"|([^."]+)')


def parse_mapping(doc: Mapping[str, Any], pointer: Pointer, report: Report) -> FieldMap:
    """The map that a document says; every problem goes to `report`."""
    blank = doc.get("blank", "keep")
    passing = False if report.broken((*pointer, "pass_through")) else doc.get("pass_through", False)
    source = convert(Pick, doc["source"], (*pointer, "source"), report) if "source" in doc else None
    return FieldMap(
        fields=parse_fields(doc.get("fields") or {}, (*pointer, "fields"), report, str(blank)),
        pass_through=bool(passing),
        except_names=tuple(passing.get("except", ())) if isinstance(passing, dict) else (),
        source=None if source is INVALID else source,
    )


def parse_fields(doc: Any, pointer: Pointer, report: Report, blank: str) -> tuple[Field, ...]:
    """The fields of one object, targets checked against each other."""
    if not isinstance(doc, dict):
        return ()
    made: list[Field] = []
    for name, body in doc.items():
        at = (*pointer, name)
        target = _target(str(name), at, report)
        if target:
            working = str(name).startswith("_")
            made.append(parse_field(body, at, report, blank, target=target, working=working))
    _check_targets(made, report)
    return tuple(made)


def _target(name: str, pointer: Pointer, report: Report) -> tuple[str, ...] | None:
    """`address.city` is a city inside an address; a quoted part holds dots."""
    parts: list[str] = []
    at = 0
    while at < len(name):
        match = _QUOTED_PART.match(name, at)
        if not match or (match.end() < len(name) and name[match.end()] != ".") or match.end() == len(name) - 1:
            report(
                "M102",
                pointer,
                f"`{name}` is not a target",
                "a part in quotes stands alone between dots: `'\"a.b\".c'`"
                if '"' in name
                else "write a name, or names with dots between",
                key=True,
            )
            return None
        parts.append(match[1] if match[1] is not None else match[2])
        at = match.end() + 1
    if not parts:
        report("M102", pointer, "the name of a field is empty", "write a name", key=True)
        return None
    return tuple(parts)


def _check_targets(fields: Sequence[Field], report: Report) -> None:
    """`p` and `p.q` in one map are an error, and so is `p` twice: one of them would be lost."""
    seen = {made.target: made for made in reversed(fields)}
    for made in fields:
        if seen[made.target] is not made and seen[made.target].working == made.working:
            help = "keep one of the two, or rename one"
            report("M103", made.pointer, f"`{made.name}` is made twice", help, key=True)
        for size in range(1, len(made.target)):
            if other := seen.get(made.target[:size]):
                report("M103", made.pointer, f"`{made.name}` is inside `{other.name}`, which is made too",
                       f"put it into the `fields` of `{other.name}`", key=True)  # fmt: skip


def parse_field(
    body: Any,
    pointer: Pointer,
    report: Report,
    blank: str,
    *,
    target: tuple[str, ...] = (),
    working: bool = False,
) -> Field:
    """One field from its short form, its list of paths, or its object."""
    empty = Field(target, pointer, "source", working=working, blank=blank)
    if report.refused(pointer):
        return empty
    if isinstance(body, str | list):
        return replace(empty, **_paths(body, pointer, report))
    maker = _maker(body, pointer, report)
    body = {key: value for key, value in body.items() if not _refused((*pointer, key), report)}
    made = replace(
        empty,
        maker=maker,
        chain=parse_chain(body.get("resolver", []), (*pointer, "resolver"), report),
        required=body.get("required", False),
        on_error=body.get("on_error", "reject"),
        blank=body.get("blank", blank),
        when=_condition(body, pointer, report),
        default=_literal(body, "default", pointer, report) if "default" in body else MISSING,
        value=_literal(body, "value", pointer, report),
        checks=_checks(body, pointer, report),
        says=body.get("as", ""),
        names=body.get("names", {}),
    )
    return replace(made, **_parts(maker, body, pointer, report, made.blank))


def _condition(body: Mapping[str, Any], pointer: Pointer, report: Report) -> Condition | None:
    found = convert(Condition, body["when"], (*pointer, "when"), report) if "when" in body else None
    return None if found is INVALID else found


def _refused(pointer: Pointer, report: Report) -> bool:
    """Whether the value of a key cannot be read; what holds fields of its own is looked at part by part."""
    return report.broken(pointer) if pointer[-1] in ("pairs_from", "names") else report.refused(pointer)


def _maker(body: Mapping[str, Any], pointer: Pointer, report: Report) -> str:
    """The one key that makes the value; `fields` and `resolver` may join `source` and `each`."""
    given = [key for key in MAKERS if key in body]
    if len(given) == 2 and given[1] in ("fields", "each") and given[0] == "source":
        return "fields" if given[1] == "fields" else _both(given, pointer, report)
    if given == ["fields", "each"]:
        if "resolver" in body:
            message, help = "an item of `each` is an object or resolved, not both", "put the resolver into a field"
            report("M101", (*pointer, "resolver"), message, help, key=True)
        return "each"
    if len(given) == 1:
        if given == ["each"] and "resolver" not in body:
            report(
                "M101",
                pointer,
                "`each` needs `fields` or `resolver`",
                "to copy a list, use `source`",
                key=True,
            )
        return given[0]
    if not given:
        if all(key in FIELD_KEYS or not suggest(str(key), MAKERS) for key in body):
            report("M101", pointer, "nothing makes the value", f"give one of {listed(MAKERS)}", key=True)
        return "value"
    return _both(given, pointer, report)


def _both(given: Sequence[str], pointer: Pointer, report: Report) -> str:
    word = "both" if len(given) == 2 else "all"
    report("M101", pointer, f"{listed(given)} {word} make the value", "keep one of them", key=True)
    return given[0]


def _parts(maker: str, body: Mapping[str, Any], pointer: Pointer, report: Report, blank: str) -> dict[str, Any]:
    """What belongs to each way of making a value."""
    parts: dict[str, Any] = {}
    if "source" in body or "each" in body:
        key = "source" if "source" in body else "each"
        parts.update(_paths(body[key], (*pointer, key), report))
    if maker in ("fields", "each", "pairs") and (key := "pairs" if maker == "pairs" else "fields") in body:
        parts["fields"] = _nested(key, body, pointer, report, blank)
    if maker == "list" and "list" in body:
        items = enumerate(body["list"])
        parts["fields"] = tuple(parse_field(item, (*pointer, "list", i), report, blank) for i, item in items)
    if maker == "pairs_from" and (free := body.get("pairs_from")):
        if "path" in free:
            parts.update(_paths(free["path"], (*pointer, "pairs_from", "path"), report))
        parts["except_keys"] = tuple(free.get("except", ()))
        parts["key_types"] = free.get("types", {})
    return parts


def _nested(key: str, body: Mapping[str, Any], pointer: Pointer, report: Report, blank: str) -> tuple[Field, ...]:
    if key == "fields":
        return parse_fields(body[key], (*pointer, key), report, blank)
    items = body[key].items()
    return tuple(parse_field(item, (*pointer, key, name), report, blank, target=(str(name),)) for name, item in items)


def _paths(value: Any, pointer: Pointer, report: Report) -> dict[str, Any]:
    """The paths of a source, and where each stands in the spec."""
    items = [(value, pointer)] if isinstance(value, str) else [(item, (*pointer, i)) for i, item in enumerate(value)]
    found = [(convert(Pick, item, at, report), at) for item, at in items]
    return {
        "sources": tuple(path for path, _ in found if path is not INVALID),
        "places": tuple(at for path, at in found if path is not INVALID),
    }


def _literal(body: Mapping[str, Any], key: str, pointer: Pointer, report: Report) -> Any:
    value = body.get(key)
    check_literal(value, (*pointer, key), report)
    return value


HEADED: Final = {
    "value": "write `source: {0}`",
    "default": "the last of a list of sources is a default too: `source: [.., {0}]`",
    "one_of": "a check compares with literals only",
    "min": "a check compares with literals only",
    "max": "a check compares with literals only",
}
"""What to write instead of a head, by the key that it stands at."""


def check_literal(value: Any, pointer: Pointer, report: Report) -> None:
    """A literal that begins with a head would be written as it stands: an error."""
    if isinstance(value, str) and value.split(".", 1)[0].split("[", 1)[0] in PUBLIC_HEADS:
        help = next(help for key, help in HEADED.items() if key in pointer[-2:])
        report("M105", pointer, f"`{value}` is a path where a literal stands", help.format(value))
    elif isinstance(value, str) and _is_expression(value):
        help = next(help for key, help in HEADED.items() if key in pointer[-2:])
        report("M105", pointer, f"`{value}` is written as it stands, and is not computed", help.format(value),
               level="warning")  # fmt: skip


def _is_expression(text: str) -> bool:
    """Whether a text would be computed where a value is picked."""
    if not text.startswith("="):
        return False
    try:
        return bool(Expression.parse(text))
    except OptionError:
        return False


def _checks(body: Mapping[str, Any], pointer: Pointer, report: Report) -> Checks:
    pattern = convert(Pattern, body["pattern"], (*pointer, "pattern"), report) if "pattern" in body else None
    for i, member in enumerate(body.get("one_of", ())):
        check_literal(member, (*pointer, "one_of", i), report)
    for key in ("min", "max"):
        check_literal(body.get(key), (*pointer, key), report)
    return Checks(
        one_of=tuple(body.get("one_of", ())),
        pattern=None if pattern is INVALID else pattern,
        min=body.get("min"),
        max=body.get("max"),
        min_length=body.get("min_length"),
        max_length=body.get("max_length"),
    )


def parse_chain(doc: Any, pointer: Pointer, report: Report) -> tuple[Use, ...]:
    """The resolvers of a field, left to right."""
    single = not isinstance(doc, list)
    items = [doc] if single else doc
    places = [(item, pointer if single else (*pointer, i)) for i, item in enumerate(items)]
    return tuple(_use(item, at, report) or Use(UNKNOWN, {}, at) for item, at in places)


def _use(doc: Any, pointer: Pointer, report: Report) -> Use | None:
    name = doc if isinstance(doc, str) else doc.get("type") if isinstance(doc, dict) else None
    found = find_resolver(name, "sdk") if isinstance(name, str) else None  # the schema knows which are of our dialect
    if found is None or report.refused(pointer):
        return None
    given = doc if isinstance(doc, dict) else {}
    options = build(found.options, given, pointer, report)
    if any(value is INVALID for value in options.values()):
        if isinstance(doc, str):
            report_needed(f"resolver `{name}`", doc, found.options, pointer, report)
        return None
    if "default" in given and any(option.name == "default" for option in found.options):
        check_literal(given["default"], (*pointer, "default"), report)
    return Use(found, options, pointer)
