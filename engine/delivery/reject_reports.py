"""The rejects of a unit as a file for people, beside the store: `rejects: {path, formatter, columns}` of a spec."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, BinaryIO, Final

from engine.kinds import Limits, Output, Roots, Stage
from engine.language.jsontext import decode, encode
from engine.plan import RejectReport
from engine.records import Value

ORIGINAL: Final = "original_and_errors"
ERRORS: Final = ("unit", "number", "line", "stage", "field", "code", "message", "value")
"""The columns of `errors`: a row for each thing that is wrong with a record."""
OWN: Final = ("__line", "__errors", "__raw")
"""What `original_and_errors` adds to the record as it came; the raw text where it could not be parsed."""
BATCH: Final = 1000

Line = Mapping[str, Any]
Opened = Callable[[], BinaryIO]


def write_report(report: RejectReport, roots: Roots, open: Opened, stage: Stage, limits: Limits) -> Sequence[Output]:
    """Stage the report of the rejects that `open` gives, line by line."""
    sink = report.outlet.sink
    cells = bool(getattr(getattr(sink, "formatter", None), "cells", False))
    columns = _columns(report, open) if cells else ()
    writer = sink.writer(roots, columns, stage, limits)
    rows: list[dict[str, Value]] = []
    for line in _lines(open):
        rows += (_in_cells(row) if cells else row for row in _rows(line, report.columns))
        if len(rows) >= BATCH:
            writer.write(rows)
            rows = []
    writer.write(rows)
    return writer.close()


def _lines(open: Opened) -> Iterator[Line]:
    with closing(open()) as file:
        for line in file:
            yield decode(line)


def _columns(report: RejectReport, open: Opened) -> tuple[str, ...]:
    """The names of its columns; those of records as they came are known when all of them were seen."""
    if report.columns == "errors":
        return ERRORS
    if report.columns != ORIGINAL:
        return tuple(report.columns)
    names = dict.fromkeys(name for line in _lines(open) for name in _record(line))
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
    return {name: encode(each).decode() if isinstance(each, list | dict) else each for name, each in row.items()}
