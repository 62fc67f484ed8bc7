"""`json`: one list of all records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from engine.kinds import NO_ROOTS, Encoder, Formatter, Roots
from engine.language.jsontext import encode, pretty
from engine.records import Value
from engine.registry import Doc, component


@component("json", "formatter", examples=[{"type": "json"}, {"type": "json", "pretty": True}])
class Json(Formatter):
    """One JSON list that holds every record, compact unless `pretty`; no records is an empty list."""

    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    pretty: Annotated[bool, Doc("Indent by two blanks, one member a line.")] = False

    def encoder(self, columns: Sequence[str], roots: Roots = NO_ROOTS) -> Encoder:
        """A new output."""
        return _List(self.pretty)


class _List(Encoder):
    def __init__(self, pretty: bool) -> None:
        self._pretty = pretty
        self._started = False

    def head(self) -> bytes:
        return b"["

    def body(self, records: Sequence[Mapping[str, Value]]) -> bytes:
        if not records:
            return b""
        texts = [_indented(record) for record in records] if self._pretty else [encode(record) for record in records]
        before = b"," if self._started else b""
        self._started = True
        return before + b",".join(texts)

    def tail(self) -> bytes:
        return b"\n]\n" if self._pretty and self._started else b"]\n"


def _indented(record: Mapping[str, Value]) -> bytes:
    return b"\n  " + pretty(record).replace(b"\n", b"\n  ")
