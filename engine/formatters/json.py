"""`json`: one document that holds all records."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Final

from engine.formatters._wrap import RECORDS, Wrap
from engine.kinds import NO_ROOTS, Encoder, Formatter, Roots
from engine.language.jsontext import encode, pretty
from engine.language.templates import RUN_ROOTS, TextPlace
from engine.options import Pointer
from engine.records import Value
from engine.registry import Doc, component
from engine.storage.refusals import store_error
from engine.storage.spool import Spool

INDENT: Final = 2
BLOCK: Final = 1 << 20


@component(
    "json",
    "formatter",
    examples=[
        {"type": "json"},
        {"type": "json", "pretty": True, "wrap": {"file": "{unit.name}", "lines": "$records", "count": "$count"}},
    ],
)
class Json(Formatter):
    """One JSON list that holds every record, compact unless `pretty`; no records is an empty list.

    `wrap` puts it into a tree: `$records` is the list, `$count` how many it holds, any other text is one with slots
    (`{unit.stem}`, `{run.started_at}`, `{vars.x}`), and stays a text; the rest is written as it stands. Records are
    written as they come. Where a `$count` stands before them they wait in a temporary file until all are counted, which
    costs their bytes on disk and a second copy, and no memory.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".json",)
    content_type: ClassVar[str] = "application/json"

    pretty: Annotated[bool, Doc("Indent by two blanks, one member a line.")] = False
    wrap: Annotated[Wrap | None, Doc("A tree around the records, such as `{orders: $records, count: $count}`.")] = None

    def texts(self, pointer: Pointer) -> Iterator[TextPlace]:
        """The texts around the records."""
        for at, template in self.wrap.templates.items() if self.wrap else ():
            yield TextPlace(template, (*pointer, "wrap", *at), RUN_ROOTS)

    def encoder(self, columns: Sequence[str], roots: Roots = NO_ROOTS) -> Encoder:
        """A new output."""
        indent = INDENT if self.pretty else 0
        if self.wrap is None:
            return _List([RECORDS], indent, 1)
        kind = _Counted if self.wrap.counts_first else _List
        return kind(list(self.wrap.parts(roots, indent)), indent, self.wrap.depth + 1)


class _List(Encoder):
    """The list, and what stands before and after it; `level` is how deep its records are."""

    def __init__(self, parts: Sequence[bytes | str], indent: int, level: int) -> None:
        at = parts.index(RECORDS)
        self._before, self._after = parts[:at], parts[at + 1 :]
        self._pretty = bool(indent)
        self._line = b"\n" + b" " * (indent * level)
        self._end = b"\n" + b" " * (indent * (level - 1))
        self._count = 0

    def head(self) -> bytes:
        return self._filled(self._before) + b"["

    def body(self, records: Sequence[Mapping[str, Value]]) -> bytes:
        if not records:
            return b""
        texts = [self._indented(record) for record in records] if self._pretty else [encode(each) for each in records]
        before = b"," if self._count else b""
        self._count += len(records)
        return before + b",".join(texts)

    def tail(self) -> bytes:
        end = self._end if self._pretty and self._count else b""
        return end + b"]" + self._filled(self._after) + b"\n"

    def _filled(self, parts: Sequence[bytes | str]) -> bytes:
        return b"".join(part if isinstance(part, bytes) else encode(self._count) for part in parts)

    def _indented(self, record: Mapping[str, Value]) -> bytes:
        return self._line + pretty(record).replace(b"\n", self._line)


class _Counted(_List):
    """The same with a count before the records: these wait until it is known."""

    def __init__(self, parts: Sequence[bytes | str], indent: int, level: int) -> None:
        super().__init__(parts, indent, level)
        self._folder = tempfile.TemporaryDirectory(prefix="engine-")
        self._waiting = Spool(os.path.join(self._folder.name, "records"))

    def head(self) -> bytes:
        return b""

    def body(self, records: Sequence[Mapping[str, Value]]) -> bytes:
        try:
            self._waiting.write(super().body(records))
        except OSError as error:
            raise store_error(error, self._waiting.path) from error
        return b""

    def tail(self) -> bytes:
        return b"".join(self.ending())

    def ending(self) -> Iterator[bytes]:
        yield super().head()
        with self._waiting.whole() as file:
            while data := file.read(BLOCK):
                yield data
        self.abandon()
        yield super().tail()

    def park(self) -> None:
        self._waiting.park()

    def abandon(self) -> None:
        self._waiting.drop()
        self._folder.cleanup()
