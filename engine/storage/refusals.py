"""What the operating system and the network refuse, as errors with a code and something to do."""

from __future__ import annotations

import errno
from typing import Final

from engine.errors import AccessError, StoreError, TransientError

_CODES: Final = {
    errno.ENOENT: ("C101", "is not there", "check the path"),
    errno.EACCES: (
        "C102",
        "may not be read or written by this user",
        "give the user of this process the right",
    ),
    errno.EPERM: (
        "C102",
        "may not be read or written by this user",
        "give the user of this process the right",
    ),
    errno.EROFS: ("C102", "is on a file system that is read-only", "choose a folder that can be written"),
    errno.ENOSPC: (
        "C103",
        "cannot be written: the disk is full",
        "free space and run again: nothing is lost",
    ),
    errno.EDQUOT: (
        "C103",
        "cannot be written: the quota is used up",
        "free space and run again: nothing is lost",
    ),
    errno.EFBIG: (
        "C103",
        "cannot be written: it is over the file size limit",
        "raise the limit and run again",
    ),
    errno.EISDIR: ("C104", "is a folder, a file is needed", "choose another path"),
    errno.ENOTDIR: ("C104", "runs through a file as if it were a folder", "choose another path"),
    errno.EEXIST: ("C104", "is there already", "choose another path"),
    errno.ENAMETOOLONG: ("C104", "is too long for this file system", "choose shorter names"),
}


def store_error(error: OSError, path: str) -> StoreError:
    """What the operating system refused, as an error with a code and something to do."""
    code, what, help = _CODES.get(error.errno or 0, ("C105", f"failed: {error.strerror or error}", "run again"))
    return StoreError(code, f"`{path}` {what}", help)


def in_the_way(shown: str) -> StoreError:
    """Something was put where an output may replace nothing, after the unit had looked there."""
    message = f"`{shown}` is there since the unit began, and its `overwrite` lets nothing be replaced"
    return StoreError("D307", message, "take it away and run again: the unit is published then")


# --- what a network and the machine behind it refuse; `place` is a server, `shown` a file as a user finds it


def not_there(shown: str) -> StoreError:
    """A file that was listed or named, and is gone."""
    return StoreError("C101", f"`{shown}` is not there", "check the path")


def denied(shown: str, said: str = "") -> StoreError:
    """The user is known, and has no right to this."""
    help = "give the user of the connection the right to read, list and write there"
    return StoreError("C102", f"`{shown}` may not be read or written by this user{_quoted(said)}", help)


def unreachable(place: str, reason: str) -> TransientError:
    """Nobody answers there."""
    help = "see whether the connection's address is right and the server is up"
    return TransientError("C201", f"`{place}` cannot be reached: {reason}", help)


def lost(place: str) -> TransientError:
    """The connection ended in the middle of a request."""
    return TransientError("C202", f"the connection to `{place}` was lost", "run again")


def silent(place: str, seconds: float) -> TransientError:
    """No answer in time."""
    help = "see whether it is up, or raise `timeout`"
    return TransientError("C203", f"`{place}` did not answer within {seconds:g} s", help)


def not_whole(shown: str, arrived: int, sent: int) -> TransientError:
    """What the other side has is not what was sent."""
    message = f"`{shown}` is not what was written: {arrived:,} of {sent:,} bytes arrived whole"
    return TransientError("C204", message, "run again: the unit is done again")


def busy(place: str, said: str, wait: float = 0) -> TransientError:
    """The server is up and cannot do it now."""
    return TransientError("C205", f"`{place}` cannot do it now: {said}", "run again later", wait)


def refused(shown: str, said: str) -> StoreError:
    """The server understands the request and does not do it; `said` are its own words."""
    return StoreError("C208", f"`{shown}` is refused by its server: {said}", "look at the connection and the path")


def not_admitted(place: str, said: str) -> AccessError:
    """The credentials are wrong."""
    return AccessError("A101", f"`{place}` refuses the credentials: {said}", "check those of the connection")


def expired(place: str, said: str) -> AccessError:
    """The credentials were right once."""
    help = "get new ones: a session token ends after some hours"
    return AccessError("A102", f"`{place}` refuses the credentials, their time is over: {said}", help)


def without_credentials(place: str) -> AccessError:
    """There are no credentials at all."""
    help = "give the connection its credentials, as `${env:NAME}` or `${file:path}`"
    return AccessError("A113", f"there is nothing to log in with at `{place}`", help)


def untrusted(place: str, said: str) -> AccessError:
    """Its certificate does not prove who it is."""
    help = "trust its authority with `ca_file`, or mend the certificate; verification cannot be turned off"
    return AccessError("A114", f"the certificate of `{place}` is not trusted: {said}", help)


def _quoted(said: str) -> str:
    return f" ({said})" if said else ""
