"""The manifest of a unit that has several files: which they are, published behind them.

A newer version of the unit takes away what the old manifest lists and the new one does not, also where the state that
knew of it is lost. All files of a run as one are a unit of that run alone, and its manifest stands as its outputs do;
where every run does all of them anew under one name, they are one unit, and have one manifest.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.delivery.staging import unit_name
from engine.errors import RecordError
from engine.kinds import Facts, Output, Sink, Stage, Store
from engine.language.jsontext import decode, pretty
from engine.storage.refusals import store_error

LARGEST: Final = 256 * 2**20
FACTS: Final = Facts("application/json")
ENDING: Final = ".manifest.json"


def path_of_manifest(sink: Sink, scope: str, unit: str, name: str) -> str:
    """Where it stands: hidden, so that nobody who reads the folder takes it for data."""
    return posixpath.join(sink.root, f".{unit_name(f'{scope} {name}', unit)}{ENDING}")


def is_manifest(path: str) -> bool:
    """Whether an output is the list of others."""
    name = posixpath.basename(path)
    return name.startswith(".") and name.endswith(ENDING)


def write_manifest(sink: Sink, scope: str, unit: str, name: str, outputs: Sequence[Output], stage: Stage) -> Output:
    """Stage it: each file relative to the folder that it stands in, in the order of its first record."""
    path = path_of_manifest(sink, scope, unit, name)
    files = [
        {
            "path": posixpath.relpath(each.path, sink.root or "."),
            "records": each.records,
            "bytes": each.bytes,
            "sha256": each.sha256,
        }
        for each in outputs
    ]
    data = pretty({"pipeline": scope, "unit": unit, "sink": name, "files": files}) + b"\n"
    file = stage(path, FACTS)
    file.write(data)
    file.close()
    return Output(path, 0, len(data), hashlib.sha256(data).hexdigest())


def listed_before(store: Store, sink: Sink, scope: str, unit: str, name: str) -> Iterator[dict[str, Any]]:
    """What the manifest that stands there lists, and itself; nothing where there is none that is ours."""
    path = path_of_manifest(sink, scope, unit, name)
    data = _read(store, path)
    try:
        found = decode(data) if data else None
    except RecordError:
        return
    if not isinstance(found, dict) or [found.get(key) for key in ("pipeline", "unit", "sink")] != [scope, unit, name]:
        return
    yield from (each for entry in found.get("files", ()) if (each := _kept(store, sink, entry)))
    yield {"path": path, "bytes": len(data), "records": 0, "sha256": hashlib.sha256(data).hexdigest()}


def _kept(store: Store, sink: Sink, entry: Any) -> dict[str, Any] | None:
    """A file that it lists, below the folder that it stands in."""
    if not isinstance(entry, Mapping) or not all(key in entry for key in ("path", "records", "bytes", "sha256")):
        return None
    path = posixpath.normpath(str(entry["path"]))
    if path.startswith(("/", "../")) or path == "..":
        return None
    return {
        **{key: entry[key] for key in ("records", "bytes", "sha256")},
        "path": posixpath.normpath(posixpath.join(sink.root, path)),
    }


def _read(store: Store, path: str) -> bytes:
    stat = store.stat(path)
    if stat is None or stat.size > LARGEST:
        return b""
    try:
        with store.open(path, stat) as file:
            return file.read()
    except OSError as error:
        raise store_error(error, store.show(path)) from error
