"""What is written is read back as it was, for every pair of formats that can carry it."""

import io
import string
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from importlib import import_module

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.formatters._wrap import Wrap
from engine.formatters.csv import Csv
from engine.formatters.json import Json
from engine.formatters.jsonl import Jsonl
from engine.formatters.parquet import Columns, Parquet
from engine.formatters.xml import Xml
from engine.kinds import Limits, Needs
from engine.language.paths import Path
from engine.parsers import csv, jsonl, parquet
from engine.records import Damage, Instant

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
xml_texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n\r<>&\"']"), max_size=8
).filter(lambda text: not {"\ufffe", "\uffff"} & set(text))
names = st.text(string.ascii_letters + "äé_", min_size=1, max_size=4)
decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=3)
instants = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)).map(
    lambda at: Instant(
        at.year,
        at.month,
        at.day,
        at.hour,
        at.minute,
        at.second,
        at.microsecond,
        timezone(timedelta(minutes=at.minute * 10 - 300)),
    )
)


def parts(records):
    """The records, cut into lists of a few."""
    return st.integers(1, 4).map(lambda size: [records[at : at + size] for at in range(0, len(records), size)])


def formatted(formatter, pieces, columns=()):
    encoder = formatter.encoder(columns)
    return b"".join([encoder.head(), *(encoder.body(piece) for piece in pieces), *encoder.ending()])


def parsed(parser, data):
    values = [value for batch in parser.batches(io.BytesIO(data), Limits()) for value in batch.values]
    assert not any(isinstance(value, Damage) for value in values), [
        value.message for value in values if isinstance(value, Damage)
    ]
    return values


def written_and_read(data, formatter, parser, records, columns=()):
    made = formatted(formatter, data.draw(parts(records)), columns)
    assert made == formatted(formatter, [records], columns), "the bytes depend on how records came"
    assert parsed(parser, made) == records


SCHEMA = {
    "text": "text", "int": "int", "decimal": "decimal(3)", "float": "float", "bool": "bool", "date": "date",
    "instant": "instant", "local": "local", "list": ["int"], "object": {"a": "text", "b": [{"c": "decimal(0)"}]},
}  # fmt: skip
VALUES = {
    "text": texts,
    "int": st.integers(-(2**63), 2**63 - 1),
    "decimal": decimals,
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "date": st.dates(),
    "instant": instants,
    "local": st.datetimes(),
    "list": st.lists(st.none() | st.integers(-9, 9), max_size=3),
    "object": st.fixed_dictionaries(
        {
            "a": st.none() | texts,
            "b": st.none() | st.lists(st.fixed_dictionaries({"c": st.integers(0, 9).map(Decimal)}), max_size=2),
        }
    ),
}


@QUICK
@given(
    st.lists(st.fixed_dictionaries({name: st.none() | each for name, each in VALUES.items()}), max_size=7), st.data()
)
def test_parquet(records, data):
    formatter = Parquet(schema=Columns.parse(SCHEMA), row_group=data.draw(st.integers(1, 4)))
    written_and_read(data, formatter, parquet.Parquet(), records)


@QUICK
@given(st.lists(st.fixed_dictionaries({"a": texts, "b": texts}), max_size=5), st.data())
def test_csv(records, data):
    written_and_read(data, Csv(), csv.Csv(), records, ("a", "b"))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | decimals | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.lists(st.dictionaries(texts, values, max_size=4), max_size=5)


@QUICK
@given(objects, st.data())
def test_jsonl(records, data):
    written_and_read(data, Jsonl(), jsonl.Jsonl(), records)


@QUICK
@given(objects, st.booleans(), st.data())
def test_json(records, pretty, data):
    parser = import_module("engine.parsers.json").Json
    written_and_read(data, Json(pretty=pretty), parser(), records)
    for wrap in ({"n": "$count", "d": {"rows": "$records"}}, {"d": {"rows": "$records"}, "n": "$count"}):
        formatter = Json(pretty=pretty, wrap=Wrap.parse(wrap))
        written_and_read(data, formatter, parser(record_path=Path.parse("d.rows")), records)


elements = st.recursive(
    xml_texts,
    lambda inner: (
        st.dictionaries(names, inner, min_size=1, max_size=3)
        | st.tuples(
            st.dictionaries(names.map("@{}".format), xml_texts, min_size=1, max_size=2), xml_texts.filter(str.strip)
        ).map(lambda pair: {**pair[0], "#text": pair[1]})
    ),
    max_leaves=6,
)
lists = st.dictionaries(names, elements | st.lists(elements, min_size=2, max_size=3), min_size=1, max_size=4)


@QUICK
@given(st.lists(lists, max_size=4), st.sampled_from([0, 2]), st.data())
def test_xml(records, indent, data):
    parser = import_module("engine.parsers.xml").Xml(record_path=Path.parse("rows.row")).bound(Needs())
    cdata = data.draw(st.lists(names, max_size=2))
    written_and_read(data, Xml(root="rows", record="row", indent=indent, cdata=tuple(cdata)), parser, records)
