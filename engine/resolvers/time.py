"""The family of time: days, moments and local times, never by the host's zone or locale.

A time value is a day (`date`), a moment (`instant`) or a local time without zone (`local`). Texts are read by
`format`, numbers only by `format: epoch`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final

from engine.errors import RecordError
from engine.language import times
from engine.language.calls import Place
from engine.language.scopes import Scope
from engine.language.shapes import Shape
from engine.language.times import ISO, Ambiguous, InputFormat, TimeFormat, Unit, Zone
from engine.options import Report
from engine.records import Instant
from engine.registry import Doc, Example, resolver
from engine.spelling import a, show

TIMES: Final = ("date", "instant", "local")
_SUMMER: Final = dt.timezone(dt.timedelta(hours=2))
READABLE: Final = ("text", "int", "decimal", *TIMES)

Format = Annotated[InputFormat, Doc("How the text is written: `iso8601`, `epoch` or `%` codes.")]
EpochUnit = Annotated[Unit, Doc("What `epoch` counts.")]
Either = Annotated[
    Ambiguous | None, Doc("Which moment is meant where a clock change shows a local time never or twice.")
]
Truncate = Annotated[bool, Doc("Whether digits beyond microseconds are cut instead of refused.")]


def _read(value: Any, format: InputFormat, unit: Unit, truncate: bool) -> dt.date:
    """The time of a text, a number or a time value."""
    if isinstance(value, str):
        return format.read(value, unit, truncate=truncate)
    if isinstance(value, dt.date):
        return value
    return _count(value, format, unit, truncate)


def _count(value: Any, format: InputFormat, unit: Unit, truncate: bool) -> dt.date:
    if format.text != "epoch" or isinstance(value, bool):
        raise RecordError("R216", f"{show(value)} is not a time: numbers are read by `format: epoch`", value)
    digits = _digits(value)
    if digits is None:
        raise RecordError("R216", f"{show(value)} leaves the years 1 to 9999", value)
    return format.read(digits, unit, truncate=truncate)


def _digits(value: int | Decimal) -> str | None:
    """The number in plain digits; None where it is far beyond every year, or far too long to write."""
    if isinstance(value, int):
        return str(value) if value.bit_length() < 100 else None
    exponent = value.as_tuple().exponent
    return f"{value:f}" if isinstance(exponent, int) and exponent > -100 and value.adjusted() < 30 else None


def _zoned(gives: str, *needing: str) -> Callable[..., Shape]:
    """The check of a resolver that gives this type, and cannot do without `zone` for those."""

    def check(options: Mapping[str, Any], given: Shape, place: Place, scope: Scope, report: Report) -> Shape:
        if given.type in needing and options.get("zone") is None:
            message = f"{a(given.type)} has no {gives} without a zone"
            report("M322", place.pointer, message, "write `zone: Europe/Berlin`, or where it happened", span=place.span)
        return Shape(gives, sure=True)

    return check


@resolver(
    takes=READABLE,
    gives="date",
    check=_zoned("date", "instant"),
    examples=[
        Example("2024-01-31", dt.date(2024, 1, 31)),
        Example("31/01/2024", dt.date(2024, 1, 31), options={"format": "%d/%m/%Y"}),
        Example("2024-01-31T23:30:00Z", dt.date(2024, 2, 1), options={"zone": "Europe/Berlin"}),
        Example("2024-02-30", error="R216"),
    ],
)
def date(
    value: Any,
    *,
    format: Format = ISO,
    zone: Annotated[Zone | None, Doc("The zone in which a moment's day is taken.")] = None,
    unit: EpochUnit = "s",
) -> dt.date:
    """The day of a text or a time; a moment needs `zone`, a local time has its own day.

    Refuses what is not written in `format`, and days that no calendar has.
    """
    if isinstance(value, str):
        time = format.read(value, unit, truncate=True)  # a fraction of a second decides no day
    else:
        time = _read(value, format, unit, truncate=True)
    return times.as_day(time, zone) if isinstance(time, dt.datetime) else time


@resolver(
    takes=READABLE,
    gives="instant",
    check=_zoned("instant", "date", "local"),
    examples=[
        Example("2024-01-31T10:00:00Z", Instant(2024, 1, 31, 10, tzinfo=dt.UTC)),
        Example("2024-07-31", Instant(2024, 7, 31, tzinfo=_SUMMER), options={"zone": "Europe/Berlin"}),
        Example(1706695200, Instant(2024, 1, 31, 10, tzinfo=dt.UTC), options={"format": "epoch"}),
        Example("2024-03-31 02:30:00", error="R217", options={"zone": "Europe/Berlin"}),
    ],
)
def instant(
    value: Any,
    *,
    format: Format = ISO,
    zone: Annotated[Zone | None, Doc("The zone of texts and times that say none.")] = None,
    unit: EpochUnit = "s",
    ambiguous: Either = None,
    truncate: Truncate = False,
) -> Instant:
    """The moment of a text or a time, to the microsecond; the offset it was written with is kept.

    A day (its midnight) and a local time need `zone`. Refuses what is not written in `format`, digits beyond
    microseconds, and local times that a clock change skips or repeats, unless told what to do.
    """
    time = _read(value, format, unit, truncate)
    return time if isinstance(time, Instant) else times.as_moment(time, zone, ambiguous)


def _prepared(
    *, to: TimeFormat, format: InputFormat = ISO, zone: Zone | None = None, **more: Any
) -> Callable[[Any], str]:
    """`format_date` with its options; a plain moment of ISO text goes straight to its `%` codes."""
    full: Callable[[Any], str] = partial(format_date, to=to, format=format, zone=zone, **more)
    if format.text != ISO.text or zone is None or not to.needs_zone or to.needs_moment:
        return full
    read, is_plain_utc, write = dt.datetime.fromisoformat, times.is_plain_utc, to.write
    info = None if zone.info is dt.UTC else zone.info
    same = not info and to.text == "%Y-%m-%d"  # the first ten characters

    def straight(value: Any) -> str:
        if type(value) is not str or not is_plain_utc(value):
            return full(value)
        try:
            moment = read(value)
            return value[:10] if same else write(moment.astimezone(info) if info else moment)
        except (ValueError, OverflowError):
            return full(value)  # which says what is wrong

    return straight


@resolver(
    takes=READABLE,
    gives="text",
    prepare=_prepared,
    examples=[
        Example("2024-01-31", "31 Jan 2024", options={"to": "%d %b %Y"}),
        Example("2024-01-31T10:00:00Z", "11:00", options={"to": "%H:%M", "zone": "Europe/Berlin"}),
        Example("2024-01-31T10:00:00+02:00", "2024-01-31T08:00:00Z", options={"to": "iso8601"}),
        Example("2024-01-31T10:00:00Z", error="R218", options={"to": "%H:%M"}),
    ],
)
def format_date(
    value: Any,
    *,
    to: Annotated[TimeFormat, Doc("How it is written: `iso8601`, `epoch` or `%` codes.")],
    format: Format = ISO,
    zone: Annotated[Zone | None, Doc("The zone to write a moment in, and of times that say none.")] = None,
    unit: EpochUnit = "s",
    ambiguous: Either = None,
    truncate: Truncate = False,
) -> str:
    """The time as text; a text is read by `format` first.

    A moment needs `zone` to be written in `%` codes; as `iso8601` it is written in UTC without one, with
    the zone's offset with one. A day has the clock of its midnight. `epoch` and `%z` need a moment, so a day
    or a local time needs `zone` for them.
    """
    return times.written(_read(value, format, unit, truncate), to, zone, unit, ambiguous)


@resolver(
    takes=TIMES,
    gives=lambda options, given: given,
    examples=[
        Example(dt.date(2024, 1, 31), dt.date(2024, 2, 29), options={"months": 1}),
        Example(dt.date(2024, 3, 1), dt.date(2024, 2, 29), options={"days": -1}),
        Example(dt.date(2024, 1, 31), error="R218", options={"seconds": 1}),
    ],
)
def shift(
    value: dt.date,
    *,
    years: Annotated[int, Doc("Calendar years, negative for earlier.")] = 0,
    months: Annotated[int, Doc("Calendar months.")] = 0,
    days: Annotated[int, Doc("Days; of 24 hours for a moment.")] = 0,
    seconds: Annotated[int, Doc("Seconds; a day has none.")] = 0,
) -> dt.date:
    """The time moved by years and months first, stopping at the month's last day, then by days and seconds.

    A moment moves by the calendar of its own offset, which it keeps. Refuses seconds for a day, and years
    below 1 or over 9999.
    """
    if seconds and not isinstance(value, dt.datetime):
        raise RecordError("R218", f"{show(value)} is a day, which has no seconds: make it an `instant` first", value)
    try:
        moved = _by_months(value, years * 12 + months) + dt.timedelta(days=days, seconds=seconds)
    except (OverflowError, ValueError) as error:
        raise RecordError("R218", f"{show(value)} moved so far leaves the years 1 to 9999", value) from error
    return times.in_range(moved) if isinstance(moved, Instant) else moved


def _by_months(value: dt.date, months: int) -> dt.date:
    if not months:
        return value
    year, month = divmod(value.year * 12 + value.month - 1 + months, 12)
    return value.replace(year=year, month=month + 1, day=min(value.day, _length(year, month)))


def _length(year: int, month: int) -> int:
    """The days of a month, which counts from 0."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month]


@resolver(
    takes="instant",
    gives="int",
    examples=[
        Example(Instant(2024, 1, 31, 10, tzinfo=dt.UTC), 1706695200),
        Example(Instant(1970, 1, 1, 0, 0, 0, 1500, tzinfo=dt.UTC), 1, options={"unit": "ms"}),
    ],
)
def epoch(value: Instant, *, unit: EpochUnit = "s") -> int:
    """Whole seconds (or `ms`, `us`) since 1970 began in UTC; a started unit does not count."""
    return times.since_epoch(value, unit)
