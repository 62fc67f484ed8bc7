"""Trying a plan's connections before a run needs them: `check --connect`.

Each end is reached and logged in to. What a source or a lookup reads is listed and counted. Where outputs, the report
of rejects or archived files go, a probe `.engine-probe-..` is staged, published and removed again, as an output is;
where archived files go it is also moved. It stands there for a moment, and a bucket that keeps versions keeps it.

Not proved is that files of a source may be read to their end, or taken away by an archive; that what stands at a path
may be replaced; nor anything of folders that the slots of a path name, and of limits (quotas, sizes) of a store.
"""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from engine.errors import AccessError, EngineError, StoreError, TransientError
from engine.kinds import Source, Staging, Store
from engine.options import Pointer
from engine.plan import Archive, End, Plan
from engine.sources.files import Files
from engine.spelling import counted
from engine.storage.refusals import store_error

PROBE: Final = ".engine-probe-"
ARCHIVE: Final = ("archive",)


class Tried(NamedTuple):
    """What came of one try: at this place of the spec, said in a sentence, with the error that it ended in."""

    pointer: Pointer
    said: str
    error: EngineError | None = None

    @property
    def level(self) -> str:
        """An error, or a warning where everything was reached and nothing was found."""
        return "warning" if self.error and self.error.code == "C220" else "error"


def tried(plan: Plan) -> Iterator[Tried]:
    """Every end of a plan, each place of it once; a connection that cannot be reached is not tried again."""
    down = set()
    for end, attempt in _attempts(plan):
        if (end.name, end.folder) in down:
            continue
        for each in attempt():
            if isinstance(each.error, (AccessError, TransientError)):
                down.add((end.name, end.folder))
            yield each


def _attempts(plan: Plan) -> Iterator[tuple[End, Callable[[], Iterable[Tried]]]]:
    yield plan.source_end, lambda: _listed(plan, plan.source, plan.source_end, ("source",))
    for name, lookup in plan.lookups.items():
        if lookup.source and lookup.end:
            yield lookup.end, partial(_listed, plan, lookup.source, lookup.end, ("lookups", name))
    written = {(end.name, end.folder, root): (end, root, pointer) for end, root, pointer in _written(plan)}
    for end, root, pointer in written.values():
        yield end, partial(_probed, end, root, pointer)


def _written(plan: Plan) -> Iterator[tuple[End, str, Pointer]]:
    """Where something is written: the end, the folder, the place in the spec."""
    for outlet in plan.outlets:
        if hasattr(outlet.sink, "path"):
            yield outlet.end, outlet.sink.root, ("sink",)
    if plan.rejects:
        yield plan.rejects.outlet.end, plan.rejects.outlet.sink.root, ("rejects",)
    for folder in _archives(plan.archive):
        yield plan.archive.end or plan.source_end, folder, ARCHIVE


def _archives(archive: Archive) -> Iterator[str]:
    templates = (archive.success, archive.partial, archive.error)
    yield from sorted({posixpath.dirname(each.head) for each in templates if each})


def _listed(plan: Plan, source: Source, end: End, pointer: Pointer) -> Iterator[Tried]:
    """How many files a source finds; one that reads no files is not tried."""
    if not isinstance(source, Files):
        return
    pattern, at = source.pattern({"vars": plan.vars}), _place(end, pointer)
    try:
        store = end.store()
        count, shown = sum(1 for _ in store.glob(pattern, source.exclude)), store.show(pattern)
    except (EngineError, OSError) as error:
        yield Tried(at, "", _engine_error(error, pattern))
        return
    if count:
        yield Tried(at, f"{shown}: {counted(count, 'file')}")
    else:
        none = StoreError("C220", f"no file matches `{shown}`", "see whether the path is right, or the sender is late")
        yield Tried((*pointer, "path"), "", none)


def _probed(end: End, root: str, pointer: Pointer) -> Iterator[Tried]:
    """Whether a file can be made below a folder, and moved where files are archived: one is, as an output is."""
    at, name = _place(end, pointer), f"{PROBE}{os.urandom(6).hex()}"
    try:
        store = end.store()
        with tempfile.TemporaryDirectory() as ledgers:
            staging = store.staging(root, f"{name}.part", os.path.join(ledgers, name))
            try:
                _probe(store, staging, posixpath.join(root, name), moves=pointer == ARCHIVE)
            finally:
                staging.destroy()
    except (EngineError, OSError) as error:
        yield Tried(at, "", _engine_error(error, root))
    else:
        yield Tried(at, f"{store.show(root or '.')}: can be written")


def _probe(store: Store, staging: Staging, path: str, *, moves: bool) -> None:
    """One file published and removed again, moved between the two if asked for."""
    file, data = staging.open(path), path.encode()
    try:
        file.write(data)
        file.close()
    except BaseException:
        file.abandon()
        raise
    store.sync(sorted(staging.folders(), reverse=True))
    try:
        store.publish({**staging.details(path), "path": path, "bytes": len(data)})
        if moves:
            store.move(path, f"{path}-moved")
            store.remove(f"{path}-moved")
    except BaseException:
        with suppress(EngineError, OSError):
            store.remove(path)
        raise
    store.remove(path)


def _engine_error(error: EngineError | OSError, path: str) -> EngineError:
    return error if isinstance(error, EngineError) else store_error(error, path)


def _place(end: End, pointer: Pointer) -> Pointer:
    """The connection in the spec, or the part of the spec whose place has no name."""
    return ("connections", end.name) if end.name else pointer
