"""The family of tables: values found by key, and values that stand for nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from engine.errors import RecordError
from engine.language.calls import Place, called
from engine.language.frames import Frame
from engine.language.indexes import ValueTable
from engine.language.paths import Path
from engine.language.picking import take
from engine.language.scopes import Known, Scope
from engine.language.shapes import ANY, Lost, Shape, follow, scalar, type_of
from engine.language.tables import Key, Many, Miss, Policy
from engine.language.values import Pick, Picked, pick_shape, picker
from engine.options import Pointer, Report
from engine.records import MISSING, Value, bare, is_blank
from engine.registry import NUMBERS, SCALARS, Doc, Example, resolver
from engine.resolvers._members import Members
from engine.spelling import a, listed, show, suggest

INLINE: Final = "the table"


def _prepare(
    *,
    table: str | Mapping[str, Any],
    key: Picked | Sequence[Picked] = (),
    field: Path | None = None,
    args: Mapping[str, Picked] | None = None,
    miss: str | None = None,
    many: str | None = None,
    default: Any = MISSING,
) -> Callable[[Value, Frame], Value]:
    inline = ValueTable(table) if isinstance(table, Mapping) else None
    keys = [picker(each) for each in (key if isinstance(key, Sequence) else (key,))]
    filled = {name: picker(each) for name, each in (args or {}).items()}
    said = Policy(miss, many, default)

    def look_up(value: Value, frame: Frame) -> Value:
        if not keys and is_blank(value):
            return value
        parts = tuple([bare(pick(frame)) for pick in keys]) if keys else _parts(value)
        if any(is_blank(part) for part in parts):
            return MISSING
        given = {name: pick(frame) for name, pick in filled.items()}
        used = inline or frame.context.tables[str(table)]
        policy = said.over(used.policy)
        found = used.find(parts, given)
        if not found:
            return _missed(parts, value, policy, used.name)
        return _found(found, policy, field, parts, used.name)

    return look_up


def _parts(value: Value) -> Key:
    """What is looked up: a list is a key of several parts."""
    return tuple(value) if type(value) is list else (bare(value),)


def _missed(key: Key, value: Value, policy: Policy, name: str) -> Value:
    if policy.default is not MISSING:
        return policy.default
    if policy.miss == "reject":
        raise RecordError("R271", f"{_named(name)} has no {_shown(key)}", value)
    return value if policy.miss == "keep" else MISSING


def _found(found: Sequence[Value], policy: Policy, field: Path | None, key: Key, name: str) -> Value:
    if policy.many == "list":
        return [value for each in found if (value := _picked(each, field)) is not MISSING]
    if len(found) > 1 and policy.many == "reject":
        raise RecordError("R272", f"{_named(name)} has {len(found)} records for {_shown(key)}: say `many`", list(key))
    return _picked(found[0], field)


def _picked(record: Value, field: Path | None) -> Value:
    for step in field.steps if field else ():
        record = take(record, step)
    return record


def _named(name: str) -> str:
    return f"`{name}`" if name else INLINE


def _shown(key: Key) -> str:
    return ", ".join(f"{show(part)}{'' if type(part) is str else f' ({type_of(part)})'}" for part in key)


def _check(options: Mapping[str, Any], given: Shape, place: Place, scope: Scope, report: Report) -> Shape:
    """The shape of what it finds; what is wrong with table, key, field or arguments goes to the report."""
    said = options["table"]
    known = Known.of_values(said) if isinstance(said, Mapping) else scope.lookups.get(said)
    if known is None:
        near = suggest(said, scope.lookups)
        if near:
            scope.lookups[near].used = True  # it is meant here: that it is never used would be a second message
        declared = listed(scope.lookups)
        help = f"did you mean `{near}`?" if near else f"declared: {declared}" if declared else "declare it in `lookups`"
        report("S321", _at(place, "table"), f"there is no lookup `{said}`", help, span=place.span)
        return ANY
    known.used = True
    _check_args(options, known, place, scope, report)
    _check_key(options, known, given, place, scope, report)
    found = _field(options.get("field"), known, place, report)
    return _answer(found, options, known.policy, given)


def _at(place: Place, option: str) -> Pointer:
    """Where an option stands: in a chain under its own key, in an expression where the call does."""
    return place.pointer if place.span else (*place.pointer, option)


def _check_args(options: Mapping[str, Any], known: Known, place: Place, scope: Scope, report: Report) -> None:
    args = options.get("args") or {}
    for name, pick in args.items():
        pick_shape(pick, (*_at(place, "args"), name), scope, report)
    if args and not known.asks:
        message = "`args` fill a query, and this table is read once"
        report("S323", _at(place, "args"), message, "leave them out, or make them part of `key`", span=place.span)


def _check_key(
    options: Mapping[str, Any], known: Known, given: Shape, place: Place, scope: Scope, report: Report
) -> None:
    key = options.get("key", ())
    picks, at = (key, _at(place, "key")) if isinstance(key, Sequence) else ((key,), _at(place, "key"))
    parts = [pick_shape(pick, (*at, i) if key is picks else at, scope, report) for i, pick in enumerate(picks)]
    if not picks and given.type in ("list", "object"):
        return
    parts = parts or [given]
    if len(parts) != len(known.keys):
        message = f"the key has {len(parts)} part{'s' * (len(parts) != 1)}, the index has {len(known.keys)}"
        report("S322", at if picks else place.pointer, message, f"the index is {listed(known.index)}", span=place.span)
        return
    for part, wanted, pick in zip(parts, known.keys, picks or (None,), strict=True):
        if _never_equal(part, wanted):
            message = f"the key is {part.type}, the index is {wanted.type}"
            help = _key_help(wanted.type, pick, place)
            report("M315", at if picks else place.pointer, message, help, span=place.span)


def _key_help(wanted: str, pick: Picked | None, place: Place) -> str:
    """How a part of the key is made what the index is: the value itself, or what `key` picks."""
    if wanted not in SCALARS:
        return "name one value"
    return f"write `={wanted}({pick.text.removeprefix('=')})`" if pick else called(wanted, place.said)


def _never_equal(part: Shape, wanted: Shape) -> bool:
    both = {part.type, wanted.type}
    return "any" not in both and len(both) == 2 and not both <= set(NUMBERS)


def _field(field: Path | None, known: Known, place: Place, report: Report) -> Shape:
    if field is None:
        return known.found
    found = follow(known.found, field.steps)
    if not isinstance(found, Lost):
        return found
    names = list(found.shape.fields)
    step = field.steps[found.step]
    near = suggest(getattr(step, "text", ""), names)
    help = (
        f"did you mean `{near}`?" if near else f"it has {listed(names)}" if names else f"it gives {a(found.shape.type)}"
    )
    level = "error" if near or found.shape.closed or found.shape.type != "object" else "warning"
    report(
        "M316", _at(place, "field"), f"`{field.text}` is in no record of the lookup", help, span=place.span, level=level
    )
    return ANY


def _answer(found: Shape, options: Mapping[str, Any], table: Policy, given: Shape) -> Shape:
    policy = Policy(options.get("miss"), options.get("many"), options.get("default", MISSING)).over(table)
    if policy.many == "list":
        return Shape("list", item=found, sure=True)
    others = [scalar(type_of(policy.default))] if policy.default is not MISSING and not is_blank(policy.default) else []
    others += [given] if policy.miss == "keep" and policy.default is MISSING and not options.get("key") else []
    if any(each.type != found.type for each in others):
        return ANY
    return replace(found, sure=False) if any(not each.sure for each in others) else found


@resolver(
    takes="any",
    gives="any",
    examples=[
        Example("S", "small", options={"table": {"S": "small", "L": "large"}}),
        Example("XL", "XL", options={"table": {"S": "small"}, "miss": "keep"}),
        Example("XL", "other", options={"table": {"S": "small"}, "default": "other"}),
        Example("XL", error="R271", options={"table": {"S": "small"}}),
    ],
    blank=True,
    contextual=True,
    prepare=_prepare,
    check=_check,
)
def lookup(  # noqa: PLR0913 - its options
    value: Any,
    frame: Frame,
    *,
    table: Annotated[str | dict[str, Any], Doc("A name under `lookups`, or the table itself: `{A: B}`.")],
    key: Annotated[
        Any,
        Doc(
            "What is looked up instead of the value: a path, or one for each part of the index.", type=Pick | list[Pick]
        ),
    ] = (),
    field: Annotated[Path | None, Doc("The part of what is found that is wanted.")] = None,
    args: Annotated[
        dict[str, Any] | None, Doc("Values for the query of a lookup that asks.", type=dict[str, Pick])
    ] = None,
    miss: Annotated[Miss | None, Doc("Where nothing is found: a reject, the value itself, or blank.")] = None,
    many: Annotated[Many | None, Doc("Where several are found: a reject, the first, or all.")] = None,
    default: Annotated[Any, Doc("What stands for nothing found.")] = MISSING,
) -> Any:
    """What a table has under the value: the record with that key, or one field of it.

    With `key` that alone decides, whatever the value is. A blank value stays as it is, and what has a blank part finds
    nothing: it is missing, and no miss. A key is compared as it is typed; the keys of `values` are read as the type of
    what is looked up.
    """
    prepared = _prepare(table=table, key=key, field=field, args=args, miss=miss, many=many, default=default)
    return prepared(value, frame)


@resolver(
    takes="any",
    gives=lambda options, given: given,
    examples=[
        Example("N/A", None, options={"values": ["N/A", "-"]}),
        Example(-1, None, options={"values": "-1.0"}),
        Example("n/a", "n/a", options={"values": ["N/A"]}),
    ],
)
def null_if(value: Value, *, values: Annotated[Members, Doc("What stands for nothing.")]) -> Value:
    """Null where the value is one of `values`, which `default` then fills; any other value stays as it is.

    Members are read as the text written and compared as the type of the value: `0` is the text `0` among texts,
    and also `0.00` among decimals. Texts are compared exactly.
    """
    return None if bare(value) in values else value
