"""The stores of this process, found again by the address that the state holds.

An address says where a store is and never how to get in, so what was left by an older run is reached through the
connections that this run has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from engine.errors import AccessError
from engine.kinds import Store
from engine.storage.local import LocalStore
from engine.storage.refusals import store_error
from engine.storage.streams import StdoutStore

HERE: Final[Mapping[str, Callable[[str], Store]]] = {"local": LocalStore, "stdout": StdoutStore}
"""What is found without a connection."""

_opened: Final[dict[str, Store]] = {}


def keep(store: Store) -> Store:
    """The store of its address from now on: the spec may have changed how to get in."""
    _opened[_key(store.address)] = store
    return store


def at(address: Mapping[str, Any]) -> Store:
    """The store that an address names; AccessError where no connection of this run leads there."""
    if here := HERE.get(str(address["type"])):
        return here(str(address["base"]))
    found = _opened.get(_key(address))
    if found is None:
        where = " ".join(f"{value}" for key, value in address.items() if key != "name")
        message = f"what an older run left at `{where}` cannot be reached: no connection of this spec leads there"
        raise AccessError("A106", message, "give the spec back the connection of that run; it goes on from there")
    return found


def _key(address: Mapping[str, Any]) -> str:
    return repr(sorted((key, str(value)) for key, value in address.items() if key != "name"))


def content(store: Store, path: str) -> Iterator[bytes]:
    """A file's content, piece by piece."""
    with store.open(path) as file:
        try:
            while data := file.read(1 << 20):
                yield data
        except OSError as error:
            raise store_error(error, store.show(path)) from error


def content_hash(store: Store, path: str) -> str:
    """The SHA-256 of a file's content."""
    digest = hashlib.sha256()
    for data in content(store, path):
        digest.update(data)
    return digest.hexdigest()
