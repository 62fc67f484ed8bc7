"""The types of a mapping, found before the run: each chain, default and check against what is known of the input.

`check_map` gives the same map with its types filled in, so that rows need not look at a value whose type is
certain; every problem goes to the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from engine.language.calls import Place, call_shape, is_certain
from engine.language.expressions import condition_shape
from engine.language.fields import Field, FieldMap, Use
from engine.language.literals import typed_checks, typed_default
from engine.language.scopes import Scope
from engine.language.shapes import ANY, TEXT, Shape, scalar, type_of
from engine.language.values import pick_shape
from engine.options import Pointer, Report
from engine.records import is_blank
from engine.registry import SCALARS


def check_map(mapping: FieldMap, shape: Shape, vars: Shape, report: Report) -> FieldMap:
    """The map with its types, where it stands alone; `shape` is the record that enters, `vars` the variables."""
    return check_in(mapping, Scope(shape, vars, shape, shape), (), report)


def check_in(mapping: FieldMap, scope: Scope, pointer: Pointer, report: Report) -> FieldMap:
    """The map with its types, and with the shape of what it gives."""
    scope = replace(scope, out={})
    if mapping.source:
        scope = scope.inner(pick_shape(mapping.source, (*pointer, "source"), scope, report))
    fields = _check_fields(mapping.fields, scope, report)
    return replace(mapping, fields=fields, gives=_gives(mapping, scope))


def _gives(mapping: FieldMap, scope: Scope) -> Shape:
    """The record that comes out: closed, unless names pass through that nobody knows."""
    working = frozenset(made.target[0] for made in mapping.fields if made.working)
    if not mapping.pass_through:
        return Shape("object", dict(scope.out), closed=True, sure=True, working=working)
    node = scope.node
    passed = {name: shape for name, shape in node.fields.items() if name not in mapping.except_names}
    known = {name: shape for name, shape in passed.items() if name not in scope.out}
    made = {**known, **scope.out}
    return replace(node.with_names(made), fields=made, working=(node.working & set(known)) | working)


def _check_fields(fields: Sequence[Field], scope: Scope, report: Report) -> tuple[Field, ...]:
    scope.coming = frozenset(made.target[0] for made in fields)
    checked = []
    for made in fields:
        typed, shape = _check_field(made, scope, report)
        checked.append(typed)
        if len(made.target) == 1:
            scope.out[made.name] = shape
        elif made.target:
            scope.out[made.target[0]] = _beside(scope.out.get(made.target[0]), made.target[1:], shape)
    return tuple(checked)


def _beside(around: Shape | None, names: Sequence[str], shape: Shape) -> Shape:
    """The object that a dotted target makes, with what was made of it above."""
    if not names:
        return shape
    known = around.fields if around else {}
    inner = _beside(known.get(names[0]), names[1:], shape)
    return Shape("object", {**known, names[0]: inner}, closed=True, sure=True)


def _check_field(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    if made.when:
        condition_shape(made.when, (*made.pointer, "when"), scope, report)
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
    if any(each.places != shape.places for each in shapes):
        shape = replace(shape, places=None)
    if not all(each.sure for each in shapes):
        shape = replace(shape, sure=False)
    return _resolved(made, shape, scope, report)


def _source_shapes(made: Field, scope: Scope, report: Report) -> list[Shape]:
    if len(made.sources) == 1:
        return [pick_shape(made.sources[0], made.places[0], scope, report)]
    tried = []
    for source, at in zip(made.sources, made.places, strict=True):
        held = Held(report)
        tried.append((pick_shape(source, at, scope, held), held))
    one_is_there = any(not held.absent for _, held in tried)
    for _, held in tried:
        held.release(absent=not one_is_there)
    return [shape for shape, held in tried if not (held.absent and one_is_there)]


class Held:
    """Holds back what is reported of one of several sources: that it is absent counts where all of them are."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._said: list[tuple[bool, tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, code: str, pointer: Pointer, message: str, help: str = "", **more: Any) -> None:
        """Take one problem."""
        is_absent = code == "M204" and not help.startswith("did you mean")
        self._said.append((is_absent, (code, pointer, message, help), more))

    def broken(self, pointer: Pointer) -> bool:
        """As the report knows."""
        return self._report.broken(pointer)

    def refused(self, pointer: Pointer) -> bool:
        """As the report knows."""
        return self._report.refused(pointer)

    def secret(self, text: Any, pointer: Pointer) -> Any:
        """As the report knows."""
        return self._report.secret(text, pointer)

    @property
    def absent(self) -> bool:
        """Whether the evidence has nothing of it, nor anything alike."""
        return any(is_absent for is_absent, _, _ in self._said)

    def release(self, *, absent: bool) -> None:
        """Report what was held, that it is absent only where that counts."""
        for is_absent, said, more in self._said:
            if absent or not is_absent:
                self._report(*said, **more)


def _value(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    return _resolved(made, scalar(type_of(made.value)), scope, report)


def _object(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    inside = scope.beside()
    if made.sources:
        shapes = _source_shapes(made, scope, report)
        inside = scope.inner(shapes[0] if len(shapes) == 1 else ANY)
    fields = _check_fields(made.fields or (), inside, report)
    return _resolved(replace(made, fields=fields), _made(fields, inside), scope, report)


def _resolved(made: Field, shape: Shape, scope: Scope, report: Report) -> tuple[Field, Shape]:
    """The resolvers behind a value that was put together."""
    chain, shape = _check_chain(made.chain, shape, scope, report)
    return replace(made, chain=chain), shape


def _made(fields: Sequence[Field], inside: Scope) -> Shape:
    """What an object of these fields looks like from outside: what works inside it is not seen there."""
    names = dict.fromkeys(made.target[0] for made in fields if made.target and not made.working)
    return Shape("object", {name: inside.out[name] for name in names}, closed=True, sure=True)


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
        chain, one = _check_chain(made.chain, item, inside, report)
        return replace(made, chain=chain), Shape("list", item=one, sure=True)
    fields = _check_fields(made.fields, inside, report)
    return replace(made, fields=fields), Shape("list", item=_made(fields, inside), sure=True)


def _pairs(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    checked = [_check_field(entry, scope, report) for entry in made.fields or ()]
    item = _common([shape for _, shape in checked])
    if made.maker == "pairs":
        name, type, value = (made.names.get(key, key) for key in ("name", "type", "value"))
        item = Shape("object", {name: TEXT, type: TEXT, value: item}, closed=True, sure=True)
    fields = tuple(entry for entry, _ in checked)
    return _resolved(replace(made, fields=fields), Shape("list", item=item, sure=True), scope, report)


def _common(shapes: Sequence[Shape]) -> Shape:
    """What all of these are; nothing is known of several that differ."""
    first = shapes[0] if shapes else ANY
    return first if all(shape == first for shape in shapes) else ANY


def _pairs_from(made: Field, scope: Scope, report: Report) -> tuple[Field, Shape]:
    _source_shapes(made, scope, report)
    return _resolved(made, Shape("list", sure=True), scope, report)


MAKERS: Final = {
    "source": _source,
    "value": _value,
    "fields": _object,
    "each": _each,
    "pairs": _pairs,
    "list": _pairs,
    "pairs_from": _pairs_from,
}


def _check_chain(chain: Sequence[Use], shape: Shape, scope: Scope, report: Report) -> tuple[tuple[Use, ...], Shape]:
    checked = []
    for use in chain:
        checked.append(replace(use, guarded=not is_certain(use.resolver, shape)))
        found = call_shape(use.resolver, use.options, shape, Place(use.pointer), scope, report)
        if found is None:
            return tuple(chain), ANY
        shape = found
    return tuple(checked), shape
