"""What an expression gives, found before the run: operands that do not go together are errors of `check`.

A type that is not known is never an error. What a sample suggests counts as it does for resolvers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from engine.language.calls import Place, call_shape
from engine.language.expressions.advice import calculated, chosen, converted, decided, incomparable, searched, summed
from engine.language.expressions.expression import Condition, Expression
from engine.language.expressions.fitting import types_of
from engine.language.expressions.nodes import (
    Arithmetic,
    Call,
    Choice,
    Comparison,
    Function,
    Listing,
    Literal,
    Logic,
    Loop,
    Negative,
    Node,
    Not,
    Pick,
)
from engine.language.expressions.operators import ORDERED
from engine.language.expressions.placing import Placed
from engine.language.expressions.results import common_shape, computed_type, kind_of_type
from engine.language.scopes import Scope, path_shape
from engine.language.shapes import ANY, Shape, scalar, type_of
from engine.options import Pointer, Report
from engine.registry import NUMBERS, Option
from engine.spelling import a, describe, either

BOOL: Final = scalar("bool")


def expression_shape(expression: Expression, pointer: Pointer, scope: Scope, report: Report) -> Shape:
    """What the expression gives; problems go to the report, with their places in its text."""
    return _Checker(expression.text, pointer, scope, report).shape(expression.node)


def condition_shape(condition: Condition, pointer: Pointer, scope: Scope, report: Report) -> None:
    """The same for a condition, which gives true or false."""
    _Checker(condition.text, pointer, scope, report).decision(condition.node)


class _Checker:
    """One expression against what is known where it stands."""

    def __init__(self, text: str, pointer: Pointer, scope: Scope, report: Report) -> None:
        self.text = text
        self.pointer = pointer
        self.scope = scope
        self.looped = scope
        self.report = report

    def shape(self, node: Node) -> Shape:
        """What the node gives."""
        return _SHAPE[type(node)](self, node)

    def said(self, node: Node) -> str:
        """The node as it is written, for a message."""
        return describe(self.text[node.area[0] : sum(node.area)])

    def problem(self, code: str, message: str, help: str, node: Node) -> Shape:
        """Report it; of what comes out, nothing is known."""
        self.report(code, self.pointer, message, help, span=node.area)
        return ANY

    def decision(self, node: Node) -> Shape:
        """What has to be true or false."""
        return self.decisions([(node, self.shape(node))])

    # ── what is written and what is picked ───────────────────────────────────────────────────────────────

    def literal(self, node: Literal) -> Shape:
        found = "duration" if isinstance(node.value, timedelta) else type_of(node.value)
        return scalar(found) if found != "any" else ANY

    def pick(self, node: Pick) -> Shape:
        scope = self.looped if node.looped else self.scope
        return path_shape(node.path, self.pointer, scope, Placed(self.report, node))

    def listing(self, node: Listing) -> Shape:
        return Shape("list", item=self.common(node.entries), sure=True)

    def common(self, nodes: Sequence[Node]) -> Shape:
        """What several values have in common; null says nothing."""
        shapes = [self.shape(node) for node in nodes]
        said = [s for s, n in zip(shapes, nodes, strict=True) if not isinstance(n, Literal) or n.value is not None]
        return common_shape(said)

    # ── operators ────────────────────────────────────────────────────────────────────────────────────────

    def arithmetic(self, node: Arithmetic) -> Shape:
        left, shape = node.first, self.shape(node.first)
        for sign, right in node.rest:
            other = self.shape(right)
            type = computed_type(sign, shape.type, other.type)
            if type is None:
                return self.unfit(sign, (left, shape.type), (right, other.type))
            shape = Shape(type, sure=shape.sure and other.sure) if type != "any" else ANY
            left = Arithmetic((node.area[0], sum(right.area) - node.area[0]), left, ((sign, right),))
        return shape

    def unfit(self, sign: str, left: tuple[Node, str], right: tuple[Node, str]) -> Shape:
        """Operands of arithmetic that do not go together; the carets show the one to convert."""
        kinds = kind_of_type(left[1]), kind_of_type(right[1])
        wrong = left if kinds[0] in ("text", "bool", "list", "object") or kinds[1] == "number" else right
        if set(kinds) == {"text", "number"}:
            wrong = left if kinds[0] == "text" else right
        help = calculated(sign, self.said(wrong[0]), wrong[1], kinds)
        message = f"`{sign}` stands between {a(left[1])} and {a(right[1])}"
        return self.problem("E202", message, help, wrong[0])

    def negative(self, node: Negative) -> Shape:
        found = self.shape(node.operand)
        if found.type not in (*NUMBERS, "any"):
            help = calculated("-", self.said(node.operand), found.type, (found.type, ""))
            return self.problem("E202", f"`-` stands before {a(found.type)}", help, node.operand)
        return found

    def comparison(self, node: Comparison) -> Shape:
        left, shape = node.first, self.shape(node.first)
        for sign, right in node.rest:
            if sign in ("in", "not in"):
                other = self.membership(left, shape, sign, right)
            else:
                other = self.shape(right)
                self.compare(sign, (left, shape.type), (right, other.type))
            left, shape = right, other
        return BOOL

    def compare(self, sign: str, left: tuple[Node, str], right: tuple[Node, str]) -> None:
        """Two operands of one kind, which has an order where the sign asks for one."""
        kinds = [kind_of_type(left[1]), kind_of_type(right[1])]
        said = self.said(left[0]), self.said(right[0])
        for kind, side in zip(kinds, (left, right), strict=True):
            if kind not in ORDERED and kind != "any" and (kind != "bool" or sign not in ("==", "!=")):
                message = f"`{sign}` compares no {_PLURAL.get(kind, kind)}, and `{self.said(side[0])}` is {a(side[1])}"
                self.problem("E201", message, incomparable(self.said(side[0]), kind), side[0])
                return
        if "any" not in kinds and kinds[0] != kinds[1]:
            texts = [isinstance(node, Literal) for node, _ in (left, right)]
            help, wrong = converted((said[0], left[1], texts[0]), (said[1], right[1], texts[1]))
            message = f"`{said[0]}` is {left[1]}, `{said[1]}` is {right[1]}: `{sign}` compares what is of one type"
            self.problem("E201", message, help, (left, right)[wrong][0])

    def membership(self, left: Node, shape: Shape, sign: str, right: Node) -> Shape:
        """A list, and in it only what can be the same."""
        if isinstance(right, Listing):
            for entry in right.entries:
                self.compare("==", (left, shape.type), (entry, self.shape(entry).type))
            return Shape("list", sure=True)
        other = self.shape(right)
        if other.type not in ("any", "list"):
            message = f"`{sign}` looks into a list, `{self.said(right)}` is {a(other.type)}"
            help = searched(self.said(right), other.type, getattr(left, "value", None))
            return self.problem("E204", message, help, right)
        if other.item:
            self.compare("==", (left, shape.type), (right, other.item.type))
        return other

    # ── what decides ─────────────────────────────────────────────────────────────────────────────────────

    def negation(self, node: Not) -> Shape:
        return self.decision(node.operand)

    def logic(self, node: Logic) -> Shape:
        shapes = [self.shape(operand) for operand in node.operands]
        types = {shape.type for shape in shapes}
        if node.word == "or" and "bool" not in types and shapes[-1].type != "any":
            help = chosen([self.said(each) for each in node.operands], written=isinstance(node.operands[-1], Literal))
            return self.problem("E203", "`or` stands between values that are not true or false", help, node)
        return self.decisions(list(zip(node.operands, shapes, strict=True)))

    def choice(self, node: Choice) -> Shape:
        for condition, _ in node.branches:
            self.decision(condition)
        return self.common((*(value for _, value in node.branches), node.otherwise))

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, node: Call) -> Shape:
        given = self.shape(node.value)
        for option, part in node.computed:
            self.option(option, self.shape(part).type, part)
        options = {**node.options, **{option.parameter: part for option, part in node.computed}}
        place = Place(self.pointer, node.area, self.said(node.value))
        return call_shape(node.resolver, options, given, place, self.scope, self.report) or ANY

    def option(self, option: Option, found: str, node: Node) -> None:
        """An option that is computed, where its type is known."""
        allowed = types_of(option)
        if "any" not in (found, *allowed) and found not in allowed:
            message = f"`{option.name}` takes {either(allowed)}, here it gets {found}"
            self.problem("E206", message, f"write `{allowed[0]}({self.said(node)})`", node)

    def function(self, node: Function) -> Shape:
        if node.name == "present":
            self.shape(node.arguments[0])
            return BOOL
        if node.name == "coalesce":
            return self.common(node.arguments)
        items = self.items(node)
        if node.name in ("any", "all"):
            return self.decisions(items)
        return self.sum(node, items) if node.name == "sum" else self.extreme(items)

    def items(self, node: Function) -> list[tuple[Node, Shape]]:
        """What an aggregate goes over: its arguments, the items of its list, the body of its loop."""
        only = node.arguments[0]
        if isinstance(only, Loop):
            return [(only.body, self.loop(only))]
        if isinstance(only, Listing) and len(node.arguments) == 1:
            return [(entry, self.shape(entry)) for entry in only.entries]
        if len(node.arguments) > 1:
            return [(argument, self.shape(argument)) for argument in node.arguments]
        return [(only, self.item(only, f"`{node.name}`"))]

    def loop(self, node: Loop) -> Shape:
        item = self.item(node.source, "a loop")
        named = Shape("object", {node.variable: item}, closed=True, sure=True, total=self.scope.node.total)
        self.looped = replace(self.scope, node=named)
        if node.condition:
            self.decision(node.condition)
        return self.shape(node.body)

    def item(self, node: Node, what: str) -> Shape:
        """One of a list; one object is a list of one."""
        found = self.shape(node)
        if found.type == "list":
            return found.item or ANY
        if found.type not in ("any", "object"):
            message = f"{what} goes over a list, `{self.said(node)}` is {a(found.type)}"
            self.problem("E205", message, "write a list, or several values: `max(a, b)`", node)
            return ANY
        return found

    def decisions(self, items: Sequence[tuple[Node, Shape]]) -> Shape:
        for node, shape in items:
            if shape.type not in ("any", "bool"):
                said = self.said(node)
                self.problem("E203", f"`{said}` is {shape.type}, not true or false", decided(said, shape.type), node)
        return BOOL

    def sum(self, node: Function, items: Sequence[tuple[Node, Shape]]) -> Shape:
        total = ""
        for part, shape in items:
            if shape.type not in (*NUMBERS, "any"):
                listed, said = part is node.arguments[0] and len(node.arguments) == 1, self.said(part)
                found = f"a list of {shape.type}" if listed else a(shape.type)
                help = summed(said, shape.type, listed=listed)
                return self.problem("E202", f"`sum` adds numbers, `{said}` is {found}", help, part)
            total = computed_type("+", total, shape.type) or "any" if total else shape.type
        return ANY if total == "any" else Shape(total or "int", sure=total in ("", "int"))

    def extreme(self, items: Sequence[tuple[Node, Shape]]) -> Shape:
        first, shape = items[0] if items else (None, ANY)
        for node, other in items:
            if first is not None:
                self.compare("<", (first, shape.type), (node, other.type))
        return common_shape([shape for _, shape in items])


_PLURAL: Final = {"bool": "truth values by size", "list": "lists", "object": "objects"}
_SHAPE: Final[Mapping[type[Node], Callable[[_Checker, Any], Shape]]] = {
    Literal: _Checker.literal,
    Pick: _Checker.pick,
    Listing: _Checker.listing,
    Arithmetic: _Checker.arithmetic,
    Comparison: _Checker.comparison,
    Negative: _Checker.negative,
    Not: _Checker.negation,
    Logic: _Checker.logic,
    Choice: _Checker.choice,
    Call: _Checker.call,
    Function: _Checker.function,
}
