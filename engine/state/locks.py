"""One run at a time: a lock that the kernel frees when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import suppress
from typing import Any, Final, Self

from engine.errors import LockedError, StoreError

POLL: Final = 0.05


class Flock:
    """A lock held on a file. The file stays when the lock goes; its holder is named in it, for messages."""

    def __init__(self, path: str, handle: int) -> None:
        self.path = path
        self._handle: int | None = handle

    @classmethod
    def acquire(cls, path: str, owner: dict[str, Any], wait: float = 0.0) -> Self:
        """Take the lock, or raise LockedError after `wait` seconds. `owner`: pid, host, started_at, ..."""
        deadline = time.monotonic() + wait
        while (handle := taken(path)) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise refusal(path, wait)
            time.sleep(min(POLL, left))
        name(handle, owner)
        return cls(path, handle)

    def release(self) -> None:
        """Let go; a second time is allowed."""
        if self._handle is not None:
            name(self._handle, None)
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.release()


def taken(path: str) -> int | None:
    """A handle with the lock on it, or None where another has it."""
    try:
        # Not inherited: a child that outlives us must not hold our lock.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unusable(path, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if in_place(path, handle):
            return handle
    except BlockingIOError:
        pass
    except OSError as error:
        os.close(handle)
        raise unusable(path, error) from error
    os.close(handle)
    return None


def in_place(path: str, handle: int) -> bool:
    """Whether the file is still the one at its path: a lock on a removed file keeps nobody out."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.stat(path), os.fstat(handle))
    return False


def name(handle: int, owner: dict[str, Any] | None) -> None:
    """Write the owner. A full disk is no reason to fail: the lock itself needs no space."""
    with suppress(OSError):
        os.ftruncate(handle, 0)
        if owner is not None:
            os.pwrite(handle, json.dumps(owner, ensure_ascii=False).encode("utf-8", "replace"), 0)


def holder(path: str) -> dict[str, Any]:
    """Who wrote its name into the file; empty where that cannot be read now."""
    with suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
        owner = json.load(file)
        if isinstance(owner, dict):
            return owner
    return {}


def refusal(path: str, wait: float) -> LockedError:
    owner = {key: str(value)[:60] for key, value in holder(path).items()}
    who = f"process {owner['pid']}" if "pid" in owner else "a process that left no name"
    who += f" on {owner['host']}" if "host" in owner else ""
    since = f", since {owner['started_at']}" if "started_at" in owner else ""
    still = f" (waited {wait:g} s)" if wait else ""
    return LockedError(
        "D101",
        f"the lock {path} is held by {who}{since}{still}",
        "wait for it with `--wait`, or stop it: the lock is free as soon as that process ends, even killed",
    )


def unusable(path: str, error: OSError) -> StoreError:
    return StoreError("D508", f"the lock {path} cannot be taken: {error.strerror}")
