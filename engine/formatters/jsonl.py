"""`jsonl`: one record a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from engine.kinds import NO_ROOTS, Encoder, Formatter, Roots
from engine.language.jsontext import encode_lines
from engine.records import Value
from engine.registry import component


@component("jsonl", "formatter", examples=[{"type": "jsonl"}])
class Jsonl(Formatter):
    """JSON lines: each record compact on a line of its own, keys in the order written."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")
    content_type: ClassVar[str] = "application/x-ndjson"

    def encoder(self, columns: Sequence[str], roots: Roots = NO_ROOTS) -> Encoder:
        """A new output."""
        return _Lines()


class _Lines(Encoder):
    def body(self, records: Sequence[Mapping[str, Value]]) -> bytes:
        return encode_lines(records)
