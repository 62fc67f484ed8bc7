"""Time zones by name, from the `tzdata` package alone: never the host's, never its local one."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final, Literal

from engine.errors import OptionError, RecordError
from engine.records import Instant
from engine.spelling import show

Ambiguous = Literal["earlier", "later"]

fixed: Final = functools.cache(timezone)
"""The zone of one offset from UTC, made once."""


class Zone:
    """A time zone: an IANA name (`Europe/Berlin`), `UTC`, or an offset (`+02:00`)."""

    kind = "zone"
    schema: Final = {"type": "string"}
    __slots__ = ("_info", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._info: tzinfo | None = None

    @classmethod
    def parse(cls, value: Any) -> Zone:
        """The zone, looked up once to see that it is there."""
        zone = cls(value)
        if not isinstance(value, str) or (_offset(value) is None and value not in names()):
            raise OptionError("M314", f"{show(value)} is not a time zone", _help(str(value)))
        return zone

    @property
    def info(self) -> tzinfo:
        """What `datetime` asks for offsets; read from `tzdata` at the first use in a process."""
        if self._info is None:
            offset = _offset(self.text)
            self._info = _named(self.text) if offset is None else fixed(offset)
        return self._info

    def __reduce__(self) -> Any:
        return Zone, (self.text,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Zone) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Zone({self.text!r})"

    def __str__(self) -> str:
        return self.text


@functools.cache
def names() -> frozenset[str]:
    """Every zone name that `tzdata` has."""
    from importlib import resources  # 17 ms of start-up

    return frozenset((resources.files("tzdata") / "zones").read_text("utf-8").split())


@functools.cache
def _named(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from importlib import resources
    from zoneinfo import ZoneInfo

    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def _offset(text: str) -> timedelta | None:
    if len(text) != 6 or text[0] not in "+-" or text[3] != ":":
        return None
    digits = text[1:3] + text[4:]
    if not (digits.isascii() and digits.isdigit()) or digits[:2] > "23" or digits[2:] > "59":
        return None
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -offset if text[0] == "-" else offset


def _help(text: str) -> str:
    from difflib import get_close_matches

    places = [name for name in sorted(names()) if "/" in name or name == "UTC"]  # not `EST` for `CEST`
    known = {name.lower(): name for name in places} | {name.rsplit("/", 1)[-1].lower(): name for name in places}
    near = get_close_matches(text.lower(), known, n=1)
    suggestion = f"did you mean `{known[near[0]]}`? " if near else ""
    return f"{suggestion}A zone is an IANA name such as `Europe/Berlin`, `UTC`, or an offset such as `+02:00`"


def moment(local: datetime, zone: Zone, ambiguous: Ambiguous | None = None) -> Instant:
    """The moment at which clocks of the zone show this; one shown never or twice is refused unless told."""
    info = zone.info
    if info is UTC:
        return Instant.combine(local.date(), local.time(), UTC)
    first, second = local.replace(tzinfo=info, fold=0), local.replace(tzinfo=info, fold=1)
    offset, other = first.utcoffset() or timedelta(), second.utcoffset() or timedelta()
    if offset != other:
        if ambiguous is None:
            raise _unclear(local, zone, skipped=offset < other)
        # East is early: of two readings of one clock, the greater offset is the earlier moment.
        offset = max(offset, other) if ambiguous == "earlier" else min(offset, other)
    return in_range(Instant.combine(local.date(), local.time(), fixed(offset)))


def _unclear(local: datetime, zone: Zone, *, skipped: bool) -> RecordError:
    what = "never happened" if skipped else "happened twice"
    message = f"`{local}` {what} in {zone}, where clocks changed: say `ambiguous: earlier` or `later`"
    return RecordError("R217", message, local)


def odd_offset(value: datetime) -> RecordError:
    """Before zones had whole minutes, no format but UTC can say the moment."""
    message = f"the offset of `{value.isoformat()}` has seconds, which cannot be written: use `zone: UTC`"
    return RecordError("R218", message, value)


def in_range(moment: Instant) -> Instant:
    """The same moment, refused where it leaves the years 1 to 9999 in UTC."""
    if not 1 < moment.year < 9999:
        in_zone(moment, UTC)
    return moment


def in_zone(moment: Instant, info: tzinfo) -> Instant:
    """The moment as clocks of the zone show it."""
    try:
        return moment.astimezone(info)
    except (OverflowError, ValueError) as error:
        message = f"`{moment.isoformat()}` leaves the years 1 to 9999"
        raise RecordError("R218", message, moment) from error
