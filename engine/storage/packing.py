"""Compressed files: which ones are, their bytes unpacked, and bytes packed the same way every time."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final, Literal, Protocol, cast

from engine.errors import UnitError
from engine.kinds import Limits

Compression = Literal["infer", "none", "gzip", "zstd", "bzip2", "xz", "zip"]
SUFFIXES: Final[Mapping[str, str]] = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz", ".zip": "zip"}
"""The extensions that say how a file is packed: the only list of them."""

FREE: Final = 64 * 2**20
"""Bytes that any file may unpack to, however small it is: `limits.ratio` is judged after them."""
INPUT: Final = 1 << 16
ZSTD_INPUT: Final = 1 << 9
"""A block of 4 bytes may stand for 128 KiB, and the library gives all that its input makes: 16 MiB at most."""


def compression_of(path: str, said: str = "infer") -> str:
    """How a file is packed: as the option says, or by its extension; `none` where nothing does."""
    if said != "infer":
        return said
    lower = path.lower()
    return next((name for suffix, name in SUFFIXES.items() if lower.endswith(suffix)), "none")


def strip_compression(name: str) -> str:
    """A file's name without its compression suffix; a name that is nothing else keeps it."""
    lower = name.lower()
    return next((name[: -len(each)] for each in SUFFIXES if lower.endswith(each) and lower != each), name)


def unpacked(raw: Any, compression: str, limits: Limits) -> BinaryIO:
    """A stream of unpacked bytes; UnitError R131 where the packing is damaged, R132 and R133 over the limits.

    Not for `zip`, which holds several files (`storage/archives.py`).
    """
    made: Any = raw if compression == "none" else _Unpacked(raw, compression, limits)
    return cast("BinaryIO", made)


# --- unpacking


class _Codec(Protocol):
    """One packed stream as the standard library unpacks it."""

    @property
    def eof(self) -> bool:
        """Whether its end was reached."""

    @property
    def needs_input(self) -> bool:
        """Whether it gives no more of what it has."""

    @property
    def unused_data(self) -> bytes:
        """What came behind its end."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """The bytes that the next ones make."""


class _Inflate:
    """One gzip member: header, checksum and length are judged by the library."""

    def __init__(self) -> None:
        self._codec = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._codec.eof

    @property
    def needs_input(self) -> bool:
        return not self._codec.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._codec.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._codec.decompress(self._codec.unconsumed_tail + data, max_length)


class _Zstd:
    """One zstd frame, skippable ones too."""

    def __init__(self, window: int) -> None:
        import zstandard

        self._codec = zstandard.ZstdDecompressor(max_window_size=window).decompressobj()
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._codec.eof

    @property
    def unused_data(self) -> bytes:
        return self._codec.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        from zstandard import ZstdError

        try:
            return self._codec.decompress(data)
        except ZstdError as error:
            raise OSError(str(error).removeprefix("zstd decompressor error: ")) from error


def _codecs(compression: str, limits: Limits) -> Callable[[], _Codec]:
    """What makes the codec of the next stream of a file."""
    made: dict[str, Callable[[], Any]] = {
        "gzip": _Inflate,
        "zstd": lambda: _Zstd(limits.window),
        "bzip2": bz2.BZ2Decompressor,
        "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.window + 2**20),
    }
    return made[compression]


class Meter:
    """Holds what a packed file gives against what was read of it."""

    def __init__(self, ratio: int) -> None:
        self._ratio = ratio
        self.read = self.made = 0

    def count(self, made: int) -> None:
        """Take bytes that were unpacked; UnitError where a small file makes too many of them."""
        self.made += made
        if self.made > FREE and self.made > self._ratio * self.read:
            message = f"{self.read:,} packed bytes unpack to more than {self._ratio:,} times as many ({self.made:,})"
            raise UnitError("R132", message, "if the file is to be trusted, raise `limits.ratio`")


class _Unpacked(io.RawIOBase):
    """Packed streams one behind the other, as one stream of bytes; damage is an error of the unit."""

    def __init__(self, raw: Any, compression: str, limits: Limits) -> None:
        super().__init__()
        self._raw = raw
        self._name = compression
        self._new = _codecs(compression, limits)
        self._limits = limits
        self._codec: _Codec | None = None
        self._meter = Meter(limits.ratio)
        self._input = b""  # read and not given to a codec yet
        self._left, self._at = b"", 0  # made, and how much of it was asked for
        self._begun = False

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next unpacked bytes, no more than asked for; none at the end."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(INPUT), b""))
        if self._at >= len(self._left):
            self._left, self._at = self._more(size), 0
            self._meter.count(len(self._left))
        made = self._left[self._at : self._at + size]
        self._at += len(made)
        return made

    def _more(self, size: int) -> bytes:
        """Some unpacked bytes; none at the end of the last stream."""
        while True:
            if self._codec is None and not self._next_stream():
                return b""
            codec = self._codec
            assert codec  # noqa: S101 - _next_stream made it
            made = self._step(codec, size)
            if codec.eof:
                self._input = (codec.unused_data + self._input).lstrip(b"\0")
                self._codec = None
            if made:
                return made

    def _step(self, codec: _Codec, size: int) -> bytes:
        data, asked = b"", codec.needs_input
        if asked:
            self._input = self._input or self._fetch()
            step = ZSTD_INPUT if self._name == "zstd" else INPUT
            data, self._input = self._input[:step], self._input[step:]
        try:
            made = codec.decompress(data, size)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise self._damaged(str(error)) from error
        if asked and not (data or made or codec.eof):
            raise self._ended()
        return made

    def _next_stream(self) -> bool:
        """Begin the next of the streams that a file is made of; False where there is none."""
        while not self._input:
            data = self._fetch()
            if not data and not self._begun:
                raise self._ended()
            if not data:
                return False
            self._input = data.lstrip(b"\0") if self._begun else data  # gzip and xz allow zeros behind the end
        self._codec, self._begun = self._new(), True
        return True

    def _fetch(self) -> bytes:
        data: bytes = self._raw.read(INPUT)
        self._meter.read += len(data)
        return data

    def _ended(self) -> UnitError:
        return UnitError("R131", f"the {self._name} stream ends in the middle", "deliver the file again")

    def _damaged(self, reason: str) -> UnitError:
        lower = reason.lower()
        if "memory" in lower:  # what both libraries say of a window over the limit
            message = f"the {self._name} stream asks for a window of more than {self._limits.window:,} bytes"
            return UnitError("R133", message, "if the file is to be trusted, raise `limits.window`")
        reason = reason.removeprefix("Error -3 while decompressing data: ")
        where = " behind its end" if self._begun and self._meter.made and _is_start(reason) else ""
        return UnitError("R131", f"the {self._name} stream is damaged{where}: {reason}", "deliver the file again")


def _is_start(reason: str) -> bool:
    """Whether a library complains of the first bytes of a stream."""
    return any(word in reason for word in ("incorrect header", "frame descriptor", "Invalid data", "not supported"))


# --- packing


class Packer(Protocol):
    """A packed output being written: no time, no name, the same bytes for the same bytes."""

    def write(self, data: bytes) -> bytes:
        """The packed bytes that are ready after these."""

    def close(self) -> bytes:
        """The packed bytes that were held back."""


class _Packer:
    """What the libraries' compressors have in common."""

    def __init__(self, codec: Any) -> None:
        self._codec = codec

    def write(self, data: bytes) -> bytes:
        return self._codec.compress(data)  # type: ignore[no-any-return]

    def close(self) -> bytes:
        return self._codec.flush()  # type: ignore[no-any-return]


class _Gzip(_Packer):
    """A gzip stream whose header says no time, no name and no system."""

    _begun = False

    def write(self, data: bytes) -> bytes:
        return self._mended(super().write(data))

    def close(self) -> bytes:
        return self._mended(super().close())

    def _mended(self, made: bytes) -> bytes:
        if self._begun or not made:
            return made
        self._begun = True
        return made[:9] + b"\xff" + made[10:]


def packer(path: str, compression: str = "infer") -> Packer | None:
    """What packs the bytes of an output; None where its path, or the option, names no compression.

    `zip` is none: a zip file holds its sizes in front of what it has not seen yet.
    """
    made: dict[str, Callable[[], Packer]] = {
        "gzip": lambda: _Gzip(zlib.compressobj(6, zlib.DEFLATED, 31)),
        "zstd": lambda: _Packer(_zstd_writer()),
        "bzip2": lambda: _Packer(bz2.BZ2Compressor()),
        "xz": lambda: _Packer(lzma.LZMACompressor(lzma.FORMAT_XZ)),
    }
    make = made.get(compression_of(path, compression))
    return make() if make else None


def _zstd_writer() -> Any:
    import zstandard

    return zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
