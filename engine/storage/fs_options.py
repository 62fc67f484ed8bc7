"""What the options of an `fs` connection tell of where files are, and what nothing may repeat of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.hidden import Secret, revealed

NAMING: Final = ("host", "port", "account_name", "project", "endpoint_url", "repo", "share")
"""Options that say where files are, of whichever protocol."""
SHORT: Final = 1000
"""A number from which it may be a password."""
_LOGIN: Final = re.compile(r"(?<=//).*@|^[^/]*@")


def without_login(text: str) -> str:
    """A machine or a URL without user, password and query."""
    return _LOGIN.sub("", text).partition("?")[0]


def secrets_in(value: Any) -> Iterator[str]:
    """Every hidden text in some options, and each number that may be one."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name not in NAMING:
                yield from secrets_in(each)
            else:
                yield from (
                    part for part in re.split("[:@/?]+", revealed(each)) if part not in without_login(revealed(each))
                )
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from secrets_in(each)
    elif isinstance(value, Secret) and value.reveal():
        yield value.reveal()
    elif isinstance(value, int) and value >= SHORT:
        yield str(value)
