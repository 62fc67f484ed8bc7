"""When what a field makes is blank, and with which codes it may reject: read off its parts, never off a run.

A resolver's part comes from its examples: those that give a blank for a value, and those that fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.language.expressions import Condition, Expression
from engine.language.expressions import nodes as n
from engine.language.fields import Checks, Field, Use
from engine.language.paths import Path
from engine.language.picking import Name
from engine.language.tables import Policy
from engine.language.values import Picked
from engine.plan import Lookup
from engine.records import MISSING, Value, is_blank
from engine.registry import Resolver

Blanks = frozenset[str]
NEVER: Final[Blanks] = frozenset()
LEFT_OUT: Final[Blanks] = frozenset({"missing"})
ANY_BLANK: Final[Blanks] = frozenset({"missing", "null", "empty"})
ALWAYS_THERE: Final = ("$index", "$run", "$unit")
ENTRIES: Final = ("list", "pairs")
"""The makers that leave blank entries out, and always give a list."""
LOOKUP: Final = "lookup"
AGGREGATES: Final = ("sum", "min", "max")


def blank_word(value: Value) -> str:
    """Which of the three blanks a value is."""
    return "missing" if value is MISSING else "null" if value is None else "empty"


class Failing:
    """Where fields stand: whether the record has only texts, under names that are always there; and the lookups."""

    def __init__(self, lookups: Mapping[str, Lookup], texts: bool = False) -> None:
        self._lookups = lookups
        self._texts = texts

    # --- blank

    def blanks(self, made: Field) -> tuple[str, ...]:
        """The blanks that a field may be written as, in a fixed order."""
        found = self._written(made, self._made(made)) | (LEFT_OUT if made.when else NEVER)
        return tuple(word for word in ("missing", "null", "empty") if word in found)

    def _made(self, made: Field) -> Blanks:
        """The blanks that its maker and its resolvers give."""
        if made.maker in ENTRIES or (made.maker == "fields" and not made.sources):
            return NEVER
        if made.maker == "value":
            found = frozenset({blank_word(made.value)}) if is_blank(made.value) else NEVER
        else:
            found = self._of_sources(made.sources)
        if made.maker not in ("source", "value"):
            return LEFT_OUT if found else NEVER
        for use in made.chain:
            found = self._behind(use.resolver, use.options, found)
        return found

    def _of_sources(self, sources: Sequence[Picked]) -> Blanks:
        found = [self._of_pick(pick) for pick in sources]
        return found[0] if len(found) == 1 else LEFT_OUT if all(found) else NEVER

    def _of_pick(self, pick: Picked) -> Blanks:
        return self._of_node(pick.node) if isinstance(pick, Expression) else self._of_path(pick)

    def _of_path(self, path: Path) -> Blanks:
        if path.head in ALWAYS_THERE:
            return NEVER
        return frozenset({"empty"}) if self._is_cell(path) else ANY_BLANK

    def _is_cell(self, path: Path) -> bool:
        return self._texts and path.head in ("", "$record", "$root") and len(path.steps) == 1

    def _of_node(self, node: n.Node) -> Blanks:
        """The blanks an expression may give: what counts or decides gives none, it rejects."""
        if isinstance(node, n.Pick):
            return ANY_BLANK if node.looped else self._of_path(node.path)
        if isinstance(node, n.Literal) and is_blank(node.value):
            return frozenset({blank_word(node.value)})
        if isinstance(node, n.Call):
            return self._behind(node.resolver, node.options, self._of_node(node.value))
        if isinstance(node, n.Choice):
            return NEVER.union(*(self._of_node(value) for _, value in node.branches), self._of_node(node.otherwise))
        if isinstance(node, n.Function) and node.name == "coalesce":
            return LEFT_OUT if all(self._of_node(each) for each in node.arguments) else NEVER
        return LEFT_OUT if isinstance(node, n.Function) and node.name in ("min", "max") else NEVER

    def _behind(self, resolver: Resolver, options: Mapping[str, Any], found: Blanks) -> Blanks:
        if resolver.name == LOOKUP:
            empty_handed = self.policy(options).miss == "blank" or "field" in options
            return found | (LEFT_OUT if empty_handed else NEVER)
        fills = resolver.blank and any(is_blank(each.given) and not is_blank(each.gives) for each in resolver.examples)
        return (NEVER if fills else found) | frozenset(_given_blanks(resolver))

    def _written(self, made: Field, found: Blanks) -> Blanks:
        """Behind default, required and emission."""
        if made.on_error == "blank":
            found |= LEFT_OUT
        if found and made.default is not MISSING:
            found = frozenset({blank_word(made.default)}) if is_blank(made.default) else NEVER
        if made.required or not found:
            return NEVER
        if made.blank != "keep":
            return frozenset({"missing" if made.blank == "omit" else "null"})
        typed = made.type not in ("text", "any")
        return frozenset("null" if word == "empty" and typed else word for word in found)

    # --- rejects

    def rejects(self, made: Field) -> tuple[str, ...]:
        """The codes with which a field may reject its record; those of nested fields are theirs."""
        found = set(self.codes(made.when)) if made.when else set()
        if made.on_error == "reject":
            found |= {*self._making(made), *_of_checks(made.checks)}
        if made.required and is_blank(made.default) and (made.on_error == "blank" or self._made(made)):
            found.add("R201")
        return tuple(sorted(found))

    def _making(self, made: Field) -> Iterator[str]:
        for pick in made.sources:
            yield from self.codes(pick)
        if made.maker in ("each", "pairs_from"):
            yield "R207"
        for use in made.chain:
            yield from self._of_use(use)

    def _of_use(self, use: Use) -> Iterator[str]:
        if use.guarded and "any" not in use.resolver.takes:
            yield "R202"
        yield from self._of_resolver(use.resolver, use.options)

    def _of_resolver(self, resolver: Resolver, options: Mapping[str, Any]) -> Iterator[str]:
        if resolver.name != LOOKUP:
            yield from (example.error for example in resolver.examples if example.error)
            return
        policy = self.policy(options)
        if policy.miss == "reject" and policy.default is MISSING:
            yield "R271"
        if policy.many == "reject" and self._has_records(options):
            yield "R272"

    def codes(self, pick: Picked) -> Iterator[str]:
        """The codes with which picking a value may fail."""
        if isinstance(pick, Expression):
            if isinstance(pick, Condition) and isinstance(pick.node, n.Pick):
                yield from ("R241", "R247")
            for node in n.walk(pick.node):
                yield from self._of_operation(node)
        elif pick.query:
            yield from ("R206", "R208")
        elif any(isinstance(step, Name) and step.position is None for step in pick.steps[1:]) and not _is_given(pick):
            yield "R205"

    def _of_operation(self, node: n.Node) -> Iterator[str]:
        if isinstance(node, n.Pick) and not node.looped:
            yield from self.codes(node.path)
        if isinstance(node, n.Call):
            yield from self._of_resolver(node.resolver, node.options)
        if isinstance(node, n.Chain | n.Negative | n.Not | n.Logic):
            yield "R241"
        if isinstance(node, n.Chain | n.Negative) and not self._texts:
            yield "R242"
        if isinstance(node, n.Arithmetic) and any(sign in ("/", "//", "%") for sign, _ in node.rest):
            yield "R243"
        if isinstance(node, n.Function) and node.name in AGGREGATES:
            yield from ("R241", "R242")
        if isinstance(node, n.Loop):
            yield "R207"
        if any(isinstance(each, n.Pick) for each in _deciding(node)):
            yield from ("R241", "R247")

    def policy(self, options: Mapping[str, Any]) -> Policy:
        """What one use of a lookup does with a key that is not there, or there twice."""
        said = Policy(options.get("miss"), options.get("many"), options.get("default", MISSING))
        table = self._lookups.get(str(options.get("table"))) if isinstance(options.get("table"), str) else None
        return said.over((table or Lookup()).policy)

    def _has_records(self, options: Mapping[str, Any]) -> bool:
        table = self._lookups.get(str(options["table"])) if isinstance(options["table"], str) else None
        return table is not None and table.values is None


def _deciding(node: n.Node) -> Sequence[n.Node]:
    """The nodes inside that have to be true or false."""
    if isinstance(node, n.Choice):
        return [condition for condition, _ in node.branches]
    return node.parts if isinstance(node, n.Not | n.Logic) else ()


def _given_blanks(resolver: Resolver) -> Iterator[str]:
    """The blanks that it gives for what is none."""
    for each in resolver.examples:
        if not each.error and is_blank(each.gives) and not is_blank(each.given):
            yield blank_word(each.gives)


def _of_checks(checks: Checks) -> Iterator[str]:
    if checks.one_of:
        yield "R231"
    if checks.pattern:
        yield "R232"
    if checks.min is not None or checks.max is not None:
        yield "R233"
    if checks.min_length is not None or checks.max_length is not None:
        yield "R234"


def _is_given(path: Path) -> bool:
    return path.head in ("$vars", "$run", "$unit")
