"""One session at one SFTP server: opened when it is first needed, shared by the process, opened again when it was lost.

Its requests run in the background loop of fsspec; callers are plain code. What the server refuses, and what befell the
connection, comes as StoreError here and nowhere else.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from engine.errors import StoreError, TransientError
from engine.storage import refusals
from engine.storage.refusals import store_error
from engine.storage.retries import Retry
from engine.storage.sftp_login import Login, log_in

if TYPE_CHECKING:
    from concurrent.futures import Future

    import asyncssh

T = TypeVar("T")
Work = Callable[[Any], Awaitable[T]]
"""Requests to an `asyncssh.SFTPClient`."""


@dataclass(frozen=True)
class Asked(Generic[T]):
    """Requests that are on their way, and the opening of the session that they went through."""

    answer: Future[T]
    number: int


class MissingError(StoreError):
    """There is nothing of that name."""


class FailedError(StoreError):
    """The server failed a request; why is for the caller to find out: it says the same of everything."""


class UnsupportedError(StoreError):
    """The server does not know the request."""


class Session:
    """A login that stays: `call` for one answer, `submit` for many at once."""

    def __init__(self, login: Login, retry: Retry, timeout: float) -> None:
        self.login = login
        self.retry = retry
        self.timeout = timeout
        self.number = 0
        """How many times it was opened: handles of an earlier time are no good any more."""
        self._client: asyncssh.SFTPClient | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._opening = threading.Lock()

    def call(self, work: Work[T], path: str) -> T:
        """The answer to some requests about a path; they are made again where the connection was lost.

        So they must be such that doing them twice is the same as once.
        """
        return self.retry.run(lambda: self.once(work, path), self.login.place)

    def once(self, work: Work[T], path: str) -> T:
        """The same, tried once: TransientError where the connection was lost."""
        self.open()
        return self.wait(self.submit(work), path)

    def submit(self, work: Work[T]) -> Asked[T]:
        """The requests, begun; `wait` gives their answer."""
        return Asked(_begun(self._do(work)), self.number)

    async def _do(self, work: Work[T]) -> T:
        if self._client is None:
            raise ConnectionResetError
        return await work(self._client)

    def wait(self, asked: Asked[T], path: str) -> T:
        """The answer to what was begun; TransientError where the server stays silent for as long as `timeout`."""
        try:
            return asked.answer.result(self.timeout)
        except StoreError:
            raise
        except Exception as error:
            raised = self._refusal(error, path)
            if raised is None:
                raise
            if isinstance(raised, TransientError):
                self.drop(asked.number)
            raise raised from None  # the library's errors may quote what was sent
        finally:
            asked.answer.cancel()  # where a signal ended the waiting

    # --- the connection

    def open(self) -> None:
        """Log in where that is not done; AccessError where it is refused, TransientError where it cannot be asked."""
        with self._opening:
            if self._client is None:
                future = _begun(self._open())
                try:
                    self._connection, self._client = future.result()
                finally:
                    future.cancel()
                self.number += 1

    async def _open(self) -> tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]:
        import logging
        from asyncio import timeout

        import asyncssh

        for each in ("asyncssh", "asyncio"):  # the engine says itself what is wrong, once
            logging.getLogger(each).setLevel(logging.CRITICAL)
        connection = await log_in(self.login, self.timeout)
        try:
            async with timeout(self.timeout):
                return connection, await connection.start_sftp_client(path_errors="surrogateescape")
        except (asyncssh.Error, OSError) as error:
            connection.abort()
            reason = getattr(error, "reason", "") or "no answer"
            raise refusals.busy(self.login.place, f"no SFTP session was opened ({reason})") from None

    @property
    def is_open(self) -> bool:
        """Whether there is a session; that it was lost shows at the next request."""
        return self._client is not None

    def drop(self, number: int) -> None:
        """Give that opening of the session up; the next request opens another."""
        with self._opening:
            if number != self.number:
                return
            connection, self._connection, self._client = self._connection, None, None
        if connection:
            from fsspec.asyn import get_loop

            get_loop().call_soon_threadsafe(_abort, connection)

    def _refusal(self, error: Exception, path: str) -> StoreError | None:
        """What the server said, or what befell the connection; None for what is neither."""
        import asyncssh
        from asyncssh import sftp

        login, lost = self.login, (asyncssh.Error, OSError, sftp.SFTPConnectionLost, sftp.SFTPNoConnection)
        if isinstance(error, TimeoutError):
            return refusals.silent(login.place, self.timeout)
        if isinstance(error, lost) and not _is_answer(error):
            return refusals.lost(login.place)
        if isinstance(error, (sftp.SFTPNoSuchFile, sftp.SFTPNoSuchPath)):
            return _as(MissingError, refusals.not_there(path))
        if isinstance(error, (sftp.SFTPPermissionDenied, sftp.SFTPWriteProtect)):
            return refusals.denied(path)
        if isinstance(error, sftp.SFTPOpUnsupported):
            return _as(UnsupportedError, refusals.refused(path, "it does not know the request"))
        if isinstance(error, sftp.SFTPBadMessage):
            return StoreError("C104", f"`{path}` is no name that its server takes", "choose a shorter or simpler one")
        return _failed(error, path) if isinstance(error, sftp.SFTPError) else None


def _is_answer(error: Exception) -> bool:
    """Whether the server said it; what befalls the connection has other types, or codes that it never sends."""
    from asyncssh import sftp

    return isinstance(error, sftp.SFTPError) and not isinstance(error, (sftp.SFTPConnectionLost, sftp.SFTPNoConnection))


def _as(kind: type[StoreError], error: StoreError) -> StoreError:
    return kind(error.code, error.message, error.help)


def _failed(error: Any, path: str) -> StoreError:
    """A failure whose text says more on some servers; OpenSSH has one word for all."""
    text = str(error.reason).lower()
    if any(each in text for each in ("no space", "quota", "disk full")):
        return store_error(OSError(errno.ENOSPC, ""), path)
    if "too long" in text:
        return store_error(OSError(errno.ENAMETOOLONG, ""), path)
    return _as(FailedError, refusals.refused(path, error.reason or "it failed"))


def _abort(connection: asyncssh.SSHClientConnection) -> None:
    connection.abort()
    tunnel = connection.get_extra_info("tunnel")
    if tunnel:
        tunnel.abort()


def _begun(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Work that goes on in the background loop."""
    from asyncio import run_coroutine_threadsafe  # 75 ms, with all that it brings

    from fsspec.asyn import get_loop

    return run_coroutine_threadsafe(work, get_loop())


_sessions: Final[dict[tuple[Login, Retry, float], Session]] = {}
_sharing: Final = threading.Lock()


def session_of(login: Login, retry: Retry, timeout: float) -> Session:
    """The one session of a login in this process."""
    with _sharing:
        return _sessions.setdefault((login, retry, timeout), Session(login, retry, timeout))
