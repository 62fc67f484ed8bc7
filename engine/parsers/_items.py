"""Values of a JSON document: as records, in runs as long as a block, or skipped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Final

from engine.errors import RecordError, UnitError
from engine.language.jsontext import decode, decode_items, deeper_than
from engine.parsers import _lines
from engine.parsers._values import cut, end_of, ends_of, is_shallow, spans_of
from engine.parsers._window import END, Passed, Window
from engine.records import Batch, Damage, Span, Value

WHOLE: Final = 1 << 20
"""Bytes of a value outside the records that are looked at whole; a larger one is entered."""
LIST, OBJECT = b"[{"


def items(window: Window) -> Iterator[Batch]:
    """The items of the list at which it stands, as records; their numbers are not known here."""
    window.take(b"[")
    if window.next() == 0x5D:
        window.take(b"]")
        return
    while True:
        yield _run(window)
        if window.take(b",]") == 0x5D:
            return
        window.next()


def one(window: Window) -> Batch:
    """The value at which it stands, as a record."""
    if window.next() == END:
        window.refuse("it ends too early")
    end = window.value(window.limits.record)
    return _passed(window) if end == END else _batch(window, end)


def skip(window: Window, level: int = 0) -> None:
    """Pass the value at which it stands; UnitError where it is no JSON."""
    kind = window.next()
    if kind == END:
        window.refuse("it ends too early")
    if level > window.limits.depth:
        message = f"nested more than {window.limits.depth} levels ({window.place})"
        raise UnitError("R105", message, "raise `limits.depth`")
    end = window.value(WHOLE)
    if end == END and kind in (LIST, OBJECT):
        _skip_inside(window, kind, level)
        return
    end = window.value(window.limits.record) if end == END else end
    if end == END:
        message = f"a value outside the records is over the limit ({window.place})"
        raise UnitError("R104", message, "raise `limits.record`")
    window.check(end)
    window.pass_to(end)


def _skip_inside(window: Window, kind: int, level: int) -> None:
    """Pass a list or an object member by member."""
    window.take(b"[{")
    while True:
        size = cut(window.data[window.at :]) if kind == LIST and window.next() != END else 0
        if size > 0:
            window.pass_to(window.at + size)
        else:
            if kind == OBJECT:
                window.text()
                window.take(b":")
            skip(window, level + 1)
        if window.take(b",]" if kind == LIST else b",}") != 0x2C:
            return


def _run(window: Window) -> Batch:
    """As many items as end in what is looked at; at least one, however large it is."""
    if len(window.data) - window.at < _lines.BLOCK // 2:
        window.grow()
    size = cut(window.data[window.at :])
    if size > 0:
        return _batch(window, window.at + size)
    ends = ends_of(window.data, window.at)
    return one(window) if ends.last < 0 else _batch(window, ends.last)


def _batch(window: Window, end: int) -> Batch:
    """The values up to a place, which is behind one of them."""
    data = window.data[window.at : end]
    if len(data) <= window.limits.record and is_shallow(data, window.limits.depth):
        values = decode_items(data)
        if values:
            return _made(window, end, values)
    found = [_one(window, span) for span in spans_of(data, 0)]
    return _made(window, end, found)


def _made(window: Window, end: int, values: list[Value]) -> Batch:
    """The batch of what was decoded, which is passed."""
    data, offset, line = window.data[window.at : end], window.offset, window.line
    window.pass_to(end)
    return Batch(data, offset, 1, lambda: values, partial(spans_of, data, line))


def _one(window: Window, span: Span) -> Value:
    """The value of a span behind the place at which it stands; UnitError where its own text ends it too early."""
    start, stop = window.at + span.start, window.at + span.stop
    text, limits = window.data[start:stop], window.limits
    if not text:
        window.refuse("a value is missing", stop)
    if len(text) > limits.record:
        if end_of(text, 0, is_all=True) < len(text):  # a small value, and what does not belong behind it
            window.check(stop, start)
        return _too_large(Passed(b"", len(text), hashlib.sha256(text).hexdigest()), limits.record)
    if deeper_than(text, limits.depth):
        return Damage("R105", f"nested more than {limits.depth} levels: raise `limits.depth`")
    try:
        return decode(text)
    except RecordError as error:
        if _is_half_a_pair(error.message, text):
            return Damage("R103", "not JSON: a text holds half a surrogate pair")
        if error.code == "R103":
            window.check(stop, start)
        return Damage(error.code, error.message)


def _is_half_a_pair(message: str, text: bytes) -> bool:
    """Whether a text keeps the grammar and holds half a surrogate pair.

    Where the library says of a whole list, object or text that it ends too early, it looked for the other half.
    """
    return "surrogate" in message or ("ends too early" in message and text[-1:] in (b"]", b"}", b'"'))


def _passed(window: Window) -> Batch:
    """A record over the limit, whose end was found."""
    offset, line = window.offset, window.line
    passed = window.pass_over()
    values: list[Value] = [_too_large(passed, window.limits.record)]
    return Batch(passed.kept, offset, 1, lambda: values, lambda: [Span(line, 0, passed.size)])


def _too_large(passed: Passed, limit: int) -> Damage:
    message = f"the record has {passed.size:,} bytes, the limit is {limit:,}: raise `limits.record`"
    return Damage("R104", message, f"sha256 {passed.sha256}")
