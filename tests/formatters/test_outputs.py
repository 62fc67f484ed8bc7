"""What formatters make that no bytes of a case can say: Parquet's columns, documents that every reader takes, roots."""

import io
import os
import resource
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from lxml import etree

from engine import registry
from engine.errors import OptionError, RecordError, UnitError
from engine.formatters._wrap import Wrap
from engine.formatters.csv import Csv
from engine.formatters.json import Json
from engine.formatters.parquet import Columns, Parquet
from engine.formatters.text import Text
from engine.formatters.xml import Xml
from engine.language.shapes import Shape, scalar
from engine.language.templates import Template
from engine.records import Digits, Instant

ROOTS = {"unit": {"name": 'a"<&>.csv'}, "run": {"started_at": Instant(2026, 1, 15, 12, tzinfo=UTC)}, "vars": {"n": 7}}


def formatted(formatter, *pieces, columns=()):
    encoder = formatter.encoder(columns, ROOTS)
    return b"".join([encoder.head(), *(encoder.body(piece) for piece in pieces), *encoder.ending()])


def refused(formatter, record):
    with pytest.raises(RecordError) as raised:
        formatted(formatter, [record])
    return raised.value.code, raised.value.message


SCHEMA = {
    "text": "text", "int": "int", "decimal": "decimal(2)", "float": "float", "bool": "bool", "date": "date",
    "instant": "instant", "local": "local", "list": ["text"], "object": {"a": "int", "b": [{"c": "text"}]},
}  # fmt: skip


def test_parquet_as_another_reader_sees_it():
    record = {
        "text": "0042", "int": -(2**63), "decimal": Digits("1.1"), "float": 0.1, "bool": False, "date": date(1, 1, 1),
        "instant": Instant.fromisoformat("2026-01-31T10:00:00.000001+05:30"), "local": datetime(9999, 12, 31),
        "list": ["a", None], "object": {"a": None, "b": [{"c": "x"}, {}]},
    }  # fmt: skip
    table = pq.read_table(io.BytesIO(formatted(Parquet(schema=Columns.parse(SCHEMA)), [record, {}])))
    assert [str(field.type) for field in table.schema] == [
        "string", "int64", "decimal128(38, 2)", "double", "bool", "date32[day]", "timestamp[us, tz=UTC]", "timestamp[us]",
        "list<element: string>", "struct<a: int64, b: list<element: struct<c: string>>>",
    ]  # fmt: skip
    first, second = table.to_pylist()
    at = datetime(2026, 1, 31, 4, 30, 0, 1, UTC)
    assert first == {
        **record,
        "decimal": Decimal("1.10"),
        "instant": at,
        "object": {"a": None, "b": [{"c": "x"}, {"c": None}]},
    }
    assert second == dict.fromkeys(SCHEMA)


def test_parquet_row_groups_are_cut_by_count_however_records_came():
    formatter = Parquet(schema=Columns.parse({"n": "int", "t": "text"}), row_group=1000)
    records = [{"n": n, "t": f"t{n % 7}"} for n in range(2500)]
    whole = formatted(formatter, records)
    assert whole == formatted(formatter, *[records[at : at + 77] for at in range(0, 2500, 77)])
    about = pq.ParquetFile(io.BytesIO(whole)).metadata
    assert [about.row_group(at).num_rows for at in range(about.num_row_groups)] == [1000, 1000, 500]


@pytest.mark.parametrize(
    ("said", "codec"), [("zstd", "ZSTD"), ("snappy", "SNAPPY"), ("gzip", "GZIP"), ("none", "UNCOMPRESSED")]
)
def test_parquet_compression(said, codec):
    data = formatted(Parquet(schema=Columns.parse({"n": "int"}), compression=said), [{"n": 1}])
    assert pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0).compression == codec


def test_parquet_without_records_has_its_columns():
    data = formatted(Parquet(schema=Columns.parse({"n": "int"})))
    assert (pq.read_table(io.BytesIO(data)).num_rows, pq.read_schema(io.BytesIO(data)).names) == (0, ["n"])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("text", 1, "`text` is an int `1`, its column holds text: write `text`"),
        ("text", "\ud800", "`text` holds half a character, which is not UTF-8"),
        ("int", "1", "`int` is text `1`, its column holds int: write `int`"),
        ("int", True, "`int` is a bool `true`, its column holds int: a truth value is no number"),
        ("int", 2**63, "`int` is `9223372036854775808`: a column of int holds 64 bits: write `decimal` or `text`"),
        ("decimal", Decimal("1.234"), "`decimal` is `1.234`, its column has 2 places: write `round`"),
        ("decimal", Digits("1E400"), "`decimal` is `1E400`: with 2 places a column holds 38 digits"),
        ("float", Decimal("0.1"), "`float` is a decimal `0.1`, its column holds float: write `float`"),
        ("float", 2**53 + 1, "`float` is an int `9007199254740993`, its column holds float: write `float`"),
        ("date", datetime(2026, 1, 1), "`date` is a local `2026-01-01T00:00:00`, its column holds date: write `date`"),
        ("local", Instant(2026, 1, 1, tzinfo=UTC), "`local` is an instant `2026-01-01T00:00:00Z`, its column holds local: it takes a time without zone"),
        ("list", {"a": 1}, '`list` is an object `{"a": 1}`, its column holds list: make one of it in the mapping'),
        ("list", ["a", 1], "`list[]` is an int `1`, its column holds text: write `text`"),
        ("object", [], "`object` is a list `[]`, its column holds object: make one of it in the mapping"),
        ("object", {"b": [{"c": 1}]}, "`object.b[].c` is an int `1`, its column holds text: write `text`"),
    ],
)  # fmt: skip
def test_parquet_values_that_do_not_fit(field, value, message):
    formatter = Parquet(schema=Columns.parse(SCHEMA))
    assert refused(formatter, {field: value}) == ("R311", message)


def test_parquet_one_record_that_does_not_fit_leaves_nothing_behind():
    encoder = Parquet(schema=Columns.parse({"a": "text", "n": "int"})).encoder(())
    made = [encoder.head(), encoder.body([{"n": 1}])]
    with pytest.raises(RecordError):
        encoder.body([{"a": "x", "n": 2}, {"a": "y", "n": "3"}])
    made += [encoder.body([{"n": 4}]), encoder.tail()]
    assert pq.read_table(io.BytesIO(b"".join(made))).column("n").to_pylist() == [1, 4]


def test_parquet_what_is_nothing_and_what_is_converted():
    record = {"text": "", "int": "", "decimal": 0, "float": 3, "list": "", "object": ""}
    table = pq.read_table(io.BytesIO(formatted(Parquet(schema=Columns.parse(SCHEMA)), [record])))
    wanted = {**dict.fromkeys(SCHEMA), "text": "", "decimal": Decimal("0.00"), "float": 3.0}
    assert table.to_pylist() == [wanted]


def test_parquet_fields_that_no_column_takes():
    chosen = Parquet(schema=Columns.parse({"a": "int", "o": {"b": "int"}}))
    table = pq.read_table(io.BytesIO(formatted(chosen, [{"a": 1, "x": 2, "o": {"b": 3, "y": 4}}])))
    assert table.to_pylist() == [{"a": 1, "o": {"b": 3}}]
    shape = Shape("object", {"a": scalar("int"), "o": Shape("object", {"b": scalar("int")}, sure=True)}, closed=True)
    mapped = Parquet().bound(shape, (), None)
    assert refused(mapped, {"a": 1, "x": 2}) == ("R302", "no column takes `x`: name it in `schema`")
    assert refused(mapped, {"o": {"b": 1, "y": 2}}) == ("R302", "no column takes `o.y`: name it in `schema`")


def test_xml_is_what_every_reader_takes():
    record = {
        "@id": 'a"<\n',
        "n": {"@x": 1, "#text": "]]>"},
        "l": ["<", "&", ""],
        "c": "x]]>\r\n<y/>",
        "é": "\U0001f600",
    }
    data = formatted(Xml(cdata=("c",), indent=2, attributes={"file": Template.parse("{unit.name}")}), [record, {}])
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False))
    first = root[0]
    assert (root.get("file"), len(root)) == ('a"<&>.csv', 2)
    assert (first.get("id"), first.findtext("n"), first.findtext("c"), first.findtext("é")) == (
        'a"<\n', "]]>", "x]]>\r\n<y/>", "\U0001f600",
    )  # fmt: skip
    assert [each.text for each in first.findall("l")] == ["<", "&", None]


def test_xml_says_which_field():
    assert refused(Xml(), {"a": {"b": [{"c": "\x00"}]}}) == ("R312", "`a.b.c` holds U+0000, which XML cannot hold")
    assert refused(Xml(), {"a": {"unit price": 1}}) == (
        "R313", "`a.unit price`: `unit price` is no name of XML: rename the field",
    )  # fmt: skip
    assert refused(Xml(), {"cbc:ID": 1}) == (
        "R313", '`cbc:ID`: the prefix `cbc` is not declared: `attributes: {xmlns:cbc: ".."}`',
    )  # fmt: skip
    assert refused(Xml(), {"@xmlns:p": None}) == ("R313", "`@xmlns:p` declares a prefix as nothing: give it an address")
    assert refused(Xml(), {"a": {"@b": [1]}}) == ("R314", "`a.@b` is a list `[1]`, where XML holds one value")
    assert refused(Xml(), {"a": [[1]]}) == ("R314", "`a` holds a list within a list, which no element says")
    assert refused(Xml(), {"a": {"#text": "x", "b": 1}}) == (
        "R314",
        "`a` has `#text` beside elements, which no reader keeps apart",
    )


XML, XMLNS = "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"xmlns:xmlns": "u"}, "`@xmlns:xmlns` declares `xmlns`, which is never declared"),
        ({"xmlns:xml": "u"}, f"`@xmlns:xml` declares `xml`, which always stands for {XML}"),
        ({"xmlns:p": XMLNS}, f"`@xmlns:p` declares {XMLNS}, which belongs to XML itself"),
        ({"xmlns:p": XML}, f"`@xmlns:p` declares {XML}, which belongs to XML itself"),
        ({"xmlns": XMLNS}, f"`@xmlns` declares {XMLNS}, which belongs to XML itself"),
        (
            {"xmlns:a": "u", "xmlns:b": "u", "a:x": "1", "b:x": "2"},
            "`@b:x` is there twice: two prefixes stand for one address",
        ),
    ],
)
def test_xml_namespaces_that_no_reader_takes(attributes, said):
    assert refused(Xml(), {f"@{name}": text for name, text in attributes.items()}) == ("R313", said)
    with pytest.raises(OptionError) as raised:
        Xml(attributes={name: Template.parse(text) for name, text in attributes.items()})
    assert (raised.value.code, raised.value.message) == ("S209", said.replace("@", ""))
    told = {name: Template.parse(text.replace("u", "{vars.n}")) for name, text in attributes.items()}
    if said.startswith("`@b:x"):
        with pytest.raises(UnitError) as failed:
            formatted(Xml(attributes={**told, "xmlns:b": Template.parse("7")}), [{}])
        assert failed.value.message == "the root: `b:x` is there twice: two prefixes stand for one address"


def test_xml_namespaces_that_every_reader_takes():
    record = {"@xmlns:xml": XML, "@xml:lang": "de", "@xmlns:a": "u", "@a:x": "1", "@x": "2", "@p:x": "3", "@xmlns": ""}
    data = formatted(Xml(attributes={"xmlns:p": Template.parse("v"), "p:x": Template.parse("4")}), [record])
    assert dict(etree.fromstring(data)[0].attrib) == {f"{{{XML}}}lang": "de", "{u}x": "1", "x": "2", "{v}x": "3"}


def test_a_root_that_xml_cannot_hold_fails_the_unit():
    with pytest.raises(UnitError) as raised:
        Xml(attributes={"n": Template.parse("{vars.n}")}).encoder((), {**ROOTS, "vars": {"n": "\x01"}})
    assert str(raised.value) == (
        "error[R312]: the root: `n` holds U+0001, which XML cannot hold\n   = help: change the formatter's `attributes`"
    )


def test_a_record_that_nests_too_deeply_for_xml_is_a_reject():
    record = {}
    for _ in range(900):
        record = {"a": record}
    assert refused(Xml(), record) == ("R105", "nested too deeply")


@pytest.mark.parametrize("options", [{"root": "a b"}, {"record": "p:x"}, {"attributes": {"1": Template.parse("x")}}])
def test_xml_names_that_are_none(options):
    with pytest.raises(OptionError) as raised:
        Xml(**options)
    assert raised.value.code == "S209"


def test_counted_records_that_wait_hold_no_handle():
    def handles():
        return len(os.listdir("/proc/self/fd"))

    formatter = Json(wrap=Wrap.parse({"n": "$count", "rows": "$records"}))
    before, encoders = handles(), [formatter.encoder((), ROOTS) for _ in range(20)]
    for encoder in encoders * 2:
        encoder.body([{"a": "x" * 70_000}])
        encoder.park()
    assert handles() == before
    folders = [encoder._folder.name for encoder in encoders]
    text = b'{"a":"' + b"x" * 70_000 + b'"}'
    assert b"".join(encoders[0].ending()) == b'{"n":2,"rows":[' + text + b"," + text + b"]}\n"
    for encoder in encoders[1:]:
        encoder.abandon()
    assert [os.path.exists(folder) for folder in folders] == [False] * 20


def test_wraps_see_the_unit_the_run_and_the_variables():
    tree = {
        "file": "{unit.name}",
        "at": "{run.started_at:%Y-%m-%d}",
        "rows": "$records",
        "n": "{vars.n}",
        "none": "{vars.x}",
    }
    assert formatted(Json(wrap=Wrap.parse(tree)), [{"a": 1}]) == (
        b'{"file":"a\\"<&>.csv","at":"2026-01-15","rows":[{"a":1}],"n":"7","none":""}\n'
    )


def test_a_count_before_many_records_costs_no_memory():
    encoder = Json(wrap=Wrap.parse({"n": "$count", "rows": "$records"})).encoder(())
    records = [{"a": "x" * 1000}] * 1000
    assert encoder.head() == b""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert [encoder.body(records) for _ in range(100)] == [b""] * 100
    size = sum(map(len, encoder.ending()))
    assert size > 100_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # KiB


def test_an_output_that_is_given_up_leaves_no_file_open():
    encoder = Json(wrap=Wrap.parse({"n": "$count", "rows": "$records"})).encoder(())
    encoder.body([{"a": "x" * 100_000}])
    encoder.abandon()


def test_texts_see_the_record_and_the_roots():
    made = Text(template=Template.parse("{record.a} {vars.n}"), header=Template.parse("{unit.name}"))
    assert formatted(made, [{"a": 1}, {"a": "{vars.n}"}]) == b'a"<&>.csv\n1 7\n{vars.n} 7\n'
    timed = Text(template=Template.parse("{record.a:%Y}"))
    assert refused(timed, {"a": "2026"}) == ("R315", "a slot with a time format holds no time: make one in the mapping")
    assert refused(made, {"a": "\ud800"}) == ("R312", "the text holds half a character, which is not UTF-8")


def test_media_types():
    found = {name: each.cls.content_type for name, each in registry.components("formatter").items()}
    assert found == {
        "csv": "text/csv",
        "json": "application/json",
        "jsonl": "application/x-ndjson",
        "parquet": "application/vnd.apache.parquet",
        "text": "text/plain",
        "xml": "application/xml",
    }
    assert Csv().encoder(("a",)).body([{"a": 1}]) == b"a\n1\n"
