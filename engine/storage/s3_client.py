"""The door to s3fs: requests to one bucket, each bounded in time, sent again where that may help, refused in our words.

s3fs brings the sessions and finds credentials (environment, profiles, roles); its own listings, caches, buffers and
retries are not used.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from threading import BoundedSemaphore
from typing import Any, Final

from engine.errors import EngineError, StoreError
from engine.hidden import Secret, revealed
from engine.storage.refusals import refused
from engine.storage.retries import Retry
from engine.storage.s3_refusals import translated

SLOWEST: Final = 64 * 2**10
"""Bytes a second below which a request that carries bytes counts as silent: a server that stops reading is noticed."""
UPLOADS: Final = 2
"""Parts of uploads in flight, of all files of a bucket together."""
CHUNK: Final = 2**18

Said = Mapping[str, Any]


@dataclass(frozen=True)
class Account:
    """A bucket and how to get in. Equal ones share their connections."""

    bucket: str
    endpoint: str
    region: str
    key: str | Secret
    secret: str | Secret
    token: str | Secret
    profile: str
    path_style: bool
    ca_file: str
    timeout: float
    retry: Retry

    @property
    def server(self) -> str:
        """Who holds it, for messages."""
        return self.endpoint or "Amazon S3"

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.endpoint or 's3:/'}/{self.bucket}"


@cache
def client_of(account: Account) -> S3Client:
    """The client of an account: one a process."""
    return S3Client(account)


class S3Client:
    """Requests to one bucket. Nothing is opened before the first."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.slots = BoundedSemaphore(UPLOADS)
        self._fs: Any = None
        self._met = False

    def call(self, method: str, size: int = 0, **words: Any) -> Said:
        """What a request is answered, tried again where that may help; `size` is how many bytes it carries."""
        return self.account.retry.run(lambda: self.once(method, size, **words), self.account.place)

    def once(self, method: str, size: int = 0, **words: Any) -> Said:
        """The same, sent one time."""

        async def send(s3: Any) -> Said:
            said: dict[str, Any] = await getattr(s3, method)(Bucket=self.account.bucket, **words)
            said.pop("ResponseMetadata", None)
            return said

        said: Said = self._sync(send, size, words.get("Key", ""))
        self._met = True
        return said

    def head(self, key: str) -> Said | None:
        """What is known of an object; None where there is none. An answer without words is explained by a listing."""
        try:
            return self.call("head_object", Key=key)
        except StoreError as error:
            if error.code == "C101" and self._met:
                return None
            if error.code not in ("C101", "C102", "C208"):
                raise
            self.call("list_objects_v2", MaxKeys=1)
            if error.code == "C101":
                return None
            raise

    def read(self, key: str, etag: str, start: int, end: int, into: bytearray) -> None:
        """Append a range of an object as its bytes come; OSError ESTALE where it is another object by now."""

        async def fetch(s3: Any) -> None:
            words = {"Key": key, "Range": f"bytes={start}-{end - 1}", "IfMatch": f'"{etag}"'}
            said = await s3.get_object(Bucket=self.account.bucket, **words)
            async with said["Body"] as body:
                if etag_of(said) != etag:  # not every server honours If-Match
                    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
                if start and "ContentRange" not in said:
                    raise refused(self.show(key), "it does not serve ranges")
                left = end - start
                while left and (data := await body.read(min(CHUNK, left))):
                    into.extend(data)
                    left -= len(data)

        had = len(into)
        self._sync(fetch, end - start, key)
        if len(into) == had:
            raise translated(EOFError(), self.account, self.show(key))

    def delete(self, key: str, etag: str = "") -> None:
        """Delete an object; with its mark only that one, where the server honours it. None there is fine."""
        try:
            words: dict[str, Any] = {"IfMatch": f'"{etag}"'} if etag else {}
            self.call("delete_object", Key=key, **words)
        except StoreError as error:
            if error.code == "C208" and "NotImplemented" in error.message:
                self.delete(key)
            elif error.code != "C101":
                raise

    def show(self, key: str) -> str:
        """A key as a user finds it."""
        return f"s3://{self.account.bucket}/{key}" if key else self.account.place

    def _sync(self, send: Callable[[Any], Any], size: int, key: str) -> Any:
        """Run a coroutine of the client in the loop of fsspec and wait for it, for so long."""
        from fsspec.asyn import sync

        async def run() -> Any:
            return await send(await self._session())

        try:
            if self._fs is None:
                self._fs = _filesystem(self.account)
            return sync(self._fs.loop, run, timeout=2 * self.account.timeout + size / SLOWEST)
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001 - the library's own may quote what was sent: none is let through
            raise translated(error, self.account, self.show(key)) from None

    async def _session(self) -> Any:
        from botocore.handlers import add_expect_header

        s3 = await self._fs.set_session()
        # aiohttp waits for ever where a server answers `Expect: 100-continue` with anything but that.
        s3.meta.events.unregister("before-call.s3", add_expect_header)
        return s3


def _filesystem(account: Account) -> Any:
    from s3fs import S3FileSystem

    told = {name: getattr(account, name) for name in ("key", "secret", "token")}
    style = "path" if account.path_style else "virtual"
    return S3FileSystem(
        **{name: revealed(value) for name, value in told.items() if value},
        endpoint_url=account.endpoint or None,
        profile=account.profile or None,
        client_kwargs={
            name: value for name, value in (("region_name", account.region), ("verify", account.ca_file)) if value
        },
        config_kwargs={
            "s3": {"addressing_style": style},
            "connect_timeout": account.timeout,
            "read_timeout": account.timeout,
            "retries": {"total_max_attempts": 1},  # ours alone
            "max_pool_connections": 32,
            "request_checksum_calculation": "when_required",  # Content-MD5 does it, which every server knows
            "response_checksum_validation": "when_required",
        },
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def etag_of(said: Said) -> str:
    """The mark of an object's content, without the quotes that some servers send."""
    return str(said.get("ETag", "")).strip('"')
