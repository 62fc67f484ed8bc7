"""`xlsx`: the rows of a spreadsheet's sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, BinaryIO, ClassVar, Final, Literal

from engine.errors import OptionError
from engine.kinds import Limits
from engine.parsers._cells import Line, Wrong, installed, is_blank, rows_of, shown, typed, written
from engine.parsers._headers import Header, checked, optional_in
from engine.parsers._input import Packed
from engine.records import Batch, Damage, Place, Value
from engine.registry import Doc, component
from engine.spelling import WHITE_SPACE

ROWS: Final = 256
"""Rows of a batch."""
LETTERS: Final = 26


@component(
    "xlsx", "parser", examples=[{"type": "xlsx"}, {"type": "xlsx", "sheet": "Stock", "skip": 2, "cells": "typed"}]
)
class Xlsx(Packed):
    """The rows of one sheet of a spreadsheet, named by a header row. An extra: `pip install 'pipeline-engine[xlsx]'`.

    With `cells: shown` every value is text: a number by its format where that is a plain one (`00042` for 42 under
    `00000`, `7.50` under `0.00`, `1,000` under `#,##0`, `13%` for 0.125 under `0%`), else with its digits; a date as
    `2024-01-31`, a moment as `2024-01-31 10:20:00`, truth as `TRUE`. With `cells: typed` numbers are int or decimal,
    dates (a number under a format of dates) date or local, truth is bool, an empty cell is null; times of day and
    durations are text. A program keeps numbers with 15 to 17 digits: longer ones are gone before the file is read.

    A formula counts by the value that was stored with it. A row with a formula that was never calculated is a reject
    (open and save the file in a spreadsheet program), and so is one with an error in a cell (`#N/A`), or with a value
    where the header names no column. Rows without any value are skipped. Of merged cells the first holds the value, the
    others are empty. Hidden rows, columns, sheets count.

    A reject has the number of its row as line, no byte, and its cells with tabs between them as `raw`. The texts that
    cells share are in memory, rows are not.
    """

    seeks: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".xlsx", ".xlsm")

    sheet: Annotated[str | int, Doc("The sheet, by its name, or by its number from 1.")] = 1
    cells: Annotated[
        Literal["shown", "typed"], Doc("Whether cells are texts as they are shown, or have the types of the sheet.")
    ] = "shown"
    header: Annotated[
        bool | Header, Doc("Whether the first row names the columns, or a contract that it must keep.")
    ] = True
    names: Annotated[list[str], Doc("The names of the columns of a sheet without a header.")] = ()  # type: ignore[assignment]
    skip: Annotated[int, Doc("Rows before the header, or before the first row, that are not read.", min=0)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        installed()
        if self.header is False and not self.names:
            raise OptionError("S209", "`header: false` needs `names`", "name the columns: `names: [sku, qty]`")

    def batches(self, stream: BinaryIO, limits: Limits) -> Iterator[Batch]:
        """The records of a file."""
        table = self._table(stream, limits)
        number = 1
        while rows := list(islice(table.rows, ROWS)):
            yield Rows(number, rows, table)
            number += len(rows)

    def names_of(self, stream: BinaryIO, limits: Limits) -> Sequence[str] | None:
        """The columns that the header names, where their values are texts; else the records show more."""
        if self.cells == "typed":
            return None
        return [name for name in self._table(stream, limits).names if name]

    @property
    def optional_names(self) -> Sequence[str]:
        """Columns that the contract of the header lets be absent."""
        return optional_in(self.header)

    def _table(self, stream: BinaryIO, limits: Limits) -> _Table:
        read = typed if self.cells == "typed" else shown
        lines = (line for line in rows_of(stream, self.sheet, limits) if line.number > self.skip)
        rows = _filled(lines, read)
        names: Sequence[str] = self.names
        if self.header:
            first = next(rows, Line(0, []))
            names = self.names or self._checked([written(cell).strip(WHITE_SPACE) for cell in first.cells])
        return _Table(names, rows, None if self.cells == "typed" else "")

    def _checked(self, header: Sequence[str]) -> Sequence[str]:
        """The names of a header, where columns without a name may be any number."""
        checked([name for name in header if name], self.header)
        return header


@dataclass(frozen=True)
class _Table:
    """The columns of a sheet, its rows, and what an empty cell is."""

    names: Sequence[str]
    rows: Iterator[Line]
    empty: Value

    def record(self, row: Line) -> Value:
        """A row as a record by column name; one that is none is damaged."""
        for at, cell in enumerate(row.cells):
            if isinstance(cell, Wrong):
                return Damage("R109", f"the cell {_cell(row, at)} {cell.what}")
            if (at >= len(self.names) or not self.names[at]) and cell not in (None, ""):
                return Damage("R110", f"the cell {_cell(row, at)} has a value, and its column no name")
        cells = [*row.cells, *[self.empty] * (len(self.names) - len(row.cells))]
        return {name: cell for name, cell in zip(self.names, cells, strict=False) if name}


def _filled(lines: Iterator[Line], read: Callable[[Any], Value]) -> Iterator[Line]:
    """The rows that have a value."""
    for line in lines:
        cells = [read(cell) for cell in line.cells]
        if not is_blank(cells):
            yield Line(line.number, cells)


class Rows(Batch):
    """Some rows of a sheet; one that is rejected is shown as its cells."""

    __slots__ = ("_rows", "_table")

    def __init__(self, number: int, rows: Sequence[Line], table: _Table) -> None:
        self._rows, self._table = rows, table
        super().__init__(b"", 0, number, lambda: [table.record(row) for row in rows], lambda: (), names=table.names)

    def __len__(self) -> int:
        return len(self._rows)

    def place(self, index: int) -> Place:
        """The row's number, and what is in it."""
        row = self._rows[index]
        raw = "\t".join(map(written, row.cells)).encode(errors="replace")
        return Place(self.number + index, row.number, 0, raw, len(raw))

    def head(self, count: int) -> Batch:
        """The first `count` records as a batch of their own."""
        return Rows(self.number, self._rows[:count], self._table)


def _cell(row: Line, at: int) -> str:
    """A cell's name in its sheet, such as `B7`."""
    letters, left = "", at + 1
    while left:
        left, letter = divmod(left - 1, LETTERS)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row.number}"
