"""What stands between a file and its parser: unpacking, decoding, places in the file as it is."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, cast, get_args

from engine.kinds import Limits, Parser
from engine.parsers._encodings import PLAIN, Encoding, Recoding, first_bytes, recoded, refuse_other_encoding
from engine.parsers._places import Moved
from engine.records import Batch
from engine.registry import Doc
from engine.storage.globs import expand
from engine.storage.packing import Compression, compression_of, unpacked

Counted = Callable[[BinaryIO], BinaryIO]


@dataclass(frozen=True, kw_only=True)
class Packed(Parser):
    """What the parsers of files share: the file may be compressed."""

    compression: Annotated[
        Compression,
        Doc("How the input is compressed; `infer` goes by the extension (`.gz` `.zst` `.bz2` `.xz` `.zip`)."),
    ] = "infer"
    member: Annotated[
        str, Doc("Which members of a zip file are read, one after the other: a glob. Without it the only one.")
    ] = ""

    def __post_init__(self) -> None:
        expand(self.member)


@dataclass(frozen=True, kw_only=True)
class Encoded(Packed):
    """What the parsers of texts share: the text may be in another encoding than UTF-8."""

    encoding: Annotated[
        Encoding, Doc("How the text is encoded. A byte that the encoding does not have rejects its record.")
    ] = PLAIN


def batches_of(
    parser: Parser, raw: Any, path: str, limits: Limits, counted: Counted = lambda stream: stream
) -> Iterator[Batch]:
    """The records of a file: its bytes as they are in `raw`, its name in `path`; UnitError where it is damaged.

    `counted` may look at the unpacked stream as it is read.
    """
    compression = compression_of(path, getattr(parser, "compression", "none"))
    if compression == "zip":
        yield from _joined(parser, map(counted, _members(parser, raw, limits)), limits)
    else:
        stream = _decoded(parser, counted(unpacked(raw, compression, limits)), limits)
        yield from _parsed(parser, stream, limits)


def names_in(parser: Parser, raw: Any, path: str, limits: Limits) -> Sequence[str] | None:
    """The closed list of fields that a file shows (`Parser.names_of`)."""
    compression = compression_of(path, getattr(parser, "compression", "none"))
    stream = next(_members(parser, raw, limits)) if compression == "zip" else unpacked(raw, compression, limits)
    return parser.names_of(_decoded(parser, stream, limits), limits)


def shape_in(parser: Parser, raw: Any, path: str, limits: Limits) -> Any:
    """What a file promises of every record (`Parser.shape_of`)."""
    compression = compression_of(path, getattr(parser, "compression", "none"))
    if compression == "zip":
        return None
    return parser.shape_of(_decoded(parser, unpacked(raw, compression, limits), limits), limits)


def _joined(parser: Parser, members: Iterator[BinaryIO], limits: Limits) -> Iterator[Batch]:
    """Members of a zip file as if they stood one behind the other, as `unzip -p` shows them."""
    records = lines = read = 0
    for member in members:
        counting = _Counting(member)
        text, last = _decoded(parser, counting, limits), 0
        for batch in _parsed(parser, text, limits):
            last = batch.number + len(batch) - 1
            yield Moved(batch, records, lines, read)
        ends = text.lines if isinstance(text, Recoding) else counting.lines
        records, lines, read = records + last, lines + ends, read + counting.bytes


def _members(parser: Parser, raw: Any, limits: Limits) -> Iterator[BinaryIO]:
    """The members of a zip file that the parser asks for, each opened when its turn comes."""
    from engine.storage.archives import Archive  # 10 ms that only a zip file costs

    archive = Archive(_sought(raw), limits)
    return map(archive.open, archive.members(getattr(parser, "member", "")))


def _decoded(parser: Parser, stream: Any, limits: Limits) -> Any:
    """What the parser reads of an unpacked stream."""
    encoding = getattr(parser, "encoding", "")
    if encoding == PLAIN:
        return Begun(stream, refuse_other_encoding)
    if encoding in get_args(Encoding):
        return Recoding(stream, encoding, limits.record)
    return _sought(stream) if parser.seeks else stream


def _parsed(parser: Parser, stream: Any, limits: Limits) -> Iterator[Batch]:
    """The records of what `_decoded` gives."""
    batches = parser.batches(stream, limits)
    return recoded(batches, stream) if isinstance(stream, Recoding) else batches


class Begun(io.RawIOBase):
    """A stream whose first bytes are looked at when it is first read."""

    def __init__(self, stream: Any, look: Callable[[bytes], None], size: int = 4) -> None:
        super().__init__()
        self._stream = stream
        self._look: Callable[[bytes], None] | None = look
        self._size = size
        self._head = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def head(self) -> bytes:
        """The first bytes, which are still to be read."""
        if self._look:
            self._head = first_bytes(self._stream, self._size)
            look, self._look = self._look, None
            look(self._head)
        return self._head

    def read(self, size: int = -1) -> bytes:
        """The next bytes, no more than asked for."""
        if self._look:
            self.head()
        if not self._head:
            return self._stream.read(size)  # type: ignore[no-any-return]
        if size is None or size < 0:
            size = len(self._head)
        made, self._head = self._head[:size], self._head[size:]
        return made + self._stream.read(size - len(made)) if size > len(made) else made


class _Counting(io.RawIOBase):
    """A stream that counts its bytes and lines as they are read."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self.bytes = self.lines = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data: bytes = self._stream.read(size)
        self.bytes += len(data)
        self.lines += data.count(b"\n")
        return data


def _sought(stream: Any) -> BinaryIO:
    """A file that can be read in any order: the same one beside the stream where it is on this machine, else a copy."""
    if beside := getattr(stream, "beside", None):
        return cast("BinaryIO", beside())
    if getattr(stream, "seekable", lambda: False)():
        return cast("BinaryIO", stream)
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as its parser reads it
    shutil.copyfileobj(stream, copy, 1 << 20)
    copy.seek(0)
    return cast("BinaryIO", copy)
