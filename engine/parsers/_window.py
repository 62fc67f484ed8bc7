"""A JSON document read from left to right: a window on its bytes that knows where it stands."""

from __future__ import annotations

import hashlib
import re
from typing import BinaryIO, Final, NamedTuple, NoReturn

from engine.errors import RecordError, UnitError
from engine.kinds import Limits
from engine.language.jsontext import decode, refusal_of
from engine.parsers import _lines
from engine.parsers._values import Passing, end_of

END: Final = -1
_BLANK: Final = re.compile(rb"[ \t\n\r]*")
_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_MEND: Final = "have the sender write it anew: what stands behind this place cannot be trusted"


class Passed(NamedTuple):
    """A value that was too large to be kept: its first bytes, its length, the hash of all of it."""

    kept: bytes
    size: int
    sha256: str


class Window:
    """The bytes that are looked at: `data` from `at` on; `offset` and `line` are those of `at` in the whole.

    What is refused raises UnitError R127 with its line and byte.
    """

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        self._stream = stream
        self.limits = limits
        self.data = b""
        self.at = 0
        self.line = 1
        self._base = 0
        if self.grow() and self.data.startswith(_lines.BOM):
            self.at = len(_lines.BOM)

    @property
    def offset(self) -> int:
        """The byte of the document at which it stands."""
        return self._base + self.at

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"line {self.line:,}, byte {self.offset:,}"

    def grow(self) -> bool:
        """Look at as much again as is left, a block at least; False at the end."""
        self.data, self._base, self.at = self.data[self.at :], self._base + self.at, 0
        wanted = max(_lines.BLOCK, len(self.data), len(_lines.BOM))
        parts = [self.data]
        while wanted > 0 and (part := self._stream.read(wanted)):  # a pipe gives what it has
            parts.append(part)
            wanted -= len(part)
        self.data = b"".join(parts)
        return len(parts) > 1

    def pass_to(self, place: int) -> None:
        """Stand at a place further on."""
        self.line += self.data.count(b"\n", self.at, place)
        self.at = place

    def next(self) -> int:
        """The next byte that is not blank, which is not passed; END where there is none."""
        while True:
            found = _BLANK.match(self.data, self.at)
            self.pass_to(found.end() if found else self.at)
            if self.at < len(self.data):
                return self.data[self.at]
            if not self.grow():
                return END

    def take(self, expected: bytes) -> int:
        """Pass the next byte, which must be one of these."""
        found = self.next()
        if found == END or found not in expected:
            wanted = " or ".join(f"`{chr(byte)}`" for byte in expected)
            self.refuse("it ends too early" if found == END else f"expected {wanted}, found {self._seen()}")
        self.pass_to(self.at + 1)
        return found

    def text(self) -> str:
        """Pass a text, which is a key."""
        if self.next() != 0x22:
            self.take(b'"')
        while not (found := _TEXT.match(self.data, self.at)):
            if len(self.data) - self.at > self.limits.record:
                self.refuse("a key is longer than `limits.record`")
            if not self.grow():
                self.refuse("it ends too early")
        try:
            key = str(decode(found[0]))
        except RecordError as error:
            self.refuse(error.message.removeprefix("not JSON: "))
        self.pass_to(found.end())
        return key

    def value(self, most: int) -> int:
        """Where the value ends at which it stands; END where that is further away than so many bytes."""
        more = True
        while (end := end_of(self.data, self.at, is_all=not more)) < 0 or end - self.at > most:
            if len(self.data) - self.at > most:
                return END
            if not more:
                self.check(len(self.data))
                self.refuse("it ends too early")
            more = self.grow()
        return end

    def check(self, end: int, start: int | None = None) -> None:
        """Refuse what stands there where it is not one JSON value."""
        first = self.at if start is None else start
        if refused := refusal_of(self.data[first:end]):
            reason, byte = refused
            self.refuse(reason, end if byte is None else min(first + byte, end))

    def pass_over(self) -> Passed:
        """Pass a value of any length, its end found by its brackets alone."""
        passing, digest, size, kept = Passing(), hashlib.sha256(), 0, b""
        while True:
            end, ended = passing.over(self.data, self.at)
            digest.update(self.data[self.at : end])
            kept += self.data[self.at : min(end, self.at + _lines.KEPT - len(kept))]
            size += end - self.at
            self.pass_to(end)
            if ended:
                return Passed(kept, size, digest.hexdigest())
            if not self._next_block():
                self.refuse("it ends too early")

    def _next_block(self) -> bool:
        """Look at the next bytes only, and at what is left."""
        rest, more = self.data[self.at :], self._stream.read(max(_lines.BLOCK, 4))
        self.data, self._base, self.at = rest + more, self._base + self.at, 0
        return bool(more)

    def refuse(self, reason: str, place: int | None = None) -> NoReturn:
        """UnitError with the line and the byte of a place."""
        self.pass_to(self.at if place is None else place)
        raise UnitError("R127", f"the document is not JSON: {reason} ({self.place})", _MEND)

    def _seen(self) -> str:
        """The character at which it stands."""
        shown = self.data[self.at : self.at + 4].decode(errors="ignore")[:1]
        return f"`{shown}`" if shown.isprintable() and shown else f"byte 0x{self.data[self.at]:02x}"
