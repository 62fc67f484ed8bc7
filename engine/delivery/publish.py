"""From an intent on, a unit only rolls forward: what stands in its intent is enough to publish it.

Every step may have been done before by a run that was killed; doing it again changes nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from engine.delivery.archive import archive_of
from engine.delivery.attempts import Attempt
from engine.delivery.manifests import listed_before
from engine.delivery.staging import address
from engine.delivery.syncing import Folders
from engine.errors import StoreError
from engine.kinds import Output, Staging, Store, Unit
from engine.storage.stores import at, content_hash

Intent = Mapping[str, Any]


def intent_of(attempt: Attempt, record: Mapping[str, Any] | None, finished_at: str) -> dict[str, Any]:
    """All that the rest of the protocol needs, and no secret. `record` is the unit's last one."""
    outputs = [_staged(attempt, staging, output) for staging, output in attempt.outputs]
    rejects = [_staged(attempt, staging, output) for staging, output in attempt.kept]
    stagings = [staging.address() for staging in attempt.stagings.all if staging.files]
    stands = record and not _is_replaced(attempt, record)
    kept = record["outputs"] if record and stands else outputs
    kept_rejects = record["rejects"] if record and stands and attempt.status in ("failed", "unchanged") else rejects
    return {
        "unit": attempt.unit.id,
        "attempt": attempt.number,
        "outputs": outputs + rejects,
        "remove": _superseded(attempt, record, outputs, rejects),
        "archive": None if attempt.unit.members else _archive(attempt, record, finished_at),
        "stagings": stagings,
        "record": {
            **_record(attempt, attempt.unit, finished_at),
            "sha256": attempt.sha256,
            "outputs": [_kept(output) for output in kept],
            "rejects": [_kept(output) for output in kept_rejects],
            "books": attempt.books.as_dict(),
        },
        "members": _members(attempt, finished_at) if attempt.unit.members and attempt.status != "failed" else [],
    }


def _archive(attempt: Attempt, record: Mapping[str, Any] | None, now: str) -> dict[str, Any] | None:
    return archive_of(attempt, attempt.reads[0], record, now) if attempt.reads else None


def _members(attempt: Attempt, now: str) -> list[dict[str, Any]]:
    """What becomes of each of several units that are done as one: its outcome, but for those that were left out."""
    return [
        {
            "unit": read.unit.id,
            "record": {
                **_record(attempt, read.unit, now),
                **({"status": "unchanged", "error": None} if read.unchanged else {}),
                "of": attempt.unit.id,
                "sha256": read.sha256,
                "outputs": [],
                "rejects": [],
                "books": dict(read.books),
            },
            "archive": archive_of(attempt, read, None, now),
        }
        for read in attempt.reads
    ]


def _record(attempt: Attempt, unit: Unit, now: str) -> dict[str, Any]:
    """What is remembered of a unit, whatever it gave."""
    file = unit.id.rpartition("#")[0] if unit.part else unit.id
    return {
        "status": attempt.status,
        "version": unit.stat.version,
        "attempt": attempt.number,
        "run": attempt.run,
        "started_at": attempt.started,
        "spec": attempt.plan.spec_hash,
        "error": str(attempt.error) if attempt.error else None,
        "archived": False,
        "gone": False,
        "place": unit.stat.path if unit.stat.path != file else None,
        "store": unit.place,
        "part": unit.part.number if unit.part else 0,
        "same_as": attempt.same_as or None,
        "finished_at": now,
    }


def _is_replaced(attempt: Attempt, record: Mapping[str, Any]) -> bool:
    """Whether what the unit published before holds no longer: another unit may stand for its new content."""
    other = bool(attempt.same_as) and record["sha256"] != attempt.sha256
    return attempt.status == "committed" or (attempt.status == "unchanged" and other)


def _staged(attempt: Attempt, staging: Staging, output: Output) -> dict[str, Any]:
    where = address(staging.store, output.path)
    return {
        "store": dict(staging.store.address),
        **staging.details(output.path),
        **({"new": True} if where in attempt.places.new else {}),
        "path": output.path,
        "address": where,
        "bytes": output.bytes,
        "sha256": output.sha256,
        "records": output.records,
    }


def _kept(output: Mapping[str, Any]) -> dict[str, Any]:
    return {key: output[key] for key in ("store", "path", "address", "bytes", "sha256", "records")}


def _superseded(
    attempt: Attempt, record: Mapping[str, Any] | None, outputs: Sequence[Intent], rejects: Sequence[Intent]
) -> list[dict[str, Any]]:
    """What the unit's last attempt published and this one does not: it would stand beside as if it held.

    Where that is now is looked at anew: a folder that became a link meanwhile leads to what is published now.
    """
    replaced = attempt.status == "committed" or (record is not None and _is_replaced(attempt, record))
    if attempt.status in ("failed", "unchanged") and not replaced:
        return []
    now = {output["address"] for output in (*outputs, *rejects)}
    last = [*record["rejects"], *(record["outputs"] if replaced else ())] if record else []
    last += _listed(attempt) if attempt.status == "committed" else []
    found = {address(at(output["store"]), output["path"]): output for output in last}
    return [output for where, output in found.items() if where not in now]


def _listed(attempt: Attempt) -> list[dict[str, Any]]:
    """What the manifests list that stand where the unit's several outputs go: the state may have forgotten them."""
    found: list[dict[str, Any]] = []
    for outlet, store in zip(attempt.plan.sinks, attempt.places.sinks, strict=False):
        if outlet.sink.several:
            before = listed_before(store, outlet.sink, attempt.plan.scope, attempt.unit.id, outlet.name)
            found += [
                {**each, "store": dict(store.address), "address": address(store, each["path"])} for each in before
            ]
    return found


class Published(NamedTuple):
    """What became of intents: done; lost with the staging of their output `lost`, to be redone; held by their sink."""

    done: list[Intent]
    lost: list[Intent]
    held: dict[str, StoreError]


def publish(intents: Sequence[Intent]) -> Published:
    """Put every output in its place; a unit whose sink refuses it keeps its intent, and the others go on."""
    published = Published([], [], {})
    touched = Folders()
    for intent in intents:
        try:
            if lost := _lost_output(intent):
                published.lost.append({**intent, "lost": lost})
                continue
            _publish_unit(intent, touched)
        except StoreError as error:
            published.held[intent["unit"]] = error
        else:
            published.done.append(intent)
    published.held.update(touched.sync())
    done = [intent for intent in published.done if intent["unit"] not in published.held]
    return published._replace(done=done)


def _publish_unit(intent: Intent, touched: Folders) -> None:
    """Publish the outputs of one unit, noting the folders that are to be synced before it may commit."""
    for output in intent["outputs"]:
        touched.store(output["store"]).publish(output)
        touched.add(output["store"], _folders(output["path"]), intent["unit"])
    for removed in intent["remove"]:
        _retract(touched.store(removed["store"]), removed)
        touched.add(removed["store"], [posixpath.dirname(removed["path"])], intent["unit"])


def _lost_output(intent: Intent) -> Mapping[str, Any] | None:
    """The output for which it must be done again. Looked at before anything of the unit is published."""
    return next((output for output in intent["outputs"] if at(output["store"]).is_lost(output)), None)


def _folders(path: str) -> list[str]:
    """The folder of a path and those above it, which may be new, up to the one that all paths start at."""
    found = []
    while (folder := posixpath.dirname(path)) not in ("", path) and posixpath.basename(path) != "..":
        found.append(folder)
        path = folder
    return [*found, "."]


def _retract(store: Store, output: Mapping[str, Any]) -> None:
    """Remove an output that is superseded, as long as it is still the one we published.

    Where the store removes only the version that was hashed (S3) nobody's newer file is lost; elsewhere one that takes
    its place between the look and the removal goes with it.
    """
    stat = store.stat(output["path"])
    if stat and stat.size == output["bytes"] and content_hash(store, output["path"]) == output["sha256"]:
        store.remove(output["path"], stat)


def tidy_stagings(pending: Mapping[str, Any], keep: Collection[str] = ()) -> None:
    """Remove the empty staging folders of a committed unit; uploads that are kept are another attempt's."""
    for staging in pending["stagings"]:
        at(staging["store"]).discard(staging, keep)


def uploads_of(intents: Iterable[Intent]) -> set[str]:
    """The uploads that intents are going to complete."""
    return {output["upload"] for intent in intents for output in intent["outputs"] if "upload" in output}
