"""How a value is made: one function for each key of a field that can make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from engine.errors import RecordError
from engine.language.bounds import bounded, put_together
from engine.language.fields import Field, picks_of, walk
from engine.language.frames import Frame
from engine.language.shapes import type_of
from engine.language.values import first_picker, paths_in
from engine.records import MISSING, FieldError, Value, is_blank
from engine.rows.failures import DroppedItem, Failures, Notes, errors_of
from engine.rows.steps import Make, chained
from engine.spelling import describe

PAIR_TYPE_OF: Final = {"bool": "BOOLEAN", "int": "INTEGER", "decimal": "FLOAT", "float": "FLOAT",
                       "list": "JSON", "object": "JSON"}  # fmt: skip


class Compiler(Protocol):
    """What makers need of the compiler they are called by: nested objects and fields, and the notes."""

    notes: Notes

    def object(self, fields: Sequence[Field]) -> Callable[[Frame], dict[str, Value]]:
        """The function that makes all fields of one object."""

    def field(self, made: Field) -> Make:
        """The function that makes one field's value."""


Maker = Callable[[Field, Compiler], Make]


def _source(made: Field, compiler: Compiler) -> Make:
    return first_picker(made.sources)


def _value(made: Field, compiler: Compiler) -> Make:
    value = made.value
    return lambda frame: value


def _object(made: Field, compiler: Compiler) -> Make:
    make = compiler.object(made.fields or ())
    if not made.sources:
        return lambda frame: make(frame.beside())
    get = first_picker(made.sources)

    def relative(frame: Frame) -> Value:
        value = get(frame)
        return MISSING if is_blank(value) else make(frame.inner(value))

    return relative


def _each(made: Field, compiler: Compiler) -> Make:
    get = first_picker(made.sources)
    one = compiler.object(made.fields) if made.fields is not None else _each_value(made)

    def each(frame: Frame) -> Value:
        value = get(frame)
        if is_blank(value):
            return MISSING
        return _items(as_list(value), frame, one, compiler.notes)

    return each


def as_list(value: Value) -> Sequence[Value]:
    """The items of a list; one object is a list of one."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return (value,)
    raise RecordError("R207", f"expected a list, found {type_of(value)} `{describe(value)}`", value)


def _items(items: Sequence[Value], frame: Frame, one: Make, notes: Notes) -> list[Value]:
    made: list[Value] = []
    errors: list[FieldError] = []
    for index, item in enumerate(items):
        inside = frame.inner(item)
        inside.item, inside.index = item, index
        try:
            value = one(inside)
        except DroppedItem:
            notes.items_dropped += 1
        except (RecordError, Failures) as error:
            errors.extend(errors_of(f"[{index}]", error))
        else:
            if value is not MISSING:
                made.append(value)
    if errors:
        raise Failures(errors)
    return made


def _each_value(made: Field) -> Make:
    return chained(lambda frame: frame.node, made.chain)


def _list(made: Field, compiler: Compiler) -> Make:
    entries = [(i, compiler.field(entry)) for i, entry in enumerate(made.fields or ())]

    def listed(frame: Frame) -> Value:
        values = [_entry(f"[{i}]", make, frame) for i, make in entries]
        return put_together([value for value in values if not is_blank(value)], "`list`")

    return listed


def _entry(name: str, make: Make, frame: Frame) -> Value:
    """One entry of a list or of pairs; its errors say which one."""
    try:
        return make(frame)
    except (RecordError, Failures) as error:
        raise Failures(errors_of(name, error)) from error


def _pairs(made: Field, compiler: Compiler) -> Make:
    entries = [
        (entry.name, entry.says or _static_pair_type(entry), compiler.field(entry)) for entry in made.fields or ()
    ]
    pair = _pair(made.names)

    def pairs(frame: Frame) -> Value:
        values = [(name, says, _entry(name, make, frame)) for name, says, make in entries]
        put_together([value for _, _, value in values], "`pairs`")
        return [pair(name, says, value) for name, says, value in values if not is_blank(value)]

    return pairs


def _static_pair_type(entry: Field) -> str:
    """The type a pair says where the field's type is known before the run; empty: from each value."""
    return "" if entry.type == "any" else PAIR_TYPE_OF.get(entry.type, "STRING")


def _pair(names: Mapping[str, str]) -> Callable[[str, str, Value], dict[str, Value]]:
    name_key, type_key, value_key = (names.get(key, key) for key in ("name", "type", "value"))

    def pair(name: str, says: str, value: Value) -> dict[str, Value]:
        return {
            name_key: name,
            type_key: says or PAIR_TYPE_OF.get(type_of(value), "STRING"),
            value_key: value,
        }

    return pair


def _pairs_from(made: Field, compiler: Compiler) -> Make:
    get = first_picker(made.sources)
    pair, left_out, types = _pair(made.names), set(made.except_keys), made.key_types

    def pairs_from(frame: Frame) -> Value:
        value = get(frame)
        if is_blank(value):
            return MISSING
        if not isinstance(value, dict):
            raise RecordError("R207", f"expected an object, found {type_of(value)} `{describe(value)}`", value)
        kept = ((key, item) for key, item in value.items() if key not in left_out and not is_blank(item))
        return [pair(key, types.get(key, ""), item) for key, item in kept]

    return pairs_from


def _counted(maker: Maker) -> Maker:
    """What reads fields made above may name one again and again, so what it gives is counted."""

    def counted(made: Field, compiler: Compiler) -> Make:
        make, what = maker(made, compiler), f"`{made.maker}`"
        return (lambda frame: bounded(make(frame), what)) if _reads_made(made) else make

    return counted


def _reads_made(made: Field) -> bool:
    picks = (pick for each in walk(made.fields or ()) for pick, _ in picks_of(each))
    return any(path.reads_made for pick in picks for path in paths_in(pick))


CHAINING: Final = ("each",)
"""The makers that lead each item through the resolvers themselves."""

MAKERS: Final[Mapping[str, Maker]] = {
    "source": _source,
    "value": _value,
    "fields": _counted(_object),
    "each": _counted(_each),
    "list": _list,
    "pairs": _pairs,
    "pairs_from": _pairs_from,
}
