"""What is known of each step and field before a run: what it reads, does and gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.explaining.failing import ENTRIES, LOOKUP, Failing
from engine.explaining.saying import options_of, options_of_use, said
from engine.language.expressions import Expression
from engine.language.fields import Field, FieldMap, picks_of, walk
from engine.language.shapes import ANY, Shape
from engine.plan import Plan
from engine.records import MISSING
from engine.rows.flow import Step


@dataclass(frozen=True)
class FieldFacts:
    """One field: the type it gives and whether that holds for every record, its blanks, how it may reject."""

    made: Field
    type: str
    certain: bool
    blanks: tuple[str, ...]
    rejects: tuple[str, ...]
    lookups: tuple[str, ...]
    inside: tuple[FieldFacts, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """All of it for machines, without what is not said."""
        made, checks = self.made, self.made.checks
        facts = {
            "field": made.path,
            "made": made.maker,
            "working": made.working,
            "value": MISSING if made.maker != "value" else said(made.value),
            "reads": [pick.text for pick in made.sources],
            "lookups": list(self.lookups),
            "resolvers": [{"type": use.resolver.name, **options_of_use(use)} for use in made.chain],
            "default": made.default if made.default is MISSING else said(made.default),
            "required": made.required,
            "checks": {name: said(found) for name, found in vars(checks).items() if found not in (None, ())},
            "when": made.when.text if made.when else "",
            "on_error": "" if made.on_error == "reject" else made.on_error,
            "blank": "" if made.blank == "keep" else made.blank,
            "type": self.type,
            "certain": self.certain,
            "may_be": list(self.blanks),
            "may_reject": list(self.rejects),
            "fields": [each.as_dict() for each in self.inside],
        }
        kept = ("field", "made", "type", "certain", "may_be", "may_reject", "value", "default")
        return {key: value for key, value in facts.items() if value is not MISSING and (value or key in kept)}


@dataclass(frozen=True)
class StepFacts:
    """One step: its number from 1, what it was told, how it may reject, and the fields where it is a map."""

    number: int
    type: str
    options: Mapping[str, Any]
    rejects: tuple[str, ...]
    lookups: tuple[str, ...]
    fields: tuple[FieldFacts, ...]

    def as_dict(self) -> dict[str, Any]:
        """All of it for machines."""
        own = {"step": self.number, "type": self.type, "options": self.options, "may_reject": list(self.rejects)}
        return {**own, "lookups": list(self.lookups), "fields": [each.as_dict() for each in self.fields]}


def facts_of(plan: Plan) -> list[StepFacts]:
    """Every step of a plan, in order."""
    return [_of_step(at + 1, step, plan) for at, step in enumerate(plan.steps)]


def _of_step(number: int, step: Step, plan: Plan) -> StepFacts:
    texts = number == 1 and plan.parser.text_values
    below = Failing(plan.lookups)
    failing = Failing(plan.lookups, texts=True) if texts else below
    if mapping := step.maps:
        fields = _of_fields(mapping.fields, mapping.gives, below if mapping.source else failing, below)
        codes = ("R203",) if mapping.pass_through and not texts else ()
        return StepFacts(number, step.type, dict(_of_map(mapping)), codes, lookups_of(step), fields)
    options = options_of(step)
    return StepFacts(number, step.type, options, _codes(step, failing, options), lookups_of(step), ())


def _of_map(mapping: FieldMap) -> Iterator[tuple[str, Any]]:
    if mapping.source:
        yield "source", mapping.source.text
    if mapping.pass_through:
        yield "pass_through", {"except": list(mapping.except_names)} if mapping.except_names else True


def _codes(step: Step, failing: Failing, options: Mapping[str, Any]) -> tuple[str, ...]:
    found = {code for pick, _ in step.picks(()) for code in failing.codes(pick)}
    found |= {"R207"} if "each" in options else set()
    found |= {"R281"} if options.get("else") == "reject" else set()
    return tuple(sorted(found))


def _of_fields(fields: Sequence[Field], shape: Shape, failing: Failing, below: Failing) -> tuple[FieldFacts, ...]:
    return tuple(_of_field(made, _shape_of(made, shape), failing, below) for made in fields)


def _shape_of(made: Field, shape: Shape) -> Shape:
    return shape.fields.get(made.target[0], ANY) if len(made.target) == 1 else ANY


def _of_field(made: Field, shape: Shape, failing: Failing, below: Failing) -> FieldFacts:
    certain = made.type != "any"
    type = made.type if certain else shape.type
    item = shape.item if made.maker == "each" and shape.item else ANY
    if made.maker == "each" and made.fields is None and item.type != "any":
        type = f"list of {item.type}"
    inside = _of_fields(made.fields or (), item if made.maker == "each" else shape, _inner(made, failing, below), below)
    if made.maker in ENTRIES:
        inside = tuple(replace(each, blanks=("missing",) if each.blanks else ()) for each in inside)
    if made.on_error != "reject":
        inside = tuple(map(_answered, inside))
    return FieldFacts(made, type, certain, failing.blanks(made), failing.rejects(made), _looked_up(made), inside)


def _answered(facts: FieldFacts) -> FieldFacts:
    """A field inside one whose `on_error` answers whatever fails in it."""
    return replace(facts, rejects=(), inside=tuple(map(_answered, facts.inside)))


def _inner(made: Field, failing: Failing, below: Failing) -> Failing:
    """A name inside an item, or inside an object with a source, is not the record's."""
    return below if made.sources else failing


def lookups_of(step: Step) -> tuple[str, ...]:
    """The lookups that a step uses, in the order in which it names them."""
    found = [name for pick, _ in step.picks(()) if isinstance(pick, Expression) for name in _in_expression(pick)]
    for made in walk(step.maps.fields if step.maps else ()):
        found += _looked_up(made)
    return tuple(dict.fromkeys(found))


def _looked_up(made: Field) -> tuple[str, ...]:
    found = [use.options["table"] for use in made.chain if use.resolver.name == LOOKUP]
    for pick, _ in picks_of(made):
        found += _in_expression(pick) if isinstance(pick, Expression) else ()
    return tuple(dict.fromkeys(name for name in found if isinstance(name, str)))


def _in_expression(expression: Expression) -> list[str]:
    tables = [call.options.get("table") for call in expression.uses if call.resolver.name == LOOKUP]
    return [name for name in tables if isinstance(name, str)]
