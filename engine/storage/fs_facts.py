"""What file systems of fsspec tell of a file, each under names of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

MARKS: Final = ("ETag", "etag", "md5Hash", "content_md5")
TIMES: Final = ("mtime", "LastModified", "last_modified", "updated", "modified", "modify", "last_commit", "created")


def etag_of(info: Mapping[str, Any]) -> str:
    """The mark of a file's content; none on most."""
    return next((str(info[name]).strip('"') for name in MARKS if info.get(name)), "")


def mtime_of(info: Mapping[str, Any]) -> int:
    """When it was last changed, in nanoseconds, exact to microseconds; 0 where that is not told."""
    for name in TIMES:
        if (seconds := _seconds(info.get(name))) is not None:
            return round(seconds * 10**6) * 1000
    return 0


def _seconds(value: Any) -> float | None:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            return None
    return None
