"""What the state store holds for one pipeline and scope: units, attempts, intents and what is left to tidy.

Every write checks the fencing number in its own transaction: a run which was taken over cannot commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

from engine.delivery.ownership import FENCES, OUTPUTS, PIPELINES, holder, is_as_one, is_own, parted
from engine.errors import StoreError, UnitError
from engine.kinds import Unit
from engine.state.kv import KV, Transaction

RUNS: Final = "runs"
DONE: Final = ("committed", "unchanged")
JUDGED: Final = (*DONE, "refused")
"""How a part of a file ends that does not hold up the others."""


class Known(NamedTuple):
    """What is remembered of a unit, as much as the next listing needs.

    `place` is where its file is now, in the store of the address `store`; `part` which part of it the unit is, 0 for
    the whole. `same_as` is the unit that stands for it, as it had the same content.
    """

    status: str
    version: str
    spec: str
    sha256: str
    archived: bool
    gone: bool
    place: str
    store: Mapping[str, Any] | None = None
    part: int = 0
    same_as: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Known:
        """From the unit's record."""
        status, version, spec, sha256 = (str(record[key] or "") for key in ("status", "version", "spec", "sha256"))
        return cls(
            status,
            version,
            spec,
            sha256,
            bool(record["archived"]),
            bool(record["gone"]),
            record["place"] or "",
            record.get("store"),
            record.get("part") or 0,
            record.get("same_as") or "",
        )


class Moved(NamedTuple):
    """Where an archived file is now, and its version there, where its unit will be taken from it."""

    place: str
    version: str = ""


class Begun(NamedTuple):
    """A registered attempt: its number, and the run and clock of the first attempt at this version."""

    unit: Unit
    number: int
    run: str
    started_at: str


def _pending(left: Mapping[str, Any]) -> str:
    """The key of what is left of one attempt: a newer one of the unit does not take its place."""
    of = f"{left['of']}/" if left.get("of") else ""
    return f"pending/{left['unit']}/{of}{left['attempt']:09}"


def _not_before(moment: str, last: str | None) -> str:
    """A unit's clock never runs backwards, whatever the machine's does."""
    return max(moment, last or moment, key=datetime.fromisoformat)


class Journal:
    """The keys of one scope; whether its source does every file in every run."""

    def __init__(self, kv: KV, scope: str, *, every_run: bool = False) -> None:
        self._kv = kv
        self.scope = scope
        self._every_run = every_run
        self._fence = kv.incr(FENCES, scope)

    @contextmanager
    def _write(self) -> Iterator[Transaction]:
        with self._kv.transaction() as tx:
            entry = tx.get(FENCES, self.scope)
            if entry is None or entry.value != self._fence:
                raise StoreError("D102", f"another run took over `{self.scope}`", "this one stops; see `engine runs`")
            yield tx

    # --- what is there

    def known(self) -> dict[str, Known]:
        """All units by id."""
        return self.peek(self._kv, self.scope)

    @staticmethod
    def peek(kv: KV, scope: str) -> dict[str, Known]:
        """All units of a scope, without taking it over."""
        return {key[5:]: Known.of(entry.value) for key, entry in kv.list(scope, "unit/")}

    def record(self, unit: str) -> Mapping[str, Any] | None:
        """The record of one unit."""
        entry = self._kv.get(self.scope, f"unit/{unit}")
        return entry.value if entry else None

    def intents(self) -> list[dict[str, Any]]:
        """Intents that were not committed."""
        return [entry.value for _, entry in self._kv.list(self.scope, "intent/")]

    def attempts(self) -> list[dict[str, Any]]:
        """Attempts that have no intent and still may have a staging."""
        found = (entry.value for _, entry in self._kv.list(self.scope, "attempt/"))
        return [attempt for attempt in found if attempt["stagings"]]

    def tried(self) -> list[str]:
        """The units that have an attempt, done or not."""
        return [key.removeprefix("attempt/") for key, _ in self._kv.list(self.scope, "attempt/")]

    def reject_paths(self) -> list[str]:
        """The files of rejects that stand for their units."""
        return [each["path"] for _, entry in self._kv.list(self.scope, "unit/") for each in entry.value["rejects"]]

    def pending(self) -> list[dict[str, Any]]:
        """Committed units whose archive or staging is still to be tidied."""
        return [entry.value for _, entry in self._kv.list(self.scope, "pending/")]

    def owner(self, output: str) -> str | None:
        """The unit that an output path is reserved for, as `scope unit`."""
        return holder(self._kv, output)

    # --- the steps of the protocol

    def begin(self, units: Sequence[Unit], run: str, now: str, stagings: Any) -> list[Begun]:
        """Register an attempt at each unit, before its staging is made."""
        with self._write() as tx:
            return [self._begin(tx, unit, run, now, stagings) for unit in units]

    def _begin(self, tx: Transaction, unit: Unit, run: str, now: str, stagings: Any) -> Begun:
        done = tx.get(self.scope, f"unit/{unit.id}")
        last = tx.get(self.scope, f"attempt/{unit.id}")
        first = last.value if last and last.value["version"] == unit.stat.version else {"run": run, "started_at": now}
        started_at = _not_before(first["started_at"], done.value.get("started_at") if done else None)
        number = max(done.value["attempt"] if done else 0, last.value["number"] if last else 0) + 1
        begun = Begun(unit, number, first["run"], started_at)
        attempt = {
            "unit": unit.id,
            "number": number,
            "run": begun.run,
            "started_at": begun.started_at,
            "version": unit.stat.version,
            "stagings": stagings(unit, number),
        }
        if unit.members:
            attempt["members"] = [[member.id, member.stat.version] for member in unit.members]
        tx.set(self.scope, f"attempt/{unit.id}", attempt)
        return begun

    def intend(self, intents: Sequence[Mapping[str, Any]]) -> dict[str, UnitError]:
        """From here these units only roll forward: recovery needs neither their source nor the spec.

        Of two runs that opened one path at the same time, the second is told here which of its units may not
        publish: they have no intent. Whose claims lapsed is found out before, as a transaction looks at no file.
        """
        outputs = {each["address"] for intent in intents for each in intent["outputs"]}
        lapsed = {output: self._lapsed(output) for output in outputs}
        with self._write() as tx:
            taken = {intent["unit"]: error for intent in intents if (error := self._refusal(tx, intent, lapsed))}
            for intent in intents:
                if intent["unit"] not in taken:
                    tx.set(self.scope, f"intent/{intent['unit']}", intent)
                    for output in intent["outputs"]:
                        self._own(tx, output["address"], intent["unit"])
        return taken

    def _lapsed(self, output: str) -> str | None:
        """Who claimed an output once, and holds it no longer."""
        entry = self._kv.get(OUTPUTS, output)
        return entry.value if entry and self.owner(output) is None else None

    def _refusal(self, tx: Transaction, intent: Mapping[str, Any], lapsed: Mapping[str, str | None]) -> Any:
        """Why a unit may not publish: another one holds an output of its."""
        for output in (each["address"] for each in intent["outputs"]):
            entry = tx.get(OUTPUTS, output)
            if entry and entry.value != lapsed[output] and not self._is_own(entry.value, intent["unit"]):
                return taken(output, entry.value, self.scope)
        return None

    def _is_own(self, owner: str, unit: str) -> bool:
        return is_own(owner, unit, self.scope, every_run=self._every_run)

    def _own(self, tx: Transaction, output: str, unit: str) -> None:
        """Take an output over from a unit whose claim lapsed: it must not remove it later as its own."""
        entry, me = tx.get(OUTPUTS, output), f"{self.scope} {unit}"
        if entry and entry.value != me:
            _disown(tx, *parted(tx, entry.value), output)
        tx.set(OUTPUTS, output, me)

    def commit(self, intents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The units are done: their records, and what is left to tidy, which it gives."""
        with self._write() as tx:
            return [left for intent in intents for left in self._commit(tx, intent)]

    def _commit(self, tx: Transaction, intent: Mapping[str, Any]) -> list[dict[str, Any]]:
        unit = intent["unit"]
        tx.set(self.scope, f"unit/{unit}", intent["record"])
        tx.delete(self.scope, f"intent/{unit}")
        if intent["record"]["status"] == "failed":
            self._keep_attempt(tx, unit)
        else:
            tx.delete(self.scope, f"attempt/{unit}")
        for removed in intent["remove"]:
            entry = tx.get(OUTPUTS, removed["address"])
            if entry and entry.value == f"{self.scope} {unit}":
                tx.delete(OUTPUTS, removed["address"])
        lefts = [
            _left(tx, self.scope, intent),
            *(self._commit_member(tx, intent, m) for m in intent.get("members", ())),
        ]
        lefts = [left for left in lefts if left["archive"] or left["stagings"]]
        for left in lefts:
            tx.set(self.scope, _pending(left), left)
        return lefts

    def _commit_member(self, tx: Transaction, intent: Mapping[str, Any], member: Mapping[str, Any]) -> dict[str, Any]:
        """One of several units that are done as one."""
        tx.set(self.scope, f"unit/{member['unit']}", member["record"])
        of, attempt = intent["unit"], intent["attempt"]
        return {"unit": member["unit"], "of": of, "attempt": attempt, "stagings": [], "archive": member["archive"]}

    def _keep_attempt(self, tx: Transaction, unit: str) -> None:
        """A later try goes on with the run and clock of the first; its staging is gone already."""
        entry = tx.get(self.scope, f"attempt/{unit}")
        if entry:
            tx.set(self.scope, f"attempt/{unit}", {**entry.value, "stagings": []})

    def redo(self, intent: Mapping[str, Any]) -> None:
        """Forget an intent whose staging folder is gone: the unit is done again."""
        with self._write() as tx:
            tx.delete(self.scope, f"intent/{intent['unit']}")

    def destroyed(self, attempts: Sequence[Mapping[str, Any]]) -> None:
        """The stagings of these attempts are gone."""
        with self._write() as tx:
            for attempt in attempts:
                self._keep_attempt(tx, attempt["unit"])

    def tidied(self, done: Sequence[tuple[Mapping[str, Any], Moved | None]]) -> None:
        """Nothing is left to do for these; beside each where its archived file is now."""
        with self._write() as tx:
            for left, moved in done:
                tx.delete(self.scope, _pending(left))
                if moved:
                    self._moved(tx, left, moved)

    def ended(self, run: Mapping[str, Any]) -> None:
        """The record of a run."""
        with self._write() as tx:
            tx.set(RUNS, run["run_id"], run)

    def _moved(self, tx: Transaction, left: Mapping[str, Any], moved: Moved) -> None:
        """Of the attempt whose file it was: a newer version is not archived with an older one."""
        archive = left["archive"]
        for unit in archive.get("parts") or (left["unit"],):
            entry = tx.get(self.scope, f"unit/{unit}")
            if entry and _is_of(entry.value, left):
                now = {"archived": True, "place": moved.place, "store": archive.get("to")}
                if moved.version:
                    now["version"] = moved.version
                tx.set(self.scope, f"unit/{unit}", {**entry.value, **now})
        if archive.get("keep"):
            key = f"archived/{archive['at']}/{left['unit']}/{left['attempt']:09}"
            store = archive.get("to") or archive["store"]
            kept = {name: archive[name] for name in ("bytes", "sha256", "at")}
            tx.set(self.scope, key, {**kept, "store": store, "path": moved.place})

    # --- archived files that go away, and what several units are as one

    def archived(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Archived files that are not kept for ever, the oldest first."""
        return ((key, entry.value) for key, entry in self._kv.list(self.scope, "archived/"))

    def expired(self, keys: Sequence[str]) -> None:
        """These are not there any more, or not ours."""
        with self._write() as tx:
            for key in keys:
                tx.delete(self.scope, key)

    def gathered(self, prefix: str) -> dict[str, list[list[str]]]:
        """What was begun as one and is not done: its members, each with its version."""
        found = (entry.value for _, entry in self._kv.list(self.scope, f"attempt/{prefix}"))
        return {attempt["unit"]: attempt["members"] for attempt in found if attempt.get("members")}

    def forget(self, unit: str) -> None:
        """What was begun as one and will not be done: a member of it changed."""
        with self._write() as tx:
            tx.delete(self.scope, f"attempt/{unit}")

    def mark_gone(self, units: Sequence[str]) -> None:
        """These units' files were not in a complete listing."""
        if not units:
            return
        with self._write() as tx:
            for unit in units:
                entry = tx.get(self.scope, f"unit/{unit}")
                if entry:
                    tx.set(self.scope, f"unit/{unit}", {**entry.value, "gone": True})

    def bind(self, name: str, file: str, exists: Any) -> None:
        """A name binds state: two files of one name in one project would share it."""
        with self._write() as tx:
            entry = tx.get(PIPELINES, name)
            if entry and entry.value != file and exists(entry.value):
                raise StoreError("D103", f"`{name}` is the name of `{entry.value}` too, and names bind state",
                                 f"give `{file}` another `name`")  # fmt: skip
            if entry is None or entry.value != file:
                tx.set(PIPELINES, name, file)


def _is_of(record: Mapping[str, Any], left: Mapping[str, Any]) -> bool:
    """Whether a unit is still as the attempt left it that is to be tidied."""
    if left["archive"].get("parts"):
        return bool(record["version"] == left["archive"]["version"])
    return bool(record["attempt"] == left["attempt"] and record.get("of") == left.get("of"))


def _left(tx: Transaction, scope: str, intent: Mapping[str, Any]) -> dict[str, Any]:
    """What is left to tidy of a unit."""
    moves = intent["archive"]
    if moves and moves.get("parts"):
        moves = _when_whole(tx, scope, moves)
    return {"unit": intent["unit"], "attempt": intent["attempt"], "stagings": intent["stagings"], "archive": moves}


def _when_whole(tx: Transaction, scope: str, moves: Mapping[str, Any]) -> dict[str, Any] | None:
    """The move of a file that is read in parts: there is one when all of them are judged, by the worst of them."""
    worst = 0
    for part in reversed(moves["parts"]):  # the last is the last to come
        entry = tx.get(scope, f"unit/{part}")
        if not entry or entry.value["version"] != moves["version"] or entry.value["status"] not in JUDGED:
            return None
        refused = entry.value["status"] == "refused"
        worst = max(worst, 2 if refused else bool(entry.value["books"]["rejected"]))
    target = moves["targets"].get(("success", "partial", "error")[worst])
    waits = worst == 2
    stays = target is None or (target == moves["path"] and "to" not in moves)
    return None if stays else {**moves, "target": target, "waits": waits}


def _disown(tx: Transaction, scope: str, unit: str, output: str) -> None:
    """An output is another unit's now: neither the record nor an intent of its last owner may touch it."""
    tx.delete(scope, f"intent/{unit}")
    entry = tx.get(scope, f"unit/{unit}")
    if entry:
        kept = [each for each in entry.value["outputs"] if each["address"] != output]
        tx.set(scope, f"unit/{unit}", {**entry.value, "outputs": kept})


def taken(path: str, owner: str, scope: str) -> UnitError:
    """An output path that another unit has."""
    other = owner.removeprefix(f"{scope} ")
    if other == owner:
        found, _, unit = owner.partition(" ")
        other = f"{unit}` of `{found}"
    help = "make the sink's `path` differ for each unit, such as `{unit.dir}/{unit.name}.jsonl`"
    if is_as_one(other):
        help = "make the sink's `path` differ for each run: add `{run.id}`"
    return UnitError("D303", f"`{path}` is the output of `{other}` already", help)
