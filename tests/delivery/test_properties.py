"""Whatever comes in: no mapping raises, the books balance, inputs stay as they were, places are exact."""

import copy
import io
import json
from contextlib import contextmanager, suppress
from datetime import UTC

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.delivery.books import Books
from engine.delivery.rejects import RejectWriter, reject_schema
from engine.errors import RecordError, UnitError
from engine.kinds import Limits
from engine.language.frames import Context
from engine.language.grammar import parse_mapping
from engine.language.jsontext import decode, encode_lines
from engine.language.shapes import Shape
from engine.language.typing import check_map
from engine.parsers import _lines
from engine.parsers.csv import Csv
from engine.parsers.jsonl import Jsonl
from engine.records import Batch, Damage, Digits, Instant, Span
from engine.registry import components, resolvers
from engine.rows.mapper import RowMapper

NAMES = ["a", "b", "c", "id", "line items", "0"]
UNIT = {
    "id": "in/a.csv",
    "name": "a.csv",
    "stem": "a",
    "ext": "csv",
    "dir": "",
    "path": "in/a.csv",
    "size": 3,
    "source": "",
}
CONTEXT = Context(
    {"day": None, "n": 3}, {"id": "r", "started_at": Instant(2026, 1, 31, tzinfo=UTC), "pipeline": "p"}, UNIT
)

texts = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "0042",
            "+47",
            "1e5",
            "1.50",
            "NaN",
            "true",
            "no",
            "2026-01-31",
            "2026-01-31T10:00:00Z",
            "a,b",
            "x" * 300,
        ]
    ),
    st.text(max_size=8),
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.sampled_from([2**53 + 1, 10**400, -0]), texts,
    st.sampled_from(["1.10", "1E400", "0.0000001", "-0.0", "1E-400"]).map(Digits),
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)

HEADS = [
    "",
    "",
    "",
    "",
    "$record.",
    "$root.",
    "$parent.",
    "$out.",
    "$item.",
    "$index",
    "$vars.",
    "$run.",
    "$unit.",
]
steps = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "id",
        "line items",
        "0",
        "a.b",
        "a.b.c",
        "b[0]",
        "a[0].b",
        "c[-1]",
        "[0]",
        "a[*].b",
        "a[]",
        "length(a)",
        "keys(b)",
        "a || b",
        "a[?b == `1`]",
        "sort(a)",
        "join(',', a)",
        "*",
        "@",
        "a[0:2]",
        "max(b)",
        "{x: a}",
        "not_null(a, b)",
    ]
)
paths = st.builds(lambda head, step: head + step, st.sampled_from(HEADS), steps)
sources = paths | st.lists(paths, min_size=1, max_size=3)


def resolver_docs():
    """Every resolver that is there, bare and by its own examples' options."""
    docs = []
    for name, found in resolvers().items():
        docs.append(name)
        docs += [{"type": name, **options} for options in examples_of(found)]
    return docs


def examples_of(found):
    try:
        return [
            dict(each[1]) if isinstance(each, tuple) and isinstance(each[1], dict) else {} for each in found.examples
        ]
    except AttributeError:
        return []


OPTIONS = [
    {"type": "decimal", "places": 2}, {"type": "decimal", "places": 2, "rounding": "half_up"}, {"type": "decimal", "exponent": True},
    {"type": "date", "format": "%d.%m.%Y"}, {"type": "instant", "zone": "Europe/Berlin"}, {"type": "epoch", "unit": "ms"},
    {"type": "replace", "pattern": "[a-z]+", "to": "-"}, {"type": "extract", "pattern": "(.)(.)", "group": 2}, {"type": "split", "by": ",", "take": 1},
    {"type": "join", "by": "-"}, {"type": "slice", "start": 1, "stop": -1}, {"type": "pad", "width": 9, "fill": "0"}, {"type": "truncate", "length": 3},
    {"type": "format_date", "to": "%Y"}, {"type": "shift", "months": 1}, {"type": "clamp", "min": 1, "max": 9}, {"type": "hash"}, {"type": "round", "places": 1},
    {"type": "bool", "true": ["y"], "false": ["n"]}, {"type": "band", "below": {"10": "low"}, "above": "high"},
]  # fmt: skip
chain_items = st.sampled_from([*resolver_docs(), *OPTIONS])
chains = chain_items | st.lists(chain_items, max_size=3)

settings_of_a_field = st.fixed_dictionaries(
    {},
    optional={
        "resolver": chains,
        "default": st.sampled_from(["x", 7, None, True, "1.5"]),
        "required": st.booleans(),
        "on_error": st.sampled_from(["reject", "blank"]),
        "blank": st.sampled_from(["keep", "omit", "null"]),
        "one_of": st.sampled_from([["a"], [1, 2], ["true", "x"]]),
        "pattern": st.sampled_from(["[0-9]+", ".*"]),
        "min": st.sampled_from([0, "2026-01-01"]),
        "max_length": st.integers(0, 5),
    },
)


def objects(inner):
    fields = st.dictionaries(st.sampled_from(["x", "y", "z", "_w", "d.e", '"f.g"']), inner, max_size=3)
    return st.one_of(
        st.builds(lambda fields: {"fields": fields}, fields),
        st.builds(lambda fields, source: {"fields": fields, "source": source}, fields, sources),
        st.builds(lambda fields, each: {"fields": fields, "each": each}, fields, sources),
        st.builds(lambda chain, each: {"resolver": chain, "each": each}, chain_items, sources),
        st.builds(lambda pairs: {"pairs": pairs}, fields),
        st.builds(lambda path: {"pairs_from": {"path": path, "except": ["id"], "types": {"a": "INTEGER"}}}, paths),
        st.builds(lambda items: {"list": items}, st.lists(inner, max_size=3)),
    )


plain_fields = st.one_of(
    sources,
    st.builds(
        lambda made, more: {**made, **more},
        st.builds(lambda source: {"source": source}, sources),
        settings_of_a_field,
    ),
    st.builds(lambda value: {"value": value}, st.sampled_from(["x", 1, None, {"k": []}, [1]])),
)
fields = st.recursive(plain_fields, objects, max_leaves=6)
mappings = st.builds(
    lambda made, passing, source, blank: {"fields": made, **passing, **source, **blank},
    st.dictionaries(st.sampled_from(["x", "y", "z", "_w", "d.e", "a"]), fields, max_size=4),
    st.sampled_from([{}, {}, {"pass_through": True}, {"pass_through": {"except": ["a"]}}]),
    st.one_of(st.just({}), st.just({}), st.builds(lambda path: {"source": path}, paths)),
    st.sampled_from([{}, {"blank": "omit"}, {"blank": "null"}]),
)


class Report(list):
    """Takes the problems of a mapping that does not check; such a one is never run."""

    def __call__(self, code, pointer, *args, level="error", **more):
        if level == "error":
            self.append((code, pointer))

    def broken(self, pointer):
        return False

    refused = broken


def compiled(doc):
    report = Report()
    mapping = check_map(parse_mapping(doc, (), report), Shape(), Shape(), report)
    return None if report else mapping


def batch_of(records):
    return Batch(
        b"x" * len(records),
        0,
        1,
        lambda: records,
        lambda: [Span(i + 1, i, i + 1) for i in range(len(records))],
    )


def keep(stages):
    def stage(path, facts):
        stages[path] = io.BytesIO()
        return stages[path]

    return stage


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(mappings, st.lists(values, min_size=1, max_size=3))
@example({"fields": {"x": "a"}}, [Damage("R101", "ragged")])
def test_any_value_through_any_mapping_is_written_or_rejected(doc, records):
    mapping = compiled(doc)
    if mapping is None:
        return
    before = [copy.deepcopy(record) if not isinstance(record, Damage) else record for record in records]
    mapper = RowMapper(mapping, CONTEXT)
    batch = batch_of(records)
    mapped = mapper(batch)
    assert sorted([*mapped.indexes, *(reject.position for reject in mapped.rejects)]) == list(range(len(records)))
    assert records == before, "an input was changed"
    again = RowMapper(mapping, CONTEXT)(batch)
    assert encode_each(mapped.records) == encode_each(again.records)
    assert mapped.rejects == again.rejects
    balance(batch, mapped)


def encode_each(records):
    return encode_lines(records)


def balance(batch, mapped):
    books = Books()
    books.count_read(len(batch))
    written = 0
    for name in ("csv", "json", "jsonl"):  # those that need no shape and no template
        made = components("formatter")[name].cls()
        encoder = made.encoder(tuple(mapped.records[0]) if mapped.records else ())
        taken = 0
        for record in mapped.records:
            with suppress(RecordError):
                encoder.body([record])
                taken += 1
        if name == "jsonl":
            assert taken == len(mapped.records)
            written = taken
    books.count_written(written)
    stages = {}
    writer = RejectWriter(keep(stages), "rejects", "r", "u", books)
    for reject in mapped.rejects:
        writer.write(batch, reject)
    books.balance()
    for line in stages["rejects"].getvalue().splitlines() if stages else ():
        assert set(decode(line)) <= set(reject_schema()["properties"])


# --- places -------------------------------------------------------------------------------------------------


@contextmanager
def blocks_of(size):
    before, _lines.BLOCK = _lines.BLOCK, size
    try:
        yield
    finally:
        _lines.BLOCK = before


def read(parser, data, size, limits=None):
    """Every record with its place; a UnitError ends it, as its code (its text may name another place)."""
    found = []
    with blocks_of(size):
        try:
            for batch in parser.batches(io.BytesIO(data), limits or Limits()):
                found += [(told(value), batch.place(i)) for i, value in enumerate(batch.values)]
        except UnitError as error:
            return found, error.code
    return found, None


def told(value):
    return (value.code, value.message) if isinstance(value, Damage) else value


pieces = st.sampled_from(
    [
        b"a",
        b"bc",
        b"1",
        b",",
        b",",
        b";",
        b'"',
        b'"',
        b'""',
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\xff",
        "\u00e9".encode(),
        b"#",
        b"\\",
        b"\x00",
        b"\xef\xbb\xbf",
        b"\t",
        b"\x85",
        b"\x0b",
        b"\x1c",
        "\u2028".encode(),
    ]
)
inputs = st.lists(pieces, max_size=40).map(b"".join) | st.binary(max_size=60)
csv_options = st.sampled_from(
    [{}, {}, {"names": ["x", "y"]}, {"delimiter": ";"}, {"quote": ""}, {"escape": "\\"}, {"comment": "#"}, {"skip": 1}, {"skip": 3, "comment": "#"},
     {"blank_lines": "record"}, {"names": ["x"], "blank_lines": "record"}, {"trim": True}]
)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(inputs, csv_options, st.sampled_from([1, 2, 7, 64]))
@example(b'a\n"b', {}, 1)
@example(b'x,y\n"a\nb",c\nd,e', {}, 7)
@example(b"a\r\nb\r\n", {}, 2)
def test_csv_gives_the_same_records_and_places_for_every_block_size(data, options, size):
    parser = Csv(**options)
    whole, ended = read(parser, data, 1 << 20)
    cut, cut_ended = read(parser, data, size)
    assert ended == cut_ended
    if ended is None:
        assert whole == cut
    else:
        assert whole[: len(cut)] == cut or cut[: len(whole)] == whole
    check_places(data, whole)
    for value, place in whole:
        if isinstance(value, dict):
            again, _ = read(
                Csv(**{**options, "names": list(value), "skip": 1, "comment": ""}),
                b"\n" + place.raw + b"\n",
                1 << 20,
            )
            assert [each for each, _ in again] == [value], (value, place)


def check_places(data, found):
    """Numbers rise by one, offsets and lines are where the bytes are, no two records share a byte."""
    end = 0
    for number, (_, place) in enumerate(found, 1):
        assert place.number == number
        assert place.offset >= end
        assert data[place.offset : place.offset + len(place.raw)] == place.raw
        assert place.line == data.count(b"\n", 0, place.offset) + 1
        end = place.offset + place.size


json_lines = st.one_of(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=6).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"", b" ", b"{", b"NaN", b"1.10", b"1E400", b'"\\ud800"', b"\xff", b'{"a":1} x', b"[" * 300, b"0042", b"\r", b'{"a":1}\r', b"\x0b", b"1" * 50]),
    st.binary(max_size=8),
)  # fmt: skip


@settings(max_examples=800, deadline=None)
@given(st.lists(json_lines, max_size=12).map(b"\n".join), st.sampled_from([1, 2, 7, 64]))
@example(b"\xef\xbb\xbf1\n2", 2)
def test_jsonl_gives_the_same_records_and_places_for_every_block_size(data, size):
    whole, ended = read(Jsonl(), data, 1 << 20)
    cut, cut_ended = read(Jsonl(), data, size)
    assert (whole, ended) == (cut, cut_ended)
    assert ended is None
    check_places(data, whole)
    for value, place in whole:
        again, _ = read(Jsonl(), b"\n" + place.raw, 1 << 20)
        assert [each for each, _ in again] == [value]


@settings(max_examples=600, deadline=None)
@given(
    inputs,
    st.sampled_from([Csv(), Csv(quote=""), Jsonl()]),
    st.sampled_from([3, 8, 20]),
    st.sampled_from([1, 7, 64]),
)
def test_records_over_the_limit_are_rejects_for_every_block_size(data, parser, limit, size):
    limits = Limits(record=limit)
    whole, ended = read(parser, data, 1 << 20, limits)
    cut, cut_ended = read(parser, data, size, limits)
    assert ended == cut_ended
    if ended is None:
        assert [each for each, _ in whole] == [each for each, _ in cut]
        assert [place[:3] for _, place in whole] == [place[:3] for _, place in cut]
    for value, place in cut:
        if isinstance(value, tuple) and value[0] == "R104":
            assert place.size > limit
