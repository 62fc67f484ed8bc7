"""Rows of delimited text inside one block, by the standard library's reader; their places when asked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from engine.parsers._lines import Block
from engine.records import Damage, Span

csv.field_size_limit(2**31 - 1)  # the limit of a record bounds its cells already

Row = list[str]


class Dialect(NamedTuple):
    """How rows are written."""

    delimiter: str
    quote: str
    escape: str
    comment: str
    keep_blank: bool

    def reader(self, lines: Iterable[str]) -> Any:
        """The standard reader: strict, so that what it cannot place is an error and not a guess."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape or None,
            doublequote=not self.escape,
            strict=True,
        )

    @property
    def spans_lines(self) -> tuple[bytes, ...]:
        """The characters that can carry a row over a line end."""
        return tuple(char.encode() for char in (self.quote, self.escape) if char)


class Rows:
    """The rows of a block; read fast where nothing is wrong, and again with their places where asked."""

    def __init__(self, dialect: Dialect, block: Block) -> None:
        self._dialect = dialect
        self.data, self.offset, self.line = block
        self._first = 0  # rows taken off the front
        self._parsed: list[Row | Damage] | None = None
        self._is_fast = False

    def parsed(self) -> list[Row | Damage]:
        """Every row that is left, in order; what cannot be read is Damage."""
        if self._parsed is None:
            fast = self._fast()
            self._is_fast = fast is not None
            self._parsed = [row for row, _ in self._slow()] if fast is None else fast
        return self._parsed[self._first :] if self._first else self._parsed

    def spans(self) -> Sequence[Span]:
        """Where each of these rows stands in the block."""
        lines = _lines(self.data)
        if self._is_fast and len(lines) == self._first + len(self.parsed()):  # then every row is one line
            return _LineSpans(lines, self.line, self._first, self._dialect.escape.encode())
        return [span for _, span in self._slow()][self._first :]

    def take_first(self) -> Row | Damage | None:
        """Take the first row off the front, None where there is none."""
        rows = self.parsed()
        self._first += bool(rows)
        return rows[0] if rows else None

    def take_tail(self) -> Block | None:
        """Take off a last row whose quote is open at the end of the block."""
        if not any(char in self.data for char in self._dialect.spans_lines):
            return None
        self._parsed = self._fast()
        self._is_fast = self._parsed is not None
        if self._is_fast:
            return None
        lines = _Lines(self.data, self._dialect)
        for _ in self._read(lines):
            pass
        if not lines.open:
            return None
        start, line = lines.start, lines.start_line
        tail = Block(self.data[start:], self.offset + start, self.line + line)
        self.data = self.data[:start]
        return tail

    def _fast(self) -> list[Row | Damage] | None:
        """All rows at once; None where one of them needs a closer look."""
        if self._dialect.comment:
            return None
        try:
            rows = list(self._dialect.reader(io.StringIO(self.data.decode(), newline="\n")))
        except (UnicodeDecodeError, csv.Error):
            return None
        if [] in rows:
            return [row or [""] for row in rows if row or self._dialect.keep_blank]
        return rows

    def _slow(self) -> Iterator[tuple[Row | Damage, Span]]:
        yield from self._read(_Lines(self.data, self._dialect))

    def _read(self, lines: _Lines) -> Iterator[tuple[Row | Damage, Span]]:
        """Row by row, each with its place."""
        reader = self._dialect.reader(lines)
        while True:
            lines.begin_row()
            try:
                row: Row | Damage = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if lines.ended:  # it stands where the open row began
                    lines.open = True
                    return
                row = Damage("R106", _reason(str(error), self._dialect))
            if row or self._dialect.keep_blank:
                yield _checked(row or [""]), Span(self.line + lines.start_line, lines.start, lines.stop)


class _Lines:
    """A block's lines as text, one at a time, knowing where the row began that asks for them."""

    def __init__(self, data: bytes, dialect: Dialect) -> None:
        self._lines = _lines(data)
        self._comment = dialect.comment.encode()
        self._escape = dialect.escape.encode()
        self._next = 0
        self._begins = True
        self.start = self.stop = 0
        self.start_line = 0
        self.ended = self.open = False
        self._at = 0

    def begin_row(self) -> None:
        """The next line is the first of a row."""
        self._begins = True
        self.start, self.start_line = self._at, self._next

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        while self._next < len(self._lines):
            line = self._lines[self._next]
            self._next += 1
            self._at += len(line)
            if self._begins and self._comment and line.startswith(self._comment):
                self.start, self.start_line = self._at, self._next
                continue
            self._begins = False
            self.stop = self._at - len(line) + _length(line, self._escape)
            return line.decode(errors="surrogateescape")
        self.ended = True
        raise StopIteration


class _LineSpans(Sequence[Span]):
    """Where rows of one line each stand; a place is made when it is asked for."""

    def __init__(self, lines: Sequence[bytes], number: int, taken: int, escape: bytes) -> None:
        self._lines = lines
        self._escape = escape
        self._number = number
        self._taken = taken
        self._starts = list(accumulate(map(len, lines), initial=0))

    def __len__(self) -> int:
        return len(self._lines) - self._taken

    def __getitem__(self, index: Any) -> Any:
        at = self._taken + index
        start = self._starts[at]
        return Span(self._number + at, start, start + _length(self._lines[at], self._escape))


def _length(line: bytes, escape: bytes) -> int:
    """The bytes of a line without its end; a carriage return behind an escape is none."""
    bare = line.removesuffix(b"\n")
    return len(bare) if escape and bare.endswith(escape + b"\r") else len(bare.removesuffix(b"\r"))


def _lines(data: bytes) -> list[bytes]:
    """The lines with their ends: a line feed ends one, a lone carriage return is for the reader to judge."""
    if b"\r" not in data:
        return data.splitlines(keepends=True)
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _checked(row: Row | Damage) -> Row | Damage:
    """A row of texts; one with bytes that are not UTF-8 is damaged."""
    if isinstance(row, Damage):
        return row
    try:
        "".join(row).encode()
    except UnicodeEncodeError as error:
        byte = ord(error.object[error.start]) - 0xDC00
        return Damage("R102", f"not UTF-8: byte 0x{byte:02x}")
    return row


def _reason(text: str, dialect: Dialect) -> str:
    """What the standard reader objects to, in words of the spec."""
    if "expected after" in text:
        return f"a closing {dialect.quote} is not followed by {dialect.delimiter!r} or the end of the row"
    if "new-line character" in text:
        return "a carriage return stands inside a cell without quotes"
    return text
