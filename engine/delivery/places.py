"""Where a run reads and writes: its stores, opened once, the stagings of its attempts, whose each output path is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from engine.delivery.journal import taken
from engine.delivery.ownership import is_own
from engine.delivery.rejects import FOLDER
from engine.delivery.staging import address, file_name, staging_name
from engine.errors import UnitError
from engine.kinds import Staging, Store, Unit
from engine.plan import Outlet, Plan

LEDGERS: Final = "stagings"
"""The folder of the state in which stores note what they began, where they have no folder for it."""
OVERWRITE: Final = "choose another path, or another `overwrite`"


class Stagings(NamedTuple):
    """Those of one attempt: of its sinks in order, of the report of its rejects, of the reject store.

    Two sinks that write below one folder share theirs.
    """

    outputs: Sequence[Staging]
    report: Staging | None
    rejects: Staging

    @property
    def all(self) -> list[Staging]:
        """Each once."""
        found = {id(each): each for each in (*self.outputs, self.report, self.rejects) if each}
        return list(found.values())


class Places:
    """The stores of a run, and which unit owns which output path."""

    def __init__(self, plan: Plan, state: Store, owner: Callable[[str], str | None]) -> None:
        self.source = plan.source_end.store()
        self.sinks = [outlet.end.store() for outlet in plan.outlets]
        if plan.archive.end:  # found by its address from now on
            plan.archive.end.store()
        self.state = state
        self.new: set[str] = set()
        """The output paths where nothing may stand when they are published."""
        self.rejects = f"{FOLDER}/{file_name(plan.scope)}"
        self._mark = os.urandom(6).hex()
        self._plan = plan
        self._owner = owner
        self._owners: dict[str, str] = {}

    def reserve(self, store: Store, path: str, unit: str, overwrite: str) -> None:
        """An output path belongs to the unit that opened it first; another that would meet it there fails."""
        where, me = address(store, path), f"{self._plan.scope} {unit}"
        published = self._owner(where)
        owner = self._owners.setdefault(where, published or me)
        if not self._is_own(owner, unit):
            raise taken(store.show(path), owner, self._plan.scope)
        is_ours = published and self._is_own(published, unit)
        if overwrite == "never" or (overwrite == "own" and not is_ours):
            self.new.add(where)
            if store.exists(path):
                raise _stands(store.show(path), overwrite)
        else:
            self.new.discard(where)

    def _is_own(self, owner: str, unit: str) -> bool:
        return is_own(owner, unit, self._plan.scope, every_run=self._plan.source.every_run)

    def stagings(self, unit: Unit, number: int) -> list[dict[str, Any]]:
        """The addresses of an attempt's stagings, known before they are made."""
        return [staging.address() for staging in self.open_stagings(unit, number).all]

    def open_stagings(self, unit: Unit, number: int) -> Stagings:
        """The stagings of one attempt, of which nothing is made yet."""
        name = staging_name(self._plan.scope, unit.id, number, self._mark)
        shared: dict[tuple[str, str], Staging] = {}
        for outlet, store in zip(self._plan.sinks, self.sinks, strict=False):
            key = (repr(sorted(store.address.items())), outlet.sink.root)
            shared.setdefault(key, self._staging(outlet, store, name))
        outputs = [
            shared[repr(sorted(store.address.items())), outlet.sink.root]
            for outlet, store in zip(self._plan.sinks, self.sinks, strict=False)
        ]
        return Stagings(outputs, self._report_staging(name), self.state.staging(self.rejects, name))

    def _report_staging(self, name: str) -> Staging | None:
        """One of its own: it is kept where the unit is refused."""
        report = self._plan.rejects
        return self._staging(report.outlet, self.sinks[-1], f"{name[:-5]}.rejects.part") if report else None

    def _staging(self, outlet: Outlet, store: Store, name: str) -> Staging:
        return store.staging(outlet.sink.root, name, os.path.join(self._plan.state_folder, LEDGERS, name))


def _stands(shown: str, overwrite: str) -> UnitError:
    """What an output may not replace."""
    why = "is there already" if overwrite == "never" else "was not published by this pipeline"
    return UnitError("D307", f"`{shown}` {why}, and `overwrite` is `{overwrite}`", OVERWRITE)
