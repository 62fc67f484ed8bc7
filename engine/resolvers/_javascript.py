"""How JavaScript reads and writes values, for what the original SDK makes of them; digits are never lost here."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from engine.errors import RecordError
from engine.language.numbers import MAX_DIGITS, clean, exact, too_long, within_cap
from engine.records import MISSING
from engine.spelling import WHITE_SPACE, show

BLANK_SPACE: Final = WHITE_SPACE.replace("\x85", "")
"""What `trim` and the number readers of JavaScript take for blank space."""

_INT: Final = re.compile(r"[+-]?[0-9]+")
_FLOAT: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ENDLESS: Final = re.compile(r"[+-]?Infinity")


def lost(value: Any, what: str) -> RecordError:
    """Where the SDK would send something that is not in the data."""
    return RecordError("R275", f"{show(value)} {what}", value)


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────


def text_of(value: Any) -> str:
    """`String(value)`; an object would be `[object Object]`, which says nothing: it is refused."""
    if isinstance(value, str):
        return value
    if value is None or value is MISSING:
        return "null" if value is None else "undefined"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join("" if item is None else text_of(item) for item in value)
    if isinstance(value, dict):
        raise lost(value, "is an object: the SDK would write `[object Object]`")
    return str(bare(value))


def bare(value: Any) -> Any:
    """A number as JavaScript prints it, `1.10` as `1.1`; every digit that counts is kept. Other values as they are."""
    value = exact(value)
    if not isinstance(value, Decimal):
        return value
    number = clean(within_cap(Decimal(str(value))))
    digits = format(number, "f")
    return Decimal(digits.rstrip("0").rstrip(".") if "." in digits else digits)


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────


def leading_int(value: Any) -> int | None:
    """`parseInt(value, 10)`: the whole number that the text begins with, exact; None for NaN."""
    if isinstance(value, int) and not isinstance(value, bool):
        return within_cap(value)
    if isinstance(value, Decimal | float):
        return int(within_cap(Decimal(str(value))))
    text = _said(value)
    match = _INT.match(text) if text else None
    if match and len(match[0]) > MAX_DIGITS:
        raise too_long(value)
    return int(match[0]) if match else None


def leading_number(value: Any) -> Decimal | None:
    """`parseFloat(value)`: the number that the text begins with, exact; None for NaN."""
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        return Decimal(bare(within_cap(value) if isinstance(value, int) else value))
    text = _said(value)
    if _ENDLESS.match(text):
        raise lost(value, "is no number that JSON can say: the SDK would send null")
    match = _FLOAT.match(text)
    if match is None:
        return None
    exponent = match[0].lower().partition("e")[2].lstrip("+-0")
    if len(match[0]) > MAX_DIGITS or len(exponent) > 4:
        raise too_long(value)
    return Decimal(bare(Decimal(match[0])))


def _said(value: Any) -> str:
    """The text that a number is looked for in; objects say none."""
    return "" if isinstance(value, dict) else text_of(value).lstrip(BLANK_SPACE)


# ── dates ────────────────────────────────────────────────────────────────────────────────────────────────

LONGEST_DATE: Final = 100

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_AMERICAN: Final = {"E": -5, "C": -6, "M": -7, "P": -8}
"""The zones that JavaScript knows by letters, in winter."""
_DAY_NAME: Final = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_MONTH_NAME: Final = rf"(?P<name>{'|'.join(_MONTHS)})[a-z]*\.?"
_ISO_TIME: Final = r"T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
_ISO_ZONE: Final = r"(?P<zone>Z|[+-]\d\d:?\d\d)?"
_TIME: Final = (
    r"(?:,?\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?:\s+(?P<half>am|pm)(?=[\s+-]|$))?\s*(?P<zone>Z|(?:(?<=\s)(?:GMT|UTC))?[+-]\d{2}(?::?\d{2})?|(?<=\s)(?:GMT|UTC|[ECMP][SD]T))?(?:\s*\([^)]*\))?)?"
)
_DAYS: Final = (
    r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})",
    r"(?P<year>\d{4})[/-](?P<month>\d{1,2})[/-](?P<day>\d{1,2})",
    r"(?P<month>\d{1,2})[/-](?P<day>\d{1,2})[/-](?P<year>\d{4}|\d{2})",
    rf"{_DAY_NAME}(?P<day>\d{{1,2}})[\s-]+{_MONTH_NAME}[\s-]+(?P<year>\d{{4}}|\d{{2}})",
    rf"{_DAY_NAME}{_MONTH_NAME}\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}}|\d{{2}})",
)
_SHAPES: Final = (
    re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d{2}))?", re.ASCII).fullmatch,
    re.compile(_DAYS[0] + _ISO_TIME + _ISO_ZONE, re.ASCII).fullmatch,
    *(re.compile(day + _TIME, re.IGNORECASE | re.ASCII).fullmatch for day in _DAYS),
)


def read_date(text: str) -> datetime | None:
    """The moment that `new Date(text)` means, one without an offset in UTC; None where it would be invalid.

    The shapes are those that say one time to everybody who reads months first. A day that its month does not
    have is refused: the SDK would roll it over into the next.
    """
    said = text.strip(BLANK_SPACE) if len(text) <= LONGEST_DATE else ""
    match = next((found for shape in _SHAPES if (found := shape(said))), None)
    return _moment(text, match.groupdict()) if match else None


def _moment(text: str, said: dict[str, str | None]) -> datetime | None:
    name, half = said.get("name"), said.get("half")
    month = _MONTHS.index(name.lower()) + 1 if name else int(said.get("month") or 1)
    year, day = int(said["year"] or 0), int(said.get("day") or 1)
    if len(said["year"] or "") == 2:
        year += 2000 if year < 50 else 1900
    hour, minute, second = (int(said.get(part) or 0) for part in ("hour", "minute", "second"))
    last = 12 if half else 23
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= last and minute < 60 and second < 60 and year):
        return None
    if half:
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    micros = int((said.get("fraction") or "0")[:3].ljust(3, "0")) * 1000
    try:
        return datetime(year, month, day, hour, minute, second, micros, _zone(said.get("zone"))).astimezone(UTC)
    except ValueError as error:
        raise lost(text, "is a day that its month does not have: the SDK would roll it over") from error
    except OverflowError:
        return None


def _zone(text: str | None) -> timezone:
    digits = re.sub(r"[^0-9]", "", text or "")
    if not digits:
        hours = _AMERICAN.get((text or "")[:1].upper())
        return timezone(timedelta(hours=hours + (text or "").upper().endswith("DT"))) if hours else UTC
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-away if "-" in str(text) else away)


def date_of_epoch(value: Any) -> datetime:
    """The moment so many milliseconds after 1970 began."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(value))
    except OverflowError as error:
        raise lost(value, "is no time: milliseconds since 1970 leave the years 1 to 9999") from error


def iso(moment: datetime) -> str:
    """`toISOString()`: UTC with three digits of a second."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
