"""From nodes to closures: compiled once, called for every record. What fails names the part that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from engine.errors import OptionError, RecordError
from engine.language.bounds import put_together
from engine.language.calls import guarded
from engine.language.expressions.aggregates import FOLDS, Unfit
from engine.language.expressions.expression import Condition, Expression
from engine.language.expressions.fitting import converted
from engine.language.expressions.nodes import (
    Area,
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
from engine.language.expressions.operators import ARITHMETIC, COMPARISONS, add, is_in, negative
from engine.language.expressions.saying import Words
from engine.language.frames import Frame
from engine.language.paths import getter
from engine.language.patterns import LONGEST
from engine.language.picking import take
from engine.records import MISSING, Value, is_blank
from engine.registry import Option, Resolver

Make = Callable[[Frame], Value]
Decide = Callable[[Frame], bool]


def evaluator(expression: Expression) -> Make:
    """The function that makes the expression's value from a frame."""
    return _Compiler(expression.text).value(expression.node)


def decider(condition: Condition) -> Decide:
    """The function that says whether the condition holds."""
    return _Compiler(condition.text).decision(condition.node)


class _Compiler:
    """One expression: its words, for errors, and the closures of its nodes."""

    def __init__(self, text: str) -> None:
        self.words = Words(text)

    def value(self, node: Node) -> Make:
        """The function that makes the node's value."""
        return _MAKE[type(node)](self, node)

    def decision(self, node: Node) -> Decide:
        """The function that gives the node's value where it is true or false; nothing else decides."""
        make, area, words = self.value(node), node.area, self.words

        def decide(frame: Frame) -> bool:
            value = make(frame)
            if value is True or value is False:
                return value
            raise words.undecided(value, area)

        return decide

    # ── what is written and what is picked ───────────────────────────────────────────────────────────────

    def literal(self, node: Literal) -> Make:
        value = node.value
        return lambda frame: value

    def pick(self, node: Pick) -> Make:
        if not node.looped:
            return getter(node.path)
        steps = node.path.steps[1:]

        def of_item(frame: Frame) -> Value:
            value = frame.loop
            for step in steps:
                value = take(value, step)
            return value

        return of_item

    def listing(self, node: Listing) -> Make:
        """A list keeps the places of its entries: what is missing is null in it."""
        makes, said = [self.value(entry) for entry in node.entries], self.words.said(node.area)

        def listed(frame: Frame) -> Value:
            return put_together([None if (value := make(frame)) is MISSING else value for make in makes], said)

        return listed

    # ── operators ────────────────────────────────────────────────────────────────────────────────────────

    def arithmetic(self, node: Arithmetic) -> Make:
        first = self.value(node.first)
        rest = [(ARITHMETIC[sign], self.value(right), index) for index, (sign, right) in enumerate(node.rest)]

        def compute(frame: Frame) -> Value:
            value = first(frame)
            for apply, make, index in rest:
                right = make(frame)
                if type(value) is str and type(right) is str and apply is add and len(value) + len(right) <= LONGEST:
                    value += right  # grows in place: many texts joined are not copied again and again
                    continue
                try:
                    value = apply(value, right)
                except RecordError as error:
                    raise self.words.failed(error, node, index, value, right) from None
            return value

        return compute

    def negative(self, node: Negative) -> Make:
        make = self.value(node.operand)

        def negate(frame: Frame) -> Value:
            value = make(frame)
            if is_blank(value):
                raise self.words.blank(value, node.operand.area, node.area)
            try:
                return negative(value)
            except RecordError as error:
                raise self.words.inside(error, node.area) from None

        return negate

    def comparison(self, node: Comparison) -> Make:
        first = self.value(node.first)
        rest = [(self.comparing(sign, right), self.value(right), i) for i, (sign, right) in enumerate(node.rest)]
        if len(rest) == 1:
            return self.one_comparison(node, first, *rest[0][:2])

        def compare(frame: Frame) -> Value:
            left = first(frame)
            for apply, make, index in rest:
                right = make(frame)
                try:
                    if not apply(left, right):
                        return False
                except RecordError as error:
                    raise self.words.failed(error, node, index, left, right) from None
                left = right
            return True

        return compare

    def one_comparison(
        self, node: Comparison, first: Make, apply: Callable[[Value, Value], bool], second: Make
    ) -> Make:
        def compare(frame: Frame) -> Value:
            left, right = first(frame), second(frame)
            try:
                return apply(left, right)
            except RecordError as error:
                raise self.words.failed(error, node, 0, left, right) from None

        return compare

    def comparing(self, sign: str, right: Node) -> Callable[[Value, Value], bool]:
        if sign not in ("in", "not in"):
            return COMPARISONS[sign]
        texts = _texts_of(right)
        return lambda left, right: is_in(left, right, sign, texts) is (sign == "in")

    # ── what decides ─────────────────────────────────────────────────────────────────────────────────────

    def negation(self, node: Not) -> Make:
        decide = self.decision(node.operand)
        return lambda frame: not decide(frame)

    def logic(self, node: Logic) -> Make:
        decisions = [self.decision(operand) for operand in node.operands]
        if node.word == "and":
            return lambda frame: all(decide(frame) for decide in decisions)
        return lambda frame: any(decide(frame) for decide in decisions)

    def choice(self, node: Choice) -> Make:
        branches = [(self.decision(condition), self.value(value)) for condition, value in node.branches]
        otherwise = self.value(node.otherwise)

        def choose(frame: Frame) -> Value:
            for decide, make in branches:
                if decide(frame):
                    return make(frame)
            return otherwise(frame)

        return choose

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, node: Call) -> Make:
        make, sees_blank = self.value(node.value), node.resolver.blank
        step = self.step(node)

        def resolve(frame: Frame) -> Value:
            value = make(frame)
            if not sees_blank and is_blank(value):
                return value
            try:
                return step(value, frame)
            except RecordError as error:
                raise self.words.inside(error, node.area) if type(error) is RecordError else error from None

        return resolve

    def step(self, node: Call) -> Callable[[Value, Frame], Value]:
        """The resolver as a function of a value and a frame."""
        resolver, said = node.resolver, self.words.said(node.value.area)[1:-1]
        if not node.computed:
            return _with_frame(resolver, node.options, said)
        computed = [(option, self.value(part), part.area) for option, part in node.computed]

        def made_anew(value: Value, frame: Frame) -> Value:
            given = {o.parameter: self.option(o, make(frame), area) for o, make, area in computed}
            return _with_frame(resolver, {**node.options, **given}, said)(value, frame)

        return made_anew

    def option(self, option: Option, value: Value, area: Area) -> Any:
        """An option that this record gives."""
        if value is MISSING or value is None:
            raise self.words.blank(value, area)
        try:
            return converted(option, value)
        except (OptionError, RecordError) as error:
            raise RecordError("R245", error.message, value) from error

    def function(self, node: Function) -> Make:
        if node.name == "present":
            make = self.value(node.arguments[0])
            return lambda frame: not is_blank(make(frame))
        if node.name == "coalesce":
            return _coalesce([self.value(argument) for argument in node.arguments])
        fold, items = FOLDS[node.name], self.items(node)

        def aggregate(frame: Frame) -> Value:
            try:
                return fold(items(frame))
            except Unfit as error:
                raise self.words.unfit(error, node) from None

        return aggregate

    def items(self, node: Function) -> Callable[[Frame], Iterable[Value]]:
        """The values that an aggregate goes over, none before it is asked for."""
        only = node.arguments[0]
        if isinstance(only, Loop):
            return self.looped(only)
        if len(node.arguments) > 1 or isinstance(only, Listing):
            parts = only.entries if isinstance(only, Listing) and len(node.arguments) == 1 else node.arguments
            makes = [self.value(part) for part in parts]
            return lambda frame: (make(frame) for make in makes)
        return self.listed(only)

    def looped(self, node: Loop) -> Callable[[Frame], Iterator[Value]]:
        source, body = self.listed(node.source), self.value(node.body)
        decide = self.decision(node.condition) if node.condition else None

        def items(frame: Frame) -> Iterator[Value]:
            for item in source(frame):
                frame.loop = item
                if decide is None or decide(frame):
                    yield body(frame)

        return items

    def listed(self, node: Node) -> Callable[[Frame], Iterable[Value]]:
        """A list as `each` takes one: blank is none, one object is a list of one."""
        make, area = self.value(node), node.area

        def listed(frame: Frame) -> Iterable[Value]:
            value = make(frame)
            if type(value) is list:
                return value
            if is_blank(value):
                return ()
            if isinstance(value, dict):
                return (value,)
            raise self.words.no_list(value, area)

        return listed


def _with_frame(resolver: Resolver, options: Mapping[str, Any], said: str) -> Callable[[Value, Frame], Value]:
    """The resolver with its options, guarded; only a contextual one looks at the frame."""
    function = resolver.step(options)
    if "any" not in resolver.takes:
        function = guarded(function, resolver, said)
    return function if resolver.contextual else lambda value, frame: function(value)


def _texts_of(node: Node) -> frozenset[str] | None:
    """The texts of a list that is written down and holds nothing else: looked up at once."""
    entries = node.entries if isinstance(node, Listing) else ()
    texts = [entry.value for entry in entries if isinstance(entry, Literal) and isinstance(entry.value, str)]
    return frozenset(texts) if texts and len(texts) == len(entries) else None


def _coalesce(makes: list[Make]) -> Make:
    """The first that is not blank; the last where all are, so that `coalesce(x, "")` is a text."""

    def first(frame: Frame) -> Value:
        value: Value = MISSING
        for make in makes:
            value = make(frame)
            if not is_blank(value):
                break
        return value

    return first


_MAKE: Final[Mapping[type[Node], Callable[[_Compiler, Any], Make]]] = {
    Literal: _Compiler.literal,
    Pick: _Compiler.pick,
    Listing: _Compiler.listing,
    Arithmetic: _Compiler.arithmetic,
    Comparison: _Compiler.comparison,
    Negative: _Compiler.negative,
    Not: _Compiler.negation,
    Logic: _Compiler.logic,
    Choice: _Compiler.choice,
    Call: _Compiler.call,
    Function: _Compiler.function,
}
