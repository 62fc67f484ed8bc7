"""What is fast gives what the long way gives: prepared resolvers, places of rows, quotes over many blocks."""

import io
from functools import partial

import pytest

from engine import registry
from engine.errors import RecordError, UnitError
from engine.kinds import Limits
from engine.language.times import TimeFormat, Zone
from engine.parsers._lines import BLOCK, Block
from engine.parsers._rows import Dialect, Rows
from engine.parsers.csv import Csv

TIMES = [
    "2024-05-06T07:08:09Z", "2024-05-06 07:08:09Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "2024-02-30T00:00:00Z", "2024-05-06T24:00:00Z", "2024-05-06T23:60:00Z", "2024-05-06T07:08:09", "2024-05-06",
    "2024-W01-1T07:08:09Z", "2024-05-06T07:08:09.5Z", "2024-05-06T07:08:09+02:00", "٢٠٢٤-05-06T07:08:09Z",
    "2024-05-06T07:08:0\uff19Z", "2024-05-06t07:08:09Z", "+024-05-06T07:08:09Z", "2024-05-06T 7:08:09Z", "x", "", 5, None,
]  # fmt: skip


def outcome(function, value):
    try:
        return function(value)
    except (RecordError, TypeError, AttributeError) as error:
        return type(error), getattr(error, "code", ""), str(error)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Apia", "+02:00", None])
@pytest.mark.parametrize("to", ["%Y-%m-%d", "%d.%m.%y", "%H:%M", "%b", "%Y%m%dT%H%M%S%L", "%z", "iso8601", "epoch"])
def test_a_prepared_resolver_gives_what_the_function_gives(to, zone):
    resolver = registry.resolvers()["format_date"]
    options = {"to": TimeFormat.parse(to), "zone": Zone.parse(zone) if zone else None}
    prepared, plain = resolver.step(options), partial(resolver.function, **options)
    for text in TIMES:
        assert outcome(prepared, text) == outcome(plain, text)


@pytest.mark.parametrize(
    "data", [b"a,b\n1,2\n3,4\n", b"a\r\n\r\nb\r\n", b'a\n"b\nc"\nd\n', b'"a",b\n"\rc",d\nlast', b'x\n\n"y"\n']
)
@pytest.mark.parametrize("keep_blank", [False, True])
def test_places_that_are_counted_are_those_that_are_read(data, keep_blank):
    rows = Rows(Dialect(",", '"', "", "", keep_blank), Block(data, 100, 7))
    rows.take_first()
    read = [span for _, span in rows._slow()][1:]
    assert [rows.spans()[i] for i in range(len(rows.parsed()))] == read


@pytest.mark.parametrize("size", [10, BLOCK, 3 * BLOCK + 7, 20 * BLOCK])
def test_a_quote_may_be_open_over_many_blocks(size):
    cell = "x\n" * (size // 2)
    data = f'a,b\n1,2\n"{cell}",3\n4,5\n'.encode()
    records = [value for batch in Csv().batches(io.BytesIO(data), Limits()) for value in batch.values]
    assert records == [{"a": "1", "b": "2"}, {"a": cell, "b": "3"}, {"a": "4", "b": "5"}]


@pytest.mark.parametrize("size", [10, BLOCK, 9 * BLOCK])
def test_a_quote_that_is_never_closed_fails_the_unit(size):
    data = b'a,b\n1,2\n"' + b"x,y\n" * (size // 4)
    with pytest.raises(UnitError) as caught:
        list(Csv().batches(io.BytesIO(data), Limits()))
    assert caught.value.code == "R121"
    assert "line 3" in caught.value.message
