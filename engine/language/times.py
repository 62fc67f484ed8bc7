"""How times are read and written: ISO, epoch, or `%` codes; never by the host's locale or zone.

A time is a `date`, an `Instant` (a moment; the offset it was written with is kept) or a `datetime` (a local
time). `strptime` and `strftime` follow the locale and `fromisoformat` takes week dates and cuts digits, so
shapes are checked here first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal

from engine.errors import OptionError, RecordError
from engine.language.timecodes import HELP, Codes
from engine.language.zones import Ambiguous, Zone, in_range, in_zone, moment, odd_offset
from engine.records import Instant
from engine.spelling import show

__all__ = [
    "ISO",
    "Ambiguous",
    "InputFormat",
    "TimeFormat",
    "Unit",
    "Zone",
    "as_day",
    "as_moment",
    "in_range",
    "in_zone",
    "moment",
    "text_of",
]

Unit = Literal["s", "ms", "us"]
Time = date
"""A `date`, an `Instant` or a local `datetime`: all of them are dates to Python."""

EPOCH: Final = Instant(1970, 1, 1, tzinfo=UTC)
UNITS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""Microseconds in each unit of `epoch`."""

_MICROSECOND: Final = timedelta(microseconds=1)
_ISO_HINT: Final = "an ISO date or time (`2024-01-31`, `2024-01-31T10:00:00Z`): say its `format`"


def text_of(value: Time) -> str:
    """The time as it leaves: a day, a local time without zone, a moment in UTC with `Z`."""
    if isinstance(value, Instant):
        try:
            text = (value if value.tzinfo is UTC else in_zone(value, UTC)).isoformat()
        except RecordError:  # a day beyond the years that UTC has: it is only shown, in a reject
            return value.isoformat()
        return text[:-6] + "Z"
    return value.isoformat()


def with_offset(value: Instant) -> str:
    """The moment with the offset that it has, `Z` for none."""
    text = value.isoformat()
    head, offset = text[:-6], text[-6:]
    if offset[0] == ":":
        raise odd_offset(value)
    return head + ("Z" if offset == "+00:00" else offset)


def read_iso(text: str, unit: Unit = "s", *, truncate: bool = False) -> Time:
    """The time of an ISO text; more digits than microseconds are refused, or cut where told."""
    try:
        if is_plain_utc(text):
            return Instant.fromisoformat(text)
        if len(text) == 10 and text[4] == "-" == text[7]:
            return date.fromisoformat(text)
        if len(text) > 18 and text[4] == "-" == text[7] and text[13] == ":" == text[16]:
            return _iso_time(text, truncate)
    except ValueError:
        pass
    raise RecordError("R216", f"{show(text)} is not {_ISO_HINT}", text)


def is_plain_utc(text: str) -> bool:
    """The commonest shape, `2024-01-31T10:00:00Z`: every third character from the fifth is a mark."""
    return text[4::3] == "--T::Z" and len(text) == 20 and text[11:13] < "24"


def _iso_time(text: str, truncate: bool) -> Time:
    if text[10] not in "T " or text[11:13] > "23":
        raise ValueError(text)
    if text[-1] == "Z":
        end = -1
    elif text[-6] in "+-" and text[-3] == ":" and text[-2] < "6":
        end = -6
    else:
        end = len(text)
    if (fraction := text[19:end]) and not _is_fraction(fraction):
        raise ValueError(text)
    if len(fraction) > 7 and not truncate:
        raise _too_fine(text)
    if end > 0:
        return datetime.fromisoformat(text)
    time = Instant.fromisoformat(text)
    return time if 1 < time.year < 9999 else in_range(time)


def _is_fraction(text: str) -> bool:
    return text[0] == "." and text[1:].isdigit() and len(text) <= 10


def _too_fine(text: str) -> RecordError:
    return RecordError("R220", f"{show(text)} has more digits than microseconds: say `truncate: true`", text)


def read_epoch(text: str, unit: Unit = "s", *, truncate: bool = False) -> Time:
    """The moment so many seconds (or `ms`, `us`) after 1970 began in UTC, which may have a fraction."""
    whole, dot, fraction = text.partition(".")
    digits = whole[1:] if whole[:1] in ("+", "-") else whole
    if not (text.isascii() and digits.isdigit() and (fraction.isdigit() or not dot)):
        raise RecordError("R216", f"{show(text)} is not a number, as `epoch` is", text)
    places = len(str(UNITS[unit])) - 1
    if len(fraction) > places and not truncate:
        raise _too_fine(text)
    return in_range(_after_epoch(text, digits, fraction[:places].ljust(places, "0")))


def _after_epoch(text: str, digits: str, fraction: str) -> Instant:
    try:
        count = int((digits + fraction)[:30])  # thirty digits overflow too, and the rest costs nothing
        return EPOCH + timedelta(microseconds=-count if text[0] == "-" else count)
    except OverflowError as error:
        raise RecordError("R216", f"{show(text)} leaves the years 1 to 9999: check its `unit`", text) from error


def since_epoch(value: Instant, unit: Unit = "s") -> int:
    """Whole units since 1970 began in UTC, counted down to the unit below."""
    return (value - EPOCH) // _MICROSECOND // UNITS[unit]


def _write_epoch(value: Any, unit: Unit = "s") -> str:
    return str(since_epoch(value, unit))


def _write_iso(value: Time, unit: Unit = "s") -> str:
    return with_offset(value) if isinstance(value, Instant) else text_of(value)


def _write_day(value: Time, unit: Unit = "s") -> str:
    return date.isoformat(value)  # the day alone, also of a moment, and fast


class TimeFormat:
    """How a time is written: `iso8601`, `epoch`, or `%` codes. Compiled once; only its text travels."""

    kind = "format"
    schema: Final = {"type": "string"}
    __slots__ = ("needs_moment", "needs_zone", "read", "text", "write")

    def __init__(self, text: str) -> None:
        self.text = text
        self.read: Callable[..., Time]
        self.write: Callable[..., str]
        self.needs_moment = text == "epoch"
        self.needs_zone = False
        if text == "iso8601":
            self.read, self.write = read_iso, _write_iso
        elif text == "epoch":
            self.read, self.write = read_epoch, _write_epoch
        else:
            self._use(Codes(text))

    def _use(self, codes: Codes) -> None:
        self.read, self.write = codes.read, _write_day if self.text == "%Y-%m-%d" else codes.write
        self.needs_moment = "offset" in codes.parts
        self.needs_zone = True

    @classmethod
    def parse(cls, value: Any) -> TimeFormat:
        """The format, every code known."""
        if not isinstance(value, str):
            raise OptionError("M307", f"{show(value)} is not a time format", HELP)
        return cls(value)

    def __reduce__(self) -> Any:
        return type(self), (self.text,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TimeFormat) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __str__(self) -> str:
        return self.text


class InputFormat(TimeFormat):
    """A format that texts are read with: its codes must say one day, and one time of day or none."""

    __slots__ = ()

    def _use(self, codes: Codes) -> None:
        super()._use(codes)
        if not codes.say_one_time():
            help = "it needs year, month and day (or `%j`), then a clock without gaps, each once; `%I` with `%p`"
            raise OptionError("M307", f"`{self.text}` does not say one time", help)
        if not codes.says_one_way():
            help = "put a sign between two numbers that have one or two digits, or write them with zeros: `%m%d`"
            raise OptionError("M307", f"texts of `{self.text}` can be read in two ways", help)


ISO: Final = InputFormat("iso8601")


def written(
    value: Time, to: TimeFormat, zone: Zone | None, unit: Unit = "s", ambiguous: Ambiguous | None = None
) -> str:
    """The time in that format, as clocks of the zone show it."""
    if not isinstance(value, Instant) and (to.needs_moment or (zone and isinstance(value, datetime))):
        value = as_moment(value, zone, ambiguous)
    if not isinstance(value, Instant):
        return to.write(value, unit)
    if zone is None and to.needs_zone:
        raise RecordError("R218", f"`{text_of(value)}` is a moment: say the `zone` to write it in", value)
    return to.write(in_zone(value, zone.info if zone else UTC), unit)


def as_moment(value: Time, zone: Zone | None, ambiguous: Ambiguous | None = None) -> Instant:
    """The moment that a time is: a local time, or a day's midnight, needs a zone."""
    if isinstance(value, Instant):
        return value
    if zone is None:
        what = "a local time" if isinstance(value, datetime) else "a day"
        raise RecordError("R218", f"`{text_of(value)}` is {what}: say its `zone` to make it a moment", value)
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return moment(value, zone, ambiguous)


def as_day(value: Time, zone: Zone | None) -> date:
    """The day that a time is on: a moment needs a zone."""
    if not isinstance(value, datetime):
        return value
    if isinstance(value, Instant):
        if zone is None:
            raise RecordError("R218", f"`{text_of(value)}` is a moment: say the `zone` to take its day in", value)
        value = in_zone(value, zone.info)
    return value.date()
