"""One file of a web server as a stream: taken up where it broke, and never two versions of it as one."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from itertools import chain
from typing import Any

from engine.errors import TransientError
from engine.kinds import Stat
from engine.storage.http_requests import Requests
from engine.storage.refusals import lost, refused

Response = Any
"""An answer of `Requests`."""


class HttpFile(io.RawIOBase):
    """The bytes of a file. Breaks that bring something do not count against `retry`."""

    def __init__(self, requests: Requests, url: str, stat: Stat) -> None:
        super().__init__()
        self._requests = requests
        self._url = url
        self._stat = stat
        self._at = 0
        self._said: Response | None = None
        self._pieces: Iterator[bytes] = iter(())
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """The next bytes: as many as asked for, fewer only at the end."""
        pieces = []
        while size and (data := self._next(size)):
            pieces.append(data)
            size -= len(data) if size > 0 else 0
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]

    def _next(self, size: int) -> bytes:
        """Some of the next bytes; none only at the end."""
        failures = 0
        while not self._rest and self._at != self._stat.size:
            try:
                self._rest = self._more()
            except TransientError as error:
                self._let_go()
                failures += 1
                self._requests.site.retry.wait(failures, error)
            else:
                if not self._rest:
                    break
        data = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(data) :]
        self._at += len(data)
        return data

    def _more(self) -> bytes:
        with self._requests.refusals(self._url):
            if self._said is None:
                self._begin()
            data = next(self._pieces, b"")
        if not data and self._stat.size > self._at:
            raise lost(self._requests.site.url)
        return data

    def _begin(self) -> None:
        """Ask for what is left, of the version that was seen."""
        if self._at and not (self._stat.etag or self._stat.mtime_ns):
            raise refused(self._url, "the connection broke, and it names no version that could be gone on with")
        said = self._requests.send("GET", self._url, self._wanted())
        if said.status_code not in (200, 206):
            said.close()
            raise self._stale() if said.status_code == 416 else self._requests.refusal(self._url, said)
        self._said = said
        if packed := said.headers.get("content-encoding"):
            raise refused(self._url, f"it packs what it sends (`content-encoding: {packed}`) though nobody asked it to")
        if (etag_of(said), mtime_of(said)) != (self._stat.etag, self._stat.mtime_ns):
            raise self._stale()
        self._pieces = said.iter_raw()  # as they come: what is held back to fill a block is lost in a break
        if said.status_code == 200:
            self._pass_over(self._at)

    def _wanted(self) -> dict[str, str]:
        if not self._at:
            return {}
        etag = self._stat.etag
        return {"Range": f"bytes={self._at}-", **({"If-Range": etag} if etag and not etag.startswith("W/") else {})}

    def _pass_over(self, size: int) -> None:
        """Read what came before from a server that has no ranges."""
        while size:
            data = next(self._pieces, b"")
            if not data:
                raise lost(self._requests.site.url)
            if len(data) > size:
                self._pieces = chain((data[size:],), self._pieces)
            size = max(0, size - len(data))

    def _stale(self) -> OSError:
        return OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    def _let_go(self) -> None:
        if self._said:
            self._said.close()
        self._said = None

    def readinto(self, buffer: Any) -> int:
        """The next bytes, into a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It can be read in any order where its size is known; a jump costs a request."""
        return self._stat.size >= 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        at = max(0, offset + (0, self._at, self._stat.size)[whence])
        if at != self._at:
            self._let_go()
            self._rest, self._at = b"", at
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def close(self) -> None:
        """Let go of the connection."""
        self._let_go()
        super().close()


def etag_of(said: Response) -> str:
    """The mark of this version, as the server writes it."""
    return str(said.headers.get("etag", ""))


def mtime_of(said: Response) -> int:
    """When the file was last changed, in nanoseconds; 0 where the server does not say."""
    from email.utils import parsedate_to_datetime

    try:
        return int(parsedate_to_datetime(said.headers.get("last-modified", "")).timestamp()) * 10**9
    except (TypeError, ValueError):
        return 0


def size_of(said: Response) -> int:
    """The bytes of the whole file, -1 where the server does not say."""
    whole = said.headers.get("content-range", "").rpartition("/")[2] or said.headers.get("content-length", "")
    return int(whole) if whole.isascii() and whole.isdigit() else -1
