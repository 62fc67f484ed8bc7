"""What is fast gives what the long way gives: prepared resolvers, places of rows, quotes over many blocks."""

import io
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import registry
from engine.errors import RecordError, UnitError
from engine.kinds import Limits
from engine.language.frames import Context
from engine.language.grammar import parse_mapping
from engine.language.scopes import vars_shape
from engine.language.shapes import ANY, of_texts
from engine.language.times import TimeFormat, Zone
from engine.language.typing import check_map
from engine.parsers import jsonl
from engine.parsers._lines import BLOCK, Block
from engine.parsers._rows import Dialect, Rows
from engine.parsers.csv import Csv
from engine.records import Batch, Damage, Table
from engine.rows import compiler, mapper
from engine.rows.mapper import RowMapper
from engine.rows.quick import quick_cell, quick_row

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


FLAT_FIELDS = {
    "copy": "a",
    "upper": {"source": "b", "resolver": ["trim", "upper"], "required": True},
    "int": {"source": "a", "resolver": "int"},
    "default": {"source": "c", "default": "D"},
    "typed_default": {"source": "c", "resolver": "int", "default": 0},
    "omit": {"source": "c", "blank": "omit"},
    "null": {"source": "b", "blank": "null"},
    "literal": {"value": 1},
    "day": {"source": "a", "resolver": {"type": "format_date", "to": "%d.%m.%Y", "zone": "UTC"}},
    "slug": {"source": "b", "resolver": ["slug", "upper"]},
}
CELLS = st.sampled_from(["", " ", "0", "7", "-3", "1e5", "x", " y ", "2024-05-06T07:08:09Z", "\u00e9", "--"])


@given(
    chosen=st.lists(st.sampled_from(sorted(FLAT_FIELDS)), min_size=1, max_size=6, unique=True),
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=6),
)
def test_a_flat_map_gives_what_the_whole_way_gives(chosen, rows):
    problems = []
    report = Collected(problems)
    mapping = parse_mapping({"fields": {name: FLAT_FIELDS[name] for name in chosen}}, (), report)
    mapping = check_map(mapping, of_texts(), vars_shape({}), report)
    assert not problems
    names = ["a", "b", "c"]
    values = [dict(zip(names, row, strict=True)) for row in rows]
    assert over_rows(mapping, names) is not None
    table = Batch(b"", 0, 1, lambda: values, list, Table(names, rows))
    record = Batch(b"", 0, 1, lambda: values, list)
    maps = RowMapper(mapping, Context({}, {}, {}))
    assert maps(table) == maps(record) == whole_way(mapping)(record)


def over_rows(mapping, names):
    cells = [quick_cell(made) for made in mapping.fields]
    return quick_row(cells, names) if all(cells) else None


def whole_way(mapping):
    """The mapper without its shortcuts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "quick_cell", lambda made: None)
        patch.setattr(mapper, "quick_object", lambda fields: None)
        return RowMapper(mapping, Context({}, {}, {}))


class Collected:
    def __init__(self, problems):
        self.problems = problems

    def __call__(self, code, pointer, message, help="", **more):
        self.problems.append((code, pointer, message))

    def secret(self, text, pointer):
        return text

    def broken(self, pointer):
        return False

    refused = broken


def test_a_map_that_asks_for_more_goes_the_whole_way():
    report = Collected([])
    for fields in (
        {"x": {"source": "a", "min_length": 1}},
        {"x.y": "a"},
        {"_x": "a"},
        {"x": "$run.id"},
        {"x": "nowhere"},
        {"x": "=a"},
        {"x": {"source": "a", "when": "true"}},
    ):
        assert over_rows(parse_mapping({"fields": fields}, (), report), ["a"]) is None


NESTED_FIELDS = {
    "copy": "a",
    "deep": "o.p",
    "deeper": {"source": "o.p.q", "resolver": ["text", "trim", "upper"]},
    "deepest": {"source": "o.p.q.r", "default": 0},
    "first": {"source": ["o.p", "a", "l"], "blank": "null"},
    "number": {"source": "a", "resolver": "decimal", "required": True},
    "whole": {"source": "o.n", "resolver": "int", "min": 0, "default": 3},
    "object": {"fields": {"x": "a", "y": {"source": "o.p", "required": True}}},
    "inside": {"source": "o", "fields": {"x": "p", "z": {"source": "n", "one_of": [1, 2]}}},
    "each": {"each": "l", "fields": {"x": "p", "y": {"source": "n", "resolver": "int"}}},
    "items": {"each": "l", "resolver": "text"},
    "literal": {"value": {"k": [1]}},
    "made": {"value": "7", "resolver": "int"},
    "recovered": {"source": "a", "resolver": "int", "on_error": "blank", "default": -1},
    "dotted.name": "o.n",
    "_working": "a",
    "seen": "$out._working",
    "when": {"source": "a", "when": "present(o)"},
    "said": "=coalesce(a, 1)",
}
LEAVES = st.sampled_from([None, "", " x ", "7", "1.50", 0, 3, False, True, [], {}, "0.0000001", 10**20])
INNER = st.dictionaries(st.sampled_from("pnqr"), st.one_of(LEAVES, st.dictionaries(st.sampled_from("qr"), LEAVES)))
NESTED = st.dictionaries(
    st.sampled_from("aol"), st.one_of(LEAVES, INNER, st.lists(st.one_of(LEAVES, INNER), max_size=3))
)


@given(
    chosen=st.lists(st.sampled_from(sorted(NESTED_FIELDS)), min_size=1, max_size=8, unique=True),
    records=st.lists(st.one_of(NESTED, LEAVES), max_size=4),
)
def test_quick_fields_give_what_the_whole_way_gives(chosen, records):
    chosen = sorted(chosen, key=list(NESTED_FIELDS).index)
    if "seen" in chosen and "_working" not in chosen:
        chosen.remove("seen")
    report = Collected([])
    mapping = parse_mapping({"fields": {name: NESTED_FIELDS[name] for name in chosen}}, (), report)
    mapping = check_map(mapping, ANY, vars_shape({}), report)
    assert not report.problems
    batch = Batch(b"", 0, 1, lambda: records, list)
    quick, whole = RowMapper(mapping, Context({}, {}, {})), whole_way(mapping)
    assert repr(quick(batch)) == repr(whole(batch))
    assert quick.notes.recovered == whole.notes.recovered


LINES = st.sampled_from(
    [b'{"a":1}', b'{"a":1.50}', b"", b" ", b'{"a":1} {"b":2}', b'{"a":', b"1}", b"[1]", b'{"a":{}', b'"x"', b'{"a":1e400}',
     b'{"a":"\xff"}', b'{"a":0.0000001}', b'{"n":' + b"[" * 300 + b"]" * 300 + b"}", b'{"a":NaN}', b"{}"]
)  # fmt: skip


@given(st.lists(LINES, max_size=6), st.booleans())
def test_lines_read_together_are_what_they_are_one_by_one(lines, ended):
    data = b"\n".join(lines) + (b"\n" if ended else b"")
    together = jsonl._decode_lines(data, 256)
    assert [look(value) for value in together] == [look(value) for value in jsonl._one_by_one(data.split(b"\n"), 256)]


def look(value):
    return (value.code, value.message) if isinstance(value, Damage) else repr(value)
