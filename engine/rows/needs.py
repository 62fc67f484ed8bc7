"""What the steps read of a record as it is parsed, and use of it as a list: for parsers that go by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.kinds import Needs
from engine.language.fields import Field, FieldMap, picked_in
from engine.language.values import Picked
from engine.rows.tracing import Standing
from engine.rows.uses import ELSEWHERE, Items, Made, Traced, Uses, either

if TYPE_CHECKING:
    from engine.rows.flow import Step


Branch = tuple[Picked | None, Sequence["Step"]]
"""A sink's own condition and its own steps."""


def needs_of(steps: Sequence[Step], branches: Sequence[Branch] = ()) -> Needs:
    """What these steps read of the record that enters the first of them, and of `$root` behind it; and the sinks."""
    uses = Uses()
    behind = _traced(steps, Standing(uses))
    for when, own in branches or [(None, ())]:
        if when:
            behind.read(when)
        uses.read(_traced(own, behind).node)  # what comes out at the end is written
    return uses.needs()


def _traced(steps: Sequence[Step], standing: Standing) -> Standing:
    for step in steps:
        standing = step.trace(standing)
    return standing


def needs_of_keys(keys: Sequence[Picked]) -> Needs:
    """What a lookup needs of its records: any of them may be what is found."""
    uses = Uses()
    for key in keys:
        Standing(uses).read(key)
    return Needs(None, uses.lists)


def trace_map(mapping: FieldMap, standing: Standing) -> Standing:
    """A map, and what stands behind it."""
    inside = standing.inner(standing.pick(mapping.source)) if mapping.source else standing
    others = None
    if mapping.pass_through:
        others = inside.node
        standing.uses.read(others)
    _trace_fields(mapping.fields, inside)
    made = Made({**inside.out, **inside.work}, others)
    carried = standing.record.fields if isinstance(standing.record, Made) else {}
    working = {name: value for name, value in carried.items() if name.startswith("_") and name not in made.fields}
    return standing.entering(Made({**working, **made.fields}, others), standing.parent)


def _trace_fields(fields: Sequence[Field], standing: Standing) -> None:
    for made in fields:
        value = _trace_field(made, standing)
        if made.target:  # an entry of a list has none
            place = standing.work if made.working else standing.out
            place[made.target[0]] = value if len(made.target) == 1 else Made()


def _trace_field(made: Field, standing: Standing) -> Traced:
    """One field, and where its value comes from."""
    if made.when:
        standing.read(made.when)
    for use in made.chain:
        for picked in picked_in(list(use.options.values())):
            standing.read(picked)
    source = either([standing.pick(each) for each in made.sources])
    if made.maker in ("fields", "list", "pairs") and not made.sources:
        inside = standing.beside()
        _trace_fields(made.fields or (), inside)
        value: Traced = Made(dict(inside.out)) if made.maker == "fields" else ELSEWHERE
    elif made.maker == "fields":
        value = _relative(made, standing, source)
    elif made.maker == "each":
        return _trace_each(made, standing, source)
    else:
        value = source
        if not made.chain:
            standing.uses.read(source)
    return _through(made, standing, value)


def _relative(made: Field, standing: Standing, source: Traced) -> Traced:
    standing.uses.touch(source)
    inside = standing.inner(source)
    _trace_fields(made.fields or (), inside)
    return Made(dict(inside.out))


def _trace_each(made: Field, standing: Standing, source: Traced) -> Traced:
    item = standing.uses.as_list(source)
    inside = standing.inner(item, item)
    if made.fields is not None:
        standing.uses.touch(item)
        _trace_fields(made.fields, inside)
        return Items(Made(dict(inside.out)))
    if not made.chain:
        standing.uses.read(item)
    return Items(_through(made, inside, item))


def _through(made: Field, standing: Standing, value: Traced) -> Traced:
    """A value through its resolvers; only the first of them sees what was parsed."""
    for use in made.chain:
        value = standing.through(use.resolver, value)
    return value
