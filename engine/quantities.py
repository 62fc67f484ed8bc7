"""Quantities as specs write them: sizes, durations and shares, always with their unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from engine.errors import OptionError

SIZES: Final = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
DURATIONS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_QUANTITY: Final = re.compile(r"([0-9]+)\s?([A-Za-z]+)")
_SHARE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)%")


def _read(value: Any, units: dict[str, Any], what: str, example: str) -> tuple[int, Any]:
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if not match or match[2] not in units or len(match[1]) > 15:
        known = ", ".join(units)
        raise OptionError(
            "S208", f"`{value}` is not a {what}", f"write a number and a unit ({known}), such as `{example}`"
        )
    return int(match[1]), units[match[2]]


class Size(int):
    """A number of bytes, written `16MiB`."""

    kind = "size"
    schema = {"type": "string", "pattern": "^[0-9]+ ?(B|KB|MB|GB|KiB|MiB|GiB)$"}  # noqa: RUF012

    @classmethod
    def parse(cls, value: Any) -> Size:
        """Bytes from a number and a unit."""
        number, unit = _read(value, SIZES, "size", "16MiB")
        return cls(number * unit)

    def __str__(self) -> str:
        return next(
            (f"{self // size}{unit}" for unit, size in reversed(SIZES.items()) if self and not self % size),
            "0B",
        )


class Duration(float):
    """A length of time in seconds, written `7d`, `90s`, `250ms`."""

    kind = "duration"
    schema = {"type": "string", "pattern": "^[0-9]+ ?(ms|s|m|h|d)$"}  # noqa: RUF012

    @classmethod
    def parse(cls, value: Any) -> Duration:
        """Seconds from a number and a unit."""
        number, unit = _read(value, DURATIONS, "duration", "7d")
        return cls(number * unit)

    def __str__(self) -> str:
        thousandths = round(self * 1000)
        units = ((name, round(seconds * 1000)) for name, seconds in reversed(DURATIONS.items()))
        return next(
            (f"{thousandths // size}{name}" for name, size in units if thousandths and not thousandths % size), "0s"
        )


@dataclass(frozen=True)
class Share:
    """A limit as a count, or as a percentage of the records."""

    count: int | None = None
    percent: Decimal | None = None

    kind = "count or percentage"
    schema = {"type": ["string", "integer"], "pattern": "^[0-9]+(\\.[0-9]+)?%$", "minimum": 0}  # noqa: RUF012

    @classmethod
    def parse(cls, value: Any) -> Share:
        """`5%` or a whole number."""
        if isinstance(value, int) and value >= 0:
            return cls(count=value)
        match = _SHARE.fullmatch(value) if isinstance(value, str) else None
        if not match or len(value) > 20 or Decimal(match[1]) > 100:
            raise OptionError("S208", f"`{value}` is not a count or a percentage", "write `100` or `5%`")
        return cls(percent=Decimal(match[1]))

    def exceeded(self, part: int, whole: int) -> bool:
        """Whether `part` of `whole` is more than this allows."""
        if self.count is not None:
            return part > self.count
        return self.percent is not None and part * 100 > self.percent * whole

    def __str__(self) -> str:
        return f"{self.percent}%" if self.percent is not None else str(self.count)
