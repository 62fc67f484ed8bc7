"""Formats and zones: what they refuse when a spec is checked, what they write, and that they travel."""

import pickle
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OptionError, RecordError
from engine.language import zones
from engine.language.timecodes import CODES
from engine.language.times import InputFormat, TimeFormat, Zone, as_moment, read_iso, text_of
from engine.records import Instant

INSTANTS = st.datetimes(timezones=st.just(UTC)).map(lambda time: Instant.combine(time.date(), time.timetz()))


@given(INSTANTS)
def test_moments_are_read_back_from_what_is_written(time):
    assert read_iso(text_of(time)) == time
    assert isinstance(read_iso(text_of(time)), Instant)


@given(st.dates() | st.datetimes())
def test_days_and_local_times_are_read_back_from_what_is_written(time):
    assert read_iso(text_of(time)) == time


@given(st.datetimes())
def test_every_code_reads_what_it_writes(time):
    for text in ("%Y-%m-%d %H:%M:%S.%f", "%A, %d %B %Y, %I.%M.%S.%f %p", "%a%b%d%Y%H%M%S%f", "%Y%j%H%M%S%f"):
        format = InputFormat(text)
        assert format.read(format.write(time)) == time


@given(INSTANTS, st.integers(-1439, 1439))
def test_offsets_are_read_as_written(time, minutes):
    shifted = Instant.combine(time.date(), time.time(), zones.fixed(timedelta(minutes=minutes)))
    for code in ("%z", "%:z"):
        format = InputFormat(f"%Y%m%d%H%M%S%f{code}")
        try:
            assert format.read(format.write(shifted)) == shifted
        except RecordError:
            assert shifted.year in (1, 9999)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@given(time=INSTANTS)
def test_epoch_reads_what_it_writes(unit, time):
    format = TimeFormat("epoch")
    step = {"s": timedelta(seconds=1), "ms": timedelta(milliseconds=1), "us": timedelta(microseconds=1)}[unit]
    read = format.read(format.write(time, unit), unit)
    assert timedelta() <= time - read < step


@given(st.text(max_size=40) | st.text("0123456789-:TZ+. W", min_size=8, max_size=32))
def test_iso_takes_only_its_own_shape(text):
    try:
        time = read_iso(text)
    except RecordError:
        return
    assert text.isascii()
    assert "W" not in text
    assert text[:10] == time.isoformat()[:10]


@pytest.mark.parametrize("text", ["%Y", "%d/%m", "%Y-%m-%d %M", "%Y-%m-%d %H %S", "%Y-%m-%d %I", "%Y-%m-%d %H %p",
                                  "%Y-%m-%d %d", "%Y %j %m", "%H:%M", "%Y-%m-%d %z", "%Y-%m-%d %H %I %p"])  # fmt: skip
def test_formats_that_do_not_say_one_time_can_only_be_written(text):
    TimeFormat.parse(text)
    with pytest.raises(OptionError, match="does not say one time") as raised:
        InputFormat.parse(text)
    assert raised.value.code == "M307"


@pytest.mark.parametrize(
    "text", ["%Q", "%", "%Y-%", "%Z", "%-j", "%-", "%-%", "%e", "yyyy-MM-dd", "ISO8601", "", 7, None, "%E"]
)
def test_unknown_codes(text):
    with pytest.raises(OptionError) as raised:
        TimeFormat.parse(text)
    assert raised.value.code == "M307"
    assert all(code in raised.value.help for code in CODES)


@pytest.mark.parametrize("text", ["%-d%-m%Y", "%Y%-m%-d", "%-m%d%-H %Y %M", "%Y%j %-H1%-I %p"])
def test_formats_whose_texts_can_be_read_in_two_ways(text):
    with pytest.raises(OptionError) as raised:
        InputFormat.parse(text)
    assert raised.value.code == "M307"
    assert TimeFormat.parse(text).write(datetime(2024, 1, 5, 10))


@given(st.datetimes())
def test_numbers_without_zeros_are_read_as_written(time):
    for text in ("%-d.%-m.%Y %-H:%M:%S.%f", "%Y%-m/%-d, %-I%p%M%S%f", "%-d%B%Y%-H%M%S%f"):
        format = InputFormat(text)
        assert format.read(format.write(time)) == time


@pytest.mark.parametrize(
    ("format", "text", "hint"),
    [
        ("%m/%d/%Y", "1/5/2024", ": say `%-m/%-d/%Y`"),
        ("%dd %b %Y %%", "5d Jan 2024 %", ": say `%-dd %b %Y %%`"),
        ("%m/%d/%Y", "1/5/24", ""),
        ("%-m/%d/%Y", "1/5/2024", ": say `%-m/%-d/%Y`"),
        ("%d%m%Y", "152024", ""),
        ("%d.%m.%Y", "31.02.2026", ""),
        ("%-m/%-d/%Y", "1/5/24", ""),
    ],
)
def test_a_text_without_zeros_is_told_its_format(format, text, hint):
    with pytest.raises(RecordError) as raised:
        InputFormat(format).read(text)
    assert raised.value.message == f"`{text}` is not a time written as `{format}`{hint}"


@pytest.mark.parametrize(("text", "near"), [("Europe/Berlim", "`Europe/Berlin`"), ("berlin", "`Europe/Berlin`"),
                                            ("utc", "`UTC`"), ("america/new_york", "`America/New_York`")])  # fmt: skip
def test_unknown_zones_come_with_a_suggestion(text, near):
    with pytest.raises(OptionError) as raised:
        Zone.parse(text)
    assert raised.value.code == "M314"
    assert near in raised.value.help


@pytest.mark.parametrize(
    "text",
    [
        "+24:00",
        "+2:00",
        "+0200",
        "02:00",
        "+02:60",
        "",
        "../UTC",
        "Mars",
        5,
        None,
        "+\u0660\u0662:\u0660\u0660",
    ],
)
def test_what_is_no_zone(text):
    with pytest.raises(OptionError) as raised:
        Zone.parse(text)
    assert raised.value.code == "M314"


def test_every_zone_of_tzdata_can_be_read():
    for name in zones.names():
        as_moment(datetime(2024, 1, 31, 12), Zone.parse(name), "earlier")


@pytest.mark.parametrize("made", [TimeFormat("%d.%m.%Y"), InputFormat("iso8601"), TimeFormat("epoch"),
                                  Zone("Europe/Berlin"), Zone("+02:00"), Zone("UTC")])  # fmt: skip
def test_options_travel_between_processes(made):
    if isinstance(made, Zone):
        assert made.info
    again = pickle.loads(pickle.dumps(made))  # noqa: S301  our own
    assert (again, type(again), hash(again), str(again)) == (made, type(made), hash(made), str(made))


def test_moments_made_in_a_zone_travel():
    made = as_moment(datetime(2024, 7, 31), Zone("Europe/Berlin"))
    again = pickle.loads(pickle.dumps(made))  # noqa: S301  our own
    assert again.isoformat() == "2024-07-31T00:00:00+02:00"


def test_codes_are_the_same_in_every_locale():
    import locale

    before = locale.setlocale(locale.LC_ALL)
    for name in ("de_DE.UTF-8", "tr_TR.UTF-8", "C"):
        try:
            locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            continue
        assert TimeFormat("%A %B").write(date(2024, 3, 1)) == "Friday March"
    locale.setlocale(locale.LC_ALL, before)


@pytest.mark.parametrize(("time", "text"), [
    (date(5, 1, 2), "0005-01-02"), (datetime(5, 1, 2, 3, 4, 5), "0005-01-02T03:04:05"),
    (datetime(2024, 1, 31, 0, 0, 0, 120_000), "2024-01-31T00:00:00.120000"),
    (Instant(2024, 1, 31, 0, 30, tzinfo=Zone("Europe/Berlin").info), "2024-01-30T23:30:00Z"),
    (Instant(2024, 1, 31, 0, 30, 0, 10, tzinfo=UTC), "2024-01-31T00:30:00.000010Z"),
    (Instant(2024, 1, 31, 0, 0, 10, tzinfo=UTC), "2024-01-31T00:00:10Z"),
    (Instant(1800, 1, 1, tzinfo=Zone("Europe/Berlin").info), "1799-12-31T23:06:32Z"),
])  # fmt: skip
def test_times_as_they_leave(time, text):
    assert text_of(time) == text
