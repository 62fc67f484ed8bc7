"""The closed table of `%` codes that times are read and written with: English names, exact widths.

A hyphen (`%-d %-m %-H %-I`) says that the number has no zero before it: one or two digits are read, no zero is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

from engine.errors import OptionError, RecordError
from engine.language.zones import fixed, in_range, odd_offset
from engine.records import Instant
from engine.spelling import show

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Code(NamedTuple):
    """One `%` code: the part of a time it says, its shape as it is read, how it is read and written."""

    part: str
    shape: str
    read: Callable[[str], int]
    template: str
    get: Callable[[Any], Any]


def _names(part: str, names: tuple[str, ...], first: int, get: Callable[[Any], int]) -> Code:
    """A code that is one of some English names, read in any case."""
    numbers = {name.lower(): number for number, name in enumerate(names, first)}
    shape = f"(?i:{'|'.join(names)})"
    return Code(part, shape, lambda text: numbers[text.lower()], "%s", lambda time: names[get(time) - first])


def _offset(text: str) -> int:
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return -minutes if text[0] == "-" else minutes


def _century(text: str) -> int:
    return int(text) + (2000 if text < "69" else 1900)  # as POSIX has it


def _write_offset(time: datetime) -> str:
    seconds = round((time.utcoffset() or timedelta()).total_seconds())
    if seconds % 60:
        raise odd_offset(time)
    return f"{'-' if seconds < 0 else '+'}{abs(seconds) // 3600:02}{abs(seconds) // 60 % 60:02}"


def _short(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name[:3] for name in names)


_HOUR12: Final = "0[1-9]|1[0-2]"
_WEEKDAY: Final = datetime.weekday
CODES: Final[Mapping[str, Code]] = {
    "%Y": Code("year", "[0-9]{4}", int, "%04d", attrgetter("year")),
    "%y": Code("year", "[0-9]{2}", _century, "%02d", lambda time: time.year % 100),
    "%m": Code("month", "[0-9]{2}", int, "%02d", attrgetter("month")),
    "%-m": Code("month", "[0-9]{1,2}", int, "%d", attrgetter("month")),
    "%b": _names("month", _short(MONTHS), 1, attrgetter("month")),
    "%B": _names("month", MONTHS, 1, attrgetter("month")),
    "%d": Code("day", "[0-9]{2}", int, "%02d", attrgetter("day")),
    "%-d": Code("day", "[0-9]{1,2}", int, "%d", attrgetter("day")),
    "%j": Code("yearday", "[0-9]{3}", int, "%03d", lambda time: time.timetuple().tm_yday),
    "%a": _names("weekday", _short(DAYS), 0, _WEEKDAY),
    "%A": _names("weekday", DAYS, 0, _WEEKDAY),
    "%H": Code("hour", "[0-9]{2}", int, "%02d", attrgetter("hour")),
    "%-H": Code("hour", "[0-9]{1,2}", int, "%d", attrgetter("hour")),
    "%I": Code("hour12", _HOUR12, lambda text: int(text) % 12, "%02d", lambda time: (time.hour - 1) % 12 + 1),
    "%-I": Code(
        "hour12", "1[0-2]|0?[1-9]", lambda text: int(text) % 12, "%d", lambda time: (time.hour - 1) % 12 + 1,
    ),
    "%p": _names("half", ("AM", "PM"), 0, lambda time: time.hour // 12),
    "%M": Code("minute", "[0-9]{2}", int, "%02d", attrgetter("minute")),
    "%S": Code("second", "[0-9]{2}", int, "%02d", attrgetter("second")),
    "%L": Code("micros", "[0-9]{3}", lambda t: int(t) * 1000, "%03d", lambda time: time.microsecond // 1000),
    "%f": Code("micros", "[0-9]{6}", int, "%06d", attrgetter("microsecond")),
    "%z": Code("offset", "[+-](?:[01][0-9]|2[0-3])[0-5][0-9]", _offset, "%s", _write_offset),
    "%:z": Code(
        "offset", "[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]", _offset, "%s",
        lambda time: f"{(text := _write_offset(time))[:3]}:{text[3:]}",
    ),
}  # fmt: skip
HELP: Final = f"`iso8601`, `epoch`, or these codes: {' '.join(CODES)} %%"

_CLOCK: Final = ("hour", "minute", "second", "micros")


def _scan(text: str) -> Iterator[tuple[str, Code | None]]:
    """The format in pieces: (code, its row), or (literal text, None)."""
    for piece in re.findall(r"%[:-].|%.|[^%]+|%", text, re.DOTALL):
        if piece[0] != "%" or piece == "%%":
            yield piece.replace("%%", "%"), None
        elif piece in CODES:
            yield piece, CODES[piece]
        else:
            raise OptionError("M307", f"`{text}`: `{piece}` is not a code", HELP)


def _without_zeros(code: str) -> str:
    """The same number without a zero before it, where the table has that."""
    return other if (other := f"%-{code[1:]}") in CODES else code


class Codes:
    """A format of `%` codes, compiled both ways."""

    __slots__ = ("_get", "_order", "_pieces", "_reads", "_shape", "_template", "parts", "text")

    def __init__(self, text: str) -> None:
        self._pieces = pieces = list(_scan(text))
        codes = [code for _, code in pieces if code]
        if not codes:
            raise OptionError("M307", f"`{text}` has no `%` code", HELP)
        self.text = text
        self.parts = [code.part for code in codes]
        self._reads = [code.read for code in codes]
        shapes = [f"({code.shape})" if code else re.escape(piece) for piece, code in pieces]
        # Python's own `re`: every shape is ours, of one or two widths or a few names, so it cannot run away.
        self._shape = re.compile("".join(shapes), re.ASCII).fullmatch
        self._get = _getter(codes)
        self._template = "".join([code.template if code else piece.replace("%", "%%") for piece, code in pieces])
        self._order = _plain_order(self.parts)

    def write(self, value: date, unit: str = "s") -> str:
        """The time in this format; a day is its midnight."""
        if not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        text: str = self._template % self._get(value)
        return text

    def read(self, text: str, unit: str = "s", *, truncate: bool = False) -> date:
        """The time that a text of this format says."""
        match = self._shape(text)
        if match is None:
            raise self._refused(text)
        numbers = [read(group) for read, group in zip(self._reads, match.groups(), strict=True)]
        try:
            if self._order is None:
                return _assemble(dict(zip(self.parts, numbers, strict=True)))
            make: Callable[..., date] = datetime if len(numbers) > 3 else date
            return make(*self._order(numbers))
        except (ValueError, OverflowError) as error:
            raise self._refused(text) from error

    def _refused(self, text: str) -> RecordError:
        return RecordError("R216", f"{show(text)} is not a time written as `{self.text}`{self._hint(text)}", text)

    def _hint(self, text: str) -> str:
        """The format to say where the text lacks zeros that this one asks for."""
        written = "".join(_without_zeros(piece) if code else piece.replace("%", "%%") for piece, code in self._pieces)
        if written == self.text or self._shape(text):  # what is refused then is the day or the clock
            return ""
        other = Codes(written)
        return f": say `{written}`" if other.says_one_way() and other._shape(text) else ""

    def says_one_way(self) -> bool:
        """Whether a text can be taken apart in one way: of numbers side by side, one may have one or two digits."""
        loose = False
        for piece, code in self._pieces:
            if code.template == "%s" if code else not piece.isdigit():
                loose = False  # a name, a sign: no digit goes on behind it
            elif code and piece[1] == "-":
                if loose:
                    return False
                loose = True
        return True

    def say_one_time(self) -> bool:
        """Whether texts of it can be read: a day, then no clock or one without gaps, each part once."""
        parts = set(self.parts)
        clock = {"hour" if part == "hour12" else part for part in parts & {"hour12", *_CLOCK}}
        day = parts & {"year", "month", "day", "yearday"}
        return (
            len(parts) == len(self.parts)
            and day in ({"year", "month", "day"}, {"year", "yearday"})
            and clock == set(_CLOCK[: len(clock)])
            and ({"hour12", "half"} <= parts) == bool({"hour12", "half"} & parts)
            and not {"hour", "hour12"} <= parts
            and ("offset" not in parts or bool(clock))
        )


def _getter(codes: list[Code]) -> Callable[[date], Any]:
    """What fills the template from a time; numbers that are attributes of it are taken together."""
    gets = [code.get for code in codes]
    names = [code.part for code in codes]
    if all(isinstance(get, attrgetter) for get in gets) and "micros" not in names:
        return attrgetter(*names)
    return lambda time: tuple([get(time) for get in gets])


def _plain_order(parts: list[str]) -> Callable[[list[int]], tuple[int, ...]] | None:
    """Picks year, month, day, hour .. in this order, where a format says these alone; else None."""
    plain = ("year", "month", "day", *_CLOCK)[: len(parts)]
    return itemgetter(*map(parts.index, plain)) if set(parts) == set(plain) and len(parts) > 2 else None


def _assemble(parts: dict[str, int]) -> date:
    day = date(parts["year"], parts.get("month", 1), parts.get("day", 1))
    if "yearday" in parts:
        day += timedelta(days=parts["yearday"] - 1)
    if day.year != parts["year"] or parts.get("weekday", day.weekday()) != day.weekday():
        raise ValueError(day)
    clock = [parts.get(name, 0) for name in _CLOCK]
    if "half" in parts:
        clock[0] = parts["hour12"] + 12 * parts["half"]
    elif "hour" not in parts:
        return day
    hour, minute, second, micros = clock
    local = datetime(day.year, day.month, day.day, hour, minute, second, micros)
    if "offset" not in parts:
        return local
    return in_range(Instant.combine(local.date(), local.time(), fixed(timedelta(minutes=parts["offset"]))))
