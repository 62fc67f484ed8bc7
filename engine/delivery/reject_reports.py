"""The rejects of a unit as a file for people, beside the store: `rejects: {path, formatter, columns}` of a spec."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, BinaryIO, Final

from engine.errors import UnitError
from engine.kinds import Limits, Output, Roots, Stage, Writer
from engine.language.jsontext import decode, encode
from engine.plan import RejectReport
from engine.records import Value

ORIGINAL: Final = "original_and_errors"
ERRORS: Final = ("unit", "number", "line", "stage", "field", "code", "message", "value")
"""The columns of `errors`: a row for each thing that is wrong with a record."""
OWN: Final = ("__line", "__errors", "__raw")
"""What `original_and_errors` adds to the record as it came; the raw text where it could not be parsed."""
BATCH: Final = 1000
_UNHELD: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Control characters and what is none, which XML cannot hold, and halves of characters, which UTF-8 cannot."""

Line = Mapping[str, Any]
Opened = Callable[[], BinaryIO]


def write_report(
    report: RejectReport, roots: Roots, open: Opened, header: Sequence[str], stage: Stage, limits: Limits
) -> Sequence[Output]:
    """Stage the report of the rejects that `open` gives, line by line; UnitError where one cannot be written at all.

    `header` names the columns of the input, where it has such: those of records as they came, in every report.
    What the formatter refuses is written as plainly as it takes, behind the rows that it stood among.
    """
    sink = report.outlet.sink
    cells = bool(getattr(getattr(sink, "formatter", None), "cells", False))
    columns = _columns(report, open, header) if cells else ()
    writer = sink.writer(roots, columns, stage, limits)
    try:
        rows: list[dict[str, Value]] = []
        for line in _lines(open):
            rows += (_in_cells(row) if cells else row for row in _rows(line, report.columns))
            if len(rows) >= BATCH:
                _write(writer, rows)
                rows = []
        _write(writer, rows)
        return writer.close()
    except BaseException:
        writer.abandon()
        raise


def _write(writer: Writer, rows: Sequence[dict[str, Value]]) -> None:
    """All rows: each that is refused as it is, in the first of its plainer forms that is not."""
    for index, error in writer.write(rows):
        if all(writer.write([form]) for form in _plainer(rows[index])):
            message = f"the report of rejects cannot hold one of them: {error.message}"
            raise UnitError(error.code, message, "choose another formatter, or other `columns`")


def _plainer(row: Mapping[str, Value]) -> Iterator[dict[str, Value]]:
    """Without characters that a format may refuse; then without lists, objects and types; then the record as JSON."""
    clean = {name: _cleaned(value) for name, value in row.items()}
    yield clean
    yield {name: _as_text(value) for name, value in clean.items()}
    if OWN[0] in row:
        record = {name: value for name, value in clean.items() if name not in OWN}
        yield {**{name: _as_text(clean.get(name)) for name in OWN}, OWN[2]: encode(record).decode()}


def _cleaned(value: Value) -> Value:
    """A value with `U+FFFD` for what is no character of a text."""
    if isinstance(value, str):
        return _UNHELD.sub("\ufffd", value)
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    return (
        {_UNHELD.sub("\ufffd", name): _cleaned(each) for name, each in value.items()}
        if isinstance(value, dict)
        else value
    )


def _as_text(value: Value) -> Value:
    return value if value is None or isinstance(value, str) else encode(value).decode()


def _lines(open: Opened) -> Iterator[Line]:
    with closing(open()) as file:
        for line in file:
            yield decode(line)


def _columns(report: RejectReport, open: Opened, header: Sequence[str]) -> tuple[str, ...]:
    """The names of its columns; what no header names of records as they came is known when all of them were seen."""
    if report.columns == "errors":
        return ERRORS
    if report.columns != ORIGINAL:
        return tuple(report.columns)
    names = dict.fromkeys((*header, *(name for line in _lines(open) for name in _record(line))))
    return (*names, *OWN)


def _rows(line: Line, columns: str | Sequence[str]) -> Iterator[dict[str, Value]]:
    if columns == ORIGINAL:
        said = "; ".join(": ".join(filter(None, (each["field"], each["message"]))) for each in line["errors"])
        raw = {} if line["record"] is not None else {OWN[2]: line.get("raw", line.get("raw_base64"))}
        yield {**_record(line), OWN[0]: line["line"], OWN[1]: said, **raw}
        return
    names = ERRORS if columns == "errors" else columns
    for error in line["errors"]:
        known = {**_record(line), **line, **error}
        yield {name: known.get(name) for name in names}


def _record(line: Line) -> Mapping[str, Value]:
    record = line["record"]
    return record if isinstance(record, dict) else {}


def _in_cells(row: Mapping[str, Value]) -> dict[str, Value]:
    """A row of single values: a list or an object as its JSON text."""
    return {name: _as_text(each) if isinstance(each, list | dict) else each for name, each in row.items()}
