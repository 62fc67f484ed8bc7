"""The cells of a spreadsheet: as they are shown, or with their types. The only door to openpyxl."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from typing import Any, BinaryIO, Final, NamedTuple

from engine.errors import OptionError, UnitError
from engine.kinds import Limits
from engine.records import Value, plain
from engine.spelling import listed, show, suggest

_FIXED: Final = re.compile(r"(?P<groups>#,##)?(?P<whole>0+)(?:\.(?P<places>0+))?(?P<percent>%)?")
"""The formats of numbers that are followed: zeros for digits, grouped, of a hundred."""
ROOMY: Final = Context(prec=1000)
"""For numbers up to 1e308 and places as many as a format's text holds."""
_QUOTED: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_HOURS: Final = re.compile("[hHsS]")
LOCK: Final = 165
"""Bytes of the file that a spreadsheet program keeps beside an open one: a length, the user's name, blanks."""
_KINDS: Final = (
    (b"\xd0\xcf\x11\xe0", "it is of the old kind (`.xls`), or encrypted"),
    (b"\x1f\x8b", "it is compressed (gzip), which its name does not say"),
    (b"%PDF", "it is a PDF"),
    (b"<!DOCTYPE html", "it is a page of HTML"),
    (b"<html", "it is a page of HTML"),
    (b"<", "it is XML"),
    (b"{", "it is JSON"),
    (b"[", "it is JSON"),
)
STRINGS: Final = 16
"""The texts that cells share are in memory: so many times `limits.record` at most."""


class Wrong(NamedTuple):
    """A cell that has no value: what the program put there instead, and what that is."""

    said: str
    what: str


UNKNOWN: Final = Wrong("", "has a formula without a value: open and save the file in a spreadsheet program")
FORMULA: Final = "f"
"""The type of a cell that has a formula and no value."""


class Line(NamedTuple):
    """A row of a sheet: its number, from 1, and its cells."""

    number: int
    cells: list[Any]


def installed() -> None:
    """OptionError where the library is missing."""
    if importlib.util.find_spec("openpyxl") is None:
        raise OptionError("S211", "the parser `xlsx` needs a library", "pip install 'pipeline-engine[xlsx]'")


def rows_of(stream: BinaryIO, sheet: str | int, limits: Limits) -> Iterator[Line]:
    """The rows of a sheet that have cells; UnitError R128 where the file is damaged or has no such sheet."""
    _refuse_large(stream, limits)
    stream.seek(0)
    try:
        yield from _rows(stream, sheet)
    except UnitError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        message = f"the spreadsheet is damaged: {reason}"
        raise UnitError("R128", message, "deliver it again, saved as `.xlsx`") from error


def _rows(stream: BinaryIO, sheet: str | int) -> Iterator[Line]:
    import openpyxl

    book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    names = [each.title for each in book.worksheets]
    found = names.index(sheet) if sheet in names else sheet - 1 if isinstance(sheet, int) else -1
    if not 0 <= found < len(names):
        raise UnitError("R128", f"the spreadsheet has no sheet `{sheet}`", _sheets(sheet, names), "sheet")
    page: Any = book.worksheets[found]
    with page._get_source() as source:  # noqa: SLF001 - of its public reader nobody learns which cells have formulas
        reader = _reader()(
            source, page._shared_strings, data_only=True, epoch=book.epoch,  # noqa: SLF001
            date_formats=book._date_formats, timedelta_formats=book._timedelta_formats,  # noqa: SLF001
        )  # fmt: skip
        for number, cells in reader.parse():
            if cells:
                yield Line(number, list(page._get_row(cells)))  # noqa: SLF001


def _sheets(said: str | int, names: Sequence[str]) -> str:
    """What to write instead of a sheet that is not there."""
    near = suggest(said, names) if isinstance(said, str) else ""
    return f"did you mean `{near}`? it has {listed(names)}" if near else f"it has {listed(names)}"


@cache
def _reader() -> Any:
    """The library's reader of a sheet, that knows a formula without a value."""
    from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

    class Reader(WorkSheetParser):  # type: ignore[misc]
        def parse_cell(self, element: Any) -> dict[str, Any]:
            cell: dict[str, Any] = super().parse_cell(element)
            if cell["value"] is None and element.get("t") != "str" and element.find(FORMULA_TAG) is not None:
                cell["data_type"] = FORMULA
            return cell

    return Reader


def _refuse_large(stream: BinaryIO, limits: Limits) -> None:
    """Refuse a file that unpacks to too much, before any of it is."""
    head = stream.read(LOCK + 1)
    stream.seek(0)
    if not head.startswith(b"PK"):
        raise _no_spreadsheet(head)
    from engine.storage.archives import Archive  # 16 ms that only a spreadsheet costs

    archive = Archive(stream, limits)
    archive.weigh()
    for member in archive.files:
        _refuse_entities(archive.open(member), member.filename)
        size, most = member.file_size, STRINGS * limits.record
        if not member.filename.startswith("xl/worksheets/") and size > most:
            message = f"`{member.filename}` in the spreadsheet has {size:,} bytes, the limit is {most:,}"
            raise UnitError("R132", message, "it is in memory: raise `limits.record`, of which it may have 16 times")


def _no_spreadsheet(head: bytes) -> UnitError:
    """What a file is that is none, by its first bytes."""
    if len(head) == LOCK and head[0] < 0x20:
        help = 'leave such files out: `exclude: ["**/~$*"]` on the source'
        found = "it is the `~$` file that a program keeps beside one that is open"
        return UnitError("R128", f"the file is no `.xlsx` spreadsheet: {found}", help)
    found = next((what for begin, what in _KINDS if head.lstrip().startswith(begin)), "") or _said(head)
    return UnitError("R128", f"the file is no `.xlsx` spreadsheet: {found}", "save it as `.xlsx`, without a password")


def _said(head: bytes) -> str:
    if not head:
        return "it is empty"
    is_text = all(byte >= 0x20 or byte in b"\t\r\n" for byte in head)
    if is_text:
        return f"it is text, which begins with {show(head[:20].decode(errors='replace'))}"
    return f"it begins with the bytes {head[:4].hex(' ')}"


def _refuse_entities(part: BinaryIO, name: str) -> None:
    """Refuse a part with a document type, where entities are declared: no spreadsheet has one."""
    from xml.parsers import expat

    found: list[str] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: found.append("document type")
    parser.StartElementHandler = lambda *_: found.append("element")
    try:
        while not found and (data := part.read(1 << 12)):
            parser.Parse(data)
    except expat.ExpatError:
        return  # a picture, or damage that the library will meet
    except (LookupError, ValueError) as error:
        message = f"`{name}` in the spreadsheet is in an encoding that no spreadsheet has: {error}"
        raise UnitError("R128", message, "deliver it again, saved as `.xlsx`") from error
    if found[:1] == ["document type"]:
        raise UnitError("R128", f"`{name}` in the spreadsheet has a document type", "no spreadsheet program writes one")


def shown(cell: Any) -> Value:
    """A cell's text, as a spreadsheet shows it: dates in ISO form, numbers by their format where it is a plain one."""
    value = typed(cell)
    if value is None or isinstance(value, str | Wrong):
        return value or ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | Decimal):
        return _number(Decimal(value), cell.number_format)
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()


def typed(cell: Any) -> Value:
    """A cell's value: text, int, decimal, bool, date or a local time; a time of day or a duration is text."""
    value = cell.value
    if cell.data_type == "e":
        return Wrong(str(value), f"is an error: {value}")
    if cell.data_type == FORMULA:
        return UNKNOWN
    if isinstance(value, float):
        number = plain(Decimal(repr(value)))
        return int(number) if number == number.to_integral_value() else number
    if isinstance(value, datetime):
        is_day = value.time() == time() and not _HOURS.search(_QUOTED.sub("", cell.number_format or ""))
        return date(value.year, value.month, value.day) if is_day else value
    if isinstance(value, time):
        return value.isoformat()
    return _hours(value) if isinstance(value, timedelta) else value


def _hours(length: timedelta) -> str:
    """A duration as hours, minutes and seconds."""
    seconds = round(length.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _number(number: Decimal, format: str | None) -> str:
    """A number by its format: `00000`, `0.00`, `#,##0.00`, `0%`, halves away from zero; all its digits by any other."""
    found = _FIXED.fullmatch(format or "")
    if not found:
        return str(plain(number))
    number = number * 100 if found["percent"] else number
    places = len(found["places"] or "")
    rounded = abs(number).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, ROOMY)
    text = f"{rounded:{',' if found['groups'] else ''}f}"
    sign = "-" if number < 0 and text.strip("0.,") else ""
    width = len(found["whole"]) + (places + 1 if places else 0)
    return sign + text.rjust(width, "0") + (found["percent"] or "")


def written(value: Value) -> str:
    """A value of a cell, shown or typed, as text."""
    if isinstance(value, Wrong):
        return value.said
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return "" if value is None else str(value)


def is_blank(cells: Sequence[Value]) -> bool:
    """Whether a row has no value in any cell."""
    return all(cell is None or cell == "" for cell in cells)
