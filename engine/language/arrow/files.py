"""Parquet files: opened so that no more than a page of each column is in memory, and begun so that bytes repeat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

from engine.language.arrow.kinds import fields_of
from engine.language.shapes import Shape

BUFFER: Final = 1 << 16
"""Bytes of each column that are read at once; a larger page is read whole."""
LEVELS: Final = {"zstd": 3, "gzip": 6}
CODECS: Final = ("snappy", "gzip", "zstd", "brotli")
DEPTH: Final = 256
"""Groups that a schema may nest."""


class Damaged(Exception):
    """What the library says of a file that it cannot read."""


@contextmanager
def library() -> Iterator[None]:
    """Whatever the library raises over a file means that it cannot read it."""
    try:
        yield
    except (OSError, ValueError, ArithmeticError, LookupError, MemoryError, NotImplementedError, TypeError) as error:
        raise Damaged((str(error).split("\n", 1)[0] or type(error).__name__).rstrip(".")) from error


def opened(file: BinaryIO, shared: Sequence[str] = ()) -> Any:
    """A Parquet file; of the columns `shared` each value is kept once, however often it stands there."""
    import pyarrow.parquet as pq

    with library():
        return pq.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False, read_dictionary=list(shared),
                              coerce_int96_timestamp_unit="us", page_checksum_verification=True,
                              schema_depth_limit=DEPTH)  # fmt: skip


def batches_of(file: Any, group: int, columns: Sequence[str], size: int) -> Iterator[Any]:
    """The rows of a row group, some at a time."""
    batches = file.iter_batches(size, [group], list(columns), use_threads=False)
    while True:
        with library():
            rows = next(batches, None)
        if rows is None:
            return
        yield rows


def inflated(data: bytes, codec: str, size: int) -> bytes | None:
    """What a packed page holds; None where only the library itself can tell."""
    import pyarrow as pa

    if codec == "none":
        return data
    if codec not in CODECS:
        return None
    with library():
        return pa.Codec(codec).decompress(data, size, asbytes=True)  # type: ignore[no-any-return]


def joined(tables: Sequence[Any]) -> Any:
    """Tables as one whose columns are in one piece: how rows came in pieces would show in the pages."""
    import pyarrow as pa

    return pa.concat_tables(tables).combine_chunks()


class Drain:
    """What a writer writes into: its bytes are taken as they come."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        """Take bytes."""
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """The bytes since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """There is nothing to close."""


def begun(drain: Drain, shape: Shape, compression: str) -> Any:
    """A writer of records of a shape. Nothing in its bytes tells the time, nor how records were handed on."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetWriter(
        pa.PythonFile(drain, mode="w"),
        pa.schema(fields_of(shape)),
        version="2.6",
        data_page_version="1.0",
        compression=compression,
        compression_level=LEVELS.get(compression),
        use_dictionary=True,
        write_statistics=True,
        store_schema=False,
        write_page_checksum=True,
    )
