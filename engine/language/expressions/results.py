"""The types of results, from the types of operands: what `check` knows where rows have values."""

from __future__ import annotations

from collections.abc import Sequence

from engine.language.expressions.operators import TIMES
from engine.language.shapes import ANY, Shape
from engine.registry import NUMBERS


def computed_type(sign: str, left: str, right: str) -> str | None:
    """The type that arithmetic gives, "any" where it is not known; None where the operands do not go together."""
    if left == right == "any":
        return "any"
    if {left, right} <= {*NUMBERS, "any"}:
        return "any" if "any" in (left, right) else _number(sign, left, right)
    known = left if right == "any" else right if left == "any" else ""
    if sign == "+":
        return _added(left, right, known)
    if sign == "-":
        if right == "duration":
            return left if left in (*TIMES, "any") else None
        return {"date": "int", "instant": "decimal"}.get(known or (left if left == right else ""))
    return None


def _added(left: str, right: str, known: str) -> str | None:
    if left == right == "text" or known == "text":
        return "text"
    if "duration" in (left, right):
        other = right if left == "duration" else left
        return other if other in (*TIMES, "any") else None
    return "any" if known in TIMES else None


def _number(sign: str, left: str, right: str) -> str:
    if left == right == "float":
        return "float"
    return "int" if left == right == "int" and sign != "/" else "decimal"


def kind_of_type(type: str) -> str:
    return "number" if type in NUMBERS else type


def common_shape(shapes: Sequence[Shape]) -> Shape:
    """The shape that all have; of one type with different parts, the type alone."""
    if not shapes or any(shape.type != shapes[0].type for shape in shapes) or shapes[0].type == "any":
        return ANY
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    return Shape(shapes[0].type, sure=all(shape.sure for shape in shapes))
