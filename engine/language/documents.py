"""XML by expat, its only door: every byte is checked, no type of document is read, events go to who listens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.errors import UnitError
from engine.language.elements import Names, Plan
from engine.language.walks import Opened, Walk
from engine.records import Value

WIDE: Final[Mapping[bytes, str]] = {
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}
"""How documents in UTF-16 begin."""


class Document:
    """A document as expat reads it: refused where it is not well-formed, or declares a type.

    Every byte goes through it, whether its events are listened to or not. `behind` are the elements that are open
    where it begins, of a part of a document.
    """

    def __init__(self, encoding: str = "", offset: int = 0, line: int = 1, behind: Sequence[Opened] = ()) -> None:
        from xml.parsers import expat  # 6 ms

        self.encoding = encoding
        """How the document is encoded, as far as it is known; empty is UTF-8."""
        self.fed = 0
        self._skipped = 0
        self._lines = 0
        self._ended_in_return = False
        self._in_cdata = False
        self._failed = expat.ExpatError
        self._expat = expat.ParserCreate(encoding or None)
        self._expat.buffer_text = True
        self._expat.ordered_attributes = True
        self._expat.StartDoctypeDeclHandler = self._refuse_type
        self._expat.XmlDeclHandler = self._declare
        self._expat.StartCdataSectionHandler = self._enter_cdata
        self._expat.EndCdataSectionHandler = self._leave_cdata
        before = "".join(f"<{written}>" for _, written in behind).encode(encoding or "utf-8")
        self._expat.Parse(before)
        self._origin, self._line = offset - len(before), line

    def listen(self, walk: Walk | None) -> None:
        """Give events to a walk, or to nobody."""
        self._expat.StartElementHandler = walk.start if walk else None
        self._expat.EndElementHandler = walk.end if walk else None
        self._expat.CharacterDataHandler = walk.text if walk else None

    def feed(self, data: bytes, *, last: bool = False) -> None:
        """The next bytes; UnitError where they do not go on well."""
        if not self.fed and data[:2] in WIDE:
            self.encoding = WIDE[data[:2]]
        self.fed += len(data)
        self._lines += self._line_ends(data)
        try:
            self._expat.Parse(data, last)
        except self._failed as error:
            raise self._malformed(error) from error
        except (LookupError, ValueError) as error:
            raise self._unread() from error

    def skip(self, data: bytes) -> None:
        """The next bytes, which hold a whole number of elements and were checked elsewhere."""
        ends = self._line_ends(data)
        self.fed += len(data)
        self._lines += ends
        self._skipped += len(data)
        self._origin += len(data)
        self._line += ends

    def _line_ends(self, data: bytes) -> int:
        """How many lines end in the next bytes; both signs of one end may come in two parts."""
        halved = self._ended_in_return and data[:1] == b"\n"
        self._ended_in_return = data[-1:] == b"\r" if data else self._ended_in_return
        returns = data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else 0
        return data.count(b"\n") + returns - halved

    @property
    def at(self) -> int:
        """The byte of the input at which the event at hand stands."""
        return self._origin + int(self._expat.CurrentByteIndex)

    @property
    def line(self) -> int:
        """The line of the event at hand."""
        return self._line + int(self._expat.CurrentLineNumber) - 1

    @property
    def next_line(self) -> int:
        """The line at which the next bytes begin."""
        return self._lines + 1

    @property
    def signs(self) -> tuple[bytes, int]:
        """The end of an element without end tag as it is encoded, and the bytes of one character of it."""
        close = "/>".encode(self.encoding or "utf-8")
        return close, len(close) // 2

    @property
    def waiting(self) -> int:
        """Bytes of a tag or comment whose end has not come."""
        return self.fed - self._skipped - int(self._expat.CurrentByteIndex)

    @property
    def settled(self) -> bool:
        """Whether what was fed ended between two tags, or in plain text."""
        return not self.waiting and not self._in_cdata

    def _enter_cdata(self) -> None:
        self._in_cdata = True

    def _leave_cdata(self) -> None:
        self._in_cdata = False

    def _malformed(self, error: Any) -> UnitError:
        from xml.parsers.expat import errors

        reason = errors.messages.get(error.code, str(error))
        byte = self._origin + max(int(self._expat.ErrorByteIndex), 0)
        line = self._line + error.lineno - 1
        if error.code == errors.codes[errors.XML_ERROR_UNKNOWN_ENCODING]:
            return self._unread()
        message = f"not XML: {reason} in line {line:,} (byte {byte:,})"
        return UnitError("R143", message, "ask for the whole file again, or mend it there")

    def _unread(self) -> UnitError:
        message = f"the document is encoded as `{self.encoding}`, which this parser does not read by itself"
        return UnitError("R145", message, "set `encoding` on the parser")

    def _refuse_type(self, *_: Any) -> None:
        message = f"the document declares its type (`<!DOCTYPE`) in line {self.line:,}"
        raise UnitError("R144", message, "have it written without one: entities and types of documents are not read")

    def _declare(self, version: str, encoding: str | None, standalone: int) -> None:
        self.encoding = self.encoding or (encoding or "").lower()


def whole(text: bytes, depth: int) -> Value:
    """A document in UTF-8 as one record whose key is its root, or its Damage; UnitError where it is not well-formed."""
    records: list[Value] = []
    walk, document = Walk((), Plan(None, ()), Names("keep"), depth), Document("utf-8")
    walk.ended = records.append
    document.listen(walk)
    document.feed(text)
    document.feed(b"", last=True)
    return records[0]


def end_of(document: Document, walk: Walk, data: bytes | bytearray, offset: int) -> int:
    """The byte behind the record that ends with the event at hand; `data` begins at `offset`.

    The library says where an end tag begins, and where an element without one ends.
    """
    at = document.at - offset
    close, width = document.signs
    if walk.empty and data[at - 2 * width : at] == close:
        return at + offset
    at = data.find(close[width:], at)
    while at % width:
        at = data.find(close[width:], at + 1)
    return at + width + offset
