"""Texts in other encodings than UTF-8: decoded on the way to the parser, places in the bytes as they were.

A byte that an encoding does not have becomes a lone surrogate, which is no UTF-8, so that every parser refuses the
record that it stands in and no other; from it the byte is known again.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect
from collections import deque
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, Literal, NamedTuple

from engine.errors import UnitError
from engine.parsers._places import Placed
from engine.records import Batch, Damage, Place, Value

Encoding = Literal[
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "ascii",
    "iso-8859-1", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9", "iso-8859-15",
    "cp437", "cp850", "cp852", "cp866", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256",
    "cp1257", "cp1258", "koi8-r", "mac-roman", "gb18030",
]  # fmt: skip
"""Those that give back the bytes they were read from; `tests/parsers/test_encodings.py` holds them to it."""

PLAIN: Final = "utf-8"
MARK: Final = 0xDC00
_MARKS: Final = re.compile("([\udc00-\udcff]+)")
_FIRST_MARK: Final = re.compile(rb"\xed([\xb0-\xb3])([\x80-\xbf])")
_UTF8: Final = re.compile("not UTF-8: byte 0x[0-9a-f]{2}")
BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Stands for each byte that cannot be decoded."""
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - it is only given to decoders
    return "".join(chr(MARK + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("engine.mark", _mark)


class Recoding:
    """A stream as UTF-8, and the way back from its places to those of the file.

    What was given since the last batch began is kept in pieces that each know the byte they began at. Where no batch
    comes for long (a record over the limit, a member that is skipped), those in the middle keep only that.
    """

    def __init__(self, raw: BinaryIO, encoding: str, keep: int) -> None:
        self._raw = raw
        self._name = encoding
        self._codec, self._head, self._read = _order(raw, encoding)
        self._decoder = codecs.getincrementaldecoder(self._codec)("engine.mark")
        self._pieces = _Pieces(keep)
        self._made = self.lines = 0
        self._left = b""
        self.damage = ""
        """What is wrong with the first byte that cannot be decoded."""

    def read(self, size: int = -1) -> bytes:
        """The next bytes of UTF-8, no more than asked for; none at the end."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(1 << 16), b""))
        while not self._left and (more := self._more(max(size, 4))) is not None:
            self._left = more
        made, self._left = self._left[:size], self._left[size:]
        return made

    def _more(self, size: int) -> bytes | None:
        """The next piece, None at the end."""
        start = self._read - len(self._decoder.getstate()[0])
        data = self._head or self._raw.read(size)
        self._head = b""
        self._read += len(data)
        made = self._decoder.decode(data, not data).encode("utf-8", "surrogatepass")
        if made:
            self._pieces.add(Piece(self._made, start, made))
            self._made += len(made)
            self.lines += made.count(b"\n")
            self.damage = self.damage or self.damage_in(made)
        return made if data or made else None

    def damage_in(self, data: bytes) -> str:
        """What is wrong with a record that holds the mark of a byte; empty where none does."""
        found = _FIRST_MARK.search(data)
        return f"not {self._name}: byte 0x{(found[1][0] & 3) << 6 | found[2][0] & 0x3F:02x}" if found else ""

    def origin(self, offset: int) -> tuple[int, bytes]:
        """A byte of the file, and the UTF-8 between it and a place; places are asked for in order."""
        made, read, data = self._pieces.forget_before(offset)
        return read, data[: offset - made]

    def original(self, data: bytes) -> bytes:
        """The bytes that some UTF-8 was read from; half a character at its end is left out."""
        parts = _MARKS.split(codecs.utf_8_decode(data, "surrogatepass", False)[0])
        return b"".join(
            bytes(ord(each) - MARK for each in part) if index % 2 else part.encode(self._codec)
            for index, part in enumerate(parts)
        )


class Piece(NamedTuple):
    """Some UTF-8: its place in all of it, that of the bytes it was read from, and it."""

    made: int
    read: int
    data: bytes


class _Pieces:
    """The pieces since the last batch began: oldest and newest whole, between them only where they began."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._front: list[Piece] = []
        self._back: deque[Piece] = deque()
        self._sizes = [0, 0]

    def add(self, piece: Piece) -> None:
        """Take the next one."""
        at_front = not self._back and self._sizes[0] < self._keep
        self._sizes[not at_front] += len(piece.data)
        (self._front if at_front else self._back).append(piece)
        while self._sizes[1] > self._keep and len(self._back) > 1:
            old = self._back.popleft()
            self._sizes[1] -= len(old.data)
            self._front.append(old._replace(data=b""))

    def forget_before(self, offset: int) -> Piece:
        """The piece that a place is in; those before it are let go."""
        pieces = [*self._front, *self._back]
        at = max(bisect(pieces, offset, key=lambda piece: piece.made) - 1, 0)
        self._front, self._back = pieces[at:], deque()
        self._sizes = [sum(len(piece.data) for piece in self._front), 0]
        return pieces[at] if pieces else Piece(offset, offset, b"")


def _order(raw: BinaryIO, encoding: str) -> tuple[str, bytes, int]:
    """The codec of a stream, its first bytes, and how many a byte order mark took; UnitError R125 without one."""
    if encoding not in ("utf-16", "utf-32"):
        return encoding, b"", 0
    head = first_bytes(raw, 4)
    for mark, name in BOMS:
        if name == encoding and head.startswith(mark):
            order = "-le" if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF32_LE) else "-be"
            return name + order, head[len(mark) :], len(mark)
    if head:
        help = f"say the order of its bytes: `encoding: {encoding}-le`, or `-be`"
        raise UnitError("R125", f"the input is read as {encoding} and has no byte order mark", help)
    return f"{encoding}-le", b"", 0


def first_bytes(raw: BinaryIO, size: int) -> bytes:
    """The first bytes of a stream; a pipe gives what it has."""
    head = b""
    while len(head) < size and (more := raw.read(size - len(head))):
        head += more
    return head


class Recoded(Placed):
    """A batch of UTF-8 that says where its records stood in the file as it is."""

    __slots__ = ("_before", "_origin", "_recoding")

    def __init__(self, inner: Batch, recoding: Recoding) -> None:
        super().__init__(inner)
        self._recoding = recoding
        self._origin, self._before = recoding.origin(inner.offset)

    def decoded(self) -> Sequence[Value]:
        """The records; one with a byte that the encoding does not have says so."""
        values = self.inner.values
        found = [at for at, value in enumerate(values) if isinstance(value, Damage) and value.code == "R102"]
        if not found:
            return values
        made = list(values)
        for at in found:
            damage = self._recoding.damage_in(self.inner.place(at).raw)
            made[at] = Damage("R102", damage or values[at].message, values[at].value)
        return made

    def place(self, index: int) -> Place:
        """Where record `index` came from: byte and raw bytes are those of the file."""
        place = self.inner.place(index)
        before = self._before + self.block[: place.offset - self.offset]
        raw = self._recoding.original(place.raw)
        size = len(raw) if len(place.raw) == place.size else place.size
        offset = self._origin + len(self._recoding.original(before))
        text = None if _FIRST_MARK.search(place.raw) else place.raw
        return place._replace(offset=offset, raw=raw, size=size, text=text)


def recoded(batches: Iterator[Batch], recoding: Recoding) -> Iterator[Batch]:
    """Batches with the places of the file as it is; what is said of a header names its encoding."""
    try:
        for batch in batches:
            yield Recoded(batch, recoding)
    except UnitError as error:
        said = recoding.damage
        if said and (message := _UTF8.sub(said, error.message)) != error.message:
            raise UnitError(error.code, message, error.help) from error
        raise


def refuse_other_encoding(head: bytes) -> None:
    """UnitError R125 where the first bytes say that a text is no UTF-8."""
    for mark, name in BOMS:
        if head.startswith(mark):
            message = f"the input begins with the byte order mark of {name.upper()}"
            raise UnitError("R125", message, f"set `encoding: {name}` on the parser")
