"""What paths and expressions read of the record as parsed, and take as a list: followed before the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from engine.language.expressions import Expression
from engine.language.expressions.functions import AGGREGATES
from engine.language.expressions.nodes import Call, Choice, Comparison, Function, Listing, Loop, Node, Pick
from engine.language.fields import picked_in
from engine.language.paths import Path
from engine.language.queries import parsed_query
from engine.language.values import Picked
from engine.registry import Resolver
from engine.rows.uses import ANY_NAME, ELSEWHERE, RECORD, Items, Made, Traced, Uses, below, either, follow


@dataclass(frozen=True)
class Standing:
    """Where paths start at, as traced values: the twin of a Frame."""

    uses: Uses
    node: Traced = RECORD
    record: Traced = RECORD
    root: Traced = RECORD
    parent: Standing | None = None
    around: Standing | None = None
    item: Traced = ELSEWHERE
    out: dict[str, Traced] = field(default_factory=dict)
    work: dict[str, Traced] = field(default_factory=dict)
    loops: Mapping[str, Traced] = field(default_factory=dict)

    def inner(self, node: Traced, item: Traced | None = None) -> Standing:
        """Inside an object with a source, or an item."""
        return replace(self.beside(), node=node, parent=self, item=item or self.item)

    def beside(self) -> Standing:
        """Inside an object without a source."""
        return replace(self, around=self, out={}, work={})

    def entering(self, record: Traced, parent: Standing | None) -> Standing:
        """In the next step."""
        return replace(self, node=record, record=record, parent=parent, around=None, item=ELSEWHERE, out={}, work={})

    # --- what is picked

    def pick(self, picked: Picked) -> Traced:
        """The value of a path or an expression, of which nothing is said yet."""
        return self._value(picked.node) if isinstance(picked, Expression) else self._path(picked)

    def read(self, picked: Picked) -> None:
        """All of what is picked is read."""
        self.uses.read(self.pick(picked))

    def _path(self, path: Path) -> Traced:
        if path.query:
            return Query(self, path).value(parsed_query(path.query, path.text), self.node)
        return follow(self.head(path.head, path.up), path.steps, self.uses)

    def head(self, head: str, up: int) -> Traced:
        """What stands at a head."""
        if head in ("$out", "$work"):
            around: Standing | None = self
            for _ in range(up):
                around = around.around if around else None
            return Made({**around.out, **around.work}) if around else ELSEWHERE
        if head == "$parent":
            outer: Standing | None = self
            for _ in range(up):
                outer = outer.parent if outer else None
            return outer.node if outer else ELSEWHERE
        known = {"": self.node, "$record": self.record, "$root": self.root, "$item": self.item}
        return known.get(head, ELSEWHERE)

    # --- expressions

    def _value(self, node: Node) -> Traced:
        """The value of a part of an expression; what it stands on is read where the value is another."""
        if isinstance(node, Pick):
            return self._picked(node)
        if isinstance(node, Choice):
            for condition, _ in node.branches:
                self.read_part(condition)
            return either([self._value(each) for each in (*(value for _, value in node.branches), node.otherwise)])
        if isinstance(node, Function) and node.name == "coalesce":
            return either([self._value(argument) for argument in node.arguments])
        if isinstance(node, Function) and node.name in AGGREGATES:
            self._aggregate(node)
        elif isinstance(node, Call):
            return self._call(node)
        elif isinstance(node, Comparison):
            self._compare(node)
        else:
            for part in node.parts:
                self.read_part(part)
        return ELSEWHERE

    def read_part(self, node: Node) -> None:
        """All of what a part of an expression picks is read."""
        self.uses.read(self._value(node))

    def _picked(self, node: Pick) -> Traced:
        if not node.looped:
            return self._path(node.path)
        variable, *rest = node.path.steps
        return follow(self.loops.get(getattr(variable, "text", ""), ELSEWHERE), rest, self.uses)

    def _call(self, node: Call) -> Traced:
        for _, part in node.computed:
            self.read_part(part)
        for picked in picked_in(list(node.options.values())):
            self.read(picked)
        return self.through(node.resolver, self._value(node.value))

    def through(self, resolver: Resolver, value: Traced) -> Traced:
        """A value that a resolver is given: all of it is read, and it is a list where only that is taken."""
        item = self.uses.as_list(value) if takes_list(resolver) else ELSEWHERE
        self.uses.read(value, text=wants_text(resolver))
        return item if resolver.name in ("first", "last") else ELSEWHERE

    def _compare(self, node: Comparison) -> None:
        self.read_part(node.first)
        for sign, right in node.rest:
            value = self._value(right)
            if sign in ("in", "not in"):
                self.uses.as_list(value)
            self.uses.read(value)

    def _aggregate(self, node: Function) -> None:
        only = node.arguments[0]
        if isinstance(only, Loop):
            source = self._value(only.source)
            inside = replace(self, loops={**self.loops, only.variable: self.uses.as_list(source)})
            for part in (only.body, *([only.condition] if only.condition else [])):
                inside.read_part(part)
        elif len(node.arguments) == 1 and not isinstance(only, Listing):
            value = self._value(only)
            self.uses.as_list(value)
            self.uses.read(value)
        else:
            for argument in node.arguments:
                self.read_part(argument)


def takes_list(resolver: Resolver) -> bool:
    """Whether a resolver makes a list of what it is given; one that takes texts too has their length or the like."""
    return "list" in resolver.takes and "text" not in resolver.takes


def wants_text(resolver: Resolver) -> bool:
    """Whether a resolver takes an element with attributes as its text."""
    return "text" in resolver.takes and "object" not in resolver.takes


class Query:
    """A path that JMESPath evaluates, traced through the tree that the library makes of it."""

    LISTS: Final = ("join", "sort", "sort_by", "reverse", "map")

    def __init__(self, standing: Standing, path: Path) -> None:
        self._standing = standing
        self._uses = standing.uses
        self._text = path.text

    def value(self, node: Mapping[str, Any], at: Traced) -> Traced:
        """The value of a part of the query, asked of a value."""
        trace = self._KINDS.get(node["type"])
        if trace:
            return trace(self, node, at)
        for child in _children(node):
            self._uses.read(self.value(child, at))
        return ELSEWHERE

    def _field(self, node: Mapping[str, Any], at: Traced) -> Traced:
        return below(at, node["value"])

    def _chain(self, node: Mapping[str, Any], at: Traced) -> Traced:
        for child in _children(node):
            at = self.value(child, at)
        return at

    def _index(self, node: Mapping[str, Any], at: Traced) -> Traced:
        return self._uses.as_list(at)

    def _slice(self, node: Mapping[str, Any], at: Traced) -> Traced:
        return Items(self._uses.as_list(at))

    def _project(self, node: Mapping[str, Any], at: Traced) -> Traced:
        left, right = _children(node)
        return Items(self.value(right, self._uses.as_list(self.value(left, at))))

    def _project_values(self, node: Mapping[str, Any], at: Traced) -> Traced:
        left, right = _children(node)
        return Items(self.value(right, below(self.value(left, at), ANY_NAME)))

    def _filter(self, node: Mapping[str, Any], at: Traced) -> Traced:
        left, right, condition = _children(node)
        item = self._uses.as_list(self.value(left, at))
        self._uses.read(self.value(condition, item))
        return Items(self.value(right, item))

    def _flatten(self, node: Mapping[str, Any], at: Traced) -> Traced:
        inner = self.value(_children(node)[0], at)
        return Items(self._uses.as_list(self._uses.as_list(inner)))

    def _either(self, node: Mapping[str, Any], at: Traced) -> Traced:
        return either([self.value(child, at) for child in _children(node)])

    def _function(self, node: Mapping[str, Any], at: Traced) -> Traced:
        name, arguments = node["value"], _children(node)
        if name == "head":
            return self._standing.head(arguments[0]["value"], int(arguments[1]["value"]))
        if name == "step":
            return self._uses.as_list(self.value(arguments[0], at))
        values = [self.value(each, at) for each in arguments if each["type"] != "expref"]
        items = [self._uses.as_list(each) for each in values] if name in self.LISTS else values
        for each in arguments:
            if each["type"] == "expref":
                self._uses.read(self.value(_children(each)[0], either(items)))
        for value in values:
            self._uses.read(value)
        return ELSEWHERE

    def _here(self, node: Mapping[str, Any], at: Traced) -> Traced:
        return at

    _KINDS: Final[Mapping[str, Callable[[Query, Mapping[str, Any], Traced], Traced]]] = {
        "field": _field,
        "subexpression": _chain,
        "index_expression": _chain,
        "pipe": _chain,
        "index": _index,
        "slice": _slice,
        "projection": _project,
        "value_projection": _project_values,
        "filter_projection": _filter,
        "flatten": _flatten,
        "or_expression": _either,
        "and_expression": _either,
        "function_expression": _function,
        "identity": _here,
        "current": _here,
    }


def _children(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [child for child in node["children"] if isinstance(child, dict)]
