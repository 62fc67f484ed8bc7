"""A document on its way to records: checked by expat from its first byte to its last, read by its events or past them.

Where a whole number of records is at hand, and nothing else in them than tags and text, expat only checks them, and
they are read as pieces of text; everything else (the way to the first record, comments, CDATA, whatever is odd) is
made of events. Both give the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from typing import BinaryIO, Final

from engine.errors import UnitError
from engine.kinds import Limits
from engine.language.documents import Document, end_of
from engine.language.elements import Names, Plan, Scope
from engine.language.walks import Opened, Walk
from engine.parsers import _lines
from engine.parsers._encodings import first_bytes
from engine.parsers._trees import Odd, Trees
from engine.records import Batch, Damage, Span, Value

FIRST: Final = 4096
FARTHEST: Final = 1 << 20
"""Bytes that are read first; and in search of the end of a record, before its tags are counted one by one."""
ONE_BYTE: Final = ("", "utf-8", "us-ascii", "ascii", "iso-8859-1", "windows-1252")
"""Encodings in which a tag is found by its bytes."""
BEHIND: Final = (b">", b" ", b"/", b"\n", b"\r", b"\t")


class Reading:
    """One stream being read: by expat's events, or past them where a whole number of records is at hand."""

    def __init__(
        self, path: Sequence[str], names: Names, plan: Plan, limits: Limits, stream: BinaryIO, encoding: str = ""
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._names = names
        self._make_walk = partial(Walk, path, plan, names, limits.depth)
        self._walk = self._make_walk()
        self._walk.began, self._walk.ended = self._begin, self._end
        self._trees = Trees(path, plan, names, limits.depth) if len(path) > 1 else None
        self._document = Document(encoding)
        self._tag = b""
        self._raw = bytearray()
        self._base = 0
        """What was fed and stands in no batch yet, and the byte of the input that it begins at."""
        self._start = self._line = 0
        self._long: Long | None = None
        self._records: list[tuple[Value, Span]] = []
        self._made: list[Batch] = []
        self._number = 1

    def batches(self) -> Iterator[Batch]:
        """The records, as they come."""
        left, size = first_bytes(self._stream, min(FIRST, max(_lines.BLOCK, 4))), _lines.BLOCK
        left = yield from self._taken(left)
        while block := self._stream.read(size):
            left = yield from self._taken(left + block)
            self._refuse_endless()
            size = max(_lines.BLOCK, len(left), self._document.waiting)
        yield from self._fed(left)
        self._document.feed(b"", last=True)
        self._walk.refuse_misspelt()

    def _taken(self, data: bytes) -> Generator[Batch, None, bytes]:
        """What the next bytes give; those that wait for more are given back."""
        while data:
            if not self._may_jump():
                cut = self._first_end(data)
                yield from self._fed(data[:cut])
            elif cut := self._last_end(data):
                yield from self._jumped(data[:cut]) if self._is_plain(data[:cut]) else self._fed(data[:cut])
            elif len(data) > min(self._limits.record, FARTHEST):
                yield from self._fed(data)
                return b""
            else:
                return data
            data = data[cut:]
        return b""

    def _may_jump(self) -> bool:
        """Whether records can be read as pieces of text from here on."""
        if (
            self._walk.inside
            or not self._tag
            or not self._walk.open
            or self._trees is None
            or not self._document.settled
        ):
            return False
        return self._names.kept or all(scope is self._walk.scopes[1] for scope in self._walk.scopes[2:])

    def _first_end(self, data: bytes) -> int:
        """Behind the first end tag of a record, where one is open; else behind all of it."""
        at = data.find(b"</" + self._tag + b">") if self._tag and self._walk.inside else -1
        return at + len(self._tag) + 3 if at >= 0 else len(data)

    def _last_end(self, data: bytes) -> int:
        """Behind the last end tag of a record; 0 where there is none."""
        at = data.rfind(b"</" + self._tag + b">")
        return at + len(self._tag) + 3 if at >= 0 else 0

    def _is_plain(self, data: bytes) -> bool:
        """Whether it holds nothing but tags and text, and a whole number of records.

        Of an element of that name none is open at the end that was not at the start, where as many end as begin.
        """
        if len(data) > self._limits.record or b"<!" in data or b"<?" in data:
            return False
        ended = data.count(b"</" + self._tag + b">")
        if data.count(b"<" + self._tag) == ended:  # none whose name only begins like that
            return True
        return ended == sum(data.count(b"<" + self._tag + behind) for behind in BEHIND)

    # --- past the events

    def _jumped(self, data: bytes) -> Iterator[Batch]:
        """Whole records as trees, or else by events."""
        assert self._trees  # noqa: S101 - asked before
        before, scopes = self._walk.open, list(self._walk.scopes)
        try:
            values = self._trees.read(data, self._document.encoding, before, scopes[-1])
        except Odd:
            yield from self._fed(data)
            return
        offset, line = self._document.fed, self._document.next_line
        self._raw.clear()
        self._document.skip(data)
        if values:
            locate = lambda: self._again(data, offset, line, before, scopes).spans  # noqa: E731
            yield Batch(data, offset, self._number, lambda: values, locate)
            self._number += len(values)

    def _again(self, data: bytes, offset: int, line: int, before: Sequence[Opened], scopes: Sequence[Scope]) -> Part:
        """The same by expat's events: the records, and their places."""
        walk = self._make_walk()
        walk.open, walk.scopes = list(before), list(scopes)
        return Part(walk, Document(self._document.encoding, offset, line, before), data, offset)

    # --- by events

    def _fed(self, data: bytes) -> Iterator[Batch]:
        """What the next bytes give, event by event."""
        self._document.listen(self._walk)
        if not self._raw:
            self._base = self._document.fed
        self._raw += data
        self._document.feed(data)
        if self._walk.inside and not self._long and self._document.fed - self._start > self._limits.record:
            self._give_up()
        self._batch()
        made, self._made = self._made, []
        yield from made

    def _begin(self) -> None:
        """A record begins at the event at hand."""
        self._start, self._line = self._document.at, self._document.line

    def _end(self, value: Value) -> None:
        """A record ends with the event at hand."""
        stop = end_of(self._document, self._walk, self._raw, self._base)
        self._tag = self._walk.written.encode(self._document.encoding or "utf-8") if self._finds_tags else b""
        if stop - self._start > self._limits.record and not self._long:
            self._batch()
            self._long = Long(self._start, self._line)
        if self._long:
            self._long.take(bytes(self._raw[: stop - self._base]))
            self._made.append(self._long.batch(self._number, self._limits.record))
            self._number += 1
            self._raw, self._base, self._long = self._raw[stop - self._base :], stop, None
        else:
            self._records.append((value, Span(self._line, self._start, stop)))

    @property
    def _finds_tags(self) -> bool:
        return self._document.encoding in ONE_BYTE

    def _give_up(self) -> None:
        """The record that is open is over the limit: the rest of it goes by unread."""
        self._batch()
        self._walk.spoil(Damage("R104", "over the limit"))
        self._long = Long(self._start, self._line)

    def _batch(self) -> None:
        """The records that ended since the last batch, as one; what was fed before the one that is open is let go."""
        if self._records:
            start = self._records[0][1].start
            stop = self._records[-1][1].stop
            block = bytes(self._raw[start - self._base : stop - self._base])
            spans = [Span(span.line, span.start - start, span.stop - start) for _, span in self._records]
            values = [value for value, _ in self._records]
            self._made.append(Batch(block, start, self._number, partial(list, values), partial(list, spans)))
            self._number += len(values)
            self._records = []
        if self._long and self._walk.inside:
            self._long.take(bytes(self._raw))
        kept = self._start if self._walk.inside and not self._long else self._document.fed - self._document.waiting
        gone = min(kept - self._base, len(self._raw))
        del self._raw[:gone]
        self._base += gone

    def _refuse_endless(self) -> None:
        """A tag or a comment that does not end would be held in memory."""
        if self._document.waiting > self._limits.record:
            message = (
                f"a tag or comment that begins at byte {self._document.at:,} is over {self._limits.record:,} bytes"
            )
            raise UnitError("R147", message, "raise `limits.record` if the document is like that")


class Long:
    """A record over the limit of its size: its first bytes, how many there are, their hash."""

    def __init__(self, offset: int, line: int) -> None:
        self._line, self._offset = line, offset
        self._digest, self._size, self._kept = hashlib.sha256(), 0, b""

    def take(self, data: bytes) -> None:
        """The next bytes of it."""
        self._digest.update(data)
        self._size += len(data)
        self._kept += data[: _lines.KEPT - len(self._kept)]

    def batch(self, number: int, limit: int) -> Batch:
        """The record as a batch of one that is damaged already."""
        oversize = _lines.Oversize(self._kept, self._size, self._digest.hexdigest(), self._offset, self._line)
        return oversize.batch(number, limit)


class Part:
    """Whole records of a document, read by expat's events."""

    def __init__(self, walk: Walk, document: Document, data: bytes, offset: int) -> None:
        self.values: list[Value] = []
        self.spans: list[Span] = []
        self.walk = walk
        self._document, self._data, self._offset = document, data, offset
        walk.began, walk.ended = self._begin, self._end
        document.listen(walk)
        document.feed(data)

    def _begin(self) -> None:
        self._start, self._line = self._document.at, self._document.line

    def _end(self, value: Value) -> None:
        stop = end_of(self._document, self.walk, self._data, self._offset)
        self.values.append(value)
        self.spans.append(Span(self._line, self._start - self._offset, stop - self._offset))
