"""Lines of text, one record each: what the parsers of plain lines stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import BinaryIO

from engine.kinds import Limits, Seam
from engine.parsers._lines import Block, Oversize, blocks
from engine.records import Batch, Damage, Span, Table, Value

Line = bytes
Read = Callable[[Sequence[Line]], "Table | list[Value]"]
"""What makes records of lines without their ends: a table where all of them are rows, else a value for each."""


def batches_of_lines(stream: BinaryIO, limits: Limits, skip: int, keeps_blank: bool, read: Read) -> Iterator[Batch]:
    """Each line as a record; the first ones skipped, and empty ones unless they are kept."""
    number = 1
    for block in blocks(stream, limits):
        if isinstance(block, Oversize):
            if skip:
                skip -= 1
                continue
            batch = block.batch(number, limits.record)
        else:
            left, skip = _without_first(block, skip)
            if not left.data:
                continue
            batch = _batch(left, number, keeps_blank, read)
        yield batch
        number += len(batch)


def seams_of_lines(stream: BinaryIO, limits: Limits, skip: int) -> Iterator[Seam]:
    """Where blocks of whole lines begin, behind the lines that are skipped: those stand in front of every part."""
    for block in blocks(stream, limits):
        if isinstance(block, Oversize):
            skip = max(skip - 1, 0)
            continue
        left, skip = _without_first(block, skip)
        if left.data:
            yield Seam(left.offset, left.line)


def _without_first(block: Block, skip: int) -> tuple[Block, int]:
    """A block without so many lines, and how many are still to be skipped."""
    if not skip:
        return block, 0
    parts = block.data.split(b"\n", skip)
    gone = block.data[: len(block.data) - len(parts[-1])] if len(parts) > skip else block.data
    lines = gone.count(b"\n")
    return Block(block.data[len(gone) :], block.offset + len(gone), block.line + lines), skip - max(lines, 1)


def _batch(block: Block, number: int, keeps_blank: bool, read: Read) -> Batch:
    lines = _lines_of(block.data)
    found = read(lines if keeps_blank else [line for line in lines if line])
    locate = partial(_spans, block.data, block.line, keeps_blank)
    if isinstance(found, Table):
        table = found
        return Batch(block.data, block.offset, number, lambda: _records(table), locate, table)
    values = found
    return Batch(block.data, block.offset, number, lambda: values, locate)


def _records(table: Table) -> list[Value]:
    names = table.names
    return [dict(zip(names, row)) for row in table.rows]  # noqa: B905 - each row has a cell for each name


def _lines_of(data: bytes) -> list[Line]:
    """The lines without their ends: a line feed, and a carriage return before it."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines] if b"\r" in data else lines


def _spans(data: bytes, line: int, keeps_blank: bool) -> list[Span]:
    spans, start = [], 0
    for number, text in enumerate(data.split(b"\n"), line):
        bare = text.removesuffix(b"\r")
        if start < len(data) and (bare or keeps_blank):
            spans.append(Span(number, start, start + len(bare)))
        start += len(text) + 1
    return spans


def decoded(line: Line) -> str | Damage:
    """A line as text, or what is wrong with it."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        return Damage("R102", f"not UTF-8: byte 0x{line[error.start]:02x}")
