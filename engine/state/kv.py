"""The key-value store of the state: JSON values with versions; nothing in it goes away by itself."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Self

from engine.errors import StoreError
from engine.state.disk import Store, foreign
from engine.state.opening import opened

__all__ = ["KV", "Conflict", "Entry", "Transaction"]

PAGE: Final = 100
UNFIT: Final = re.compile(r"[\x00\ud800-\udfff]")
FLOOR_KEY: Final = "floor"
"""Holds the highest version that was ever deleted: a key made again goes on above it, so an old version
never fits a new entry. Like the format, it has no namespace in front and cannot meet an entry's key."""


class Conflict(StoreError):
    """The entry is not at the version that the caller had read: someone else changed it in between."""


class Entry(NamedTuple):
    """A value and its version, which rises with every write of its key, deleted in between or not."""

    value: Any
    version: int


class Reads:
    """What can be asked of the store, inside a transaction and outside."""

    _store: Store

    def _check(self) -> None:
        """Raise RuntimeError where the caller may not use this object (any more)."""
        raise NotImplementedError

    def get(self, namespace: str, key: str) -> Entry | None:
        """The entry, or None where there is none; a store that cannot be read raises, it never says None."""
        return self._read(base(namespace) + text(key))

    def has(self, namespace: str, key: str) -> bool:
        """Whether there is an entry."""
        return self.get(namespace, key) is not None

    def list(self, namespace: str, prefix: str = "") -> Iterator[tuple[str, Entry]]:
        """The entries whose key begins with this text, by code points.

        Read page by page, without holding the store: what others write meanwhile may be in it or not.
        """
        start = base(namespace)
        return self._pages(len(start), start + text(prefix))

    def _pages(self, skip: int, low: str) -> Iterator[tuple[str, Entry]]:
        end, last = after(low), ""
        while True:
            self._check()
            rows = self._store.range(last or low, end, PAGE)
            for name, envelope in rows:
                if name != last:  # it ended the page before, and begins this one if it is still there
                    yield name[skip:], entry(name, envelope)
            if len(rows) < PAGE:
                return
            last = rows[-1][0]

    def _read(self, name: str) -> Entry | None:
        self._check()
        envelope = self._store.one(name)
        return None if envelope is None else entry(name, envelope)


class Transaction(Reads):
    """All of its writes happen, or none; made by `KV.transaction`, for one thread, dead after its block."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owner: int | None = threading.get_ident()

    def _check(self) -> None:
        if self._owner != threading.get_ident():
            raise RuntimeError("a transaction is used in its own thread and inside its own block")

    def _end(self) -> None:
        self._owner = None

    def set(self, namespace: str, key: str, value: Any, version: int | None = None) -> int:
        """Write, and say the new version. With a version: only where the entry is at it (0: no entry)."""
        name = base(namespace) + text(key)
        found = self._read(name)
        expect(namespace, key, version, found)
        new = (found.version if found else self._floor()) + 1
        self._store.put(name, {"v": new, "d": value})
        return new

    def delete(self, namespace: str, key: str, version: int | None = None) -> bool:
        """Remove, and say whether there was an entry. With a version: only where the entry is at it."""
        name = base(namespace) + text(key)
        found = self._read(name)
        expect(namespace, key, version, found)
        if found is None:
            return False
        self._store.drop(name)
        if found.version > self._floor():
            self._store.put(FLOOR_KEY, {"v": 1, "d": found.version})
        return True

    def incr(self, namespace: str, key: str, by: int = 1) -> int:
        """Add to an integer (0 where there is none) and say the sum."""
        found = self.get(namespace, key)
        number = found.value if found else 0
        if type(number) is not int or type(by) is not int:
            raise TypeError(f"{namespace}: {key}: only an integer can be counted up, by an integer")
        self.set(namespace, key, number + by)
        return number + by

    def _floor(self) -> int:
        envelope = self._store.one(FLOOR_KEY)
        return 0 if envelope is None else int(entry(FLOOR_KEY, envelope).value)


class KV(Reads):
    """A store in a folder, for any number of threads and processes at once."""

    def __init__(self, folder: str, store: Store) -> None:
        self.folder = folder
        self._store = store
        self._open = True
        self._here = threading.local()

    @classmethod
    def open(cls, folder: str) -> Self:
        """Open the store of this folder, and make both where they are not there yet."""
        folder = os.path.abspath(folder)
        return cls(folder, opened(folder))

    def close(self) -> None:
        """Close this thread's connection; those of other threads close as the threads end."""
        self._open = False
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def _check(self) -> None:
        if not self._open:
            raise RuntimeError("the state store is closed")

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All or nothing: an exception in the block takes everything back. Others wait: keep it short."""
        self._check()
        if getattr(self._here, "inside", False):
            raise RuntimeError("a transaction is open in this thread: transactions do not nest, use its own methods")
        transaction = Transaction(self._store)
        self._here.inside = True
        try:
            with self._store.transaction():
                yield transaction
        finally:
            transaction._end()  # noqa: SLF001  its other half
            self._here.inside = False

    def set(self, namespace: str, key: str, value: Any, version: int | None = None) -> int:
        """`Transaction.set`, alone."""
        with self.transaction() as transaction:
            return transaction.set(namespace, key, value, version)

    def delete(self, namespace: str, key: str, version: int | None = None) -> bool:
        """`Transaction.delete`, alone."""
        with self.transaction() as transaction:
            return transaction.delete(namespace, key, version)

    def incr(self, namespace: str, key: str, by: int = 1) -> int:
        """`Transaction.incr`, alone."""
        with self.transaction() as transaction:
            return transaction.incr(namespace, key, by)


def base(namespace: str) -> str:
    """What stands before the keys of a namespace: its length first, so that no two can be confused."""
    return f"{len(text(namespace))}:{namespace}:"


def text(part: str) -> str:
    """The part itself, if a store can keep and order it (SQLite leaves open what NUL in a text does)."""
    if not isinstance(part, str):
        raise TypeError(f"the state's keys are text, got {type(part).__name__}")
    if UNFIT.search(part):
        raise ValueError(f"the state's keys are text without NUL and lone surrogates, got {part!r}")
    return part


def after(start: str) -> str:
    """The smallest text above all those that begin with this one, in the order of code points."""
    kept = start.rstrip("\U0010ffff")
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)


def entry(name: str, envelope: Any) -> Entry:
    """Later formats may add fields beside `v` and `d`."""
    if not isinstance(envelope, dict) or type(envelope.get("v")) is not int or "d" not in envelope:
        foreign(f"{name!r} has no version")
    return Entry(envelope["d"], envelope["v"])


def expect(namespace: str, key: str, version: int | None, found: Entry | None) -> None:
    """Raise Conflict where an entry is not at the version that is asked for."""
    actual = found.version if found else 0
    if version is None or version == actual:
        return
    wanted, got = (f"version {number}" if number else "no entry" for number in (version, actual))
    raise Conflict(
        "D506",
        f"{namespace}: {key}: expected {wanted} in the state, found {got}",
        "another run changed it in between: run again",
    )
