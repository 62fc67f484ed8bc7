"""Thrift's compact protocol, as Parquet's headers and footers use it: structs to values by the numbers of their fields.

Read here and not by the library, which ends the process over some values that it does not know.
(https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md)
"""

from __future__ import annotations

from typing import Any, Final

DEPTH: Final = 16
"""Structs and lists that may nest; Parquet's own nest half as deep."""

Fields = dict[int, Any]


def struct(data: bytes, at: int = 0, depth: int = 0) -> tuple[Fields, int]:
    """The fields of a struct and where it ends; IndexError where there is more of it, ValueError where it is none."""
    fields: Fields = {}
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _signed(data, at)
        fields[number], at = _value(data, at, head & 15, depth)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (4, 5, 6):
        return _signed(data, at)
    if kind in (1, 2):
        return kind == 1, at
    if kind == 8:
        length, at = _varint(data, at)
        return data[at : at + length], at + length
    if kind == 3:
        return data[at], at + 1
    if kind == 7:
        return None, at + 8
    if depth < DEPTH and kind == 12:
        return struct(data, at, depth + 1)
    if depth < DEPTH and kind in (9, 10):
        return _list(data, at, depth + 1)
    raise ValueError(kind)


def _list(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    head, at = data[at], at + 1
    size, kind = head >> 4, head & 15
    if size == 15:
        size, at = _varint(data, at)
    if size > len(data):
        raise ValueError(size)
    items = []
    for _ in range(size):
        if kind in (1, 2):  # truth values take a byte each in lists
            item, at = data[at] == 1, at + 1
        else:
            item, at = _value(data, at, kind, depth)
        items.append(item)
    return items, at


def _signed(data: bytes, at: int) -> tuple[int, int]:
    number = data[at]
    if number < 128:
        at += 1
    else:
        number, at = _varint(data, at)
    return (number >> 1) ^ -(number & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError(number)
