"""What an author looks at: the graph of a spec, its fields in words, one field worked through, a preview."""

import json
import re
from pathlib import Path

import pytest

from engine.cli import main
from engine.cli.graph import PLAIN, escaped
from engine.explaining.facts import facts_of
from engine.explaining.failing import blank_word
from engine.explaining.saying import called, plainly
from engine.language.fields import Use
from engine.options import build
from engine.records import MISSING, is_blank
from engine.registry import resolvers
from engine.rows.flow import Flow
from engine.spec.compile import load
from engine.spec.project import names_in
from engine.trial import sample_of, tried

ROOT = Path(__file__).parent.parent.parent

ORDERS = """\
name: orders
description: Order lines that are in stock.
vars:
  token: {secret: true, default: s3cret-word}
connections:
  landing: {type: local, base: "${env:LANDING}"}
lookups:
  stores: {type: files, path: stores.csv, index: id}
  colours: {values: {R: red, G: green}, miss: blank}
sample: in/orders.jsonl
source: {type: files, path: "in/*.jsonl", connection: landing}
steps:
  - {type: filter, where: status == "OPEN", name: open_only}
  - {type: explode, each: lines, as: line}
  - {type: filter, where: int(line.qty) > 0, name: in_stock, else: reject, message: "{record.id} has none"}
  - type: map
    fields:
      ref: {source: [id, number], resolver: [text, trim], required: true}
      store:
        source: store
        fields:
          code: {source: code, resolver: {type: lookup, table: stores, field: name}}
          open: {source: since, resolver: {type: date, format: "%d/%m/%Y"}, on_error: blank, default: "2000-01-01"}
      qty: {source: line.qty, resolver: int, min: 1, max: 99}
      total: =$out.qty * decimal(line.price)
      colour: {source: line.colour, resolver: {type: lookup, table: colours}, default: grey, one_of: [red, green, grey]}
      gift: {value: true, when: present(line.note)}
      tags: {each: tags, resolver: [trim, {type: replace, pattern: " +", to: "-"}]}
sink: {type: files, path: "out/{unit.stem}.jsonl"}
archive: {success: "done/{unit.name}", error: "bad/{unit.name}"}
"""
LINES = """\
{"id": "1", "status": "CLOSED", "lines": [{"qty": "1", "price": "1.00"}]}
{"id": " 2 ", "number": 7, "status": "OPEN", "store": {"code": "S1", "since": "31-01-2020"}, "lines": \
[{"qty": "2", "price": "1.50", "colour": "R"}, {"qty": "0", "price": "1", "note": "hi"}, {"qty": "x"}], \
"tags": [" a  b ", "c"]}
{"id": "3", "status": "OPEN", "lines": []}
{"id": "4", "status": "OPEN", "lines": [{"qty": "100", "price": "n"}]}
{"id": 5
"""
STOCK = """\
sample: in/stock.csv
source: {type: files, path: in/*.csv}
mapping:
  pass_through: {except: [note]}
  fields:
    sku: {source: sku, resolver: upper, pattern: "[A-Z]+-[0-9]+"}
    _parts: {source: sku, resolver: {type: split, by: "-"}}
    qty: {source: [qty, spare], resolver: int, default: 0}
    kind: =upper(coalesce(kind, "none"))
    attributes:
      pairs:
        SOURCE: $unit.name
        SIZE: {source: size, resolver: {type: "null_if", values: [n/a, "-"]}}
    items:
      each: $out._parts
      fields:
        number: $index
        text: {source: "@", min_length: 2, max_length: 3, on_error: drop_item}
sink: {type: files, path: "out/{unit.stem}.jsonl", formatter: {type: jsonl}}
"""
CELLS = "sku,qty,spare,kind,size,note\nab-12-cde-f,,7,,n/a,x\n"
SEVERAL = """\
name: shops
pipelines:
  north:
    source: {type: files, path: "north #1/*.csv"}
    sink: {type: files, path: "out/n/{unit.stem}.jsonl"}
  south:
    source: {type: files, path: south/*.csv}
    sink: {type: files, path: "out/s/{unit.stem}.jsonl"}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with the specs and their samples."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENGINE_STATE", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("LANDING", str(tmp_path / "l4nding"))
    monkeypatch.setenv("KEY", "k3y-text")
    files = {"engine.yaml": "{}\n", "orders.yaml": ORDERS, "in/orders.jsonl": LINES, "stores.csv": "id,name\nS1,North\n",
             "stock.yaml": STOCK, "in/stock.csv": CELLS, "shops.yaml": SEVERAL}  # fmt: skip
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)


@pytest.fixture
def said(capsys):
    """What a command says on stdout, without warnings of the spec."""

    def call(*words, code=0):
        assert main(list(words)) == code
        return capsys.readouterr().out

    return call


@pytest.fixture
def refused(capsys):
    """What a command line that is refused says."""

    def call(*words):
        assert main(list(words)) == 2
        return capsys.readouterr().err

    return call


# --- engine show


def test_the_graph_as_text(said):
    assert said("show", "orders.yaml", "--graph") == GRAPH


GRAPH = """\
orders: orders.yaml
  source   files in/*.jsonl on landing
  │        ├ archive success: done/{unit.name}
  │        └ archive error: bad/{unit.name}
  parser   jsonl
  filter   open_only: status == "OPEN"
  explode  lines
  filter   in_stock: int(line.qty) > 0
  map      7 fields
  │        ├ lookup stores: files stores.csv by id
  │        └ lookup colours: 2 values
  sink     files out/{unit.stem}.jsonl, jsonl
  rejects of parser, filter, explode, filter, map, sink: .engine/rejects
"""


def test_several_pipelines_are_all_drawn(said):
    both = said("show", "shops.yaml", "--graph")
    assert both == said("show", "shops.yaml:north", "--graph") + "\n" + said("show", "shops.yaml:south", "--graph")
    assert [each["name"] for each in json.loads(said("show", "shops.yaml", "--graph", "--json"))] == [
        "shops.north",
        "shops.south",
    ]
    assert [each["name"] for each in json.loads(said("show", "shops.yaml"))] == ["shops.north", "shops.south"]
    assert json.loads(said("show", "shops.yaml:north"))["name"] == "shops.north"


def test_the_graph_as_mermaid(said):
    # Mermaid's own parser read it when it was written: these nodes, these edges, each label as it was meant.
    assert said("show", "orders.yaml", "--mermaid") == MERMAID


MERMAID = """\
flowchart LR
  source["source files in/#42;.jsonl on landing"]
  parser["parser jsonl"]
  step1["filter open_only#58; status == #34;OPEN#34;"]
  step2["explode lines"]
  step3["filter in_stock#58; int(line.qty) #62; 0"]
  step4["map 7 fields"]
  sink["sink files out/#123;unit.stem#125;.jsonl, jsonl"]
  lookup_stores[("lookup stores#58; files stores.csv by id")]
  lookup_colours[("lookup colours#58; 2 values")]
  archive_success[/"archive success#58; done/#123;unit.name#125;"/]
  archive_error[/"archive error#58; bad/#123;unit.name#125;"/]
  rejects[/"rejects .engine/rejects"/]
  source --> parser
  parser --> step1
  step1 --> step2
  step2 --> step3
  step3 --> step4
  step4 --> sink
  lookup_stores -. lookup .-> step4
  lookup_colours -. lookup .-> step4
  source -. archive .-> archive_success
  source -. archive .-> archive_error
  parser -. rejects .-> rejects
  step1 -. rejects .-> rejects
  step2 -. rejects .-> rejects
  step3 -. rejects .-> rejects
  step4 -. rejects .-> rejects
  sink -. rejects .-> rejects
"""


def test_several_pipelines_are_subgraphs(said):
    lines = said("show", "shops.yaml", "--mermaid").splitlines()
    assert lines[:4] == [
        "flowchart LR",
        '  subgraph p1["shops.north"]',
        '    p1_source["source files north #35;1/#42;.csv"]',
        '    p1_parser["parser csv"]',
    ]
    assert "    p2_source --> p2_parser" in lines
    assert lines.count("  end") == 2


@pytest.mark.parametrize("text", ['a "b" [c] {d} (e) #f |g| `h` <i> & %% $$x$$ *y* _z_ : ; \\ \n end', "naïve – 日本"])
def test_labels_hold_nothing_that_mermaid_reads(text):
    made = escaped(text)
    assert re.sub(r"#(\d+);", lambda match: chr(int(match[1])), made) == text
    assert all(letter.isalnum() or letter in PLAIN or letter in "#;" for letter in made)


def test_the_graph_as_data(said):
    graph = json.loads(said("show", "orders.yaml", "--graph", "--json"))
    assert graph["nodes"][0] == {"id": "source", "kind": "source", "label": "files in/*.jsonl on landing"}
    assert {edge["kind"] for edge in graph["edges"]} == {"records", "lookup", "archive", "rejects"}
    ids = {node["id"] for node in graph["nodes"]}
    assert len(ids) == len(graph["nodes"])
    assert all({edge["from"], edge["to"]} <= ids for edge in graph["edges"])
    assert {"from": "lookup_stores", "to": "step4", "kind": "lookup"} in graph["edges"]


# --- engine explain


def test_a_spec_in_words(said):
    assert said("explain", "orders.yaml") == WORDS
    assert max(map(len, WORDS.splitlines())) <= 100


WORDS = """\
orders: orders.yaml
Order lines that are in stock.
from files in/*.jsonl on landing, jsonl
to   files out/{unit.stem}.jsonl, jsonl

step 1: filter
  where       status == "OPEN"
  name        open_only
  may reject  R241 R242

step 2: explode
  each        lines
  as          line
  may reject  R207

step 3: filter
  where       int(line.qty) > 0
  name        in_stock
  else        reject
  message     {record.id} has none
  may reject  R205 R211 R241 R242 R281

step 4: map
  field   made of                                           gives                     may reject
  ref     id, else number; then text, trim; required        text                      R201 R202
  store   an object of store                                object, may be missing
    code  code; then lookup(table: stores, field: name)     likely text, may be       R271 R272
                                                            blank
    open  since; then date(format: %d/%m/%Y); blank is      date
          2000-01-01; errors are blank
  qty     line.qty; then int; at least 1; at most 99        int, may be missing or    R202 R205 R211
                                                            null                      R233
  total   =$out.qty * decimal(line.price)                   decimal                   R205 R212 R241
                                                                                      R242
  colour  line.colour; then lookup(table: colours); blank   text                      R205 R231
          is grey; one of red, green, grey
  gift    when present(line.note); always true              bool, may be missing      R205
  tags    for each of tags; each item trim,                 list of text, may be      R202 R207
          replace(pattern: " +", to: -)                     missing
"""


def test_a_table_in_words(said):
    assert said("explain", "stock.yaml") == TABLE
    assert max(map(len, TABLE.splitlines())) <= 100


TABLE = """\
stock: stock.yaml
from files in/*.csv, csv
to   files out/{unit.stem}.jsonl, jsonl

step 1: map
  pass_through  {except: [note]}
  field       made of                                           gives                     may reject
  sku         sku; then upper; matches [A-Z]+-[0-9]+            text, may be empty        R232
  _parts      sku; then split(by: -); working field             list, may be missing or
                                                                null
  qty         qty, else spare; then int; blank is 0             int                       R211
  kind        =upper(coalesce(kind, "none"))                    text
  attributes  pairs                                             list
    SOURCE    $unit.name                                        text
    SIZE      size; then null_if(values: [n/a, -])              text, may be missing
  items       for each of $out._parts                           list, may be missing      R207
    number    $index                                            int
    text      @; at least 2 long; at most 3 long; errors drop   text, may be blank
              the item
"""


def test_a_spec_as_data(said):
    plan = json.loads(said("explain", "orders.yaml", "--json"))
    assert plan["steps"][2] == {
        "step": 3,
        "type": "filter",
        "options": {
            "where": "int(line.qty) > 0",
            "name": "in_stock",
            "else": "reject",
            "message": "{record.id} has none",
        },
        "may_reject": ["R205", "R211", "R241", "R242", "R281"],
        "lookups": [],
        "fields": [],
    }
    assert plan["steps"][3]["fields"][1]["fields"][1] == {
        "field": "store.open",
        "made": "source",
        "reads": ["since"],
        "resolvers": [{"type": "date", "format": "%d/%m/%Y"}],
        "default": "2000-01-01",
        "on_error": "blank",
        "type": "date",
        "certain": True,
        "may_be": [],
        "may_reject": [],
    }


def test_what_is_answered_further_out_does_not_reject(said):
    Path("orders.yaml").write_text(
        ORDERS.replace("        source: store\n", "        source: store\n        on_error: blank\n")
    )
    store = json.loads(said("explain", "orders.yaml", "--json"))["steps"][3]["fields"][1]
    assert [store["may_reject"], *(each["may_reject"] for each in store["fields"])] == [[], [], []]


EXAMPLES = {
    ("orders.yaml", "ref"): """\
  id     " 2 "
  text   " 2 "
  trim   "2"
  gives  "2"
""",
    ("orders.yaml", "store.open"): """\
  since      "31-01-2020"
  recovered  store.open.R216
  gives      "2000-01-01"
""",
    ("orders.yaml", "store.code"): """\
  code                                "S1"
  lookup(table: stores, field: name)  "North"
  gives                               "North"
""",
    ("orders.yaml", "total"): """\
  =$out.qty * decimal(line.price)  3.00
  gives                            3.00
""",
    ("orders.yaml", "gift"): """\
  left out  `present(line.note)` is false
""",
    ("orders.yaml", "tags"): """\
  tags                           [" a  b ","c"]
  trim                           "a  b"
  replace(pattern: " +", to: -)  "a-b"
  gives                          ["a-b","c"]
""",
    ("stock.yaml", "sku"): """\
  sku       "ab-12-cde-f"
  upper     "AB-12-CDE-F"
  rejected  [R232] `AB-12-CDE-F` does not match `[A-Z]+-[0-9]+`
""",
    ("stock.yaml", "qty"): """\
  qty    ""
  spare  "7"
  int    7
  gives  7
""",
    ("stock.yaml", "attributes.SIZE"): """\
  size                       "n/a"
  null_if(values: [n/a, -])  null
  gives                      null
""",
    ("stock.yaml", "items.text"): """\
  item 0
  @      "ab"
  gives  "ab"
  item 1
  @      "12"
  gives  "12"
  item 2
  @      "cde"
  gives  "cde"
  and 1 more
""",
}


@pytest.mark.parametrize(("spec", "field"), EXAMPLES)
def test_a_field_worked_through(said, spec, field):
    words, _, example = said("explain", spec, field).partition("\n\n")
    assert re.split(" +", words.splitlines()[2].strip())[0] == field
    head, _, rest = example.partition("\n")
    assert head == (
        "example: record 2 of in/orders.jsonl, line 2"
        if spec == "orders.yaml"
        else "example: record 1 of in/stock.csv, line 2"
    )
    assert rest == EXAMPLES[spec, field]


def test_what_has_several_lines_is_written_on_one(said):
    Path("stock.yaml").write_text(
        STOCK.replace('=upper(coalesce(kind, "none"))', '|-\n      =upper(\n        coalesce(kind, "none"))')
    )
    assert '  =upper(\\n  coalesce(kind, "none"))  "NONE"\n' in said("explain", "stock.yaml", "kind")
    assert '  =upper( coalesce(kind, "none")) ' in said("explain", "stock.yaml")


def test_a_dropped_item_in_an_example(said):
    Path("in/stock.csv").write_text(CELLS.replace("ab-12", "a-12"))
    assert '  item 0\n  @          "a"\n  recovered  items.text.R234\n  dropped    the item is left out\n' in said(
        "explain", "stock.yaml", "items.text"
    )


def test_an_example_as_data(said):
    found = json.loads(said("explain", "orders.yaml", "store.open", "--json"))
    assert found["example"] == {
        "file": "in/orders.jsonl",
        "record": 2,
        "line": 2,
        "made": [
            {
                "reads": [{"path": "since", "value": "31-01-2020"}],
                "resolved": [],
                "value": "2000-01-01",
                "errors": [],
                "recovered": ["store.open.R216"],
            }
        ],
        "more": 0,
    }


def test_a_field_that_no_record_comes_to(said):
    Path("in/orders.jsonl").write_text(LINES.splitlines(keepends=True)[0])
    assert said("explain", "orders.yaml", "qty").endswith("\n\nexample: no record of the sample comes to this field\n")


def test_a_record_that_was_asked_for(said, refused):
    found = said("explain", "orders.yaml", "qty", "--record", "4")
    assert (
        "\nexample: record 4 of in/orders.jsonl, line 6\n" in found or "\nexample: record 4 of in/orders.jsonl" in found
    )
    assert found.count("example:") == 1
    none = "\n\nexample: the sample has no record {} that comes to this field\n"
    assert said("explain", "orders.yaml", "qty", "--record", "1").endswith(none.format(1))
    assert said("explain", "orders.yaml", "qty", "--record", "99").endswith(none.format(99))
    without = refused("explain", "orders.yaml", "--record", "4")
    assert "error[U101]: `--record 4` is the record that a field is worked through for\n" in without
    assert "error[U101]: `--record 0`: records count from 1\n" in refused(
        "explain", "orders.yaml", "qty", "--record", "0"
    )


def test_fields_are_named_once_and_the_last_step_first(refused):
    fields = ", ".join(f"f{at}: id" for at in range(20))
    maps = f"steps:\n  - {{type: map, fields: {{{fields}, id: id}}}}\n  - {{type: map, fields: {{last: f1, id: id}}}}\n"
    ends = "source: {type: files, path: in/*.jsonl}\nsink: {type: files, path: 'out/{unit.stem}.jsonl'}\n"
    Path("twice.yaml").write_text(ends + "sample: in/orders.jsonl\n" + maps)
    names = ", ".join(f"`f{at}`" for at in range(18))
    assert f"= help: known: `last`, `id`, {names}, ...\n" in refused("explain", "twice.yaml", "zzzzz")


def test_a_golden_shows_what_comes_in(said):
    Path("fixtures/orders/input/landing/in").mkdir(parents=True)
    Path("fixtures/orders/input/in").mkdir(parents=True)
    Path("in/orders.jsonl").rename("fixtures/orders/input/in/orders.jsonl")
    Path("orders.yaml").write_text(ORDERS.replace("sample: in/orders.jsonl\n", ""))
    assert "example: record 2 of fixtures/orders/input/in/orders.jsonl, line 2\n" in said(
        "explain", "orders.yaml", "qty"
    )


UNKNOWN = [
    (["explain", "ordres.yaml"], "U114", "`ordres.yaml` is neither a file nor an error code", "did you mean `orders.yaml`?"),
    (["explain", "shop.yaml:north"], "U114", "`shop.yaml:north` is neither a file nor an error code", "did you mean `shops.yaml:north`?"),
    (["explain", "orders"], "U114", "`orders` is neither a file nor an error code", "did you mean `orders.yaml`?"),
    (["explain", "what"], "U114", "`what` is neither a file nor an error code", "name a spec, or a code such as `M204`"),
    (["explain", "nowhere/at/all.yaml"], "U114", "`nowhere/at/all.yaml` is neither a file nor an error code", "name a spec, or a code such as `M204`"),
    (["explain", "M999"], "U105", "`M999` is not an error code", "`engine explain` lists all codes"),
    (["explain", "orders.yaml", "store.opne"], "U115", "`store.opne` is no field of `orders`", "did you mean `store.open`?"),
    (["explain", "orders.yaml", "x"], "U115", "`x` is no field of `orders`", "known: `ref`, `store`, `store.code`, `store.open`, `qty`, `total`, `colour`, `gift`, `tags`"),
    (["explain", "stock.yaml", "size"], "U115", "`size` is no field of `stock`", "what passes through is as it comes"),
    (["explain", "shops.yaml", "x"], "U115", "`x` is no field of `shops.north`, `shops.south`", "what passes through is as it comes"),
    (["preview", "orders.yaml", "-n", "0"], "U101", "`-n 0`: a preview shows at least one record", "write `-n 5`"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code", "message", "help"), UNKNOWN)
def test_what_is_not_there(refused, words, code, message, help):
    found = refused(*words)
    assert found[found.index("error[U") :] == f"error[{code}]: {message}\n   = help: {help}\n"


def test_options_are_said_as_specs_write_them():
    texts = {
        name: called(Use(each, build(each.options, example.options, (), _Report()), ()))
        for name, each in resolvers().items()
        for example in each.examples[:2]
        if example.options and name != "python"
    }
    assert texts["sort"].startswith("sort(by: [")
    assert texts["band"] == "band(below: {10: LOW, 100: MEDIUM}, above: HIGH)"
    assert texts["hmac"].startswith("hmac(key: ***")
    assert plainly(["a b", 1, None, True, {"x": "1.5"}]) == '["a b", 1, null, true, {x: 1.5}]'


class _Report:
    def secret(self, text, pointer):
        return text

    def broken(self, pointer):
        return False

    refused = broken


# --- engine preview


def test_a_preview_says_what_became_of_each_record(said):
    assert said("preview", "orders.yaml", "-n", "9") == PREVIEW


PREVIEW = """\
#1  in   {"id":"1","status":"CLOSED","lines":[{"qty":"1","price":"1.00"}]}
    filtered by `open_only`
#2  in   {"id":" 2 ","number":7,"status":"OPEN","store":{"code":"S1","since":"31-01-2020"},"lines":[{"qty":"2","price":"1.50","colour":"R"},{"qty":"0","price":"1","note":"hi"},{"qty":"x"}],"tags":[" a  b ","c"]}
    out  {"ref":"2","store":{"code":"North","open":"2000-01-01"},"qty":2,"total":3.00,"colour":"red","tags":["a-b","c"]}
    reject in filter, item 1
      [R281]  2  has none
    reject in filter, item 2
      [R211] `int(line.qty)`: `x` is not a whole number
#3  in   {"id":"3","status":"OPEN","lines":[]}
    filtered by `empty`
#4  in   {"id":"4","status":"OPEN","lines":[{"qty":"100","price":"n"}]}
    reject in map, item 0
      [R233] qty: `100` is above the greatest, `99`
#5  in   {"id": 5
    reject in parse
      [R103] not JSON: the text ends too early
"""


def test_a_preview_is_cut_to_the_terminal(said, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = said("preview", "orders.yaml").splitlines()
    assert lines[0] == '#1  in   {"id":"1","status":"CLOSED","l…'
    assert max(map(len, lines)) <= 40 + len("      [R211] ")
    assert said("preview", "orders.yaml", "--full", "-n", "9") == PREVIEW


def test_a_preview_as_data_is_whole(said, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    first, second, third, fourth, fifth = map(json.loads, said("preview", "orders.yaml", "--json").splitlines())
    assert first["filtered"] == {"open_only": 1}
    assert [len(second["outputs"]), [error["stage"] for error in second["errors"]]] == [1, ["filter", "filter"]]
    assert third["filtered"] == {"empty": 1}
    assert (fourth["outputs"], fourth["errors"][0]["code"]) == ([], "R233")
    assert (fifth["input"], fifth["errors"][0]["stage"]) == (None, "parse")


# --- what is said holds

PIPELINES = [f"{path}:{name}" if name else str(path)
             for path in sorted((ROOT / "pipelines").glob("*.yaml")) if path.name != "engine.yaml"
             for name in names_in(str(path))]  # fmt: skip


@pytest.mark.parametrize("spec", PIPELINES)
def test_blanks_and_rejects_are_foretold(spec):
    plan, _ = load(spec)
    if not plan.steps[-1].maps:
        return
    facts = {each.made.path: each for each in walk(facts_of(plan)[-1].fields)}
    top = {each.made.target[0]: each for each in facts_of(plan)[-1].fields if len(each.made.target) == 1}
    with sample_of(plan) as sample:
        for record in tried(sample.batches, Flow(plan.steps, sample.context)):
            for error in (error for reject in record.rejects if reject.stage == "map" for error in reject.errors):
                field = facts[re.sub(r"\[([0-9]+)\]", "", error.field)]
                foreign = any(use.resolver.dialect for use in field.made.chain)  # theirs have no failing examples
                assert foreign or error.code in field.rejects
            for output in record.outputs:
                found = {name: output.get(name, MISSING) for name, field in top.items() if not field.made.working}
                blank = {name: blank_word(value) for name, value in found.items() if is_blank(value)}
                assert [name for name, word in blank.items() if word not in top[name].blanks] == []


def walk(fields):
    for each in fields:
        yield each
        yield from walk(each.inside)


# --- secrets

LOOKS = [["show"], ["show", "--graph"], ["show", "--graph", "--json"], ["show", "--mermaid"], ["explain"],
         ["explain", "--json"], ["preview"], ["preview", "--json"]]  # fmt: skip


@pytest.mark.parametrize("words", LOOKS)
def test_no_secret_is_shown(capsys, words):
    sign = "    sign: {source: sku, resolver: {type: hmac, key: '${env:KEY}'}}\n    items:"
    Path("signed.yaml").write_text(
        "vars: {token: {secret: true, default: s3cret-word}}\n" + STOCK.replace("    items:", sign)
    )
    command, *options = words
    assert main([command, "signed.yaml", "--set", "token=hush-hush", *options]) == 0
    shown = capsys.readouterr()
    assert not re.search("hush-hush|s3cret-word|k3y-text", shown.out + shown.err)
