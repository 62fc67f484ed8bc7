"""The types of a mapping, found before the run: each chain, default and check against what is known of the input.

`check_map` gives the same map with its types filled in, so that rows need not look at a value whose type is
certain; every problem goes to the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from engine.language.fields import Field, FieldMap, Use
from engine.language.literals import typed_checks, typed_default
from engine.language.scopes import Scope, path_shape
from engine.language.shapes import ANY, Shape, scalar, type_of
from engine.options import Report
from engine.records import is_blank
from engine.registry import SCALARS


def check_map(mapping: FieldMap, shape: Shape, vars: Shape, report: Report) -> FieldMap:
    """The map with its types; `shape` is the record that enters, `vars` the variables."""
    scope = Scope(shape, vars, shape, shape)
    if mapping.source:
        scope = scope.inner(path_shape(mapping.source, (), scope, report))
    return replace(mapping, fields=_check_fields(mapping.fields, scope, report))


def _check_fields(fields: Sequence[Field], scope: Scope, report: Report) -> tuple[Field, ...]:
    scope.coming = frozenset(made.target[0] for made in fields)
    checked = []
    for made in fields:
        typed, shape = _check_field(made, scope, report)
        checked.append(typed)
        if len(made.target) == 1:
            scope.out[made.name] = shape
        elif made.target:
            scope.out.setdefault(made.target[0], Shape("object"))
    return tuple(checked)


def _check_field(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    typed, shape = MAKERS[made.maker](made, scope, report)
    typed = replace(typed, type=shape.type if shape.sure else "any")  # what a sample suggests is no promise
    if made.on_error == "drop_item" and scope.item is None:
        at = (*made.pointer, "on_error")
        report("M205", at, "`drop_item` stands outside `each`", "write `blank`: there is no item to drop")
    if not is_blank(typed.default):
        typed = replace(typed, default=typed_default(typed, report))
    if typed.checks:
        typed = replace(typed, checks=typed_checks(typed, report))
    return typed, shape


def _source(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    shapes = _source_shapes(made, scope, report)
    shape = shapes[0] if shapes and all(each.type == shapes[0].type for each in shapes) else ANY
    if not all(each.sure for each in shapes):
        shape = replace(shape, sure=False)
    chain, shape = _check_chain(made.chain, shape, made, report)
    return replace(made, chain=chain), shape


def _source_shapes(made: Field, scope: Scope, report: Report) -> list[Shape]:
    return [path_shape(path, at, scope, report) for path, at in zip(made.sources, made.places, strict=True)]


def _value(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    chain, shape = _check_chain(made.chain, scalar(type_of(made.value)), made, report)
    return replace(made, chain=chain), shape


def _object(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    inside = scope.beside()
    if made.sources:
        shapes = _source_shapes(made, scope, report)
        inside = scope.inner(shapes[0] if len(shapes) == 1 else ANY)
    fields = _check_fields(made.fields or (), inside, report)
    return replace(made, fields=fields), Shape("object", dict(inside.out), sure=True)


def _each(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    shapes = _source_shapes(made, scope, report)
    listed = shapes[0] if len(shapes) == 1 else ANY
    item = (listed.item or ANY) if listed.type == "list" else listed if listed.type == "object" else ANY
    if listed.type in SCALARS:
        report(
            "M302",
            made.places[0],
            f"`each` takes a list, here it gets {listed.type}",
            "use `source`",
        )
    inside = scope.inner(item, item)
    if made.fields is None:
        chain, one = _check_chain(made.chain, item, made, report)
        return replace(made, chain=chain), Shape("list", item=one, sure=True)
    fields = _check_fields(made.fields, inside, report)
    return replace(made, fields=fields), Shape("list", item=Shape("object", dict(inside.out)), sure=True)


def _pairs(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    fields = tuple(_check_field(entry, scope, report)[0] for entry in made.fields or ())
    return replace(made, fields=fields), Shape("list", sure=True)


def _pairs_from(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    _source_shapes(made, scope, report)
    return made, Shape("list", sure=True)


MAKERS: Final = {
    "source": _source,
    "value": _value,
    "fields": _object,
    "each": _each,
    "pairs": _pairs,
    "list": _pairs,
    "pairs_from": _pairs_from,
}


def _check_chain(chain: Sequence[Use], shape: Shape, made: Field, report: Report) -> tuple[tuple[Use, ...], Shape]:
    checked = []
    for use in chain:
        takes = use.resolver.takes
        if shape.type != "any" and "any" not in takes and shape.type not in takes:
            _report_type(use, shape.type, report)
            return tuple(chain), ANY
        certain = shape.sure and shape.type != "any"
        checked.append(replace(use, guarded=not certain))
        shape = Shape(use.resolver.result(use.options, shape.type), sure=True)
    return tuple(checked), shape


def _report_type(use: Use, found: str, report: Report) -> None:
    takes = " or ".join(use.resolver.takes)
    report(
        "M302",
        use.pointer,
        f"`{use.resolver.name}` takes {takes}, here it gets {found}",
        conversion(use.resolver.takes, found),
    )


def conversion(takes: Sequence[str], found: str) -> str:
    """The sentence that names the resolver which would convert."""
    if found in ("list", "object"):
        return "pick one value of it, or use `each`"
    for wanted in takes:
        if wanted in (*SCALARS, "list") and wanted != found:
            name = {"list": "split", "local": "instant"}.get(wanted, wanted)
            return f"write `{name}` before it"
    return "take another resolver"
