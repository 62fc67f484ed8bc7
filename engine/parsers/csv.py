"""`csv`: delimited text (RFC 4180), each row a record of texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Annotated, BinaryIO, ClassVar, Literal, cast

from engine.errors import OptionError, UnitError
from engine.kinds import Limits, Seam
from engine.parsers._headers import Header, checked, keep_contract, optional_in
from engine.parsers._input import Encoded
from engine.parsers._lines import Block, Oversize, blocks
from engine.parsers._rows import Dialect, Row, Rows
from engine.records import Batch, Damage, Table, Value
from engine.registry import Doc, component
from engine.spelling import WHITE_SPACE, counted


@component("csv", "parser", examples=[{"type": "csv"}, {"type": "csv", "delimiter": ";", "trim": True}])
class Csv(Encoded):
    """Delimited text with one record a row; every value is text, nothing is trimmed unless asked.

    The first row names the columns, unless `names` does. A row with another number of cells, or with bytes
    that are not UTF-8, is a reject with its line and byte offset. A quote that is still open at the end of
    the input, a header with one name twice and a broken contract fail the unit.
    """

    text_values: ClassVar[bool] = True
    splits: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    delimiter: Annotated[str, Doc("The character between cells.", min=1, max=1)] = ","
    quote: Annotated[
        str,
        Doc('The character around a cell that holds a delimiter, a line end or itself, doubled; `""` for none.', max=1),
    ] = '"'
    escape: Annotated[
        str, Doc("The character that takes the meaning from the next one, instead of doubled quotes.", max=1)
    ] = ""
    header: Annotated[
        bool | Header, Doc("Whether the first row names the columns, or a contract that it must keep.")
    ] = True
    names: Annotated[list[str], Doc("The names of the columns of an input without a header.")] = ()  # type: ignore[assignment]
    skip: Annotated[int, Doc("Lines before the header, or before the first row, that are not read.", min=0)] = 0
    comment: Annotated[str, Doc("A row that begins with this character is not read.", max=1)] = ""
    trim: Annotated[bool, Doc("Take blank space off the ends of every cell and column name.")] = False
    blank_lines: Annotated[
        Literal["skip", "record"], Doc("Whether an empty line is skipped or is a row with one empty cell.")
    ] = "skip"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.header is False and not self.names:
            raise OptionError("S209", "`header: false` needs `names`", "name the columns: `names: [sku, qty]`")
        if len(set(self.names)) < len(self.names):
            raise OptionError("S209", "`names` holds a name twice", "each column needs a name of its own")

    def batches(self, stream: BinaryIO, limits: Limits) -> Iterator[Batch]:
        """The records of a stream."""
        dialect = Dialect(self.delimiter, self.quote, self.escape, self.comment, self.blank_lines == "record")
        names: Sequence[str] = tuple(self.names)
        number = 1
        for rows in _whole_rows(stream, limits, dialect, self.skip):
            if isinstance(rows, Oversize):
                batch = rows.batch(number, limits.record)
            else:
                if not names:
                    names = self._header(rows)
                found = [_trimmed(row) for row in rows.parsed()] if self.trim else rows.parsed()
                decode = partial(_records, found, names)
                batch = Batch(rows.data, rows.offset, number, decode, rows.spans, _table(found, names), names)
            yield batch
            number += len(batch)
        if not names:
            keep_contract((), self.header)

    def seams(self, stream: BinaryIO, limits: Limits) -> Iterator[Seam]:
        """Where blocks of whole rows begin; the first row of data, where there is one, begins the first part."""
        dialect = Dialect(self.delimiter, self.quote, self.escape, self.comment, self.blank_lines == "record")
        is_begun = bool(self.names)
        for rows in _whole_rows(stream, limits, dialect, self.skip):
            if isinstance(rows, Oversize):
                continue
            if is_begun:
                yield Seam(rows.offset, rows.line)
            elif rows.take_first() is not None:
                is_begun = True
                if spans := rows.spans():
                    yield Seam(rows.offset + spans[0].start, spans[0].line)

    def names_of(self, stream: BinaryIO, limits: Limits) -> Sequence[str] | None:
        """The columns that a sample's header names."""
        if self.names:
            return self.names
        dialect = Dialect(self.delimiter, self.quote, self.escape, self.comment, self.blank_lines == "record")
        for rows in _whole_rows(stream, limits, dialect, self.skip):
            if not isinstance(rows, Oversize):
                return self._header(rows)
        return None

    def _header(self, rows: Rows) -> Sequence[str]:
        """The column names, taken off the front of the rows; empty where there is no row yet."""
        first = rows.take_first()
        if first is None:
            return ()
        if isinstance(first, Damage):
            raise UnitError("R122", f"the header cannot be read: {first.message}", "mend the first row")
        names = [cell.strip(WHITE_SPACE) for cell in first] if self.trim else first
        return checked(names, self.header)

    @property
    def optional_names(self) -> Sequence[str]:
        """Columns that the contract of the header lets be absent."""
        return optional_in(self.header)


def _table(found: Sequence[Row | Damage], names: Sequence[str]) -> Table | None:
    """The rows as they are, where every one of them has a cell for each name."""
    whole = set(map(type, found)) <= {list} and set(map(len, found)) == {len(names)}  # type: ignore[arg-type]
    return Table(names, cast("Sequence[Row]", found)) if whole else None


def _records(found: Sequence[Row | Damage], names: Sequence[str]) -> list[Value]:
    """Each row as a record by column name; a ragged one is damaged."""
    width = len(names)
    return [
        dict(zip(names, row)) if type(row) is list and len(row) == width else _damaged(row, width)  # noqa: B905
        for row in found
    ]


def _trimmed(row: Row | Damage) -> Row | Damage:
    return row if isinstance(row, Damage) else [cell.strip(WHITE_SPACE) for cell in row]


def _damaged(row: Row | Damage, width: int) -> Damage:
    """What is wrong with a row that is no record."""
    if isinstance(row, Damage):
        return row
    return Damage("R101", f"the row has {counted(len(row), 'cell')}, the header {width}")


def _whole_rows(stream: BinaryIO, limits: Limits, dialect: Dialect, skip: int) -> Iterator[Rows | Oversize]:
    """Blocks of whole rows: a row whose quote is open at the end of a block goes on in the next."""
    held: Block | None = None
    enough = 0  # a quote that is open is looked for again when there is twice as much to look at
    for block in chain(blocks(stream, limits), (None,)):
        if isinstance(block, Block):
            block, skip = _skip_lines(block, skip)  # noqa: PLW2901
            held = Block(held.data + block.data, held.offset, held.line) if held else block
            if len(held.data) < enough:
                continue
        if held:
            rows = Rows(dialect, held)
            held = rows.take_tail()
            enough = min(2 * len(held.data), limits.record) if held else 0
            if rows.data:
                yield rows
        if held and (not isinstance(block, Block) or len(held.data) > limits.record):
            raise _never_closed(held)
        if isinstance(block, Oversize):
            yield block


def _never_closed(tail: Block) -> UnitError:
    message = f"the quote that opens in line {tail.line} (byte {tail.offset:,}) is never closed"
    return UnitError("R121", message, "close it, or set `quote` to another character")


def _skip_lines(block: Block, skip: int) -> tuple[Block, int]:
    start = 0
    while skip and start < len(block.data):
        start = block.data.find(b"\n", start) + 1 or len(block.data)
        skip -= 1
    line = block.line + block.data.count(b"\n", 0, start)
    return Block(block.data[start:], block.offset + start, line), skip
