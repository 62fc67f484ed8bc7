"""Steps, lookups and contracts in runs: what comes out, what the books say, and what stops a run."""

import gzip
import json
import os
import re
import subprocess
import sys

import pytest

from engine.cli import main
from engine.errors import EngineError, SpecError
from engine.storage.local import LocalStore

ORDERS = (
    '{"id": 1, "open": true, "lines": [{"sku": "a", "qty": "2"}, {"sku": "b", "qty": "x"}, {"sku": "c", "qty": "1"}]}\n'
    '{"id": 2, "open": true, "lines": []}\n'
    '{"id": 3, "open": false, "lines": [{"sku": "a", "qty": "1"}]}\n'
    '{"id": 4, "open": true, "lines": {"sku": "q", "qty": "4"}}\n'
)
STEPS = [
    {"type": "filter", "where": "open", "name": "open"},
    {"type": "map", "pass_through": True, "fields": {"_count": "=count(lines)"}},
    {"type": "explode", "each": "lines", "as": "line"},
    {
        "type": "map",
        "fields": {"order": "id", "sku": "line.sku", "qty": {"source": "line.qty", "resolver": "int"}, "of": "_count"},
    },
    {"type": "filter", "where": 'sku != "q"', "else": "reject", "message": "{record.sku} of {record.order} is gone"},
]  # fmt: skip
SOURCE = {"type": "files", "path": "in/*.jsonl"}
RATES = {"type": "files", "path": "ref/rates.csv", "index": "code"}
PRICED = {"fields": {"id": "id", "rate": {"source": "cur", "resolver": {"type": "lookup", "table": "rates", "field": "rate"}}}}  # fmt: skip


def error_of(report):
    [error] = [unit["error"] for unit in report.units if unit["error"]]
    return error["code"], error["message"]


def stopped(project, **session):
    """The error that ends a run before its first unit."""
    with pytest.raises(EngineError) as raised:
        project.run(**session)
    return raised.value.code, raised.value.message


def problems(project):
    with pytest.raises(SpecError) as raised:
        project.plan()
    return [problem.code for problem in raised.value.problems]


# --- steps


@pytest.fixture
def orders(project):
    project.write(source=SOURCE, mapping=None, steps=STEPS)
    project.put("a.jsonl", ORDERS)
    return project


def test_steps_make_filter_and_reject_and_every_record_has_one_fate(orders):
    report = orders.run()
    assert orders.tree() == {"a.jsonl": b'{"order":1,"sku":"a","qty":2,"of":3}\n{"order":1,"sku":"c","qty":1,"of":3}\n'}
    assert report.books.as_dict() == {
        "read": 4, "created": 2, "written": 2, "rejected": 2, "filtered": 2, "duplicate": 0, "absorbed": 0,
    }  # fmt: skip
    assert report.as_dict()["filtered"] == {"empty": 1, "open": 1}


def test_rejects_say_the_stage_the_child_and_the_record_as_it_was_there(orders):
    orders.run()
    first, second = orders.rejects()
    assert (first["number"], first["child"], first["stage"], first["sink"]) == (1, "1", "map", None)
    assert first["record"]["line"] == {"sku": "b", "qty": "x"}
    assert "_count" not in first["record"], "working fields are no part of a record"
    assert first["errors"][0]["field"] == "qty"
    assert (second["number"], second["child"], second["stage"]) == (4, "0", "filter")
    assert second["errors"] == [
        {"field": "", "code": "R281", "message": "q of 4 is gone",
         "value": {"order": 4, "sku": "q", "qty": 4, "of": 1}}
    ]  # fmt: skip
    assert second["raw"] == ORDERS.splitlines()[3]


def test_ids_of_children_are_stable_and_distinct(orders):
    orders.put("a.jsonl", ORDERS.replace('"qty": "1"', '"qty": "y"').replace('"qty": "2"', '"qty": "z"'))
    orders.run()
    first = [reject["id"] for reject in orders.rejects()]
    assert len(set(first)) == len(first) == 4
    orders.run(full_refresh=True)
    assert [reject["id"] for reject in orders.rejects()] == first


def test_two_runs_give_the_same_bytes(orders):
    first, before = orders.run().as_dict(), orders.tree()
    second = orders.run(full_refresh=True).as_dict()
    assert orders.tree() == before
    for key in ("filtered", "rejects", "books"):
        assert first.get(key) == second.get(key)


def test_max_rejects_counts_children_against_records_read_and_made(orders):
    orders.write(source=SOURCE, mapping=None, steps=STEPS, limits={"max_rejects": 1})
    report = orders.run()
    assert error_of(report) == ("D201", "2 of 6 records were rejected, `max_rejects` allows 1")
    assert (orders.tree(), len(orders.rejects())) == ({}, 2)


@pytest.mark.parametrize("times", [1, 1000])
def test_a_share_of_what_one_record_became(orders, times):
    steps = [{"type": "explode", "each": "lines"}, {"type": "map", "fields": {"q": {"source": "q", "resolver": "int"}}}]
    orders.write(source=SOURCE, mapping=None, steps=steps, limits={"max_rejects": "70%"})
    orders.put("a.jsonl", '{"lines": [{"q": "x"}, {"q": "y"}, {"q": 1}]}\n' * times)
    report = orders.run()
    assert (report.exit_code, report.books.as_dict()["rejected"]) == (0, 2 * times)
    orders.write(source=SOURCE, mapping=None, steps=steps, limits={"max_rejects": "60%"})
    message = error_of(orders.run(full_refresh=True))[1]
    rejected, records = (int(count.replace(",", "")) for count in re.findall("[0-9,]+(?= )", message)[:2])
    assert (rejected * 3, message.split(" ", 3)[3]) == (records * 2, "records were rejected, `max_rejects` allows 60%")


def test_where_all_children_are_rejected_the_unit_is_refused(orders):
    orders.put("a.jsonl", '{"id": 1, "open": true, "lines": [{"sku": "a", "qty": "x"}, {"sku": "b", "qty": "y"}]}\n')
    assert error_of(orders.run()) == ("D202", "all 2 records were rejected")


def test_where_all_records_are_filtered_the_unit_is_done(orders):
    orders.put("a.jsonl", '{"id": 1, "open": false, "lines": []}\n')
    report = orders.run()
    assert (report.exit_code, report.units[0]["status"]) == (0, "committed")
    assert report.books.as_dict()["filtered"] == 1


def test_steps_as_a_child_process_say_the_books(orders):
    command = [sys.executable, "-m", "engine", "run", "stock.yaml", "--report", "report.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=orders.folder)
    assert done.returncode == 0, done.stderr
    assert "read 4 + created 2 = written 2 + rejected 2" in done.stderr
    assert "filtered 2" in done.stderr
    report = json.loads((orders.folder / "report.json").read_text())
    assert report["filtered"] == {"empty": 1, "open": 1}


CSV = {"type": "files", "path": "out/{unit.stem}.csv"}
COLUMNS = [
    ("mapped", [{"type": "map", "fields": {"b": "id", "_w": "id", "a": "open"}}], "b,a\n1,true\n"),
    ("exploded and mapped",
     [{"type": "explode", "each": "lines", "as": "line"}, {"type": "map", "fields": {"sku": "line.sku", "id": "id"}}],
     "sku,id\na,1\n"),
    ("items as they are", [{"type": "explode", "each": "lines"}], "sku,qty\na,2\n"),
    ("passed through after a map",
     [{"type": "map", "fields": {"z": "id", "_w": "open"}}, {"type": "map", "pass_through": True, "fields": {"y": "_w"}}],
     "z,y\n1,true\n"),
    ("filtered behind a map",
     [{"type": "map", "fields": {"z": "id"}}, {"type": "filter", "where": "z > 0"}], "z\n1\n"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "out"), [each[1:] for each in COLUMNS], ids=[each[0] for each in COLUMNS])
def test_columns_behind_steps(project, steps, out):
    project.write(source=SOURCE, mapping=None, steps=steps, sink=CSV)
    project.put("a.jsonl", '{"id": 1, "open": true, "lines": [{"sku": "a", "qty": "2"}]}\n')
    assert project.run().exit_code == 0
    assert project.tree() == {"a.csv": out.encode()}


def test_columns_are_known_where_no_record_is_left(project):
    steps = [{"type": "map", "fields": {"z": "id"}}, {"type": "filter", "where": "z > 5"}]
    project.write(source=SOURCE, mapping=None, steps=steps, sink={**CSV, "when_empty": "write"})
    project.put("a.jsonl", '{"id": 1}\n')
    project.run()
    assert project.tree() == {"a.csv": b"z\n"}


def test_a_header_without_what_the_first_step_reads_is_another_file(project):
    project.write(mapping=None, steps=[{"type": "filter", "where": "int(qty) > 0"}, {"type": "map", "fields": {"sku": "sku"}}])  # fmt: skip
    project.put("a.csv", "x;y\n1;2\n")
    assert error_of(project.run())[0] == "R124"
    project.put("a.csv", "sku,qty\na,1\nb,0\n")
    assert project.run().books.as_dict()["filtered"] == 1
    assert project.tree() == {"a.jsonl": b'{"sku":"a"}\n'}


def test_items_that_are_no_records_beside_working_fields(project):
    steps = [
        {"type": "map", "fields": {"tags": "tags", "_id": "id"}},
        {"type": "explode", "each": "tags"},
        {"type": "map", "fields": {"tag": "$record", "id": "$parent._id"}},
    ]
    project.write(source=SOURCE, mapping=None, steps=steps)
    project.put("a.jsonl", '{"id": 1, "tags": [5, "x", true]}\n')
    assert project.run().exit_code == 0
    assert project.tree() == {"a.jsonl": b'{"tag":5,"id":1}\n{"tag":"x","id":1}\n{"tag":true,"id":1}\n'}


def test_what_a_sink_refuses_of_exploded_records_names_the_child(project):
    steps = [{"type": "explode", "each": "lines"}]
    project.write(source=SOURCE, mapping=None, steps=steps, sink=CSV)
    project.put("a.jsonl", '{"lines": [{"a": 1}, {"a": [2]}, 7, {"a": 3, "b": 4}]}\n')
    report = project.run()
    assert report.books.as_dict()["written"] == 1
    assert [(each["child"], each["stage"], each["sink"], each["errors"][0]["code"]) for each in project.rejects()] == [
        ("1", "write", "sink", "R301"), ("2", "write", None, "R203"), ("3", "write", "sink", "R302"),
    ]  # fmt: skip
    assert len({each["id"] for each in project.rejects()}) == 3


# --- lookups


@pytest.fixture
def priced(project):
    project.write(source=SOURCE, lookups={"rates": RATES}, mapping=PRICED)
    project.put("rates.csv", "code,rate\nEUR,1\nUSD,1.08\n", "ref")
    project.put("a.jsonl", '{"id": 1, "cur": "EUR"}\n{"id": 2, "cur": "USD"}\n{"id": 3, "cur": "GBP"}\n{"id": 4}\n')
    return project


OUT = b'{"id":1,"rate":"1"}\n{"id":2,"rate":"1.08"}\n{"id":4}\n'


def test_a_lookup_from_a_file(priced):
    report = priced.run()
    assert priced.tree() == {"a.jsonl": OUT}
    [reject] = priced.rejects()
    assert (reject["errors"][0]["code"], reject["errors"][0]["message"]) == ("R271", "`rates` has no `GBP`")
    assert report.as_dict()["lookups"] == {"rates": 2}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rates.csv.gz", gzip.compress(b"code,rate\nEUR,1\nUSD,1.08\n", mtime=0)),
        ("rates.jsonl", b'{"code": "EUR", "rate": "1"}\n{"code": "USD", "rate": "1.08"}\n'),
        ("rates-*.csv", b""),
    ],
)
def test_lookups_of_every_form(priced, name, content):
    priced.write(source=SOURCE, lookups={"rates": {**RATES, "path": f"ref/{name}"}}, mapping=PRICED)
    if "*" in name:
        priced.put("rates-1.csv", "code,rate\nEUR,1\n", "ref")
        priced.put("rates-2.csv", "rate,code\n1.08,USD\n", "ref")
    else:
        priced.put(name, content, "ref")
    priced.run()
    assert priced.tree() == {"a.jsonl": OUT}


def test_a_parser_of_its_own(priced):
    lookup = {**RATES, "path": "ref/rates.txt", "parser": {"type": "csv", "delimiter": ";"}}
    priced.write(source=SOURCE, lookups={"rates": lookup}, mapping=PRICED)
    priced.put("rates.txt", "code;rate\nEUR;1\nUSD;1.08\n", "ref")
    priced.run()
    assert priced.tree() == {"a.jsonl": OUT}


def test_two_records_of_one_key(priced):
    priced.put("rates.csv", "code,rate\nEUR,1\nUSD,1.08\nEUR,2\n,9\n", "ref")
    priced.run()
    assert [(each["number"], each["errors"][0]["code"]) for each in priced.rejects()] == [(1, "R272"), (3, "R271")]
    priced.write(source=SOURCE, lookups={"rates": {**RATES, "many": "first", "default": "0"}}, mapping=PRICED)
    priced.run(full_refresh=True)
    assert priced.tree()["a.jsonl"].splitlines()[:3] == [
        b'{"id":1,"rate":"1"}', b'{"id":2,"rate":"1.08"}', b'{"id":3,"rate":"0"}',
    ]  # fmt: skip


def test_a_lookup_whose_file_is_not_there(priced):
    os.unlink(priced.folder / "ref/rates.csv")
    assert stopped(priced) == ("D311", "the lookup `rates` has no file")
    assert priced.tree() == {}
    assert priced.keys() == []
    priced.put("rates.csv", "code,rate\nEUR,1\nUSD,1.08\n", "ref")
    priced.run()
    assert priced.tree() == {"a.jsonl": OUT}, "the run after it goes on"


def test_a_damaged_lookup(priced):
    priced.put("rates.csv", "code,rate\nEUR,1\nUSD\n", "ref")
    assert stopped(priced) == (
        "D313",
        "the lookup `rates` is damaged: record 2 of `ref/rates.csv`, line 3: the row has 1 cell, the header 2",
    )


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("=int(rate)", "`int(rate)`: `1.08` is not a whole number: round it first, or use decimal"),
        ("=[code, rate]", "a key is one value, found list: name what is looked up"),
    ],
)
def test_an_index_that_fails(priced, index, said):
    priced.put("rates.csv", "code,rate\nEUR,1\nUSD,1.08\n", "ref")
    priced.write(source=SOURCE, lookups={"rates": {**RATES, "index": index}}, mapping=PRICED)
    code, message = stopped(priced)
    assert code == "D313"
    assert message.startswith("the lookup `rates` is damaged: record ")
    assert said in message
    assert "`ref/rates.csv`, line " in message


def test_bytes_of_a_lookup_count_unpacked_over_all_files(priced):
    text = "code,rate\nEUR,1\n" + "X,1\n" * 5_000
    priced.put("rates-1.csv.gz", gzip.compress(text.encode()), "ref")
    priced.put("rates-2.csv.gz", gzip.compress(text.encode()), "ref")
    lookup = {**RATES, "path": "ref/rates-*.csv.gz", "many": "first"}
    for limit in ("30KB", "20100B"):
        priced.write(source=SOURCE, lookups={"rates": lookup}, mapping=PRICED, limits={"lookup": limit})
        assert stopped(priced)[0] == "D312"
    priced.write(source=SOURCE, lookups={"rates": lookup}, mapping=PRICED, limits={"lookup": f"{2 * len(text)}B"})
    assert priced.run().units != []


def test_a_lookup_that_is_too_large(priced):
    priced.write(source=SOURCE, lookups={"rates": RATES}, mapping=PRICED, limits={"lookup": "10B"})
    assert stopped(priced) == ("D312", "the lookup `rates` has more than 10 bytes, and is held in memory")


def test_a_run_that_cannot_read_its_lookup_says_so(priced, capsys):
    os.unlink(priced.folder / "ref/rates.csv")
    code = main(["run", "stock.yaml", "--report", "report.json"])
    said = capsys.readouterr().err
    assert "error[D311]: the lookup `rates` has no file\n   = help: put one where it looks: `ref/rates.csv`" in said
    report = json.loads((priced.folder / "report.json").read_text())
    assert report["exit_code"] == code != 0
    assert report["error"]["code"] == "D311"


def test_nothing_to_do_reads_no_lookup(priced):
    priced.run()
    os.unlink(priced.folder / "ref/rates.csv")
    assert priced.run().units == []


def test_a_lookup_that_no_field_uses_is_not_read(priced):
    gone = {**RATES, "path": "ref/gone.csv"}
    priced.write(source=SOURCE, lookups={"rates": RATES, "gone": gone}, mapping=PRICED)
    assert priced.run().exit_code == 0


def test_a_lookup_is_read_once_for_all_units(priced, monkeypatch):
    opened = []
    really = LocalStore.open

    def counted(self, path, *more):
        opened.append(os.path.basename(os.fsdecode(path)))
        return really(self, path, *more)

    for name in "bcd":
        priced.put(f"{name}.jsonl", '{"id": 1, "cur": "EUR"}\n')
    plan = priced.plan()
    monkeypatch.setattr(LocalStore, "open", counted)
    monkeypatch.setattr(priced, "plan", lambda *a, **k: plan)
    assert len(priced.run().units) == 4
    assert opened.count("rates.csv") == 1


def test_a_lookup_that_changed_is_read_anew_by_the_next_run(priced):
    priced.run()
    priced.put("rates.csv", "code,rate\nEUR,9\nUSD,8\n", "ref")
    assert priced.run().units == [], "units do not depend on it"
    priced.run(full_refresh=True)
    assert priced.tree() == {"a.jsonl": OUT.replace(b'"1.08"', b'"8"').replace(b'"1"', b'"9"')}


def test_paths_of_a_project_start_at_its_folder(priced):
    (priced.folder / "engine.yaml").write_text(json.dumps({"lookups": {"rates": RATES}}))
    (priced.folder / "pipelines").mkdir()
    spec = {"source": {**SOURCE, "path": "../in/*.jsonl"}, "mapping": PRICED, "sink": {"type": "files", "path": "../out/{unit.stem}.jsonl"}}  # fmt: skip
    (priced.folder / "pipelines/stock.yaml").write_text(json.dumps(spec))
    priced.run("pipelines/stock")
    assert priced.tree() == {"a.jsonl": OUT}
    priced.put("rates.csv", "code,rate\nEUR,7\n", "pipelines/ref")
    spec["lookups"] = {"rates": RATES}
    (priced.folder / "pipelines/stock.yaml").write_text(json.dumps(spec))
    priced.run("pipelines/stock", full_refresh=True)
    assert priced.tree() == {"a.jsonl": b'{"id":1,"rate":"7"}\n{"id":4}\n'}, "the spec's own win, and start at the spec"


def test_variables_of_a_run_are_seen_by_the_index_and_the_path(priced):
    lookup = {"type": "files", "path": "ref/{vars.day}.csv", "index": "=lower(code) + $vars.suffix"}
    mapping = {"fields": {"id": "id", "rate": '=lookup(lower(cur) + $vars.suffix, "rates", field="rate")'}}
    priced.write(source=SOURCE, vars={"day": "", "suffix": "-x"}, lookups={"rates": lookup}, mapping=mapping)
    priced.put("2026.csv", "code,rate\nEUR,1\nUSD,1.08\nGBP,2\n", "ref")
    report = priced.run(given={"day": "2026"})
    assert report.books.as_dict()["written"] == 3
    assert [reject["number"] for reject in priced.rejects()] == [4]


SHOWN = [
    {"source": "id", "resolver": {"type": "lookup", "table": "rates", "key": "$vars.token"}},
    {"source": "id", "resolver": {"type": "lookup", "table": "rates", "key": ["$vars.token"]}},
    {"source": "id", "resolver": {"type": "lookup", "table": "rates", "key": "=upper($vars.token)"}},
    '=lookup($vars.token, "rates")',
    {"source": "id", "when": "$vars.token == id"},
]  # fmt: skip


@pytest.mark.parametrize("field", SHOWN)
def test_a_secret_does_not_go_through_a_lookup_or_a_condition(priced, field):
    token = {"token": {"secret": True, "default": "hunter2"}}
    priced.write(source=SOURCE, vars=token, lookups={"rates": RATES}, mapping={"fields": {"x": field}})
    assert set(problems(priced)) - {"M506"} == {"A201"}


@pytest.mark.parametrize("index", ["=code + $vars.token", ["code", "$vars.token"], "[code, $vars.token] | [0]"])
def test_a_secret_is_no_part_of_a_key(priced, index):
    token = {"token": {"secret": True, "default": "hunter2"}}
    priced.write(source=SOURCE, vars=token, lookups={"rates": {**RATES, "index": index}}, mapping=None)
    assert set(problems(priced)) - {"M506"} == {"A201"}


def test_paths_of_lookups_are_checked_as_every_path(priced):
    vars = {"token": {"secret": True, "default": "hunter2"}, "day": "2026"}
    for path, code in (("{vars.token}", "A201"), ("{unit.stem}", "M401"), ("{vars.dya}", "M401")):
        lookup = {**RATES, "path": f"ref/{path}.csv"}
        priced.write(source=SOURCE, vars=vars, lookups={"rates": lookup}, mapping=PRICED)
        assert problems(priced) == [code]


@pytest.mark.parametrize(
    "step",
    [
        {"type": "filter", "where": "id == 1", "else": "reject", "message": "{vars.token}"},
        {"type": "filter", "where": "$vars.token == id"},
        {"type": "explode", "each": "=list($vars.token)"},
    ],
)
def test_a_secret_does_not_go_through_a_step(priced, step):
    token = {"token": {"secret": True, "default": "hunter2"}}
    priced.write(source=SOURCE, vars=token, mapping=None, steps=[step])
    assert set(problems(priced)) == {"A201"}


# --- limits and contracts


def test_more_recovered_than_the_limit(project):
    fields = {"sku": "sku", "qty": {"source": "qty", "resolver": "int", "on_error": "blank"}}
    project.write(mapping={"fields": fields}, limits={"max_recovered": "40%"})
    project.put("a.csv", "sku,qty\na,1\nb,x\nc,y\n")
    report = project.run()
    assert error_of(report) == (
        "D205",
        "`on_error` answered 2 errors in 3 records, `max_recovered` allows 40%",
    )
    assert (report.units[0]["status"], project.tree()) == ("refused", {})
    assert error_of(project.run())[0] == "D203", "it waits"
    project.write(mapping={"fields": fields}, limits={"max_recovered": 2})
    assert project.run().exit_code == 0


SCHEMA = {
    "type": "object",
    "required": ["sku"],
    "properties": {"sku": {"$ref": "#/$defs/sku"}, "qty": {"type": "integer", "minimum": 0}},
    "$defs": {"sku": {"type": "string", "pattern": "^[a-z]$"}},
}


def contracted(project, schema=SCHEMA, **keys):
    (project.folder / "stock.schema.json").write_text(json.dumps(schema))
    project.write(expects={"schema": "stock.schema.json"}, **keys)


def test_a_contract_that_is_kept(project):
    contracted(project)
    project.put("a.csv", "sku,qty\na,1\nb,2\n")
    assert project.run().exit_code == 0
    assert project.tree() == {"a.jsonl": b'{"sku":"a","qty":1}\n{"sku":"b","qty":2}\n'}


def test_a_record_that_breaks_the_contract_refuses_the_unit(project):
    contracted(project)
    project.put("a.csv", "sku,qty\na,1\nb,-2\nC,3\n")
    project.put("b.csv", "sku,qty\na,1\n")
    report = project.run()
    assert error_of(report) == (
        "D204",
        "record 2 breaks `stock.schema.json`: `qty`: `-2` is too small: at least 0",
    )
    assert [unit["status"] for unit in report.units] == ["refused", "committed"]
    assert project.tree() == {"b.jsonl": b'{"sku":"a","qty":1}\n'}
    assert error_of(project.run())[0] == "D203", "it waits"
    contracted(project, {"type": "object"})
    assert project.run().exit_code == 0, "another contract is another spec"


def test_a_contract_follows_references(project):
    contracted(project)
    project.put("a.csv", "sku,qty\nAB,1\n")
    assert error_of(project.run())[1] == ("record 1 breaks `stock.schema.json`: `sku`: `AB` does not match `^[a-z]$`")


def test_a_rejected_record_breaks_no_contract(project):
    contracted(project, limits={"max_rejects": "50%"})
    project.put("a.csv", "sku,qty\na,1\nB,x\n")
    report = project.run()
    assert (report.exit_code, report.books.as_dict()["rejected"]) == (0, 1)


def test_values_are_held_against_the_contract_as_they_are_written(project):
    schema = {
        "properties": {"day": {"type": "string", "format": "date"}, "price": {"type": "number", "multipleOf": 0.5}}
    }
    fields = {"day": {"source": "day", "resolver": "date"}, "price": {"source": "price", "resolver": "decimal"}}
    contracted(project, schema, mapping={"fields": fields})
    project.put("a.csv", "day,price\n2026-01-31,1.50\n")
    assert project.run().exit_code == 0


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({"sku": {"source": "sku", "resolver": "int"}}, ["M317"]),
        ({"qty": {"source": "qty", "resolver": "int"}}, ["M318"]),
        ({"sku": "sku", "more": "sku"}, ["M319"]),
        ({"sku": "sku", "_more": "sku"}, []),
        ({"sku": "sku", "qty": "qty"}, ["M317"]),
    ],
)
def test_what_cannot_keep_the_contract_does_not_check(project, fields, codes):
    contracted(project, {**SCHEMA, "additionalProperties": False}, mapping={"fields": fields})
    if codes:
        assert problems(project) == codes
    else:
        project.plan()


@pytest.mark.parametrize("content", ['{"type": "txt"}', "[1]", '{"type": ', "7"])
def test_a_contract_that_is_no_schema(project, content):
    (project.folder / "stock.schema.json").write_text(content)
    project.write(expects={"schema": "stock.schema.json"})
    assert problems(project) == ["S324"]


def test_a_contract_that_leads_elsewhere(project):
    contracted(project, {"$ref": "https://example.com/order.json"})
    assert problems(project) == ["S324"]
    contracted(project, {"properties": {"sku": {"$ref": "#/$defs/none"}}})
    assert problems(project) == ["S324"]
