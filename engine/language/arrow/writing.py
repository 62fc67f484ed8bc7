"""Values to Arrow's arrays, a column at a time. What does not fit its column rejects its record, and says which field.

A column whose values all have its type is made at once; any other is looked at value by value. A missing value is
null, and so is empty text where no text is held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Context, Decimal
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from engine.errors import RecordError
from engine.language.arrow.kinds import PRECISION, arrow_type, fields_of
from engine.language.shapes import ANY, Shape, type_of
from engine.records import Digits, Instant, Value, plain
from engine.registry import NUMBERS
from engine.spelling import a, listed, show

_NULL: Final = type(None)
FITS: Final[Mapping[str, frozenset[type]]] = {
    "text": frozenset({str, _NULL}),
    "int": frozenset({int, _NULL}),
    "decimal": frozenset({Decimal, Digits, int, _NULL}),
    "float": frozenset({float, _NULL}),
    "bool": frozenset({bool, _NULL}),
    "date": frozenset({date, _NULL}),
    "instant": frozenset({Instant, _NULL}),
    "local": frozenset({datetime, _NULL}),
}
"""What a column of each type takes as it is."""
INT64: Final = 2**63
LISTS: Final = frozenset({list, _NULL})
HELP: Final = {
    "list": "make one of it in the mapping",
    "object": "make one of it in the mapping",
    "local": "it takes a time without zone",
}
_EXACT: Final = Context(prec=2 * PRECISION)


def table_of(records: Sequence[Mapping[str, Value]], shape: Shape, *, whole: bool) -> Any:
    """The records as columns of a shape; `whole`: a field that the shape does not name is a reject, not left out."""
    import pyarrow as pa

    if whole:
        _refuse_extra(records, shape, "")
    values = _columns(records, tuple(shape.fields))
    columns = [column(held, each, name, whole=whole)
               for held, (name, each) in zip(values, shape.fields.items(), strict=True)]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=pa.schema(fields_of(shape)))


def _columns(records: Sequence[Mapping[str, Value]], names: Sequence[str]) -> Sequence[Sequence[Value]]:
    """What the records hold under each name; all names at once where every record has them."""
    if len(names) > 1:
        with suppress(KeyError):
            return list(zip(*map(itemgetter(*names), records), strict=True))
    return [[record.get(name) for record in records] for name in names]


def column(values: Sequence[Value], shape: Shape, field: str, *, whole: bool = True) -> Any:
    """The array of a field's values; RecordError R311 that names the field where one does not fit."""
    if shape.type == "object":
        return _structs(values, shape, field, whole)
    if shape.type == "list":
        return _lists(values, shape, field, whole)
    import pyarrow as pa

    if FITS[shape.type].issuperset(map(type, values)):
        with suppress(pa.ArrowInvalid, OverflowError, UnicodeError):  # one does not fit: which one is found below
            return pa.array(values, arrow_type(shape))
    return pa.array([_one(value, shape, field) for value in values], arrow_type(shape))


def _structs(values: Sequence[Value], shape: Shape, field: str, whole: bool) -> Any:
    import pyarrow as pa

    objects = [_container(value, dict, "object", field) for value in values]
    present = [value for value in objects if value is not None]
    if whole:
        _refuse_extra(present, shape, field)
    empty: Mapping[str, Value] = {}
    below = [column([(value or empty).get(name) for value in objects], each, f"{field}.{name}", whole=whole)
             for name, each in shape.fields.items()]  # fmt: skip
    return pa.StructArray.from_arrays(below, fields=fields_of(shape), mask=_nulls(objects))


def _lists(values: Sequence[Value], shape: Shape, field: str, whole: bool) -> Any:
    import pyarrow as pa

    item = shape.item or ANY
    if item.type in FITS and LISTS.issuperset(map(type, values)):
        held = chain.from_iterable(value for value in values if value)
        with suppress(pa.ArrowInvalid, OverflowError, UnicodeError):
            if FITS[item.type].issuperset(map(type, held)):
                return pa.array(values, arrow_type(shape))
    lists = [_container(value, list, "list", field) for value in values]
    starts, items = [0], list[Value]()
    for each in lists:
        items.extend(each or ())
        starts.append(len(items))
    below = column(items, item, f"{field}[]", whole=whole)
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), below, type=arrow_type(shape), mask=_nulls(lists))


def _nulls(values: Sequence[Value]) -> Any:
    """Where there is nothing; None where there is something everywhere."""
    import pyarrow as pa

    return pa.array([value is None for value in values], pa.bool_()) if None in values else None


def _container(value: Value, python: type, name: str, field: str) -> Any:
    if type(value) is python:
        return value
    if value is None or value == "":
        return None
    raise _misfit(value, Shape(name), field)


def _refuse_extra(records: Sequence[Mapping[str, Value]], shape: Shape, field: str) -> None:
    known = shape.fields.keys()
    if frozenset(known).issuperset(chain.from_iterable(records)):
        return
    for record in records:
        if not record.keys() <= known:
            extra = [f"{field}.{name}" if field else name for name in record if name not in known]
            raise RecordError("R302", f"no column takes {listed(extra)}: name it in `schema`")


def _one(value: Value, shape: Shape, field: str) -> Value:
    """A value that its column holds, looked at closely."""
    if value is None or (value == "" and shape.type != "text"):
        return None
    check = CHECKS.get(shape.type, _as_it_is)
    return check(value, shape, field)


def _as_it_is(value: Value, shape: Shape, field: str) -> Value:
    if type(value) not in FITS[shape.type]:
        raise _misfit(value, shape, field)
    return value


def _text(value: Value, shape: Shape, field: str) -> Value:
    try:
        _as_it_is(value, shape, field).encode()
    except UnicodeEncodeError as error:
        raise RecordError("R311", f"`{field}` holds half a character, which is not UTF-8", value) from error
    return value


def _int(value: Value, shape: Shape, field: str) -> Value:
    if not -INT64 <= _as_it_is(value, shape, field) < INT64:
        help = "a column of int holds 64 bits: write `decimal` or `text`"
        raise RecordError("R311", f"`{field}` is {show(value)}: {help}", value)
    return value


def _decimal(value: Value, shape: Shape, field: str) -> Value:
    number, places = Decimal(_as_it_is(value, shape, field)), shape.places or 0
    _, digits, exponent = number.as_tuple()
    beyond = -int(exponent) - places
    if beyond > 0 and any(digits[-beyond:]):
        raise RecordError("R311", f"`{field}` is {show(value)}, its column has {places} places: write `round`", value)
    if number and number.adjusted() + 1 + places > PRECISION:
        raise RecordError("R311", f"`{field}` is {show(value)}: with {places} places a column holds {PRECISION} digits",
                          value)  # fmt: skip
    return plain(number.quantize(Decimal((0, (1,), -places)), context=_EXACT))


def _float(value: Value, shape: Shape, field: str) -> Value:
    """A whole number that a double holds exactly is one."""
    if type(value) is int and abs(value) <= 2**53:
        return float(value)
    return _as_it_is(value, shape, field)


CHECKS: Final[Mapping[str, Callable[[Value, Shape, str], Value]]] = {
    "text": _text,
    "int": _int,
    "decimal": _decimal,
    "float": _float,
}


def _misfit(value: Value, shape: Shape, field: str) -> RecordError:
    found, wanted = type_of(value), shape.type
    help = HELP.get(wanted, f"write `{wanted}`")
    if found == "bool" and wanted in NUMBERS:
        help = "a truth value is no number"
    return RecordError("R311", f"`{field}` is {a(found)} {show(value)}, its column holds {wanted}: {help}", value)
