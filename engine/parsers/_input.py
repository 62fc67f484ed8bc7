"""What stands between a file and its parser: unpacking, decoding, places in the file as it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, Literal, cast

from engine.kinds import Limits, Parser
from engine.records import Batch
from engine.registry import Doc
from engine.storage.packing import unpacked


@dataclass(frozen=True, kw_only=True)
class Packed(Parser):
    """What the parsers of files share: the file may be compressed."""

    compression: Annotated[
        Literal["infer", "none", "gzip"],
        Doc("How the input is compressed; `infer` goes by the extension (`.gz`)."),
    ] = "infer"


def batches_of(
    parser: Parser, raw: Any, path: str, limits: Limits, counted: Callable[[BinaryIO], BinaryIO] = lambda stream: stream
) -> Iterator[Batch]:
    """The records of a file: its bytes as they are in `raw`, its name in `path`; UnitError where it is damaged.

    `counted` may look at the unpacked stream as it is read.
    """
    return parser.batches(_stream(parser, raw, path, limits, counted), limits)


def names_in(parser: Parser, raw: Any, path: str, limits: Limits) -> Sequence[str] | None:
    """The closed list of fields that a file shows (`Parser.names_of`)."""
    return parser.names_of(_stream(parser, raw, path, limits), limits)


def _stream(
    parser: Parser, raw: Any, path: str, limits: Limits, counted: Callable[[BinaryIO], BinaryIO] = lambda stream: stream
) -> BinaryIO:
    """What the parser reads of a file."""
    stream = counted(unpacked(raw, path, getattr(parser, "compression", "none")))
    return _sought(stream) if parser.seeks else stream


def _sought(stream: Any) -> BinaryIO:
    """A file that can be read in any order: the same one beside the stream where it is on this machine, else a copy."""
    if found := getattr(stream, "beside", lambda: None)():
        return cast("BinaryIO", found)
    if getattr(stream, "seekable", lambda: False)():
        return cast("BinaryIO", stream)
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as its parser reads it
    shutil.copyfileobj(stream, copy, 1 << 20)
    copy.seek(0)
    return cast("BinaryIO", copy)
