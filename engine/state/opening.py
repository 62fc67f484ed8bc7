"""How a state folder is made and opened: never on a network, never half made, never with other settings."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Final, NoReturn

from engine.errors import StoreError
from engine.state.disk import (
    COUNTERS,
    DAMAGED,
    DATABASE,
    ONE,
    PATIENCE,
    SETTINGS,
    Errors,
    Store,
    build,
    decoded,
    foreign,
)

FORMAT: Final = 1
FORMAT_KEY: Final = "format"

NETWORK: Final = frozenset(
    (
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb",
            "smb2",
            "smb3",
            "smbfs",
            "9p",
            "afs",
            "ceph",
            "lustre",
            "beegfs",
            "gpfs",
        ),
        *(
            "glusterfs",
            "coda",
            "ncpfs",
            "fuse.sshfs",
            "fuse.s3fs",
            "fuse.rclone",
            "fuse.glusterfs",
            "fuse.ceph",
        ),
        *(
            "fuse.gcsfuse",
            "fuse.goofys",
            "fuse.juicefs",
            "fuse.davfs",
            "davfs",
            "fuse.curlftpfs",
            "fuse.smbnetfs",
        ),
    )
)


def has_state(folder: str) -> bool:
    """Whether a state was ever made in this folder; asking makes none."""
    return os.path.exists(os.path.join(folder, DATABASE))


def opened(folder: str) -> Store:
    """The store in this folder, made if there is none, in the settings that do not forget."""
    refuse_network(folder, mounts())
    refuse_variables(folder)
    database = os.path.join(folder, DATABASE)
    if not os.path.exists(database):
        create(folder)
    with (
        Errors(folder),
        closing(sqlite3.connect(database, timeout=PATIENCE, isolation_level=None)) as connection,
    ):
        inspect(connection, folder)
        settle(connection)
        store = Store(folder)
    verify(store)
    return store


def mounts() -> str:
    """The kernel's list of mounts; empty where there is none (not Linux)."""
    with suppress(OSError), open("/proc/mounts", encoding="utf-8", errors="surrogateescape") as table:
        return table.read()
    return ""


def refuse_network(folder: str, table: str) -> None:
    """Locks and syncs of network file systems are promises that some of them do not keep."""
    kind, point = mounted(os.path.realpath(folder), table)
    if kind in NETWORK:
        raise StoreError(
            "D504",
            f"the state folder {folder} is on a network file system ({kind} at {point})",
            "put the state on a local disk, or use a Redis state backend",
        )


def mounted(path: str, table: str) -> tuple[str, str]:
    """The file system type and mount point of a path: the longest that holds it, the last among equals."""
    best = ("", "")
    for line in table.splitlines():
        _, point, kind, *_ = [*line.split(" "), "", "", ""]
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point)
        if f"{path}/".startswith(f"{point.rstrip('/')}/") and len(point) >= len(best[1]):
            best = (kind, point)
    return best


def refuse_variables(folder: str) -> None:
    """Diskcache expands variables in the name of its folder: it would open one that was not inspected."""
    if os.path.expandvars(folder) != folder:
        raise StoreError(
            "D508",
            f"the state folder {folder} has the name of an environment variable in its path",
            "rename the folder, or set ENGINE_STATE to another one",
        )


def create(folder: str) -> None:
    """Make the store beside its place and rename it there: nobody ever meets a half-made one."""
    try:
        parent = os.path.dirname(folder)
        os.makedirs(parent, exist_ok=True)
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        with alone(folder):
            if not os.path.exists(os.path.join(folder, DATABASE)):
                build_and_move(folder)
        sync(folder)
        sync(parent)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError("D508", f"the state folder {folder} cannot be made: {reason}") from error


def build_and_move(folder: str) -> None:
    making = os.path.join(folder, ".making")
    shutil.rmtree(making, ignore_errors=True)  # of a process that died here
    os.mkdir(making, 0o700)
    build(making, FORMAT_KEY, {"v": 1, "d": FORMAT})
    new = os.path.join(making, DATABASE)
    os.chmod(new, 0o600)
    os.rename(new, os.path.join(folder, DATABASE))
    os.rmdir(making)


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """One creator at a time; the lock is on the folder itself, and a dead creator's is freed."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def inspect(connection: sqlite3.Connection, folder: str) -> None:
    """Refuse what is no store, a newer one, or written by another program, before anything is written."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= {"Cache", "Settings"}:
        damaged(folder, "its tables are missing")
    # Text sorts after numbers and before blobs, so both ends of the index show a key that is not text.
    if connection.execute("SELECT 1 FROM Cache WHERE key < '' OR key >= x'' LIMIT 1").fetchone():
        foreign("a key that is not text")
    row = connection.execute(ONE, (FORMAT_KEY,)).fetchone()
    entry = decoded(row)[1] if row else None
    version = entry.get("d") if isinstance(entry, dict) else None
    if type(version) is not int or version < 1:
        damaged(folder, "it names no format")
    if version > FORMAT:
        raise StoreError(
            "D501",
            f"the state store in {folder} has format {version}, and this engine reads {FORMAT}: "
            "a newer engine wrote it, this one is too old",
            "upgrade the engine, or set ENGINE_STATE to another folder",
        )


def damaged(folder: str, reason: str) -> NoReturn:
    code, message, help = DAMAGED
    raise StoreError(code, message.format(folder=folder, error=reason), help)


def settle(connection: sqlite3.Connection) -> None:
    """Write the settings where they differ, all in one transaction (diskcache syncs each: 40 times an open).

    It must happen before diskcache reads them: whatever the table holds, it runs as pragmas.
    """
    stored = dict(connection.execute("SELECT key, value FROM Settings"))
    if {**stored, **SETTINGS} == stored and stored.keys() == SETTINGS.keys() | COUNTERS.keys():
        return
    connection.execute("PRAGMA synchronous = 2")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM Settings WHERE key NOT IN (?, ?, ?, ?)", tuple(COUNTERS))
        connection.executemany("INSERT INTO Settings VALUES (?, ?)", SETTINGS.items())
        connection.executemany("INSERT OR IGNORE INTO Settings VALUES (?, ?)", COUNTERS.items())


def verify(store: Store) -> None:
    """A pragma that cannot be had is not refused by sqlite: it says what it does instead."""
    for name, found in store.facts().items():
        expected = SETTINGS.get(name, SETTINGS.get(f"sqlite_{name}"))
        if found != expected:
            store.close()
            raise StoreError(
                "D509",
                f"the state store in {store.directory} works with {name} = {found}, expected {expected}",
                "put the state on a local disk of another kind; this one would forget what was committed",
            )
