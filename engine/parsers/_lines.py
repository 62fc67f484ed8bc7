"""Input cut into blocks of whole lines: what the parsers of line formats stand on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final, NamedTuple

from engine.kinds import Limits
from engine.records import Batch, Damage, Span

BLOCK: Final = 1 << 15
"""Small enough for the records of a block to stay in the processor's cache: a third faster than 1 MiB."""
KEPT: Final = 4096
BOM: Final = b"\xef\xbb\xbf"


class Block(NamedTuple):
    """Whole lines: the bytes, the offset of the first byte, the number of the first line from 1."""

    data: bytes
    offset: int
    line: int


class Oversize(NamedTuple):
    """A line over the limit of a record: its first bytes, its length, the hash of all of it."""

    kept: bytes
    size: int
    sha256: str
    offset: int
    line: int

    def batch(self, number: int, limit: int) -> Batch:
        """The line as a batch of one record that is damaged already."""
        message = f"the record has {self.size:,} bytes, the limit is {limit:,}: raise `limits.record`"
        values: Sequence[Any] = [Damage("R104", message, f"sha256 {self.sha256}")]
        return Batch(self.kept, self.offset, number, lambda: values, lambda: [Span(self.line, 0, self.size)])


def blocks(stream: BinaryIO, limits: Limits) -> Iterator[Block | Oversize]:
    """The stream as blocks that end with a line; a byte order mark at its start is skipped."""
    size = min(BLOCK, limits.record)  # so that only a block's first line can be over the limit
    carry, line = b"", 1  # carry never holds a line end
    chunk, offset = _start(stream, size)
    while chunk:
        first = len(carry) + (chunk.find(b"\n") + 1 or len(chunk))
        if first > limits.record:
            oversize, chunk = _skip(stream, carry + chunk, offset, line, size)
            yield oversize
            carry, offset, line = b"", offset + oversize.size, line + 1
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield Block(carry + chunk[:cut], offset, line)
            offset, line = offset + len(carry) + cut, line + chunk.count(b"\n")
            carry = chunk[cut:]
        else:
            carry += chunk
        chunk = stream.read(size)
    if carry:
        yield Block(carry, offset, line)


def _start(stream: BinaryIO, size: int) -> tuple[bytes, int]:
    """The first bytes behind a byte order mark, and their offset."""
    head = stream.read(max(size, len(BOM)))
    while 0 < len(head) < len(BOM) and (more := stream.read(size)):  # a pipe gives what it has
        head += more
    return (head[len(BOM) :] or stream.read(size), len(BOM)) if head.startswith(BOM) else (head, 0)


def _skip(stream: BinaryIO, data: bytes, offset: int, line: int, size: int) -> tuple[Oversize, bytes]:
    """Read to the end of a line without keeping it; what follows is the new carry."""
    digest, length, kept = hashlib.sha256(), 0, data[:KEPT]
    while (end := data.find(b"\n")) < 0:
        digest.update(data)
        length += len(data)
        data = stream.read(size)
        if not data:
            return Oversize(kept, length, digest.hexdigest(), offset, line), b""
    digest.update(data[: end + 1])
    return Oversize(kept, length + end + 1, digest.hexdigest(), offset, line), data[end + 1 :]
