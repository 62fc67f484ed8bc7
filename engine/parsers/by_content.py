"""`by_content`: the parser that a file's first bytes ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Any, BinaryIO, Final

from engine.errors import OptionError, UnitError
from engine.kinds import Limits, Needs, Parser
from engine.language.jsontext import size_of
from engine.language.shapes import ANY
from engine.options import INVALID, Pointer, Report, build, build_component
from engine.parsers._encodings import BOMS
from engine.parsers._input import Begun, Packed, batches_of
from engine.records import Batch
from engine.registry import component, find_component

HEAD: Final = 1 << 16
FORMATS: Final = ("csv", "json", "jsonl", "xml", "parquet", "xlsx")
KEYS: Final = {
    name: ({"$ref": f"#/$defs/parser.{name}"}, f"The options of `{name}`, for the files that are of it.")
    for name in FORMATS
}
MAGIC: Final = (
    (b"PAR1", "parquet"),
    (b"PK\x03\x04", "xlsx"),
)
PACKED: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
)
CONTROL: Final = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b")


@component(
    "by_content",
    "parser",
    examples=[{"type": "by_content", "json": {"record_path": "locations"}, "xml": {"record_path": "Feed.Location"}}],
    keys=KEYS,
)
class ByContent(Packed):
    """Each file by the parser that its first bytes ask for; the options of each stand under its name.

    `PAR1` is Parquet, `PK` a spreadsheet, `<` XML, `{` or `[` JSON, and JSON lines where the first line is a whole
    value and another one follows; every other text is CSV. Names of files do not count. A file that is empty, or begins
    with bytes of no text, fails its unit with what was seen.
    """

    given: Mapping[str, Parser] = field(default_factory=dict, metadata={"made": True})
    needs: Needs = field(default=Needs(), metadata={"made": True})

    @classmethod
    def from_spec(cls, doc: Mapping[str, Any], pointer: Pointer, report: Report) -> Any:
        """The parsers that a spec says; the others have no options."""
        found = find_component("parser", "by_content")
        values = build(found.options, doc, pointer, report) if found else {}
        given = {
            name: build_component("parser", {**doc[name], "type": name}, (*pointer, name), report)
            for name in FORMATS
            if isinstance(doc.get(name), dict)
        }
        if INVALID in (*values.values(), *given.values()):
            return INVALID
        return cls(**values, given=given)

    def bound(self, needs: Needs) -> ByContent:
        """The same, each parser for steps that need no more than this."""
        return replace(self, needs=needs)

    def batches(self, stream: BinaryIO, limits: Limits) -> Iterator[Batch]:
        """The records of a stream."""
        begun = Begun(stream, lambda head: None, HEAD)
        parser = self._parser(format_of(begun.head()))
        whole = parser.seeks and hasattr(stream, "beside")  # the file itself is at hand: no copy of it is needed
        yield from batches_of(parser, stream if whole else begun, "", limits)

    def shape_of(self, stream: BinaryIO, limits: Limits) -> Any:
        """Nothing: what one file shows does not hold for those of another format."""
        return ANY

    def _parser(self, name: str) -> Parser:
        found = find_component("parser", name)
        try:
            parser: Parser = self.given[name] if name in self.given else found.cls()  # type: ignore[union-attr]
        except OptionError as error:  # what it needs is not installed
            raise UnitError(error.code, error.message, error.help) from error
        return parser.bound(self.needs)


def format_of(head: bytes) -> str:
    """The parser for a file that begins like this; UnitError R129 where none can be told."""
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    text = _as_text(head).lstrip()
    if not text:
        what = "blank" if head else "empty"
        raise UnitError("R129", f"the input is {what}: nothing shows its format", "name a parser")
    for magic, name in PACKED:
        if head.startswith(magic):
            raise UnitError("R129", f"the input is packed with {name}", f"say so: `compression: {name}`")
    if text.translate(None, CONTROL) != text:
        seen = " ".join(f"{byte:02x}" for byte in head[:8])
        raise UnitError("R129", f"the input is no text: it begins with the bytes {seen}", "name a parser that reads it")
    if text[:1] == b"<":
        return "xml"
    if text[:1] in (b"{", b"["):
        return "jsonl" if _is_lines(text) else "json"
    return "csv"


def _as_text(head: bytes) -> bytes:
    """The first bytes without a byte order mark; in UTF-8 where it is one of another encoding."""
    for mark, name in BOMS:
        if head.startswith(mark):
            return head[: len(head) // 4 * 4].decode(name, "replace").encode()
    return head.removeprefix(b"\xef\xbb\xbf")


def _is_lines(text: bytes) -> bool:
    """Whether the first line is a whole value and another line follows."""
    size = size_of(text)
    first, _, rest = text.partition(b"\n")
    return 0 < size <= len(first) and not first[size:].strip() and bool(rest.strip())
