"""Every public error text that no spec in `fixtures/invalid/` shows: asserted whole, with its exit code.

The last test says which code is asserted nowhere.
"""

import errno
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import engine.run as loop
from engine.catalogue import catalogue
from engine.cli import explain_command, main, test_command
from engine.delivery.books import Books
from engine.delivery.journal import Journal
from engine.errors import StoreError
from engine.kinds import Stat, Unit
from engine.run import Session
from engine.spec.compile import load
from engine.state.kv import KV
from engine.state.locks import Flock
from engine.storage.refusals import store_error

ROOT = Path(__file__).parent.parent
ROWS = "id,qty\nA-1,2\n"
SPEC = "source: {type: files, path: in/*.csv}\nsink: {type: files, path: 'out/{unit.stem}.jsonl'}\n"
QTY = SPEC + "mapping: {fields: {id: id, qty: {source: qty, resolver: int}}}\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with one file to read, and a project file that ends the search for others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENGINE_STATE", raising=False)
    write("engine.yaml", "{}\n")
    write("in/a.csv", ROWS)
    return tmp_path


def write(path, content):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())


# --- R: one record, or one file


def mapped(capsys, mapping, name, content, code=4):
    """What `engine map` says of an input: the errors of the first reject, and its talk."""
    write("mapping.json", json.dumps(mapping))
    write(name, content)
    assert main(["map", "mapping.json", name, "--rejects", "rejects.jsonl"]) == code
    rejects = Path("rejects.jsonl").read_bytes().splitlines()
    errors = json.loads(rejects[0])["errors"] if rejects else []
    return [(error["field"], error["code"], error["message"]) for error in errors], capsys.readouterr().err


ALL = {"pass_through": True}
PARSED = [
    ("R101", "a.csv", b"id,qty\n1,2,3\n", "the row has 3 cells, the header 2"),
    ("R101", "a.csv", b"id,qty\n1\n", "the row has 1 cell, the header 2"),
    ("R102", "a.csv", b"id,qty\n1,caf\xe9\n", "not UTF-8: byte 0xe9"),
    ("R102", "a.jsonl", b'{"id": "caf\xe9"}\n', "not UTF-8: byte 0xe9"),
    ("R103", "a.jsonl", b"{'id': 1}\n", "not JSON: object keys must be strings (byte 1)"),
    ("R103", "a.jsonl", b'{"id": NaN}\n', "not JSON: invalid character (byte 7)"),
    ("R103", "a.jsonl", b'{"id": 1\n', "not JSON: the text ends too early"),
    ("R105", "a.jsonl", b"[" * 300 + b"]" * 300 + b"\n", "nested more than 256 levels: raise `limits.depth`"),
    ("R106", "a.csv", b'id,qty\n"a" b,2\n', "a closing \" is not followed by ',' or the end of the row"),
    ("R106", "a.csv", b"id,qty\na\rb,2\n", "a carriage return stands inside a cell without quotes"),
]


@pytest.mark.parametrize(("code", "name", "content", "message"), PARSED)
def test_records_that_do_not_parse(capsys, code, name, content, message):
    assert mapped(capsys, ALL, name, content)[0] == [("", code, message)]


def test_a_record_over_the_limit(capsys):
    write("spec.yaml", SPEC + "limits: {record: 1KiB}\n")
    write("in/a.csv", "id,qty\nA," + "9" * 2000 + "\n")
    assert main(["map", "spec.yaml", "in/a.csv", "--rejects", "rejects.jsonl"]) == 4
    error = json.loads(Path("rejects.jsonl").read_bytes())["errors"][0]
    assert (error["code"], error["message"]) == (
        "R104",
        "the record has 2,003 bytes, the limit is 1,024: raise `limits.record`",
    )


HEADER = "header: {require: [sku, qty], allow_extra: false, order: true}"
BROKEN_FILES = [
    (
        "R121",
        "",
        b'id,qty\n1,"open\n2,3\n',
        "the quote that opens in line 2 (byte 7) is never closed",
        "close it, or set `quote` to another character",
    ),
    ("R122", "", b"id,qty,id\n1,2,3\n", "the header names `id` twice", "give each column a name of its own"),
    ("R122", "", b"id,\xe9\n1,2\n", "the header cannot be read: not UTF-8: byte 0xe9", "mend the first row"),
    (
        "R123",
        HEADER,
        b"qty,price\n1,2\n",
        "the header breaks its contract: `sku` missing; `price` not expected",
        "it reads: `qty`, `price`",
    ),
    (
        "R123",
        HEADER,
        b"qty,sku\n1,2\n",
        "the header breaks its contract: the order is `qty`, `sku`",
        "it reads: `qty`, `sku`",
    ),
    ("R123", HEADER, b"", "the header breaks its contract: `sku`, `qty` missing", "it reads: nothing"),
]


@pytest.mark.parametrize(("code", "options", "content", "message", "help"), BROKEN_FILES)
def test_files_that_cannot_be_read(capsys, code, options, content, message, help):
    write("spec.yaml", SPEC + f"parser: {{type: csv, {options}}}\n".replace(", }", "}"))
    write("in/a.csv", content)
    assert main(["map", "spec.yaml", "in/a.csv"]) == 4
    assert capsys.readouterr().err == f"error[{code}]: {message}\n   = help: {help}\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(ROWS.encode(), mtime=0)[:-12], "the gzip stream ends in the middle"),
        (b"not gzip at all", "the gzip stream is damaged: incorrect header check"),
    ],
)
def test_a_damaged_stream(capsys, content, message):
    errors, said = mapped(capsys, ALL, "a.csv.gz", content)
    assert (errors, said) == ([], f"error[R131]: {message}\n   = help: deliver the file again\n")


BERLIN = {"type": "instant", "zone": "Europe/Berlin"}
FIELDS = [
    ("R201", {"source": "v", "required": True}, {}, "required, but `v` is missing"),
    ("R201", {"source": "v", "required": True}, {"v": None}, "required, but `v` is null"),
    ("R201", {"source": ["v", "w"], "required": True}, {"v": ""}, "required, but `v`, `w` is missing"),
    ("R202", {"source": "v", "resolver": "trim"}, {"v": 7}, "`trim` takes text, found int `7`: write `text` before it"),
    ("R202", {"source": "v", "resolver": "int"}, {"v": [1]}, "`int` takes text or int or decimal or float, found list `[1]`: pick one value of it, or use `each`"),
    ("R205", "v.sku", {"v": [1, 2]}, "`sku` is asked of a list of 2: use `[0]` or `each`"),
    ("R206", "length(v)", {"v": 7}, "`length(v)` failed: In function length(), invalid type for value: 7, expected one of: ['string', 'array', 'object'], received: \"number\""),
    ("R207", {"each": "v", "fields": {"a": "a"}}, {"v": "none"}, "expected a list, found text `none`"),
    ("R207", {"pairs_from": {"path": "v"}}, {"v": 7}, "expected an object, found int `7`"),
    ("R208", "|".join(["[@,@]"] * 24), {"v": 7}, "the path gives more than 1,000,000 values"),
    ("R208", "v|" + "|".join(["[@,@][]"] * 24), {"v": [7]}, "the path gives more than 1,000,000 values"),
    ("R208", "v|[[@,@],[@,@]]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]", {"v": "x" * 1_000_000}, "the path gives more than 1,000,000 values"),
    ("R209", "v|" + "|".join(["join('',[@,@])"] * 30), {"v": "a"}, "the text would be longer than 16 MiB"),
    ("R209", {"source": "v", "resolver": [{"type": "replace", "pattern": ".", "to": "x" * 200}] * 4}, {"v": "abcdefghij"}, "the text would be longer than 16 MiB"),
    ("R209", {"source": "v", "resolver": [{"type": "split", "by": ","}, {"type": "join", "by": "x" * 200}]}, {"v": "a," * 99_999}, "the text would be longer than 16 MiB"),
    ("R210", {"source": "v", "resolver": {"type": "join", "by": ","}}, {"v": ["a", 7]}, "`7` is not text: call `text` on it first"),
    ("R211", {"source": "v", "resolver": "int"}, {"v": "12 pcs"}, "`12 pcs` is not a whole number"),
    ("R211", {"source": "v", "resolver": "int"}, {"v": "1.5"}, "`1.5` is not a whole number: round it first, or use decimal"),
    ("R212", {"source": "v", "resolver": "decimal"}, {"v": "1,5"}, "`1,5` is not a decimal number"),
    ("R212", {"source": "v", "resolver": "decimal"}, {"v": "1e5"}, "`1e5` has an exponent: say `exponent: true` to take it"),
    ("R212", {"source": "v", "resolver": {"type": "decimal", "places": 1}}, {"v": "1.25"}, "`1.25` has more than 1 places: say `rounding`"),
    ("R213", {"source": "v", "resolver": "float"}, {"v": "1e400"}, "`1e400` is too large for a float: use decimal"),
    ("R213", {"source": "v", "resolver": "float"}, {"v": "x"}, "`x` is not a number"),
    ("R214", {"source": "v", "resolver": {"type": "clamp", "min": 5, "max": 3}}, {"v": 4}, "nothing lies between `min: 5` and `max: 3`"),
    ("R215", {"source": "v", "resolver": "bool"}, {"v": "on"}, "`on` is neither true nor false: it has to be one of true, false, 1, 0, yes, no, y, n"),
    ("R216", {"source": "v", "resolver": {"type": "date", "format": "%d.%m.%Y"}}, {"v": "31.02.2026"}, "`31.02.2026` is not a time written as `%d.%m.%Y`"),
    ("R217", {"source": "v", "resolver": BERLIN}, {"v": "2026-03-29T02:30:00"}, "`2026-03-29 02:30:00` never happened in Europe/Berlin, where clocks changed: say `ambiguous: earlier` or `later`"),
    ("R217", {"source": "v", "resolver": BERLIN}, {"v": "2026-10-25T02:30:00"}, "`2026-10-25 02:30:00` happened twice in Europe/Berlin, where clocks changed: say `ambiguous: earlier` or `later`"),
    ("R218", {"source": "v", "resolver": "instant"}, {"v": "2026-01-31"}, "`2026-01-31` is a day: say its `zone` to make it a moment"),
    ("R218", {"source": "v", "resolver": ["date", {"type": "shift", "years": 9000}]}, {"v": "2026-01-31"}, "`2026-01-31` moved so far leaves the years 1 to 9999"),
    ("R219", {"source": "v", "resolver": "int"}, {"v": "9" * 1001}, f"`{'9' * 60}…` has more than 1,000 digits"),
    ("R220", {"source": "v", "resolver": "instant"}, {"v": "2026-01-31T10:00:00.1234567Z"}, "`2026-01-31T10:00:00.1234567Z` has more digits than microseconds: say `truncate: true`"),
    ("R221", {"source": "v", "resolver": {"type": "base64", "decode": True}}, {"v": "a=b"}, "`a=b` is not base64"),
    ("R221", {"source": "v", "resolver": {"type": "base64", "decode": True}}, {"v": "6Q=="}, "`6Q==` is base64 of bytes that are not UTF-8 text"),
    ("R231", {"source": "v", "one_of": ["new", "paid"]}, {"v": "Paid"}, "`Paid` is not one of `new`, `paid`"),
    ("R232", {"source": "v", "pattern": "[A-Z]+"}, {"v": "a"}, "`a` does not match `[A-Z]+`"),
    ("R232", {"source": "v", "pattern": "[A-Z]+"}, {"v": 7}, "`pattern` checks text, found int `7`: write `text`"),
    ("R233", {"source": "v", "min": 1}, {"v": 0}, "`0` is below the least, `1`"),
    ("R233", {"source": "v", "max": 1}, {"v": 2}, "`2` is above the greatest, `1`"),
    ("R233", {"source": "v", "max": 1}, {"v": "2"}, "`min` and `max` bound numbers and times, found text `2`"),
    ("R234", {"source": "v", "min_length": 2}, {"v": "a"}, "`a` has 1, at least 2 are needed"),
    ("R234", {"source": "v", "max_length": 1}, {"v": ["a", "b"]}, '`["a", "b"]` has 2, at most 1 are allowed'),
    ("R234", {"source": "v", "max_length": 1}, {"v": 12}, "a length is of text or a list, found int `12`"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "field", "record", "message"), FIELDS)
def test_records_that_do_not_map(capsys, code, field, record, message):
    errors, _ = mapped(capsys, {"fields": {"x": field}}, "a.jsonl", json.dumps(record))
    assert errors == [("x", code, message)]


def test_a_record_that_is_no_object(capsys):
    errors, said = mapped(capsys, ALL, "a.jsonl", "[1, 2]\n")
    assert errors == [("", "R203", "`pass_through` needs an object, the record is list")]
    example = "such as a.jsonl:1: `pass_through` needs an object, the record is list"
    assert said == f"read 1 = written 0 + rejected 1\nR203 × 1, {example}\n"


# --- runs: the error of a unit as the report has it, and the exit code


def ran(spec, *arguments, code=4):
    """The error of the first unit that has one."""
    write("spec.yaml", spec)
    assert main(["run", "spec.yaml", "--report", "report.json", *arguments]) == code
    report = json.loads(Path("report.json").read_text())
    assert report["exit_code"] == code
    error = next(unit["error"] for unit in report["units"] if unit["error"])
    assert report["error"] == error
    return error["code"], error["message"], error["help"]


def rejected(spec):
    """The first reject of a run as the reject store has it."""
    write("spec.yaml", spec)
    assert main(["run", "spec.yaml"]) == 0
    [store] = Path(".engine/rejects").rglob("*.jsonl")
    error = json.loads(store.read_bytes().splitlines()[0])["errors"][0]
    return error["code"], error["message"]


def test_a_list_in_a_cell():
    write("in/a.jsonl", '{"id": 1, "tags": "a"}\n{"id": 2, "tags": ["a", "b"]}\n')
    spec = SPEC.replace("*.csv", "*.jsonl").replace("stem}.jsonl", "stem}.csv")
    assert rejected(spec) == ("R301", '`tags` is a list `["a", "b"]`: a cell holds one value')


def test_a_field_that_no_column_takes():
    write("in/a.jsonl", '{"id": 1}\n{"id": 2, "name": "x"}\n')
    spec = SPEC.replace("*.csv", "*.jsonl").replace("stem}.jsonl", "stem}.csv")
    assert rejected(spec) == ("R302", "no column takes `name`: name the `columns`")


def test_more_rejects_than_the_limit():
    write("in/a.csv", ROWS + "A-2,x\n")
    mend = "mend the spec or the file; see the rejects"
    limited = QTY + "limits: {max_rejects: 5%}\n"
    assert ran(limited) == ("D201", "1 of 2 records was rejected, `max_rejects` allows 5%", mend)
    again = (
        "D203",
        "refused before, and nothing changed since: not tried again",
        "mend the spec or the file",
    )
    assert ran(limited) == again


def test_what_may_be_absent_is_not_missing(capsys):
    """A column that the contract of the header calls optional, and one of several sources."""
    header = "parser: {type: csv, header: {require: [id], optional: [gift]}}\n"
    write("spec.yaml", header + SPEC + "mapping: {fields: {id: id, gift: gift, qty: [amount, id], n: count}}\n")
    write("in/a.csv", "id\nA-2\n")
    assert main(["run", "spec.yaml"]) == 0
    said = capsys.readouterr().err
    assert [line.split("`")[1] for line in said.splitlines() if "has not got it" in line] == ["count"]


def test_nothing_but_rejects():
    write("in/a.csv", "id,qty\nA-2,x\n")
    assert ran(QTY) == ("D202", "the one record was rejected", "mend the spec or the file; see the rejects")


def test_blanks_in_a_file_name():
    day = "vars: {day: {type: date}}\n" + SPEC.replace("out/", "out/{vars.day:%Y}/")
    assert ran(day) == ("D301", "`{vars.day:%Y}` has no value in a file name", "give it a value")
    word = SPEC.replace("out/", "out/{record.id:%Y}/")
    assert ran(word) == (
        "D301",
        "`{record.id:%Y}` has a time format, and holds no time but text",
        "leave the format out, or make it a day or a moment first: resolver `date`, `instant`",
    )
    region = "vars: {region: {}}\n" + SPEC.replace("out/", "out/{vars.region}/")
    where = ("D302", "`{vars.region}` is blank in a file name", "give it a value")
    assert ran(region) == where
    assert ran(region, "--set", "region= ") == where


def test_two_units_with_one_output():
    write("in/b/a.csv", ROWS)
    assert ran(SPEC.replace("in/*.csv", "in/**/*.csv")) == (
        "D303",
        "`out/a.jsonl` is the output of `in/a.csv` already",
        "make the sink's `path` differ for each unit, such as `{unit.dir}/{unit.name}.jsonl`",
    )


def test_a_staging_that_is_removed(monkeypatch, capsys):
    # Between the intent and publishing nobody else is heard: the folder goes as the intent is stored.
    intend = Journal.intend

    def removing(self, intents):
        taken = intend(self, intents)
        for folder in Path("out").glob(".*.part"):
            shutil.rmtree(folder)
        return taken

    monkeypatch.setattr(Journal, "intend", removing)
    write("spec.yaml", SPEC)
    assert main(["run", "spec.yaml"]) == 6
    assert capsys.readouterr().err == (
        "error[D304]: the staging of `in/a.csv` was removed or changed while the run went on\n"
        "   = help: leave `.part` folders alone; run again: the unit is done again\n"
    )


def test_a_file_that_changes_under_the_reader():
    write("spec.yaml", SPEC)
    plan, _ = load("spec.yaml")

    def grow(attempt):
        with open("in/a.csv", "a") as file:
            file.write("A-9,9\n")

    report = loop.run(plan, Session("r", progress=grow))
    assert report.exit_code == 4
    assert report.as_dict()["error"] == {
        "code": "D305",
        "message": "`in/a.csv` changed while it was read",
        "help": "it is read again; to wait for slow writers, set `min_age` on the source",
    }


def test_a_file_name_that_is_no_text():
    write(os.fsdecode(b"in/caf\xe9.csv"), ROWS)
    assert ran(SPEC) == ("D306", r"the file name `in/caf\xe9.csv` is not UTF-8", "rename the file")


def test_books_that_do_not_balance(monkeypatch):
    # No input unbalances them: a count is taken away.
    monkeypatch.setattr(Books, "count_written", lambda self, records: None)
    assert ran(SPEC, code=5) == (
        "D401",
        "1 records went in, 0 have a fate: read 1 = written 0",
        "nothing of this unit is published; this is a fault of the engine: report it",
    )
    assert not list(Path("out").rglob("*.jsonl"))


def test_another_run_holds_the_lock(capsys):
    write("spec.yaml", SPEC)
    [lock] = lock_of("spec")
    capsys.readouterr()
    with Flock.acquire(lock, {"pid": 7, "host": "mars", "started_at": "noon"}, 0):
        assert main(["run", "spec.yaml"]) == 8
    said = capsys.readouterr().err.replace(os.path.dirname(lock) + "/", "").replace(lock, "LOCK")
    assert re.sub(r"spec-\w+\.lock", "LOCK", said) == (
        "error[D101]: the lock LOCK is held by process 7 on mars, since noon\n"
        "   = help: wait for it with `--wait`, or stop it: the lock is free as soon as that process ends, even killed\n"
    )


def lock_of(name):
    """The lock file of a pipeline, made by a run of it."""
    assert main(["run", f"{name}.yaml"]) == 0
    return [str(path.resolve()) for path in Path(".engine").glob(f"{name}-*.lock")]


def test_another_run_took_over(tmp_path):
    # Two runs of one scope never get past the lock: the fence behind it is asked directly.
    with KV.open(str(tmp_path / "state")) as kv:
        first, _ = Journal(kv, "stock"), Journal(kv, "stock")
        unit = Unit("in/a.csv", Stat("in/a.csv", 1, 1), {})
        with pytest.raises(StoreError) as raised:
            first.begin([unit], "r", "now", lambda *_: [])
    assert raised.value.exit_code == 6
    assert str(raised.value) == (
        "error[D102]: another run took over `stock`\n   = help: this one stops; see `engine runs`"
    )


def test_a_name_that_another_file_has(capsys, here):
    write("spec.yaml", SPEC)
    write("b/spec.yaml", SPEC.replace("in/", "../in/"))
    assert main(["run", "spec.yaml"]) == 0
    capsys.readouterr()
    assert main(["run", "b/spec.yaml"]) == 6
    assert capsys.readouterr().err == (
        f"error[D103]: `spec` is the name of `{here}/spec.yaml` too, and names bind state\n"
        f"   = help: give `{here}/b/spec.yaml` another `name`\n"
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal(number, code):
    write("mapping.yaml", "fields: {id: id}\n")
    record = b'{"id": 1, "more": "' + b"x" * 1000 + b'"}\n'
    command = [sys.executable, "-m", "engine", "map", "mapping.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        process.stdin.write(record * 1200)
        process.stdin.flush()
        process.stdout.readline()  # it works now, and waits for more
        process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == code
    assert said.decode() == (
        "error[D901]: interrupted: nothing half-written is visible\n"
        "   = help: run the same command again: it goes on where this one stopped\n"
    )


# --- C: the file system

REFUSALS = [
    (errno.ENOENT, "C101", "is not there", "check the path"),
    (
        errno.EACCES,
        "C102",
        "may not be read or written by this user",
        "give the user of this process the right",
    ),
    (
        errno.EPERM,
        "C102",
        "may not be read or written by this user",
        "give the user of this process the right",
    ),
    (errno.EROFS, "C102", "is on a file system that is read-only", "choose a folder that can be written"),
    (
        errno.ENOSPC,
        "C103",
        "cannot be written: the disk is full",
        "free space and run again: nothing is lost",
    ),
    (
        errno.EDQUOT,
        "C103",
        "cannot be written: the quota is used up",
        "free space and run again: nothing is lost",
    ),
    (
        errno.EFBIG,
        "C103",
        "cannot be written: it is over the file size limit",
        "raise the limit and run again",
    ),
    (errno.EISDIR, "C104", "is a folder, a file is needed", "choose another path"),
    (errno.ENOTDIR, "C104", "runs through a file as if it were a folder", "choose another path"),
    (errno.EEXIST, "C104", "is there already", "choose another path"),
    (errno.ENAMETOOLONG, "C104", "is too long for this file system", "choose shorter names"),
    (errno.EIO, "C105", "failed: Input/output error", "run again"),
]


@pytest.mark.parametrize(("number", "code", "what", "help"), REFUSALS)
def test_what_the_system_refuses(number, code, what, help):
    # Full disks and other users' files cannot be had in a test that may run as root: the table is asked.
    error = store_error(OSError(number, os.strerror(number)), "out/a.jsonl")
    assert error.exit_code == 6
    assert str(error) == f"error[{code}]: `out/a.jsonl` {what}\n   = help: {help}"


def test_a_folder_in_the_way():
    os.makedirs("out/a.jsonl")
    where = ("C104", "`out/a.jsonl` is a folder, a file is needed", "choose another path")
    assert ran(SPEC, code=6) == where


def test_a_file_where_a_folder_is_needed():
    write("ro", "")
    where = ("C104", "`ro` is a file, a folder is needed", "choose another path")
    assert ran(SPEC.replace("out/", "ro/out/"), code=6) == where
    write("out", "")
    assert ran(SPEC, code=6) == ("C104", "`out` is a file, a folder is needed", "choose another path")


def test_a_link_where_a_folder_is_needed():
    os.symlink("nowhere", "out")
    where = ("C104", "`out` is a link that leads nowhere, a folder is needed", "choose another path")
    assert ran(SPEC, code=6) == where


# --- U, G, X: the command line

SEVERAL = "source: {type: files, path: in/*.csv}\npipelines:\n  first: {sink: {type: files, path: 'a/{unit.stem}.jsonl'}}\n  second: {sink: {type: files, path: 'b/{unit.stem}.jsonl'}}\n"
VARS = "vars: {count: {type: int, default: 1}}\n" + SPEC
PROJECT = "environments: {prod: {vars: {region: eu}}}\n"
USAGE = [
    (["rnu"], "U101", "`rnu` is not a command", "did you mean `engine run`?"),
    (["frobnicate"], "U101", "`frobnicate` is not a command", "`engine --help` lists the commands"),
    (["run"], "U101", "the following arguments are required: spec", "see `engine run --help`"),
    (["run", "spec.yaml", "--limit", "0"], "U101", "`--limit 0`: a trial needs at least one record", "write `--limit 10`"),
    (["map", "mapping.yaml", "--parser", "yaml"], "U101", "`--parser yaml` is not a parser", "known: `by_content`, `csv`, `fixed_width`, `json`, `jsonl`, `parquet`, `text`, `xlsx`, `xml`"),
    (["run", "vars.yaml", "--set", "count"], "U102", "`--set count` has no value", "write `--set name=value`"),
    (["run", "vars.yaml", "--set", "cuont=2"], "U102", "`--set cuont`: the spec declares no such variable", "did you mean `count`?"),
    (["run", "vars.yaml", "--set", "region=2"], "U102", "`--set region`: the spec declares no such variable", "declared: `count`"),
    (["run", "vars.yaml", "--set", "count=x"], "U102", "`--set count`: `x` is not a whole number", "write a whole number, such as `42`"),
    (["run", "several.yaml"], "U103", "`several.yaml` holds 2 pipelines", "name one: `several.yaml:first`, `several.yaml:second`"),
    (["run", "several.yaml:secnd"], "U103", "`several.yaml` has no pipeline `secnd`", "did you mean `several.yaml:second`?"),
    (["run", "several.yaml:x"], "U103", "`several.yaml` has no pipeline `x`", "it holds `first`, `second`"),
    (["run", "spec.yaml:x"], "U103", "`spec.yaml` holds one pipeline, not several", "run `spec.yaml`"),
    (["run", "p/spec.yaml", "--env", "prd"], "U104", "`p/engine.yaml` has no environment `prd`", "did you mean `prod`?"),
    (["run", "spec.yaml", "--env", "x"], "U104", "`engine.yaml` has no environment `x`", "it has none"),
    (["explain", "M999"], "U105", "`M999` is not an error code", "`engine explain` lists all codes"),
    (["explain", "MM204"], "U105", "`MM204` is not an error code", "did you mean `M204`?"),
    (["rejects", "show", "spec.yaml"], "U106", "there are no rejects", "`engine rejects ls spec.yaml` lists them"),
    (["rejects", "show", "spec.yaml", "00"], "U106", "there is no reject `00`", "`engine rejects ls spec.yaml` lists them"),
    (["preview", "none.yaml"], "U107", "`none` has no sample, and no file matches its source", "add `sample:` with a file that shows what comes in"),
    (["map", "mapping.yaml", "nothing.csv"], "U108", "`nothing.csv` cannot be read: No such file or directory", "name a file, or `-` for standard input"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code", "message", "help"), USAGE)
def test_usage(capsys, words, code, message, help):
    write("spec.yaml", SPEC)
    write("vars.yaml", VARS)
    write("several.yaml", SEVERAL)
    write("none.yaml", SPEC.replace("in/", "nowhere/"))
    write("mapping.yaml", "pass_through: true\n")
    write("p/spec.yaml", SPEC)
    write("p/engine.yaml", PROJECT)
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.sub(r"\n +=", "\n =", shown.err) == f"error[{code}]: {message}\n = help: {help}\n"


def test_an_environment_without_a_project(capsys, here):
    os.unlink("engine.yaml")
    write("spec.yaml", SPEC)
    assert main(["run", "spec.yaml", "--env", "prod"]) == 2
    assert capsys.readouterr().err == (
        "error[U104]: `--env prod`: there is no engine.yaml above `spec.yaml`\n"
        "   = help: write one, with `environments`\n"
    )


GOLDENS = [
    (["test", "in"], "G101", "there is no golden in `in`", "a golden is a folder with `input/`; `--update` writes the rest"),
    (["schema", "--check", "in"], "G102", "stale in in: spec.schema.json, mapping.schema.json, project.schema.json, reject.schema.json, report.schema.json, REFERENCE.md", "engine schema --write in"),
    (["test", "spec.yaml"], "G103", "`spec.yaml` is not a folder", "name a folder of goldens, such as `fixtures`"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code", "message", "help"), GOLDENS)
def test_goldens(capsys, words, code, message, help):
    write("spec.yaml", SPEC)
    assert main(words) == 10
    assert capsys.readouterr().err == f"error[{code}]: {message}\n   = help: {help}\n"


def test_an_internal_error(monkeypatch, capsys):
    # The engine has no known fault: one is put into a command.
    def fail():
        raise KeyError("x")

    monkeypatch.setattr(explain_command, "catalogue", fail)
    monkeypatch.delenv("ENGINE_TRACEBACK", raising=False)
    assert main(["explain"]) == 1
    line = fail.__code__.co_firstlineno + 1
    assert capsys.readouterr().err == (
        f"error[X001]: internal error: KeyError at test_error_texts.py:{line}: 'x'\n"
        "   = help: a fault of the engine, nothing half-written is visible; ENGINE_TRACEBACK=1 shows where it comes from\n"
    )


# --- S: what takes more than one file, or options


def checked(capsys, *words):
    code = main(["check", *words])
    return code, capsys.readouterr().err


def test_a_spec_that_cannot_be_read(capsys):
    write("orders.yaml", SPEC)
    absent = "error[S110]: the file does not exist\n --> order.yaml\n = help: did you mean `orders.yaml`?\n\n1 error\n"
    assert checked(capsys, "order.yaml") == (3, absent)
    folder = "error[S110]: the file cannot be read: Is a directory\n --> in\n\n1 error\n"
    assert checked(capsys, "in") == (3, folder)
    far = "error[S110]: the file does not exist\n --> a/b.yaml\n = help: nor can its folder `a` be read\n\n1 error\n"
    assert checked(capsys, "a/b.yaml") == (3, far)


def test_a_file_that_is_too_large(capsys):
    write("large.yaml", "x-note: " + "a" * 5_000_000 + "\n")
    text = (
        "error[S107]: the file is larger than 5,000,000 bytes\n --> large.yaml\n"
        " = help: move tables and lists of this size into files of their own\n\n1 error\n"
    )
    assert checked(capsys, "large.yaml") == (3, text)


def test_two_specs_of_one_name(capsys):
    write("a/orders.yaml", SPEC)
    write("b/orders.yaml", SPEC)
    text = (
        "error[S301]: `orders` is the name of `a/orders.yaml` too, and names bind state\n --> b/orders.yaml\n"
        " = help: give one of them another `name`\n\n1 error\n"
    )
    assert checked(capsys, "a/orders.yaml", "b/orders.yaml") == (3, text)


def test_a_variable_that_names_files(capsys):
    write("spec.yaml", "vars: {region: eu}\n" + SPEC.replace("in/*.csv", "'in/{vars.region}/*.csv'"))
    text = (
        "warning[S308]: `region` names files, and runs with other values share this one's state\n"
        "  --> spec.yaml:1:8\n  |\n1 | vars: {region: eu}\n  |        ^^^^^^\n"
        "  = help: declare it with `scope: true`\n\n1 warning\nok: 1 pipeline\n"
    )
    assert checked(capsys, "spec.yaml", "--set", "region=us") == (0, text)


# --- all of them


def asserted():
    """Every code in a text that a test compares."""
    files = [*ROOT.joinpath("tests").rglob("*.py"), *ROOT.joinpath("fixtures").rglob("*")]
    texts = (
        path.read_text(encoding="utf-8", errors="ignore")
        for path in files
        if path.is_file() and path.name != "test_catalogue.py"
    )
    return {code for text in texts for code in re.findall(r"\b[A-Z][0-9]{3}\b", text)}


def test_every_code_is_asserted():
    assert catalogue().keys() - asserted() == set(), "give it a broken spec, or a row here"


# --- what a file, a command line and a golden have not got


def test_a_header_without_any_column_that_is_read():
    write("in/a.csv", "id;qty\nA-1;2\n")
    assert ran(QTY) == (
        "R124",
        "the header `id;qty` has no column that the mapping reads",
        "it looks separated by ';': set `delimiter`",
    )
    write("in/a.csv", "x,y\nA-1,2\n")
    assert ran(QTY)[1:] == (
        "the header `x`, `y` has no column that the mapping reads",
        "mend the header, or the mapping",
    )


def test_a_header_without_one_column_is_said(capsys):
    write("in/a.csv", "id\nA-1\n")
    write("spec.yaml", QTY)
    assert main(["run", "spec.yaml"]) == 0
    assert "missing   `qty` is read by the mapping, the header of in/a.csv has not got it\n" in capsys.readouterr().err


def test_a_header_without_columns_is_said_for_each_file_whatever_its_first_rows_are(capsys):
    for name in "abcd":
        write(f"in/{name}.csv", "id,x\nA-1,1\nA-2\n")
    write("spec.yaml", QTY.replace("id: id", "id: id, sku: sku"))
    assert main(["run", "spec.yaml", "--report", "report.json"]) == 0
    shown = capsys.readouterr().err
    assert "missing   `sku`, `qty` are read by the mapping, the header of in/a.csv has not got them\n" in shown
    assert "the header of in/c.csv" in shown
    assert "the header of in/d.csv" not in shown
    assert "          and 1 more file\n" in shown
    missing = json.loads(Path("report.json").read_text())["missing"]
    assert missing[:2] == [{"unit": "in/a.csv", "column": "sku"}, {"unit": "in/a.csv", "column": "qty"}]
    assert len(missing) == 8


def test_a_unit_of_which_nothing_could_be_exploded_is_said(capsys):
    write("in/a.jsonl", '{"id": 1, "lines": []}\n{"id": 2}\n')
    steps = "steps: [{type: explode, each: lines}]\n"
    write("spec.yaml", SPEC.replace("in/*.csv", "in/*.jsonl") + steps)
    assert main(["run", "spec.yaml"]) == 0
    said = "in/a.jsonl: `explode` found nothing in any of its records; see whether `each` names its list"
    assert f"empty     {said}\n" in capsys.readouterr().err


def test_a_report_that_cannot_be_written(capsys):
    write("spec.yaml", SPEC)
    assert main(["run", "spec.yaml", "--report", "in"]) == 2
    assert capsys.readouterr().err == (
        "error[U109]: the report `in` cannot be written: Is a directory\n   = help: choose another path\n"
    )
    assert not Path("out").exists()


LOOKS_UP = (
    "lookups: {t: {type: files, path: t.csv, index: id}}\nmapping: {fields: {a: {source: a, resolver: {type: lookup, "
    "table: t}}}}\n" + SPEC
)
DEAD = """\
failed  fixtures/aaa
    error[G105]: `fixtures/aaa` has no spec: there is neither `pipelines/aaa.yaml` nor `../pipelines/fixtures.yaml`
       = help: name the folder after its pipeline, or write `spec:` in its case.yaml
failed  fixtures/broken
    error[S203]: expected a map or text, found `1`
      --> pipelines/broken.yaml:1:9
      |
    1 | source: 1
      |         ^
      = help: as text it is `"1"`
failed  fixtures/clock
    error[G104]: `fixtures/clock/case.yaml` has the clock `noon`
       = help: write a time such as `2026-01-15T12:00:00+00:00`
failed  fixtures/keys
    error[G104]: `fixtures/keys/case.yaml` has `specs`
       = help: a case knows `spec`, `set`, `env`, `clock`
failed  fixtures/lookup
    error[D311]: the lookup `t` has no file
       = help: put one where it looks: `fixtures/lookup/input/t.csv`
differs  fixtures/sound
    books.json: not in the golden
    expected/out/a.jsonl: not in the golden
failed  fixtures/stock
    error[G106]: no file in `fixtures/stock/input` matches the source's path
       = help: put one where the path finds it: `input/in/*.csv`
"""


def test_a_golden_that_cannot_be_tried_stops_no_other(capsys):
    write("fixtures/aaa/input/a.csv", ROWS)
    specs = {
        "broken": "source: 1\nsink: {type: files, path: out.jsonl}\n",
        "lookup": LOOKS_UP,
        "sound": SPEC,
        "stock": SPEC,
    }
    for name, spec in specs.items():
        write(f"pipelines/{name}.yaml", spec)
        write(f"fixtures/{name}/input/{'' if name == 'stock' else 'in/'}a.csv", ROWS)
    for name, case in {"keys": "specs: ../../pipelines/sound.yaml\n",
                       "clock": "spec: ../../pipelines/sound.yaml\nclock: noon\n"}.items():  # fmt: skip
        write(f"fixtures/{name}/input/in/a.csv", ROWS)
        write(f"fixtures/{name}/case.yaml", case)
    assert main(["test", "fixtures", "--update"]) == 10
    said = capsys.readouterr()
    assert (said.out, said.err) == (DEAD, "0 goldens ok, 1 updated, 6 failed\n")
    assert main(["test", "fixtures", "--json"]) == 10
    said = json.loads(capsys.readouterr().out)
    assert said["fixtures/sound"] == {"ok": True, "differences": [], "errors": []}
    assert [error["code"] for each in said.values() for error in each["errors"]] == [
        "G105", "S203", "G104", "G104", "D311", "G106",
    ]  # fmt: skip


def test_a_golden_with_a_fault_stops_no_other(monkeypatch, capsys):
    monkeypatch.setattr(test_command, "case_of", lambda folder: 1 / 0)
    write("fixtures/a/input/a.csv", ROWS)
    write("fixtures/b/input/a.csv", ROWS)
    assert main(["test", "fixtures"]) == 10
    said = capsys.readouterr()
    assert said.out.count("error[X001]: internal error: ZeroDivisionError at ") == 2
    assert said.err == "0 goldens ok, 2 failed\n"


def test_a_golden_touches_nothing_but_its_folder(tmp_path):
    real = tmp_path / "real"
    write(f"{real}/in/a.csv", ROWS)
    write(f"{real}/out/a.jsonl", "untouched\n")
    write("pipelines/stock.yaml", f"source: {{type: files, path: '{real}/in/*.csv'}}\n"
          f"sink: {{type: files, path: '{real}/out/{{unit.stem}}.jsonl'}}\narchive: {{success: '{real}/done/{{unit.name}}'}}\n")  # fmt: skip
    write(f"fixtures/stock/input{real}/in/a.csv", ROWS)
    assert main(["test", "fixtures", "--update"]) == 0
    assert (real / "out/a.jsonl").read_text() == "untouched\n"
    assert (real / "in/a.csv").exists()
    assert not (real / "done").exists()
    assert Path(f"fixtures/stock/expected{real}/out/a.jsonl").exists()


def test_secret_variables_are_never_shown(capsys):
    write("spec.yaml", SPEC + "vars: {token: {secret: true, default: hunter2}, n: {secret: true, type: int, default: 1}}\n"
          "mapping: {fields: {id: {source: id, resolver: {type: hmac, key: hunter4}}}}\n")  # fmt: skip
    assert main(["show", "spec.yaml", "--set", "token=hunter3"]) == 0
    assert main(["run", "spec.yaml", "--set", "token=hunter3", "--report", "report.json"]) == 0
    assert main(["run", "spec.yaml", "--set", "n=hunter5"]) == 2
    said = capsys.readouterr()
    everything = said.out + said.err + Path("report.json").read_text()
    everything += "".join(path.read_bytes().decode("latin-1") for path in Path(".engine").rglob("*") if path.is_file())
    assert "hunter" not in everything
    assert "*" * 3 in everything


def test_names_and_values_cannot_drive_a_terminal(capsys):
    write("in/\x1b[2Jb.csv", "id,qty\nA\x1b]0;x\x07,x\n")
    write("spec.yaml", QTY)
    main(["run", "spec.yaml"])
    main(["rejects", "ls", "spec.yaml"])
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "\x07" not in said.out + said.err


def test_a_run_that_is_stopped_still_reports(monkeypatch):
    def held(self, intents):
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "commit", held)
    write("spec.yaml", SPEC)
    assert main(["run", "spec.yaml", "--report", "report.json"]) == 130
    report = json.loads(Path("report.json").read_text())
    assert (report["status"], report["exit_code"], report["error"]["code"]) == ("interrupted", 130, "D901")
