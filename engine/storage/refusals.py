"""What the operating system refuses, as errors with a code and something to do."""

from __future__ import annotations

import errno
from typing import Final

from engine.errors import StoreError

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
