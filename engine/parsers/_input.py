"""What stands between a file and its parser: unpacking, decoding, places in the file as it is."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, TypeVar, cast, get_args

from engine.kinds import Limits, Parser
from engine.parsers._encodings import PLAIN, Encoding, Recoding, first_bytes, recoded, refuse_other_encoding
from engine.parsers._places import Moved
from engine.records import Batch
from engine.registry import Doc
from engine.storage.globs import expand
from engine.storage.packing import Compression, compression_of, unpacked
from engine.storage.refusals import store_error

Counted = Callable[[BinaryIO], BinaryIO]
T = TypeVar("T")


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
    with _streams(parser, raw, path, limits) as (streams, are_members):
        if are_members:
            yield from _joined(parser, map(counted, streams), limits)
            return
        for stream in streams:
            with _decoded(parser, counted(stream), limits) as text:
                yield from _parsed(parser, text, limits)


def names_in(parser: Parser, raw: Any, path: str, limits: Limits) -> Sequence[str] | None:
    """The closed list of fields that a file shows (`Parser.names_of`)."""
    return _shown(parser, raw, path, limits, parser.names_of)


def shape_in(parser: Parser, raw: Any, path: str, limits: Limits) -> Any:
    """What a file promises of every record (`Parser.shape_of`)."""
    return _shown(parser, raw, path, limits, parser.shape_of)


def _shown(parser: Parser, raw: Any, path: str, limits: Limits, show: Callable[[Any, Limits], T]) -> T:
    """What a file shows, the first of its members where it has several."""
    with (
        _streams(parser, raw, path, limits) as (streams, _),
        _decoded(parser, next(iter(streams)), limits) as text,
    ):
        return show(text, limits)


def _joined(parser: Parser, members: Iterable[BinaryIO], limits: Limits) -> Iterator[Batch]:
    """Members of a zip file as if they stood one behind the other, as `unzip -p` shows them."""
    records = lines = read = 0
    for member in members:
        counting, last = _Counting(member), 0
        with _decoded(parser, counting, limits) as text:
            for batch in _parsed(parser, text, limits):
                last = batch.number + len(batch) - 1
                yield Moved(batch, records, lines, read)
            ends = text.lines if isinstance(text, Recoding) else counting.lines
        records, lines, read = records + last, lines + ends, read + counting.bytes


@contextmanager
def _streams(parser: Parser, raw: Any, path: str, limits: Limits) -> Iterator[tuple[Iterable[BinaryIO], bool]]:
    """What is in a file, unpacked: one stream, or those of the members that the parser asks for, in their turn."""
    compression = compression_of(path, getattr(parser, "compression", "none"))
    if compression != "zip":
        yield (unpacked(raw, compression, limits),), False
        return
    from engine.storage.archives import Archive  # 10 ms that only a zip file costs

    with _sought(raw) as file:
        archive = Archive(file, limits)
        yield map(archive.open, archive.members(getattr(parser, "member", ""))), True


@contextmanager
def _decoded(parser: Parser, stream: Any, limits: Limits) -> Iterator[Any]:
    """What the parser reads of an unpacked stream."""
    encoding = getattr(parser, "encoding", "")
    if encoding == PLAIN:
        yield Begun(stream, refuse_other_encoding)
    elif encoding in get_args(Encoding):
        yield Recoding(stream, encoding, limits.record)
    elif parser.seeks:
        with _sought(stream) as file:
            yield file
    else:
        yield stream


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


@contextmanager
def _sought(stream: Any) -> Iterator[BinaryIO]:
    """A file that can be read in any order: the same one beside the stream where it is on this machine, else a copy."""
    file = stream.beside() if hasattr(stream, "beside") else None
    if file is not None:
        with closing(file):
            yield file
    elif getattr(stream, "seekable", lambda: False)():
        yield stream
    else:
        with tempfile.TemporaryFile() as copy:
            _copy(stream, copy)
            yield cast("BinaryIO", copy)


def _copy(stream: Any, file: Any) -> None:
    """All of a stream, into a file of this machine; the stream refuses in words of its own."""
    try:
        shutil.copyfileobj(stream, file, 1 << 20)
        file.seek(0)
    except OSError as error:
        raise store_error(error, tempfile.gettempdir()) from error
