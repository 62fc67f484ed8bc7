"""What a record is rejected with, in the words of the expression: the part that failed, and which value was wrong."""

from __future__ import annotations

from engine.errors import RecordError
from engine.language.expressions.aggregates import Unfit
from engine.language.expressions.nodes import Area, Arithmetic, Comparison, Function, Loop
from engine.language.shapes import type_of
from engine.records import MISSING, Value, is_blank
from engine.spelling import describe


class Words:
    """The text of one expression, and the errors that quote it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def said(self, area: Area) -> str:
        """A part of the text, cut short, between backquotes."""
        return f"`{describe(self.text[area[0] : sum(area)])}`"

    def inside(self, error: RecordError, area: Area) -> RecordError:
        """The same error, with the part of the expression that it comes from."""
        return RecordError(error.code, f"{self.said(area)}: {error.message}", error.value)

    def blank(self, value: Value, part: Area, whole: Area | None = None) -> RecordError:
        """What is refused because there is nothing to work with."""
        around = f"{self.said(whole)}: " if whole else ""
        return RecordError("R241", f"{around}{self.said(part)} is {blank_word(value)}", value)

    def undecided(self, value: Value, area: Area) -> RecordError:
        """What is neither true nor false where that decides."""
        if is_blank(value):
            return self.blank(value, area)
        return RecordError("R247", f"{self.said(area)} is {_shown(value)}, not true or false", value)

    def failed(self, error: RecordError, node: Arithmetic | Comparison, index: int, *values: Value) -> RecordError:
        """The error of one operator of a chain: which operand is blank, or what else is wrong."""
        if error.code == "R242":
            for value, area in zip(values, _operands(node, index), strict=True):
                if is_blank(value):
                    return self.blank(value, area, node.area)
        return self.inside(error, node.area)

    def unfit(self, error: Unfit, node: Function) -> RecordError:
        """What one of several values is refused with, by the words that give it or by its number."""
        whole, value = self.said(node.area), error.value
        if is_blank(value):
            return RecordError("R241", f"{whole}: {self._part(error, node)} is {blank_word(value)}", value)
        if error.code:
            return RecordError(error.code, f"{whole}: {error.message}", value)
        return RecordError("R242", f"{whole}: {self._part(error, node)} is {_shown(value)}, not {error.message}", value)

    def _part(self, error: Unfit, node: Function) -> str:
        only = node.arguments[0]
        if isinstance(only, Loop):
            return self.said(only.body.area)
        return self.said(node.arguments[error.number].area) if len(node.arguments) > 1 else f"item {error.number + 1}"

    def no_list(self, value: Value, area: Area) -> RecordError:
        """What cannot be gone over."""
        return RecordError("R207", f"{self.said(area)}: expected a list, found {_shown(value)}", value)


def blank_word(value: Value) -> str:
    """How a value is blank."""
    return "missing" if value is MISSING else "null" if value is None else "empty"


def _shown(value: Value) -> str:
    return f"{type_of(value)} `{describe(value)}`"


def _operands(node: Arithmetic | Comparison, index: int) -> tuple[Area, Area]:
    """What stands left and right of one operator of a chain: of arithmetic, all that is computed before it."""
    right = node.rest[index][1].area
    if index == 0:
        return node.first.area, right
    before = node.rest[index - 1][1].area
    return (node.area[0], sum(before) - node.area[0]) if isinstance(node, Arithmetic) else before, right
