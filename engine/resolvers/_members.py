"""Literals that a value is compared with: what `null_if` stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.errors import OptionError, RecordError
from engine.language.literals import read_as, written
from engine.language.numbers import exact
from engine.language.picking import PUBLIC_HEADS
from engine.language.shapes import type_of
from engine.records import Value, is_blank
from engine.registry import NUMBERS, SCALARS
from engine.spelling import show

_COMPARED: Final = tuple(type for type in SCALARS if type not in ("int", "float"))
"""The types that members are read as; numbers of all types compare as decimals."""


class Members:
    """Literals, each read as the text written and as the type of the value that it is compared with."""

    kind = "value or list of values"
    schema: Final = {
        "type": ["string", "integer", "number", "boolean", "array"],
        "minItems": 1,
        "items": {"type": ["string", "integer", "number", "boolean"]},
    }
    __slots__ = ("_of_type", "texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self._of_type: Mapping[str, frozenset[Any]] = {type: self._read(type) for type in _COMPARED}

    def __reduce__(self) -> Any:
        return type(self), (self.texts,)

    @classmethod
    def parse(cls, value: Any) -> Members:
        """The members, refused where one could never equal a value."""
        members = value if isinstance(value, list | tuple) else [value]
        for member in members:
            _refuse_unequal(member)
        return cls([written(member) for member in members])

    def __contains__(self, value: Value) -> bool:
        """Whether one of them is the value; none is a list or an object."""
        kind = type_of(value)
        if kind not in NUMBERS:
            return kind in self._of_type and value in self._of_type[kind]
        number = exact(value)
        return (isinstance(number, int) or number.is_finite()) and number in self._of_type["decimal"]

    def _read(self, type: str) -> frozenset[Any]:
        """Those of them that can be of this type, as values of it."""
        found = []
        for text in self.texts:
            try:
                found.append(read_as(text, type))
            except (RecordError, OptionError, ArithmeticError, ValueError):
                continue  # the text is no value of the type
        return frozenset(found)


def _refuse_unequal(member: Any) -> None:
    if is_blank(member):
        help = "blank passes through untouched; `blank: null` writes it as null, `default` fills it"
        raise OptionError("M305", "a blank member equals no value", help)
    if isinstance(member, list | dict):
        raise OptionError("M305", f"{show(member)} equals no value", "members are texts, numbers, true or false")
    if isinstance(member, str) and member.split(".", 1)[0].split("[", 1)[0] in PUBLIC_HEADS:
        raise OptionError("M105", f"`{member}` is a path where a literal stands", "compare with literals only")
