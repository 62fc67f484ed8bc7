"""`jsonl`: one JSON value a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import BinaryIO, ClassVar

from engine.errors import RecordError
from engine.kinds import Limits, Seam
from engine.language.jsontext import decode, decode_lines, deeper_than, most_brackets
from engine.parsers._input import Encoded
from engine.parsers._lines import Oversize, blocks
from engine.parsers._texts import seams_of_lines
from engine.records import Batch, Damage, Span, Value
from engine.registry import component


@component("jsonl", "parser", examples=[{"type": "jsonl"}])
class Jsonl(Encoded):
    """JSON lines: one JSON value a line, blank lines skipped.

    Integers keep any size, fractions their digits. Of repeated keys in one object the last counts. A line
    that is not JSON, not UTF-8 or nested too deeply is a reject; the lines after it go on.
    """

    splits: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")

    def seams(self, stream: BinaryIO, limits: Limits) -> Iterator[Seam]:
        """Where blocks of whole lines begin."""
        return seams_of_lines(stream, limits, 0)

    def batches(self, stream: BinaryIO, limits: Limits) -> Iterator[Batch]:
        """The records of a stream."""
        number = 1
        for block in blocks(stream, limits):
            if isinstance(block, Oversize):
                batch = block.batch(number, limits.record)
            else:
                batch = Batch(block.data, block.offset, number, *_readers(block.data, block.line, limits.depth))
            yield batch
            number += len(batch)


def _readers(data: bytes, line: int, depth: int) -> tuple[Callable[[], Sequence[Value]], Callable[[], Sequence[Span]]]:
    return partial(_decode_lines, data, depth), partial(_spans, data, line)


def _decode_lines(data: bytes, depth: int) -> list[Value]:
    if most_brackets(data) <= depth:
        values = decode_lines(data)
        if values is not None:
            return values
    return _one_by_one(data.split(b"\n"), depth)


def _one_by_one(lines: Sequence[bytes], depth: int) -> list[Value]:
    values: list[Value] = []
    for line in lines:
        if not line or line.isspace():
            continue
        try:
            values.append(_damage(depth) if deeper_than(line, depth) else decode(line))
        except RecordError as error:
            values.append(Damage(error.code, error.message))
    return values


def _damage(depth: int) -> Damage:
    return Damage("R105", f"nested more than {depth} levels: raise `limits.depth`")


def _spans(data: bytes, line: int) -> list[Span]:
    spans, start = [], 0
    for number, text in enumerate(data.split(b"\n"), line):
        if text and not text.isspace():
            spans.append(Span(number, start, start + len(text)))
        start += len(text) + 1
    return spans
