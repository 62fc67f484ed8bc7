"""JSON values one behind the other: where they end, cut without being decoded; their places when asked."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from engine.language.jsontext import refusal_of, size_of
from engine.records import Span

SPACE: Final = b" \t\n\r"
GUESSES: Final = 4
LONGEST_KEY: Final = 256
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_OUTSIDE: Final = re.compile(rb'["\[\]{},]')
_FIRST: Final = re.compile(rb'["\[\]{}, \t\n\r]')
_INSIDE: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_OPENING: Final = b"[{"
_CLOSING: Final = b"]}"
_BEHIND: Final = b",]} \t\n\r"


class Ends(NamedTuple):
    """Where values end: the places of the commas between them, and of the bracket behind the last (-1: not there)."""

    commas: list[int]
    close: int

    @property
    def last(self) -> int:
        """Behind the last value that ended; -1 where none did."""
        return self.close if self.close >= 0 else self.commas[-1] if self.commas else -1


def ends_of(data: bytes, start: int) -> Ends:
    """Where the values end that begin at a place."""
    commas: list[int] = []
    level = 0
    for token in _TOKEN.finditer(data, start):
        byte = data[token.start()]
        if byte in _OPENING:
            level += 1
        elif byte in _CLOSING:
            if not level:
                return Ends(commas, token.start())
            level -= 1
        elif byte == 0x2C and not level:
            commas.append(token.start())
        elif byte == 0x22 and token.end() - token.start() == 1:
            break  # a text that is open at the end
    return Ends(commas, -1)


def cut(data: bytes) -> int:
    """Where the last comma between values stands that is found fast, or the end of their list; 0 where none is found.

    What stands before it was held against the grammar. JSON is read from left to right: where that is a list of values,
    it is one in the document too. So a place may be guessed: a comma before the same first key as that of the first
    value; and where that stands further within, one that is found by counting brackets.
    """
    if size := size_of(b"[" + data):
        return size - 2
    key = data[: data.find(b":") + 1]
    place = len(data)
    for _ in range(GUESSES if len(key) < LONGEST_KEY else 0):
        place = data.rfind(key, 1, place)
        if place < 0:
            break
        comma = len(data[:place].rstrip(SPACE)) - 1
        if data[comma] == 0x2C and is_list(data[:comma]):
            return comma
    comma = _by_counting(data)
    return comma if comma > 0 and is_list(data[:comma]) else 0


def is_list(data: bytes) -> bool:
    """Whether these are values with commas between them."""
    return refusal_of(b"[%b]" % data) is None and bool(data.strip(SPACE))


def _by_counting(data: bytes) -> int:
    """The last comma outside of every bracket; 0 where there is none.

    Texts are taken out at C speed: escapes are overwritten, what stands between two quotes is left away, brackets are
    counted; only the last value is walked through.
    """
    parts = _parts(data)
    outside = b"".join(parts[::2])
    level = outside.count(b"{") + outside.count(b"[") - outside.count(b"}") - outside.count(b"]")
    end, last = len(data), len(parts) - 1
    if last % 2:
        end, last = end - len(parts[last]) - 1, last - 1
    for at in range(last, -1, -2):
        part = parts[at]
        found, level = _comma(part, level) if part else (-1, level)
        if found >= 0:
            return end - len(part) + found
        end -= len(part) + (len(parts[at - 1]) + 2 if at else 0)
    return 0


def _parts(data: bytes) -> list[bytes]:
    """What stands between quotes: every other part is a text, its length kept."""
    plain = data.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in data else data
    return plain.split(b'"')


def _comma(part: bytes, level: int) -> tuple[int, int]:
    """From the end of a part back: the first comma at no level (-1: none), and the level at which the part begins."""
    for index in range(len(part) - 1, -1, -1):
        byte = part[index]
        if byte in _CLOSING:
            level += 1
        elif byte in _OPENING:
            level -= 1
        elif byte == 0x2C and not level:
            return index, level
    return -1, level


def is_shallow(data: bytes, depth: int) -> bool:
    """Whether values nest no more levels than that."""
    if data.count(b"[") + data.count(b"{") <= depth or _nests_no_more(data, depth):
        return True
    return _nests_no_more(b"".join(_parts(data)[::2]), depth)


def _nests_no_more(text: bytes, depth: int) -> bool:
    """Whether it is certain: pairs of brackets are taken off from within; what stands in texts counts as well."""
    brackets, levels = text.translate(None, _NO_BRACKETS), 0
    while levels + len(brackets) > depth:
        levels += 2
        if levels > depth:
            return False
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return True


def end_of(data: bytes, start: int, *, is_all: bool) -> int:
    """Behind the value that begins at a place; -1 where it does not end in the data, which may be all there is."""
    if size := size_of(memoryview(data)[start:]):
        return start + size
    end, ended = Passing().over(data, start)
    if ended:
        return end
    return len(data) if is_all and data[start] not in _OPENING + b'"' else -1


def spans_of(data: bytes, line: int) -> list[Span]:
    """Where each value of a run stands, without the blank space around it."""
    commas, _ = ends_of(data, 0)
    spans, start, seen = [], 0, 0
    for stop in (*commas, len(data)):
        first = stop - len(data[start:stop].lstrip(SPACE))
        line += data.count(b"\n", seen, first)
        spans.append(Span(line, first, start + len(data[start:stop].rstrip(SPACE))))
        seen, start = first, stop + 1
    return spans


class Passing:
    """Goes over one value of any length without keeping it; knows where it ended."""

    def __init__(self) -> None:
        self._level = 0
        self._inside = False

    def over(self, data: bytes, at: int = 0) -> tuple[int, bool]:
        """How far it came in the data, and whether the value ended there; what is left belongs before the next."""
        while at < len(data):
            if self._inside:
                at = _INSIDE.match(data, at).end()  # type: ignore[union-attr]
                if at == len(data) or data[at] == 0x5C:  # the text goes on; an escape waits for its second byte
                    return at, False
                at, self._inside = at + 1, False
            else:
                token = (_OUTSIDE if self._level else _FIRST).search(data, at)
                at = token.start() if token else len(data)
                if token is None or (not self._level and data[at] in _BEHIND):
                    return at, token is not None
                self._take(data[at])
                at += 1
            if not self._level and not self._inside:
                return at, True
        return at, False

    def _take(self, byte: int) -> None:
        if byte == 0x22:
            self._inside = True
        elif byte in _OPENING:
            self._level += 1
        elif byte in _CLOSING:
            self._level -= 1
