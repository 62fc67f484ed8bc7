"""The command line as a user meets it: every command in a process of its own, over real files."""

import json
import os
import subprocess
import sys

import jsonschema
import pytest

from engine.delivery.report import REPORT_SCHEMA

SPEC = """\
name: stock
description: Stock rows to JSON lines.
vars:
  retailer: {type: text, default: "1"}
source: {type: files, path: in/*.csv}
sample: in/a.csv
mapping:
  fields:
    ref: {source: sku, resolver: [trim, upper], required: true}
    qty: {source: qty, resolver: int}
    retailer: $vars.retailer
sink: {type: files, path: "out/{unit.stem}.jsonl"}
"""
ROWS = "sku,qty\n a1 ,5\nb2,N/A\nc3,7\n"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text(ROWS)
    (tmp_path / "stock.yaml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def engine(project):
    def call(*words, stdin=None, **env):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("ENGINE_")}
        return subprocess.run(
            [sys.executable, "-m", "engine", *words], cwd=project, input=stdin, text=True, capture_output=True,
            env={**clean, "PYTHONPATH": os.getcwd(), **env},
        )  # fmt: skip

    return call


def test_help_lists_every_command(engine):
    from engine.cli import COMMANDS

    said = engine("--help")
    assert said.returncode == 0
    assert all(f"  {name} " in said.stdout for name in COMMANDS)
    for name in COMMANDS:
        assert engine(name, "--help").returncode == 0


def test_no_command_is_a_usage_error(engine):
    assert engine().returncode == 2


def test_version(engine):
    pytest.importorskip("engine")
    assert engine("--version").stdout.startswith("engine ") or engine("--version").returncode


def test_run_ends_with_the_diagnosis(engine, project):
    said = engine("run", "stock.yaml", "--report", "logs/report.json")
    assert said.returncode == 0
    assert said.stdout == ""
    lines = said.stderr.splitlines()
    assert lines[0].startswith("ok_with_rejects stock, run ")
    assert lines[0].endswith(" s")
    assert lines[1:3] == [
        "books     read 3 = written 2 + rejected 1",
        "rejects   R211 × 1, such as in/a.csv:3: qty: `N/A` is not a whole number",
    ]
    assert lines[3] == "output    out/a.jsonl"
    assert lines[4].startswith("rejected  .engine/rejects/stock-")
    assert lines[5].startswith("next      engine rejects ls stock.yaml")
    assert (
        project / "out/a.jsonl"
    ).read_text() == '{"ref":"A1","qty":5,"retailer":"1"}\n{"ref":"C3","qty":7,"retailer":"1"}\n'
    report = json.loads((project / "logs/report.json").read_text())
    jsonschema.validate(report, REPORT_SCHEMA)
    assert report["records"]["written"] == 2
    assert report["units"][0]["outputs"][0]["path"] == "out/a.jsonl"


def test_a_second_run_has_nothing_to_do(engine):
    engine("run", "stock.yaml")
    said = engine("run", "stock.yaml", "--json")
    report = json.loads(said.stdout)
    jsonschema.validate(report, REPORT_SCHEMA)
    assert report["units"] == []
    assert "no file is new" in said.stderr


def test_units_of_another_version_of_the_spec_are_said(engine, project):
    (project / "in" / "b.csv").write_text(ROWS)
    engine("run", "stock.yaml")
    (project / "stock.yaml").write_text(SPEC.replace("upper", "lower"))
    again = "no file is new, 2 were done by another version of the spec; to do all again: engine run stock.yaml"
    assert engine("run", "stock.yaml").stderr.splitlines()[-1] == f"next      {again} --full-refresh"
    said = engine("run", "stock.yaml", "--dry-run").stderr
    assert said.splitlines()[-1] == f"next      {again} --dry-run --full-refresh"
    assert "look at what it made" not in said
    assert "look at what it made" in engine("run", "stock.yaml", "--dry-run", "--full-refresh").stderr
    (project / "in" / "b.csv").unlink()
    assert "no file is new, 1 was done by another version of the spec" in engine("run", "stock.yaml").stderr


def test_what_was_filtered_is_said_by_rule(engine, project):
    steps = (
        '- {type: filter, where: $unit.record > 1, name: first}\n  - {type: filter, where: qty != "7", name: seven}\n'
    )
    (project / "few.yaml").write_text(SPEC[SPEC.index("source") :].partition("mapping")[0].replace("sample: in/a.csv\n", "")
                                      + f"steps:\n  {steps}" + 'sink: {type: files, path: "out/{unit.stem}.jsonl"}\n')  # fmt: skip
    lines = engine("run", "few.yaml").stderr.splitlines()
    assert lines[1:3] == ["books     read 3 = written 1 + filtered 2", "filtered  first 1, seven 1"]


def test_more_codes_than_are_shown():
    from collections import Counter
    from types import SimpleNamespace

    from engine.cli.summary import top_rejects

    example = {"errors": [{"field": "qty", "message": "no"}]}
    books = SimpleNamespace(rejects=Counter({"R211": 3, "R216": 2, "R201": 2, "R212": 1}))
    assert list(top_rejects(books, {"R211": example}, lambda reject: "a.csv:2")) == [
        "R211 × 3, such as a.csv:2: qty: no", "R201 × 2", "R216 × 2", "and 1 more code",
    ]  # fmt: skip
    books.rejects["R213"] = 1
    assert list(top_rejects(books, {}, str))[-1] == "and 2 more codes"


def test_rejects_of_map_go_to_a_file(engine, project):
    said = engine("map", "stock.yaml", "in/a.csv", "--rejects", "-")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == (
        "error[U101]: `--rejects -`: the records go to standard output\n"
        "   = help: name a file, as in `--rejects rejects.jsonl`\n"
    )
    assert not (project / "-").exists()
    said = engine("map", "stock.yaml", "in/a.csv", "--rejects", "in")
    assert said.returncode == 2
    assert said.stderr.startswith("error[U109]: the rejects `in` cannot be written: Is a directory\n")
    said = engine("map", "stock.yaml", "--parser", "csv", stdin=ROWS)
    assert said.stderr.endswith("\nR211 × 1, such as line 3: qty: `N/A` is not a whole number\n")


def test_set_reaches_the_output(engine, project):
    assert engine("run", "stock.yaml", "--set", "retailer=2").returncode == 0
    assert '"retailer":"2"' in (project / "out/a.jsonl").read_text()


def test_a_trial_leaves_nothing_behind(engine, project):
    said = engine("run", "stock.yaml", "--limit", "1")
    assert said.returncode == 0
    assert "nothing was committed" in said.stderr
    assert not (project / "out").exists()
    [made] = (project / ".engine/trial").rglob("a.jsonl")
    assert made.read_text() == '{"ref":"A1","qty":5,"retailer":"1"}\n'
    assert engine("run", "stock.yaml").stderr.splitlines()[1] == "books     read 3 = written 2 + rejected 1"


def test_check_says_ok_or_all_that_is_wrong(engine, project):
    said = engine("check", "stock.yaml")
    assert (said.returncode, said.stderr) == (0, "ok: 1 pipeline\n")
    (project / "bad.yaml").write_text(SPEC.replace("sku", "skuu").replace("trim", "trimm"))
    said = engine("check", "stock.yaml", "bad.yaml")
    assert said.returncode == 3
    assert "error[M204]: `skuu` does not exist in the input" in said.stderr
    assert "error[S204]: `trimm` is not a resolver" in said.stderr
    assert "did you mean `trim`?" in said.stderr
    problems = json.loads(engine("check", "bad.yaml", "--json").stdout)
    assert {problem["code"] for problem in problems} == {"M204", "S204"}
    assert all(problem["line"] == 9 for problem in problems)


def test_preview_shows_both_sides_and_rejects_in_place(engine):
    assert engine("preview", "stock.yaml", "-n", "2").stdout.splitlines() == [
        '#1  in   {"sku":" a1 ","qty":"5"}',
        '    out  {"ref":"A1","qty":5,"retailer":"1"}',
        '#2  in   {"sku":"b2","qty":"N/A"}',
        "    reject in map",
        "      [R211] qty: `N/A` is not a whole number",
    ]
    lines = [json.loads(line) for line in engine("preview", "stock.yaml", "--json").stdout.splitlines()]
    assert [line["number"] for line in lines] == [1, 2, 3]
    assert lines[1]["errors"][0]["code"] == "R211"


def test_map_by_a_spec_and_by_a_mapping_file(engine, project):
    said = engine("map", "stock.yaml", "in/a.csv", "--rejects", "bad.jsonl")
    assert said.returncode == 4
    assert said.stdout.splitlines() == ['{"ref":"A1","qty":5,"retailer":"1"}', '{"ref":"C3","qty":7,"retailer":"1"}']
    assert said.stderr == (
        "read 3 = written 2 + rejected 1\nR211 × 1, such as in/a.csv:3: qty: `N/A` is not a whole number\n"
    )
    [reject] = (project / "bad.jsonl").read_text().splitlines()
    assert json.loads(reject)["raw"] == "b2,N/A"
    (project / "m.yaml").write_text("fields:\n  id: {source: order.id, resolver: text}\n")
    said = engine("map", "m.yaml", stdin='{"order": {"id": 1.10}}\n\n{"order": {}}\n')
    assert (said.returncode, said.stdout) == (0, '{"id":"1.10"}\n{}\n')
    said = engine("map", "m.yaml", "-", "--parser", "csv", stdin="order\nx\n")
    assert said.returncode == 3
    assert "error[M209]: `order` is text here" in said.stderr


@pytest.mark.parametrize(
    ("words", "rejects", "said"),
    [
        (["stock.yaml", "in/a.csv"], "in/../in/a.csv", "the rejects cannot be written to `in/../in/a.csv`: it is read here"),
        (["stock.yaml", "in/a.csv"], "link.csv", "the rejects cannot be written to `link.csv`: it is read here"),
        (["stock.yaml", "in/a.csv"], "stock.yaml", "the rejects cannot be written to `stock.yaml`: it is read here"),
        (["stock.yaml:", "in/a.csv"], "stock.yaml", "the rejects cannot be written to `stock.yaml`: it is read here"),
        (["stock.yaml", "in/a.csv"], "in", "the rejects `in` cannot be written: Is a directory"),
        (["stock.yaml", "in/a.csv"], "no/bad.jsonl", "the rejects `no/bad.jsonl` cannot be written: No such file or directory"),
    ],
)  # fmt: skip
def test_map_writes_rejects_over_nothing_that_it_reads(engine, project, words, rejects, said):
    os.link(project / "in/a.csv", project / "link.csv")
    shown = engine("map", *words, "--rejects", rejects)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == f"error[U109]: {said}\n   = help: choose another path\n"
    assert [(project / name).read_text() for name in ("in/a.csv", "stock.yaml")] == [ROWS, SPEC]


def test_map_writes_rejects_over_no_standard_input(project):
    command = [sys.executable, "-m", "engine", "map", "stock.yaml", "--rejects", "in/a.csv"]
    with open(project / "in/a.csv") as rows:
        env = {**os.environ, "PYTHONPATH": os.getcwd()}
        shown = subprocess.run(command, cwd=project, stdin=rows, text=True, capture_output=True, env=env)
    assert (shown.returncode, "U109" in shown.stderr) == (2, True)
    assert (project / "in/a.csv").read_text() == ROWS


SEMICOLONS = "parser: {type: csv, delimiter: ';'}\n"


@pytest.mark.parametrize(
    ("words", "content"),
    [
        (["x.jsonl"], '{"sku": "a", "qty": "1"}\n'),
        (["x.csv"], "sku;qty\na;1\n"),
        (["x.dat"], "sku;qty\na;1\n"),
        (["x.jsonl", "--parser", "csv"], "sku;qty\na;1\n"),
        (["x.csv", "--parser", "jsonl"], '{"sku": "a", "qty": "1"}\n'),
    ],
)
def test_map_reads_by_the_option_the_extension_or_the_spec(engine, project, words, content):
    (project / "stock.yaml").write_text(SPEC.replace("sample: in/a.csv\n", SEMICOLONS))
    (project / words[0]).write_text(content)
    said = engine("map", "stock.yaml", *words)
    assert (said.returncode, said.stdout) == (0, '{"ref":"A","qty":1,"retailer":"1"}\n')


def test_map_and_run_print_the_same_books(engine, project):
    steps = """\
steps:
  - {type: explode, each: lines}
  - {type: filter, where: q > 0}
"""
    spec = SPEC[: SPEC.index("mapping:")].replace("in/*.csv", "in/*.jsonl").replace("sample: in/a.csv\n", "")
    (project / "stock.yaml").write_text(spec + steps + SPEC[SPEC.index("sink:") :])
    (project / "in/a.jsonl").write_text(
        '{"lines": [{"q": 0}, {"q": 1}, {"q": 0}]}\n{"lines": []}\n{"lines": [1, {"q": 2}]}\n'
    )
    mapped = engine("map", "stock.yaml", "in/a.jsonl").stderr.splitlines()[0]
    assert mapped == "read 3 + created 3 = written 2 + rejected 1 + filtered 3"
    assert f"books     {mapped}\n" in engine("run", "stock.yaml").stderr


def test_show_resolves_and_hides_secrets(engine, project):
    (project / "key").write_text("hush")
    (project / "stock.yaml").write_text(SPEC.replace('default: "1"}', 'default: "1"}\n  token: "${file:key}"'))
    shown = engine("show", "stock.yaml")
    assert json.loads(shown.stdout)["spec"]["vars"] == {"retailer": "1", "token": "***"}
    assert "hush" not in shown.stdout + shown.stderr
    graph = engine("show", "stock.yaml", "--graph").stdout.splitlines()
    assert graph[1:4] == ["  source  files in/*.csv", "  parser  csv", "  map     3 fields"]


def test_rejects_are_listed_and_shown(engine):
    engine("run", "stock.yaml")
    [line] = engine("rejects", "ls", "stock.yaml").stdout.splitlines()
    reject_id = line.split()[0]
    assert line == f"{reject_id}  R211  in/a.csv:3  qty: `N/A` is not a whole number"
    shown = engine("rejects", "show", "stock.yaml", reject_id).stdout.splitlines()
    assert shown[0] == f"reject {reject_id}: record 2 of in/a.csv, line 3, byte 15"
    assert shown[-1] == "raw    b2,N/A"
    assert json.loads(engine("rejects", "ls", "stock.yaml", "--json").stdout)["id"] == reject_id
    none = engine("rejects", "ls", "stock.yaml", "--code", "r212")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "no rejects with R212\n")
    unknown = engine("rejects", "ls", "stock.yaml", "--code", "R2111")
    assert unknown.returncode == 2
    assert unknown.stderr == "error[U105]: `R2111` is not an error code\n   = help: did you mean `R211`?\n"


def test_explain_prints_the_page_of_a_code(engine):
    page = engine("explain", "m204").stdout
    assert page.startswith("M204: ")
    assert "What to do:" in page
    codes = engine("explain").stdout.splitlines()
    assert any(line.startswith("R211  ") for line in codes)


def test_test_compares_and_updates_goldens(engine, project):
    golden = project / "fixtures/stock"
    (golden / "input/in").mkdir(parents=True)
    (golden / "input/in/a.csv").write_text(ROWS)
    (golden / "case.yaml").write_text("spec: ../../stock.yaml\n")
    assert engine("test").returncode == 10
    assert engine("test", "--update").returncode == 0
    assert (golden / "expected/out/a.jsonl").exists()
    assert json.loads((golden / "rejects.jsonl").read_text())["run"] == "golden"
    assert engine("test").returncode == 0
    (golden / "expected/out/a.jsonl").write_text('{"ref":"A1"}\n')
    said = engine("test")
    assert said.returncode == 10
    assert '    +{"ref":"A1","qty":5,"retailer":"1"}' in said.stdout.splitlines()


def test_schema_prints_writes_and_checks(engine, project):
    assert json.loads(engine("schema", "reject").stdout)["title"] == "a reject"
    assert engine("schema", "--write", "made").returncode == 0
    assert engine("schema", "--check", "made").returncode == 0
    (project / "made/spec.schema.json").write_text("{}")
    assert engine("schema", "--check", "made").returncode == 10


def test_data_and_talk_are_apart(engine):
    said = engine("preview", "stock.yaml")
    assert "in   {" in said.stdout
    assert "in   {" not in said.stderr
    assert "\x1b" not in said.stdout + said.stderr


def test_a_closed_pipe_is_no_error(project):
    (project / "in/a.csv").write_text("sku,qty\n" + "x,1\n" * 50_000)
    code = subprocess.run(
        f"{sys.executable} -m engine map stock.yaml in/a.csv | head -1",
        shell=True, cwd=project, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert code.stdout == '{"ref":"X","qty":1,"retailer":"1"}\n'
    assert "Traceback" not in code.stderr
    assert "error" not in code.stderr


def test_no_two_values_share_a_scope(engine, project):
    spec = SPEC.replace("vars:\n", "vars:\n  a: {scope: true}\n  b: {scope: true}\n")
    (project / "stock.yaml").write_text(spec.replace("{unit.stem}", "{unit.stem}-{vars.a}-{vars.b}"))
    one = engine("run", "stock.yaml", "--set", "a=1][b=2", "--set", "b=3", "--json")
    two = engine("run", "stock.yaml", "--set", "a=1", "--set", "b=2][b=3", "--json")
    assert json.loads(one.stdout)["scope"] != json.loads(two.stdout)["scope"]
    assert json.loads(two.stdout)["records"]["written"] == 2


def test_options_stand_anywhere_and_are_named_in_what_to_do_next(engine):
    said = engine("map", "stock.yaml", "--set", "retailer=2", "in/a.csv")
    assert (said.returncode, said.stdout.count('"retailer":"2"')) == (4, 2)
    assert "engine rejects ls stock.yaml --set retailer=2 " in engine("run", "--set", "retailer=2", "stock.yaml").stderr
    assert engine("rejects", "show", "stock.yaml", "--set", "retailer=2", "zz").returncode == 2


def test_rejects_are_listed_by_the_error_that_was_asked_for(engine, project):
    (project / "in/a.csv").write_text("sku,qty\n,N/A\nc3,7\n")
    engine("run", "stock.yaml")
    [line] = engine("rejects", "ls", "stock.yaml", "--code", "R211").stdout.splitlines()
    assert line.split("  ", 1)[1] == "R211  in/a.csv:2  qty: `N/A` is not a whole number (and 1 more)"


def test_progress_says_records_rate_bytes_rejects_and_what_is_left():
    from types import SimpleNamespace

    from engine.cli.console import progress_line
    from engine.kinds import Part, Stat, Unit

    unit = Unit("in/a.csv", Stat("in/a.csv", 4_000_000, 0), {})
    books = SimpleNamespace(counts={"read": 20_000, "rejected": 3})
    attempt = SimpleNamespace(unit=unit, books=books, elapsed=2.0, bytes=1_000_000)
    assert progress_line(attempt) == "in/a.csv: 20,000 records, 10,000/s, 1.0 of 4.0 MB, 3 rejects, 6 s left"
    attempt.unit = unit._replace(part=Part(1, 2, 2_000_000))
    assert progress_line(attempt) == "in/a.csv: 20,000 records, 10,000/s, 1.0 of 2.0 MB, 3 rejects, 2 s left"
    attempt.unit = Unit("stdin", Stat("stdin", -1, 0), {})
    assert progress_line(attempt) == "stdin: 20,000 records, 10,000/s, 1.0 MB, 3 rejects"


def test_a_folder_without_files_is_said(engine, project):
    (project / "none.yaml").write_text(SPEC.replace("path: in/*.csv", "path: nope/*.csv"))
    said = engine("run", "none.yaml")
    assert (said.returncode, said.stderr.splitlines()[1:]) == (0, [
        "source    no file matches `nope/*.csv`",
        "books     read 0 = written 0",
        "next      nothing to do until a file is there; if one should be, look at the source's path",
    ])  # fmt: skip
    (project / "none.yaml").write_text(SPEC.replace("path: in/*.csv", "path: in/*.csv, min_age: 400d, exclude: [x]"))
    assert engine("run", "none.yaml").stderr.splitlines()[1] == (
        "source    no file matches `in/*.csv` and has not changed for 400d, but for those that `exclude` leaves out"
    )
    engine("run", "stock.yaml")
    assert "no file matches" not in engine("run", "stock.yaml").stderr


def test_the_advice_of_a_trial_of_all_units(engine):
    said = engine("run", "stock.yaml", "--full-refresh", "--dry-run").stderr
    assert (
        said.splitlines()[-1]
        == "next      look at what it made; to do it for good: engine run stock.yaml --full-refresh"
    )


SEVERAL = """\
source: {type: files, path: in/*.csv}
mapping: {fields: {sku: sku, qty: {source: qty, resolver: int}}}
sinks:
  - {type: files, name: few, path: "out/few/{record.sku}/{unit.stem}.jsonl", when: qty < 6}
  - {type: files, name: many, path: "out/many/{unit.stem}.jsonl", when: otherwise}
rejects: {path: "refused/{unit.stem}.csv"}
"""


def test_the_summary_of_several_sinks(engine, project):
    """Each has its counts, the list of the files that one has is none of them, the report of rejects has its place."""
    (project / "several.yaml").write_text(SEVERAL)
    lines = engine("run", "several.yaml", "--report", "report.json").stderr.splitlines()
    assert lines[1:4] == [
        "books     read 3 = written 2 + rejected 1",
        "sinks     few: written 1",
        "          many: written 1",
    ]
    assert lines[5] == "output    out/ (2 files)"
    assert lines[6].startswith("rejected  .engine/rejects/")
    assert lines[7] == "reported  refused/a.csv"
    report = json.loads((project / "report.json").read_text())
    jsonschema.validate(report, REPORT_SCHEMA)
    assert report["units"][0]["rejects_report"] == "refused/a.csv"


def test_a_failed_unit_shows_no_rejects_of_an_older_version(engine, project):
    (project / "several.yaml").write_text(SEVERAL)
    engine("run", "several.yaml")
    (project / "in" / "a.csv").write_text(ROWS + '"open')
    said = engine("run", "several.yaml", "--json")
    unit = json.loads(said.stdout)["units"][0]
    assert (unit["status"], unit["rejects_path"], unit["rejects_report"]) == ("failed", None, None)
    assert "rejected  " not in said.stderr
    assert said.stderr.splitlines()[-2] == (
        "next      failed: tried again by the next run, the file stays until then; mend it and run: engine run several.yaml"
    )


def test_a_run_that_only_archives_says_so(engine, project):
    (project / "arch.yaml").write_text(SPEC + 'archive: {success: "done/{unit.name}", partial: "done/{unit.name}"}\n')
    (project / "done").write_text("in the way")
    assert engine("run", "arch.yaml").returncode == 6
    (project / "done").unlink()
    said = engine("run", "arch.yaml")
    assert (said.returncode, said.stderr.splitlines()[1]) == (0, "archived  1 file that an earlier run had to leave")
    assert (project / "done" / "a.csv").exists()
