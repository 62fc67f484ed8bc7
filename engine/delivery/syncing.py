"""Folders that units changed: synced together, each once; one that cannot be synced holds up only its units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.errors import StoreError
from engine.kinds import Store
from engine.storage.stores import at


class Folders:
    """The folders to sync before a step may count as done, and the units that wait for them."""

    def __init__(self) -> None:
        self._stores: dict[str, Store] = {}
        self._units: dict[str, dict[str, set[str]]] = {}

    def store(self, address: Mapping[str, Any]) -> Store:
        """The store of an address: one for all units, as it knows which folders it made."""
        return self._stores.setdefault(str(address), at(address))

    def add(self, address: Mapping[str, Any], folders: Iterable[str], unit: str) -> None:
        """A unit put something into these folders, or took it out."""
        self.store(address)
        changed = self._units.setdefault(str(address), {})
        for folder in folders:
            changed.setdefault(folder, set()).add(unit)

    def sync(self) -> dict[str, StoreError]:
        """Sync them; gives the units that have to wait, and why."""
        refused: dict[str, StoreError] = {}
        for where, changed in self._units.items():
            try:
                self._stores[where].sync(sorted(changed))
            except StoreError:
                refused.update(_one_by_one(self._stores[where], changed))
        return refused


def _one_by_one(store: Store, changed: Mapping[str, set[str]]) -> dict[str, StoreError]:
    refused: dict[str, StoreError] = {}
    for folder in sorted(changed):
        try:
            store.sync([folder])
        except StoreError as error:
            refused.update(dict.fromkeys(changed[folder], error))
    return refused
