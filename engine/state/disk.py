"""The only door to diskcache: JSON text inline under text keys; nothing else is stored or read."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, NoReturn

from diskcache.core import DEFAULT_SETTINGS, METADATA, MODE_RAW, UNKNOWN, Cache, Disk, Timeout

from engine.errors import StoreError

DATABASE: Final = "cache.db"
COUNTERS: Final[dict[str, int]] = METADATA
PATIENCE: Final = 60.0
"""Seconds to wait for another process's transaction; ours take milliseconds."""

SETTINGS: Final[dict[str, Any]] = {
    **DEFAULT_SETTINGS,
    "statistics": 0,
    "tag_index": 0,
    "eviction_policy": "none",  # the default forgets the oldest at 1 GiB
    "cull_limit": 0,
    "size_limit": 2**62,
    "sqlite_journal_mode": "wal",
    "sqlite_synchronous": 2,  # the default loses the last commits with the power
    "sqlite_auto_vacuum": 0,  # moving pages at each commit buys nothing: freed pages are used again
    "sqlite_mmap_size": 0,  # a mapped page that cannot be read kills the process instead of failing
}

ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
FAILURES: Final = (sqlite3.Error, Timeout)

Row = tuple[Any, Any, Any, Any, Any, Any]
COLUMNS: Final = "key, raw, mode, filename, expire_time, value"
ONE: Final = f"SELECT {COLUMNS} FROM Cache WHERE key = ? ORDER BY raw"
RANGE: Final = f"SELECT {COLUMNS} FROM Cache WHERE key >= ? AND key < ? ORDER BY key, raw LIMIT ?"


def dumps(value: Any) -> str:
    """The JSON text of a value that reads back equal; TypeError for every other (a tuple, a date, NaN)."""
    try:
        text = ENCODE(value)
        text.encode()  # a lone surrogate is no text
        same = json.loads(text) == value
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"the state keeps JSON values: {error}") from error
    if not same:
        raise TypeError("the state keeps JSON values: a tuple or a key that is not text reads back differently")
    return text


def foreign(found: str) -> NoReturn:
    """Refuse what only another program can have put there; opening it could run code."""
    raise StoreError(
        "D502",
        f"the state store holds an entry that this engine did not write: {found}",
        "nothing of it was run; bring the state folder back from a copy, or move it away "
        "and start without memory of earlier runs",
    )


def decoded(row: Row) -> tuple[str, Any]:
    """The key and the value of a row as `JsonDisk` writes them."""
    key, raw, mode, filename, expires, value = row
    if type(key) is not str or raw != 1:
        foreign("a key that is not text")
    if mode != MODE_RAW or filename is not None or type(value) is not str:
        foreign(f"{key!r} has a value of mode {mode}, not JSON text")
    if expires is not None:
        foreign(f"{key!r} expires by itself")
    try:
        return key, json.loads(value)
    except (ValueError, RecursionError):
        foreign(f"{key!r} has a value that is not JSON")


class JsonDisk(Disk):  # type: ignore[misc]  # diskcache has no types
    """diskcache's serializer without its pickles and without its files."""

    def put(self, key: Any) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError(f"the state's keys are text, got {type(key).__name__}")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        return decoded((key, 1 if raw else 0, MODE_RAW, None, None, "null"))[0]

    def store(self, value: Any, read: bool, key: Any = UNKNOWN) -> tuple[int, int, None, str]:
        if read:
            raise TypeError("the state keeps JSON values, not files")
        return 0, MODE_RAW, None, dumps(value)

    def fetch(self, mode: Any, filename: Any, value: Any, read: bool) -> Any:
        return decoded(("", 1, mode, filename, None, value))[1]

    def filename(self, key: Any = UNKNOWN, value: Any = UNKNOWN) -> NoReturn:
        raise TypeError("the state keeps no value in a file")

    def remove(self, file_path: Any) -> NoReturn:
        """Never unlink: the name stands in a row, and `../` in it would reach any file."""
        foreign(f"a value in the file {file_path!r}")


class Store(Cache):  # type: ignore[misc]  # diskcache has no types
    """One open store. Threads share it: each gets its own connection, and a transaction belongs to one."""

    _txn_id: int | None

    def __init__(self, folder: str) -> None:
        self._errors = Errors(folder)
        with self._errors:
            super().__init__(folder, timeout=PATIENCE, disk=JsonDisk, **SETTINGS)

    @property
    def _sql_retry(self) -> Callable[..., Any]:
        """What `Cache.__init__` runs, without its forty synced writes of settings that are already there.

        `opening.settle` has just compared and written the whole table in one transaction.
        """
        run = super()._sql_retry

        def execute(statement: str, *args: Any) -> Any:
            if statement.startswith(("INSERT", "UPDATE")):
                return None
            return run(statement, *args)

        return execute

    def one(self, key: str) -> Any:
        """The value under a key; None where there is no entry (no entry's value is None)."""
        with self._errors:
            rows = self._sql(ONE, (key,)).fetchall()
        return decoded(rows[0])[1] if rows else None

    def range(self, low: str, high: str, limit: int) -> list[tuple[str, Any]]:
        """The first entries with low <= key < high, by key; no read stays open behind it."""
        with self._errors:
            rows = self._sql(RANGE, (low, high, limit)).fetchall()
        return [decoded(row) for row in rows]

    def put(self, key: str, value: Any) -> None:
        with self._errors:
            self.set(key, value)

    def drop(self, key: str) -> None:
        with self._errors:
            self.delete(key)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, synced at the end; the body's own exception is what comes out."""
        body: BaseException | None = None
        try:
            # A thread's connection takes its pragmas from the table, where anyone may have put others since.
            self._sql(f"PRAGMA synchronous = {SETTINGS['sqlite_synchronous']}")
            with super().transact():
                try:
                    yield
                except BaseException as error:
                    body = error
                    raise
        except BaseException as error:
            self._abandon()
            if body is not None:
                raise body  # noqa: B904  a rollback that failed as well is done by abandoning the connection
            if isinstance(error, FAILURES):
                raise failure(error, self.directory) from error
            raise

    def _abandon(self) -> None:
        """Close a connection that is still inside, as a failed commit or an early signal leaves it."""
        connection = getattr(self._local, "con", None)
        if connection is not None and connection.in_transaction:
            self.close()
        if self._txn_id == threading.get_ident():
            self._txn_id = None

    def facts(self) -> dict[str, Any]:
        """What this connection really does, for the check after opening."""
        with self._errors:
            pragmas = {name: self._sql(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
        return {**pragmas, "eviction_policy": self.eviction_policy, "cull_limit": self.cull_limit}


def build(folder: str, key: str, value: Any) -> None:
    """A whole store with one entry, in a folder that nobody reads yet: synced once, when it is complete."""
    with Errors(folder):
        cache = Cache(folder, disk=JsonDisk, **{**SETTINGS, "sqlite_synchronous": 0})
        cache.set(key, value)
        cache.reset("sqlite_synchronous", SETTINGS["sqlite_synchronous"])
        cache.close()


class Errors:
    """Around each call of sqlite: what it raises becomes a StoreError that says what to do."""

    __slots__ = ("folder",)

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, FAILURES):
            raise failure(error, self.folder) from error


def failure(error: BaseException, folder: str) -> StoreError:
    """The StoreError for what sqlite or diskcache raised."""
    # The library says Timeout for whatever a BEGIN raises; the reason is its context.
    cause = error.__context__ if isinstance(error, Timeout) and error.__context__ else error
    name = getattr(cause, "sqlite_errorname", "")
    for prefix, (code, message, help) in MEANINGS.items():
        if name.startswith(prefix):
            return StoreError(code, message.format(folder=folder, error=cause), help)
    return StoreError("D508", f"the state store in {folder} cannot be read or written: {cause}")


RECOVER: Final = (
    "bring the folder back from a copy, or move it away and run again: the engine then starts "
    "without memory (units are done again, cursors begin anew, known keys are new)"
)
FULL: Final = (
    "D505",
    "the disk that holds the state store in {folder} is full",
    "free space and run again, nothing is lost",
)
DAMAGED: Final = ("D503", "the state store in {folder} is damaged, or is none: {error}", RECOVER)
BUSY: Final = (
    "D507",
    f"the state store in {{folder}} is busy: another process has kept it for {PATIENCE:.0f} s",
    "run again when the other process has ended",
)
MEANINGS: Final[dict[str, tuple[str, str, str]]] = {
    "SQLITE_FULL": FULL,
    "SQLITE_IOERR_SHMSIZE": FULL,  # the index of the log could not grow
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_NOTADB": DAMAGED,
    "SQLITE_BUSY": BUSY,
    "SQLITE_LOCKED": BUSY,
}
