"""Mapping files of the original SDK against their conformance cases, and the same files written in our language."""

import json
import os
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from engine.catalogue import catalogue
from engine.cli import main
from engine.dialect import DIFFERENCES
from engine.dialect.converting import converted_text
from engine.dialect.structure import convert
from engine.dialect.words import RESOLVERS, TRANSFORMS, is_sdk, mixed, ours_for_key, ours_for_resolver
from engine.language.frames import Context
from engine.language.grammar import parse_mapping
from engine.language.jsontext import decode, encode
from engine.language.scopes import vars_shape
from engine.language.shapes import ANY, of_records, of_texts
from engine.language.typing import check_map
from engine.records import MISSING, Batch, Digits, Instant
from engine.registry import find_resolver, resolvers
from engine.rows.mapper import RowMapper
from engine.spec import reader
from engine.spec.schema import mapping_schema

ROOT = Path(__file__).parents[2]
CASES = ROOT / "fixtures" / "conformance" / "dialect"
SAMPLES = Path(os.environ.get("SEED_SAMPLES", ROOT.parent / "shared" / "seed-samples"))
READ = {"$decimal": Digits, "$float": float, "$missing": lambda _: MISSING}
RUN = {"id": "run-1", "started_at": Instant.fromtimestamp(0, UTC), "pipeline": "p"}


class Report:
    """Keeps the problems, each with its place; nothing before it is broken."""

    def __init__(self):
        self.found = []

    def __call__(self, code, pointer, message, help="", *, level="error", **rest):
        self.found.append((level, code, pointer))

    def codes(self, level):
        return [code for said, code, _ in self.found if said == level]

    def broken(self, pointer):
        return False

    refused = broken


def untag(value):
    if isinstance(value, list):
        return [untag(item) for item in value]
    if isinstance(value, dict) and len(value) == 1 and (tag := next(iter(value))) in READ:
        return READ[tag](value[tag])
    return {key: untag(item) for key, item in value.items()} if isinstance(value, dict) else value


def number(value):
    """A number as both languages have to agree on it: `12.0` and `12` are one."""
    exact = Decimal(str(value)).normalize()
    return f"{exact:f}"


def look(value, digits=True):
    """What has to be equal: types, the order of keys, and (within one language) digits."""
    if isinstance(value, dict):
        return [(key, look(item, digits)) for key, item in value.items()]
    if isinstance(value, list):
        return ["list", *(look(item, digits) for item in value)]
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        return type(value).__name__, repr(value)
    return ("number", number(value)) if not digits else (type(value).__name__.replace("Digits", "Decimal"), str(value))


def groups():
    for path in sorted(CASES.glob("*.json")):
        for at, group in enumerate(json.loads(path.read_text("utf-8"))):
            yield pytest.param(group, id=f"{path.stem}-{at}")


def mapping_of(group):
    """The file of a group; a group of one resolver stands for a file with one field."""
    name = group.get("resolver")
    if name is None:
        return untag(group["mapping"])
    if name.startswith("sdk."):
        return {"fields": {"x": {"source": "v", "resolver": name}}}
    return {"arguments": {"x": {"source": "v", "transform": name}}}


def mapper_of(doc, group, report):
    mapping = parse_mapping(doc, (), report)
    shape = of_texts() if group.get("texts") else ANY
    if "sample" in group:
        shape = of_records([untag(record) for record in group["sample"]])
    mapping = check_map(mapping, shape, vars_shape(dict.fromkeys(group.get("vars", {}), "text")), report)
    return RowMapper(mapping, Context(group.get("vars", {}), RUN, {}))


def outcome(mapper, record, digits):
    made = mapper(Batch(b"", 0, 1, lambda: [record], list))
    for reject in made.rejects:
        return {"errors": [[error.field, error.code] for error in reject.errors]}
    return {"result": look(made.records[0], digits)}


def stated(case, name, key, digits):
    """A case's outcome as `outcome` says it; a case of one resolver states the value alone."""
    said = case.get(key, {}) if key else case
    if "error" in said:
        return {"errors": [["x", said["error"]]]}
    if "errors" in said:
        return {"errors": said["errors"]}
    result = untag(said["result"])
    return {"result": look(({} if result is MISSING else {"x": result}) if name else result, digits)}


def given(case, name):
    value = untag(case["given"])
    return ({} if value is MISSING else {"v": value}) if name else value


@pytest.mark.parametrize("group", list(groups()))
def test_case(group):
    report, name = Report(), group.get("resolver")
    converted = convert(mapping_of(group), report, (), group.get("vars", ()))
    mapper = mapper_of(converted.value, group, report)
    assert report.codes("error") == group.get("check", [])
    if "check" in group:
        return
    if name is None:
        assert report.codes("warning") == group.get("warns", [])
    for case in group["cases"]:
        assert outcome(mapper, given(case, name), True) == stated(case, name, "", True), case


@pytest.mark.parametrize("group", [group for group in groups() if "check" not in group.values[0]])
def test_converted_case(group, tmp_path):
    """`fmt --convert`: the same on every case, but for what the case says under `ours`."""
    report, name = Report(), group.get("resolver")
    path = tmp_path / "converted.yaml"
    path.write_text(converted_text(mapping_of(group), Report(), group.get("vars", ())), "utf-8")
    mapper = mapper_of(reader.read(str(path)).value, group, report)
    assert report.codes("error") == []
    for case in group["cases"]:
        wanted = stated(case, name, "ours" if "ours" in case else "", False)
        assert outcome(mapper, given(case, name), False) == wanted, case


def test_every_resolver_has_cases():
    told = {group.values[0].get("resolver") for group in groups()}
    assert {*(f"sdk.{name}" for name in RESOLVERS), *TRANSFORMS} <= told


def test_examples():
    families = [
        find_resolver(name, "sdk") for name in (*(f"sdk.{n}" for n in RESOLVERS), *(f"sdk.gm.{n}" for n in TRANSFORMS))
    ]
    steps = [
        find_resolver(f"sdk.{name}", "sdk")
        for name in ("require", "fill", "items", "slots", "length", "content", "unescape")
    ]
    for resolver in (*families, *steps):
        for example in resolver.examples:
            if not example.error:
                assert resolver.step(example.options)(example.given) == example.gives, resolver.name


def test_they_are_known_in_their_dialect_only():
    assert not [name for name in resolvers() if name.startswith("sdk")]
    assert find_resolver("sdk.parseInt") is None
    assert "sdk." not in json.dumps(mapping_schema())


# --- whose language a file is in


FIELD = {"fields": {"a": {"source": "b"}}}
WHOSE = [
    (FIELD, False),
    ({"dialect": "sdk", **FIELD}, True),
    ({"dialect": "engine", "fields": {"a": {"source": "b", "defaultValue": 1}}}, False),
    ({"version": "1.0.0", **FIELD}, True),
    ({"name": "n", "description": "d", **FIELD}, True),
    ({"description": "d", "fields": {"a": {"each": "b", "resolver": "int"}}}, False),
    ({"mutation": "m", **FIELD}, True),
    ({"arguments": {"a": "b"}}, True),
    ({"sourceFormat": "xml", **FIELD}, True),
    ({"fields": {"a": {"source": "b", "defaultValue": 1}}}, True),
    ({"fields": {"a": {"source": "b", "isArray": True, "fields": {}}}}, True),
    ({"fields": {"o": {"fields": {"a": {"source": "b", "resolver": "sdk.trim"}}}}}, True),
    ({"fields": {"a": {"source": "b", "resolver": "custom.x"}}}, True),
    ({"fields": {"a": {"source": "b", "resolver": "toISO8601"}}}, True),
    ({"fields": {"a": {"source": "b", "resolver": "trim"}}}, False),
    ({"fields": {"a": {"source": "$context.b"}}}, True),
    ({"fields": {"a": {"source": "b", "_type": "Int!"}}}, True),
    ({"fields": {"defaultValue": {"source": "b"}, "isArray": "c"}}, False),
    ({"fields": {"default": {"source": "b", "defaultValue": 1}}}, True),
    ({"source": "x", "fields": {"a": {"source": "b", "defaultValue": 1}}}, False),
    ({"steps": [], "arguments": {}}, False),
    ({"source": {"type": "files", "path": "x"}, "mapping": {"fields": {"a": {"defaultValue": 1}}}}, False),
    ([], False),
    (None, False),
]


@pytest.mark.parametrize(("doc", "sdk"), WHOSE)
def test_whose_language(doc, sdk):
    assert is_sdk(doc) is sdk


THEIRS, OURS = {"source": "a", "defaultValue": 1}, {"source": "a", "default": 1}
MIXED = [
    ({"fields": {"a": THEIRS, "b": OURS}}, ("defaultValue", "default")),
    ({"fields": {"a": THEIRS, "b": OURS, "c": THEIRS}}, ("default", "defaultValue")),
    ({"fields": {"a": {**OURS, "resolver": "sdk.parseInt"}}}, ("sdk.parseInt", "default")),
    ({"fields": {"a": {"source": "$context.r", "when": "b"}}}, ("$context.r", "when")),
    ({"mutation": "m", "fields": {"a": OURS}}, ("mutation", "default")),
    ({"pass_through": True, "fields": {"a": {"fields": {"b": THEIRS}}}}, ("defaultValue", "pass_through")),
    ({"dialect": "sdk", "fields": {"a": THEIRS, "b": OURS}}, None),
    ({"dialect": "engine", "fields": {"a": THEIRS, "b": OURS}}, None),
    ({"fields": {"a": {**THEIRS, "required": True, "comment": "c"}, "default": "each", "b": "c"}}, None),
    ({"fields": {"a": {**THEIRS, "source": ["a", "b"]}}}, None),
    ({"version": "1", "fields": {"a": OURS}}, None),
    ({"mutation": "m", "fields": {"a": {"default": "b", "list": {"source": "c"}}}}, None),
    ({"arguments": {"a": {"_nested": True, "default": "b", "each": {"source": "c"}}}}, None),
]


@pytest.mark.parametrize(("doc", "words"), MIXED)
def test_words_of_two_languages(doc, words):
    found = mixed(doc)
    assert (found and tuple(word.said for word in found)) == words


def test_what_ours_is():
    assert ours_for_key("defaultValue") == "`default`"
    assert ours_for_key("default") == ""
    assert [ours_for_resolver(name) for name in ("sdk.parseInt", "toISO8601", "sdk.default", "sdk.x", "trim")] == [
        "`int`",
        "`format_date`",
        "nothing: leave it out",
        "",
        "`trim`",
    ]


# --- the differences


def test_every_difference_is_warned_of():
    said = {code for group in groups() for key in ("warns", "check") for code in group.values[0].get(key, ())}
    by_resolver = {"M601", "M602", "M603", "M619"}
    assert {code for code in catalogue() if code.startswith(DIFFERENCES)} - said - by_resolver == set()


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("sdk.parseInt", ["M601"]),
        ("sdk.number", ["M601"]),
        ("sdk.boolean", ["M602"]),
        ("sdk.formatDate", ["M603"]),
        ("sdk.parseDate", ["M603", "M619"]),
        ("toBoolean", ["M602"]),
        ("toDate", ["M603", "M619"]),
        ("parseFloat", ["M619"]),
        ("sdk.trim", []),
    ],
)
def test_differences_of_a_resolver(name, codes):
    report = Report()
    convert(mapping_of({"resolver": name}), report)
    assert report.codes("warning") == codes


def test_places():
    """Each converted place leads back to the file's own."""
    doc = {
        "mutation": "m",
        "nodes": {"n": {"extract": "p", "parse": "json"}},
        "fields": {"l[]": {"source": "r", "fields": {"a": {"source": "$.s"}}}},
    }
    places = convert(doc, Report()).places
    assert places["fields", "_n"] == ("nodes", "n")
    assert places["fields", "l"] == ("fields", "l[]")
    assert places["fields", "l", "fields", "a"] == ("fields", "l[]", "fields", "a")


# --- whole files: ours in the dialect, and the SDK's own where they are


def samples():
    own = (ROOT / "pipelines" / "mappings").glob("*.sdk.json")
    return [*sorted(own), *sorted((SAMPLES / "mappings").glob("*.json"))]


ORDER = '{"order": {"@orderNo": "1", "items": {"item": {"@productId": "p", "quantity": "2", "unitPrice": "12.50"}}}}'
GIVEN = {
    "supplier-stock.sdk": (
        (
            '{"article": "0042", "warehouse": "dc", "free": "7", "list price (net)": "12.50", "fragile": "yes",'
            ' "due": "2025-02-01", "note": " n ", "ean": "4006"}'
        ),
        (
            '{"retailerId":2,"ref":"0042","locationRef":"DC","qty":7,"price":12.5,"status":"ACTIVE","fragile":true,'
            '"expectedOn":"2025-02-01","attributes":{"note":"n","codes":["4006","0042"]}}'
        ),
    ),
    "web-order.sdk": (
        (
            '{"number": 9007199254740993, "kind": "cc", "placed": "2025-01-22T10:20:30+01:00", "buyer": {"email": "A@B.C",'
            ' "news": "yes"}, "cart": {"lines": {"sku": "A", "qty": "2", "price": "1.50"}}, "labels": [{"name": "x"}]}'
        ),
        (
            '{"input":{"ref":"9007199254740993","type":"CC","createdOn":"2025-01-22T09:20:30.000Z","retailer":{"id":2},'
            '"customer":{"email":"a@b.c","wantsNews":true},"items":[{"productRef":"A","quantity":2,"price":1.5,"tax":{"country":"DE"}}],"tags":["x"]}}'
        ),
    ),
    "csv-location-ingestion": (
        '{"locationCode": " a ", "locationType": "DC"}',
        '{"retailerId":2,"ref":"a","type":"DC"}',
    ),
    "graphql-to-parquet-extraction": (
        '{"node": {"location": {"ref": "l"}, "product": {"ref": "p "}, "quantity": 5, "attributes": [1]}}',
        '{"locationRef":"l","productRef":"p","quantity":5,"attributes":[1]}',
    ),
    "inventory-mapping": (
        '{"locationRef": "l", "skuRef": "s", "qty": "5", "type": "a", "status": "b", "expectedOn": "2025-01-15"}',
        (
            '{"locationRef":"l","skuRef":"s","qty":5,"type":"A","status":"B","expectedOn":"2025-01-15T00:00:00.000Z",'
            '"attributes":{"condition":"NEW"}}'
        ),
    ),
    "json-product-to-mutation": (
        '{"product": {"sku": "s", "status": "ACTIVE"}}',
        '{"retailerId":"2","ref":"s","status":"ACTIVE"}',
    ),
    "xml-order-to-mutation": (
        ORDER,
        '{"retailerId":"2","ref":"1","items":[{"productRef":"p","quantity":2,"price":12.5}]}',
    ),
}


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in samples()])
def test_a_whole_file_runs_unchanged_and_converted(path, tmp_path):
    doc, variables = json.loads(path.read_text("utf-8")), {"retailerId": "2"}
    assert is_sdk(doc)
    given, wanted = GIVEN[path.stem]
    report = Report()
    mapper = mapper_of(convert(doc, report, (), variables).value, {"vars": variables}, report)
    made = mapper(Batch(b"", 0, 1, lambda: [decode(given.encode())], list))
    assert report.codes("error") == []
    assert [encode(record).decode() for record in made.records] == [wanted]
    converted = tmp_path / "converted.yaml"
    converted.write_text(converted_text(doc, report, variables), "utf-8")
    again = mapper_of(reader.read(str(converted)).value, {"vars": variables}, report)
    same = again(Batch(b"", 0, 1, lambda: [decode(given.encode())], list))
    assert [look(record, False) for record in same.records] == [look(decode(wanted.encode()), False)]


# --- the command line


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "engine.yaml").write_text("{}\n")
    return tmp_path


def test_map_in_the_dialect(here, capsys):
    (here / "m.json").write_text('{"fields": {"a": {"source": "b"}, "c": "d.e"}}')
    (here / "in.jsonl").write_text('{"b": 1, "d": {"e": 2}}\n')
    assert main(["map", "m.json", "in.jsonl", "--dialect", "sdk"]) == 0
    said = capsys.readouterr()
    assert said.out == '{"a":1,"c":2}\n'
    assert "warning[M617]" in said.err
    assert main(["map", "m.json", "in.jsonl"]) == 0
    assert capsys.readouterr().err == "read 1 = written 1\n"


def test_map_gives_variables_to_the_context(here, capsys):
    (here / "m.json").write_text('{"fields": {"r": {"source": "$context.r", "resolver": "sdk.parseInt"}}}')
    (here / "in.jsonl").write_text("{}\n")
    assert main(["map", "m.json", "in.jsonl", "--set", "r=7"]) == 0
    assert capsys.readouterr().out == '{"r":7}\n'


def test_a_rejected_value(here, capsys):
    (here / "m.json").write_text('{"arguments": {"q": {"source": "q", "transform": "parseInt"}}}')
    (here / "in.jsonl").write_text('{"q": "n/a"}\n')
    assert main(["map", "m.json", "in.jsonl", "--rejects", "rejects.jsonl"]) == 4
    error = json.loads((here / "rejects.jsonl").read_text())["errors"][0]
    assert error["code"] == "R275"
    assert error["message"] == "`n/a` is not a number: the SDK would send null"


CONVERTED = """\
# Converted from a mapping file of the original SDK.
# ref: reads the variable `r`, which the pipeline has to declare
# lines, lines.parts: edges and nodes are not unwrapped: over them, `each` takes `path.edges[].node`
# lines.qty: garbage rejects, where the SDK makes it 0 or takes the number that it begins with
fields:
  ref: {source: ['$record."$context".r | @', $vars.r], required: true}
  lines:
    each: rows
    fields:
      qty: {source: count, resolver: int, default: 0}
      parts:
        each: parts
        fields: {sku: sku}
        default: []
    default: []
  odd: "\\"a \\\\\\"b\\\\\\"\\""
  number: [count, "=0"]
"""


def test_convert(here, capsys):
    parts = {"source": "parts", "isArray": True, "fields": {"sku": {"source": "sku"}}}
    qty = {"source": "count", "resolver": "sdk.parseInt"}
    fields = {
        "ref": {"source": "$context.r", "required": True},
        "lines": {"source": "rows", "isArray": True, "fields": {"qty": qty, "parts": parts}},
        "odd": {"source": 'a "b"'},
        "number": {"source": "count", "defaultValue": 0},
    }
    (here / "m.json").write_text(json.dumps({"fields": fields}))
    assert main(["fmt", "--convert", "m.json"]) == 0
    assert capsys.readouterr().out == CONVERTED


def test_convert_what_is_no_file_of_the_sdk(here, capsys):
    (here / "m.yaml").write_text("fields: {a: b}\n")
    (here / "sdk.json").write_text('{"fields": {"a": {"source": "b", "resolver": "sdk.nothing"}}}')
    assert main(["fmt", "--convert", "m.yaml"]) == 3
    assert "error[S344]: this is no mapping file of the SDK\n --> m.yaml\n" in capsys.readouterr().err
    assert main(["fmt", "--convert", "sdk.json"]) == 3
    assert "error[M606]: `sdk.nothing` is no resolver of the SDK\n" in capsys.readouterr().err
    (here / "both.json").write_text(json.dumps({"fields": {"a": THEIRS, "b": OURS}}))
    (here / "in.jsonl").write_text("{}\n")
    for command in (["fmt", "--convert", "both.json"], ["map", "both.json", "in.jsonl"]):
        assert main(command) == 3
        assert "error[S345]: words of two languages: `defaultValue` is the SDK's, `default`" in capsys.readouterr().err
    assert main(["map", "both.json", "in.jsonl", "--dialect", "sdk"]) == 0


@pytest.mark.parametrize(
    ("fields", "text"),
    [({}, "fields: {}\n"), ({"c": {"source": "$context"}}, "  c: ['$record.\"$context\" | @', $vars]\n")],
)
def test_convert_what_is_read_again(here, capsys, fields, text):
    (here / "m.json").write_text(json.dumps({"dialect": "sdk", "fields": fields}))
    assert main(["fmt", "--convert", "m.json"]) == 0
    converted = capsys.readouterr().out
    assert converted.endswith(text)
    (here / "o.yaml").write_text(converted)
    (here / "in.jsonl").write_text("{}\n")
    assert main(["map", "o.yaml", "in.jsonl"]) == 0


# --- no file is too odd: a problem has a place, never a traceback


ODD = [None, True, 0, -1, "", "a", "$", "$.", "$context", "[", "a[", "[*]", "a[]", "..", "a..b", "@", "=x", "{", "x" * 5000,
       [], {}, ["a"], {"a": 1}, {"source": "a"}, {"fields": {}}, {"isArray": True}, {"source": {}}, "sdk.", "custom."]  # fmt: skip


def damaged(node, random):
    """The same with a few parts replaced, dropped or renamed."""
    if random.random() < 0.08:
        return random.choice(ODD)
    if isinstance(node, dict):
        items = [(key, damaged(item, random)) for key, item in node.items() if random.random() > 0.04]
        return {
            (
                random.choice(["a", "", "__proto__", "l[0]", "x[]", "value", ".", '"'])
                if random.random() < 0.04
                else key
            ): item
            for key, item in items
        }
    return [damaged(item, random) for item in node] if isinstance(node, list) else node


def test_damaged_files():
    random = Random(7)
    whole = [untag(group.values[0]["mapping"]) for group in groups() if "mapping" in group.values[0]]
    for doc in whole * 20:
        broken = damaged(doc, random)
        report = Report()
        converted = convert(broken, report, ("mapping",), ("r",))
        parse_mapping(converted.value, (), report)
        assert all(code in catalogue() for _, code, _ in report.found), broken
        if isinstance(broken, dict):
            converted_text(broken, report)
        is_sdk(broken)


def test_damaged_records():
    """A record is mapped or rejected, whatever it holds."""
    random = Random(11)
    for group in (each.values[0] for each in groups() if "check" not in each.values[0]):
        report = Report()
        name, variables = group.get("resolver"), group.get("vars", ())
        mapper = mapper_of(convert(mapping_of(group), report, (), variables).value, group, report)
        for case in group["cases"] * 6:
            record = damaged(given(case, name), random)
            if isinstance(record, dict):
                outcome(mapper, record, True)
