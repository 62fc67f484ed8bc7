"""`csv`: one row a record."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

from engine.errors import OptionError, RecordError
from engine.kinds import NO_ROOTS, Encoder, Formatter, Roots
from engine.language.jsontext import encode
from engine.language.numbers import DECIMAL
from engine.records import Leaf, Value
from engine.registry import Doc, component
from engine.spelling import describe, listed

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet may compute (OWASP, CSV Injection)."""


@component("csv", "formatter", examples=[{"type": "csv"}, {"type": "csv", "columns": ["sku", "qty"]}])
class Csv(Formatter):
    """Delimited text (RFC 4180) with a header; missing, null and empty text are all an empty cell.

    A list or an object in a cell is a reject, so is a field that no column takes.

    A spreadsheet that opens the file takes a text that begins with `=` for a formula. `escape_formulas` puts a `'` in
    front of every text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return, names of columns too. Numbers
    stay as they are, also those that are texts (`-5`, `+4790000000`). A reader that is no spreadsheet gets the `'` as
    data, so it is done only where asked for.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    content_type: ClassVar[str] = "text/csv"
    cells: ClassVar[bool] = True

    columns: Annotated[
        Literal["mapped"] | list[str], Doc("The columns in order; `mapped`: the fields as the mapping writes them.")
    ] = "mapped"
    header: Annotated[bool, Doc("Whether the first row names the columns.")] = True
    delimiter: Annotated[str, Doc("The character between cells.", min=1, max=1)] = ","
    quote: Annotated[str, Doc("The character around a cell that needs one.", min=1, max=1)] = '"'
    escape_formulas: Annotated[bool, Doc("Whether texts that a spreadsheet would compute get a `'` in front.")] = False

    def __post_init__(self) -> None:
        if self.delimiter == self.quote:
            raise OptionError("S209", "`delimiter` and `quote` are the same character", "change one of them")

    def encoder(self, columns: Sequence[str], roots: Roots = NO_ROOTS) -> Encoder:
        """A new output; without mapped columns the first record names them."""
        return _Rows(self, columns if self.columns == "mapped" else self.columns)


class _Rows(Encoder):
    def __init__(self, options: Csv, columns: Sequence[str]) -> None:
        self._delimiter, self._quote = options.delimiter, options.quote
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, delimiter=options.delimiter, quotechar=options.quote, lineterminator="\n")
        self._columns = list(columns)
        self._wants_header = options.header
        self._chosen = options.columns != "mapped"
        self._escapes = options.escape_formulas

    def body(self, records: Sequence[Mapping[str, Value]]) -> bytes:
        if not self._columns and records:
            self._columns = list(records[0])
        rows = [self._row(record) for record in records]  # a record that fails leaves nothing behind
        header = self._header() if records else b""
        return header + self._written(rows)

    def _written(self, rows: Sequence[Sequence[str]]) -> bytes:
        """The rows; the library leaves a carriage return without quotes, so rows with one are written here."""
        self._writer.writerows(rows)
        data = self._taken()
        if b"\r" not in data:
            return data
        return "".join(self._delimiter.join(map(self._quoted, row)) + "\n" for row in rows).encode()

    def _quoted(self, cell: str) -> str:
        special = ("\r", "\n", self._delimiter, self._quote)
        needed = any(sign in cell for sign in special) or (not cell and len(self._columns) == 1)
        return self._quote + cell.replace(self._quote, 2 * self._quote) + self._quote if needed else cell

    def tail(self) -> bytes:
        return self._header()

    def _header(self) -> bytes:
        """The header row, once: before the first record, or at the end where there was none."""
        if not self._wants_header or not self._columns:
            return b""
        self._wants_header = False
        return self._written([self._guarded(self._columns)])

    def _taken(self) -> bytes:
        data = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return data

    def _row(self, record: Mapping[str, Value]) -> Sequence[str]:
        if (not self._chosen and len(record) > len(self._columns)) or not record.keys() <= set(self._columns):
            self._refuse_extra(record)
        return self._guarded([_cell(record.get(column), column) for column in self._columns])

    def _guarded(self, cells: Sequence[str]) -> Sequence[str]:
        """Cells of which a spreadsheet computes none."""
        if not self._escapes:
            return cells
        return ["'" + cell if cell.startswith(FORMULA) and not DECIMAL(cell) else cell for cell in cells]

    def _refuse_extra(self, record: Mapping[str, Value]) -> None:
        extra = [name for name in record if name not in self._columns]
        if extra and not self._chosen:
            raise RecordError("R302", f"no column takes {listed(extra)}: name the `columns`")


def _cell(value: Value, column: str) -> Any:
    if type(value) is str:
        return value
    if value is None:
        return ""
    if type(value) is Leaf:
        return value.text
    if isinstance(value, list | dict):
        kind = "a list" if isinstance(value, list) else "an object"
        raise RecordError("R301", f"`{column}` is {kind} `{describe(value)}`: a cell holds one value", value)
    text = encode(value).decode()
    return text.strip('"') if isinstance(value, date) else text
