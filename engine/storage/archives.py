"""Zip files: their members one after the other, none trusted to be what the directory says."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO, Final, cast

from engine.errors import UnitError
from engine.kinds import Limits
from engine.spelling import listed
from engine.storage.globs import expand, matches
from engine.storage.packing import Meter

DIRECTORY: Final = 16 * 2**20
"""Bytes of a directory, which is read whole: some 200,000 members."""
END: Final = b"PK\x05\x06"
FOREIGN: Final = "__MACOSX/"
"""What a Mac puts beside each member: not what was packed."""
METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
SHOWN: Final = 5


class Archive:
    """The directory of a zip file; UnitError R131 where it is damaged, R132 where it is too large."""

    def __init__(self, raw: BinaryIO, limits: Limits) -> None:
        self._size = raw.seek(0, io.SEEK_END)
        self._meter = Meter(limits.ratio)
        _refuse_long_directory(raw, self._size)
        try:
            self._file = zipfile.ZipFile(raw)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise _damaged("zip file", str(error)) from error

    @property
    def files(self) -> Sequence[zipfile.ZipInfo]:
        """Its members that are no folders, in the order of the directory."""
        return [each for each in self._file.infolist() if not each.is_dir()]

    def weigh(self) -> None:
        """Refuse what its members together say that they unpack to; each is read no further than that."""
        self._meter.read = self._size
        self._meter.count(sum(each.file_size for each in self.files))
        self._meter.read = self._meter.made = 0

    def members(self, pattern: str) -> Sequence[zipfile.ZipInfo]:
        """The members that a glob names; without one the only member, UnitError where that is none or several.

        A name is a name: nothing is written under it, so `..` and a leading `/` are characters like others.
        """
        found = [each for each in self.files if not each.filename.startswith(FOREIGN)]
        if pattern:
            patterns = expand(pattern)
            matching = [each for each in found if any(matches(each.filename, one) for one in patterns)]
            if not matching:
                raise UnitError("R134", f"no member of the zip file matches `{pattern}`", _held(found))
            return matching
        if len(found) != 1:
            what = f"holds {len(found):,} members" if found else "holds no member"
            raise UnitError("R134", f"the zip file {what}", f"say which with `member`, a glob; {_held(found)}")
        return found

    def open(self, member: zipfile.ZipInfo) -> BinaryIO:
        """The bytes of one member."""
        if member.flag_bits & 1:
            raise UnitError("R134", f"the member `{member.filename}` is encrypted", "deliver it without a password")
        if member.compress_type not in METHODS:
            message = f"the member `{member.filename}` is packed by method {member.compress_type}"
            raise UnitError("R134", message, "pack it by deflate, bzip2, or not at all")
        self._meter.read = min(self._meter.read + member.compress_size, self._size)  # members may overlap
        try:
            return cast("BinaryIO", _Member(self._file.open(member), member.filename, self._meter))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
            raise _damaged(f"member `{member.filename}`", str(error)) from error


class _Member(io.RawIOBase):
    """The bytes of a member, whose damage is an error of the unit."""

    def __init__(self, file: Any, name: str, meter: Meter) -> None:
        super().__init__()
        self._file = file
        self._name = name
        self._meter = meter

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes, no more than asked for."""
        try:
            data: bytes = self._file.read(size if size is not None and size >= 0 else None)
        except (zipfile.BadZipFile, OSError, EOFError, zlib.error) as error:
            raise _damaged(f"member `{self._name}`", str(error) or "it ends in the middle") from error
        self._meter.count(len(data))
        return data


def _held(found: Sequence[zipfile.ZipInfo]) -> str:
    """The names of members, for a message."""
    if not found:
        return "it has none"
    more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return f"it holds {listed(each.filename for each in found[:SHOWN])}{more}"


def _refuse_long_directory(raw: BinaryIO, size: int) -> None:
    """The library would read the directory whole, however long it is."""
    start = max(0, size - (1 << 16) - 22)
    raw.seek(start)
    tail = raw.read()
    raw.seek(0)
    at = tail.rfind(END)
    if at < 0 or len(tail) < at + 16:
        raise _damaged("zip file", "it has no directory at its end")
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    far = tail.rfind(b"PK\x06\x06", 0, at)
    if far >= 0:
        length = int.from_bytes(tail[far + 40 : far + 48], "little")
    if length > DIRECTORY:
        message = f"the directory of the zip file has {length:,} bytes, the limit is {DIRECTORY:,}"
        raise UnitError("R132", message, "pack fewer files into one")


def _damaged(what: str, reason: str) -> UnitError:
    return UnitError("R131", f"the {what} is damaged: {reason}", "deliver the file again")
