"""Whatever stands in a folder, a bucket or a login: each run ends with a typed error that says what to do, or without
one; nothing is lost, and nothing takes more than it may.

Through `engine run`: its exit code and all it says.
"""

import bz2
import gzip
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
import zstandard

from engine.cli import main
from engine.kinds import Stat
from engine.storage.local import LocalStore
from engine.storage.s3 import S3Store
from engine.storage.s3_client import S3Client
from engine.storage.sftp import SftpStore
from engine.storage.sftp_files import SftpReader

ROOT = Path(__file__).parents[2]
A, A_OUT = "sku,qty\na,1\nb,2\n", b'{"sku":"a","qty":"1"}\n{"sku":"b","qty":"2"}\n'
OLD = 1_700_000_000
LONG_AGO = datetime.fromtimestamp(OLD, UTC)
NEXT = (
    "next      failed: tried again by the next run, the file stays until then; mend it and run: engine run feed.yaml\n"
)
MEND = "next      mend what failed and run again: engine run feed.yaml\n"


def beside(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


remote = beside(ROOT / "tests/crash/remote_victim.py")


class Folder:
    """Files of a place as the test puts and finds them; the connection to it."""

    kind, store = "local", LocalStore

    def __init__(self, folder):
        self.home = folder
        self.connection = {"type": "local", "base": str(folder)}

    def put(self, path, data):
        full = self.home / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.utime(full, (OLD, OLD))

    def remove(self, path):
        (self.home / path).unlink()

    def remove_folder(self, path):
        (self.home / path).rmdir()

    def tree(self, top):
        found = {path.relative_to(self.home / top).as_posix(): path for path in (self.home / top).rglob("*")}
        return {name: path.read_bytes() for name, path in found.items() if path.is_file()}

    def show(self, path):
        return path


class Bucket(Folder):
    kind, store = "s3", S3Store

    def __init__(self, place):
        self.place, self.connection, self.client = place, place.connection, place.client()
        self.bucket = place.connection["bucket"]

    def put(self, path, data):
        self.client.put_object(Bucket=self.bucket, Key=path, Body=data)

    def remove(self, path):
        self.client.delete_object(Bucket=self.bucket, Key=path)

    def remove_folder(self, path):
        self.remove(f"{path}/")

    def tree(self, top):
        found = [key for key in self.place.keys(self.client) if key.startswith(f"{top}/")]
        return {key[len(top) + 1 :]: self.place.read(self.client, key) for key in found}

    def show(self, path):
        return f"s3://{self.bucket}/{path}"


class Login(Folder):
    kind, store = "sftp", SftpStore

    def __init__(self, place):
        super().__init__(Path(place.server.home))
        self.connection = place.connection

    def show(self, path):
        return f"sftp://127.0.0.1:{self.connection['port']}/~/{path}"


KINDS = [
    "local",
    pytest.param("s3", marks=remote.s3_servers.NEEDS_WEED),
    pytest.param("sftp", marks=remote.sftp_servers.NEEDS_SSHD),
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Those that were asked for."""
    made = {}

    def server(kind):
        if kind not in made:
            made[kind] = remote.PLACES[{"s3": "weed", "sftp": "openssh"}[kind]](tmp_path_factory.mktemp(kind))
        return made[kind]

    yield server
    for place in made.values():
        place.server.stop()


def place_of(kind, servers, tmp_path):
    if kind == "local":
        (tmp_path / "place").mkdir()
        return Folder(tmp_path / "place")
    servers(kind).empty()
    return {"s3": Bucket, "sftp": Login}[kind](servers(kind))


@pytest.fixture(params=KINDS)
def place(request, servers, tmp_path):
    return place_of(request.param, servers, tmp_path)


@pytest.fixture(params=KINDS[1:])
def away(request, servers, tmp_path):
    """One that is not on this machine."""
    return place_of(request.param, servers, tmp_path)


SECRETS = {"key": "${env:FEED_KEY}", "secret": "${env:FEED_SECRET}"}


class Project:
    """A spec in a folder of its own; `run` gives the exit code and what was said, without times."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys

    def write(self, **keys):
        spec = {
            "name": "feed",
            "source": {"type": "files", "path": "in/*.csv"},
            "mapping": {"fields": {"sku": "sku", "qty": "qty"}},
            "sink": {"type": "files", "path": "out/{unit.stem}.jsonl"},
            **keys,
        }
        (self.folder / "feed.yaml").write_text(json.dumps(spec))

    def write_at(self, place, **keys):
        """Both ends there."""
        end = {"type": "files", "connection": "drop"}
        self.write(**{
            "connections": {"drop": {**place.connection, **(SECRETS if place.kind == "s3" else {})}},
            "source": {**end, "path": "in/*.csv"},
            "sink": {**end, "path": "out/{unit.stem}.jsonl"},
            **keys,
        })  # fmt: skip

    def run(self, *more):
        self.capsys.readouterr()
        code = main(["run", "feed.yaml", *more])
        said = self.capsys.readouterr().err
        return code, re.sub(r", run \w+-\w+|in [\d.]+ s", lambda found: "in T" if found[0][0] == "i" else "", said)


@pytest.fixture
def project(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("ENGINE_STATE", raising=False)
    monkeypatch.setenv("FEED_KEY", remote.s3_servers.KEY)
    monkeypatch.setenv("FEED_SECRET", remote.s3_servers.SECRET)
    return Project(folder, capsys)


# --- files that are damaged, or mean harm


def zipped(data):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo("a.csv"), data, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def parquet(**options):
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = io.BytesIO()
    table = pa.table({"sku": ["x" * 3000], "qty": ["1"]})
    pq.write_table(table, made, use_dictionary=False, write_statistics=False, store_schema=False, **options)
    return made.getvalue()


def lying():
    """A page whose header says that it unpacks to 8,191 bytes, where there are 3,000."""
    data = bytearray(parquet(compression="gzip"))
    assert data[4:7] == b"\x15\x00\x15"
    data[7:9] = b"\xfe\x7f"
    return bytes(data)


BILLION = '<!DOCTYPE z [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>\n<a><b><sku>&b;</sku></b></a>'
OUTSIDE = '<!DOCTYPE z [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n<a><b><sku>&a;</sku></b></a>'
BOMB = b"sku,qty\n" + bytes(80 << 20)
AGAIN = "deliver the file again"
NO_TYPE = "have it written without one: entities and types of documents are not read"
TRUST = "if the file is to be trusted, raise `limits.ratio`"

HARM = [
    ("an entity bomb", "a.xml", BILLION, f"[R144] the document declares its type (`<!DOCTYPE`) in line 1 ({NO_TYPE})"),
    ("an external entity", "a.xml", OUTSIDE, f"[R144] the document declares its type (`<!DOCTYPE`) in line 1 ({NO_TYPE})"),
    ("a tag that ends another", "a.xml", "<a><b>\n<sku>1</skU></b></a>",
     "[R143] not XML: mismatched tag in line 2 (byte 15) (ask for the whole file again, or mend it there)"),
    ("XML that was cut off", "a.xml", "<a><b><sku>1</sku></b>\n<b><sku>2",
     "[R143] not XML: no element found in line 2 (byte 32) (ask for the whole file again, or mend it there)"),
    ("Parquet cut in half", "a.parquet", parquet()[:300],
     f"[R171] the Parquet file is damaged: it does not end with PAR1: it was cut off, or is still being written ({AGAIN})"),
    ("a Parquet page that lies", "a.parquet", lying(),
     f"[R171] the Parquet file is damaged: Page didn't decompress to expected size, expected: 8191, but got:3010 ({AGAIN})"),
    ("a gzip bomb", "a.csv.gz", gzip.compress(BOMB), f"[R132] N packed bytes unpack to more than 200 times as many (N) ({TRUST})"),
    ("a bzip2 bomb", "a.csv.bz2", bz2.compress(BOMB), f"[R132] N packed bytes unpack to more than 200 times as many (N) ({TRUST})"),
    ("a zstd bomb", "a.csv.zst", zstandard.compress(BOMB), f"[R132] N packed bytes unpack to more than 200 times as many (N) ({TRUST})"),
    ("a zip bomb", "a.csv.zip", zipped(BOMB), f"[R132] N packed bytes unpack to more than 200 times as many (N) ({TRUST})"),
]  # fmt: skip
GOOD = {
    "xml": b"<a><b><sku>a</sku><qty>1</qty></b></a>", "parquet": parquet(), "gz": gzip.compress(A.encode()),
    "bz2": bz2.compress(A.encode()), "zst": zstandard.compress(A.encode()), "zip": zipped(A.encode()),
}  # fmt: skip
"""What stands beside, and what is delivered in the end."""


@pytest.mark.parametrize(("name", "content", "said"), [each[1:] for each in HARM], ids=[each[0] for each in HARM])
def test_a_file_that_does_harm_fails_alone_and_is_done_when_it_is_delivered_again(project, name, content, said):
    here, ext = Folder(project.folder), name.rpartition(".")[2]
    parser = {"parser": {"type": "xml", "record_path": "a.b"}} if ext == "xml" else {}
    project.write(source={"type": "files", "path": f"in/*{name[1:]}"}, **parser)
    here.put(f"in/{name}", content)
    here.put(f"in/{name.replace('a', 'z', 1)}", GOOD[ext])
    code, told = project.run()
    told = re.sub(r"\d[\d,]+(?= packed)|(?<=\()[\d,]+(?=\))", "N", told.split("failed    in/", 1)[1])
    assert told == (
        f"{name}: {said}\noutput    out/z.jsonl\n{NEXT}"
        "exit      4 (rejects above the limit, or a unit refused or failed on its data)\n"
    )
    assert code == 4
    assert list(here.tree("out")) == ["z.jsonl"]
    here.put(f"in/{name}", GOOD[ext])
    assert project.run()[0] == 0
    assert sorted(here.tree("out")) == ["a.jsonl", "z.jsonl"]


def test_ten_thousand_attributes_are_ten_thousand_fields(project):
    said = " ".join(f'a{n}="{n}"' for n in range(10_000))
    project.write(
        source={"type": "files", "path": "in/*.xml"},
        parser={"type": "xml", "record_path": "a.b"},
        mapping={"fields": {"sku": "@a0", "qty": "@a9999"}},
    )
    Folder(project.folder).put("in/a.xml", f"<a><b {said}/></a>")
    assert project.run()[0] == 0
    assert Folder(project.folder).tree("out") == {"a.jsonl": b'{"sku":"0","qty":"9999"}\n'}


# --- names


NAMES = ["with blank", "h#sh", "wh?t", "50%25", "a+b&c", "quo'te\"", "new\nline", "e\u0301", "\u00e9", "a..b..", "日本"]


def test_odd_names_go_through_every_step(project, place):
    project.write_at(
        place,
        sink={"type": "files", "connection": "drop", "path": "out/{unit.dir}/{unit.stem}.jsonl"},
        source={"type": "files", "connection": "drop", "path": "in/**/*.csv"},
        archive={"success": "done/{unit.dir}/{unit.name}"},
    )
    for name in NAMES:
        place.put(f"in/{name}.csv", A)
        place.put(f"in/{name}/x.csv", A)
    assert project.run()[0] == 0
    assert place.tree("in") == {}
    wanted = {file for name in NAMES for file in (name, f"{name}/x")}
    for top, ext, data in (("done", "csv", A.encode()), ("out", "jsonl", A_OUT)):
        assert {unquote(name): each for name, each in place.tree(top).items()} == {
            f"{name}.{ext}": data for name in wanted
        }
    assert "nothing new" in project.run()[1]


def test_keys_that_only_a_bucket_can_hold(project, monkeypatch):
    """Most servers of the tests tidy such keys up; Amazon's keeps them byte for byte."""
    each = ["there/%2E./up.jsonl", "there/gap.jsonl", "there/here.jsonl"]
    keys = ["in/../up.csv", "in/./here.csv", "in//gap.csv", "in/folder.csv/"]
    stats = {key: Stat(key, len(A), OLD * 10**9, "mark") for key in keys}
    monkeypatch.setattr(
        S3Store,
        "_listed",
        lambda *_: ({"Key": key, "Size": len(A), "LastModified": LONG_AGO, "ETag": "mark"} for key in keys),
    )
    monkeypatch.setattr(S3Store, "stat", lambda _, path: stats.get(path))
    monkeypatch.setattr(S3Store, "open", lambda *_: io.BytesIO(A.encode()))
    connection = {"type": "s3", "bucket": "b", "endpoint": "http://127.0.0.1:9", **SECRETS}
    for pattern, wanted in (("in/**/*.csv", ["there/gap.jsonl"]), ("in/.*/*.csv", each)):
        project.write(
            connections={"drop": connection},
            source={"type": "files", "connection": "drop", "path": pattern},
            sink={"type": "files", "path": "out/there/{unit.dir}/{unit.stem}.jsonl"},
        )
        assert project.run()[0] == 0
        assert sorted(Folder(project.folder).tree("out")) == wanted


# --- files that go and change


def before_call(monkeypatch, owner, name, number, do):
    """Something happens before the nth call of a method, once."""
    real, calls = getattr(owner, name), []

    def called(self, *words, **named):
        calls.append(name)
        if len(calls) == number:
            do()
        return real(self, *words, **named)

    monkeypatch.setattr(owner, name, called)


def test_a_file_that_vanishes_between_listing_and_reading_fails_alone(project, away, monkeypatch):
    project.write_at(away)
    away.put("in/a.csv", A)
    away.put("in/b.csv", A)
    before_call(monkeypatch, away.store, "open", 1, lambda: away.remove("in/a.csv"))
    assert project.run() == (6, (
        "failed    feed: 1 unit failed, 1 unit committed in T\nbooks     read 2 = written 2\n"
        f"failed    in/a.csv: [C101] `{away.show('in/a.csv')}` is not there (check the path)\n"
        f"output    {away.show('out/b.jsonl')}\n"
        f"{NEXT}exit      6 (source or sink unavailable)\n"
    ))  # fmt: skip
    assert away.tree("out") == {"b.jsonl": A_OUT}
    away.put("in/a.csv", A)
    assert project.run()[0] == 0
    assert away.tree("out") == {"a.jsonl": A_OUT, "b.jsonl": A_OUT}


LONG = {"s3": 12_000_000, "sftp": 6_000_000}
"""Bytes that take more than is read ahead at the start."""


@pytest.mark.parametrize("when", ["between", "within"])
def test_a_file_that_is_replaced_is_read_again_from_its_start(project, away, monkeypatch, when):
    project.write_at(away)
    old, new = (f"sku,qty\n{sku * 1000},1\n" + f"{sku * 1000},1\n" * (LONG[away.kind] // 1000) for sku in "ab")
    away.put("in/a.csv", old)

    def replace():
        away.put("in/a.csv", new)
        if away.kind == "sftp":
            os.utime(away.home / "in/a.csv", (OLD + 5, OLD + 5))

    if when == "between":
        before_call(monkeypatch, away.store, "open", 1, replace)
    else:
        before_call(monkeypatch, *((S3Client, "read", 2) if away.kind == "s3" else (SftpReader, "_next", 3)), replace)
    assert project.run()[0] == 0
    lines = away.tree("out")["a.jsonl"].splitlines()
    assert set(lines) == {json.dumps({"sku": "b" * 1000, "qty": "1"}, separators=(",", ":")).encode()}
    assert len(lines) == new.count("\n") - 1


# --- places that refuse


def test_a_target_that_is_a_folder(project, away):
    """To a bucket both can be; SeaweedFS keeps folders, and has no better word for it."""
    project.write_at(away)
    away.put("in/a.csv", A)
    away.put("in/b.csv", A)
    away.put("out/a.jsonl/x", "x")
    said = {
        "s3": (
            "failed    feed: 1 unit committed, 1 unit held in T",
            f"[C205] `{away.connection.get('endpoint')}/drop` cannot do it now: InternalError, 4 times in a row (run again later)",
        ),
        "sftp": (
            "failed    feed: 1 unit failed, 1 unit committed in T",
            f"[C104] `{away.show('out/a.jsonl')}` is a folder, a file is needed (choose another path)",
        ),
    }[away.kind]
    assert project.run() == (6, (
        f"{said[0]}\nbooks     read 2 = written 2\nfailed    in/a.csv: {said[1]}\noutput    {away.show('out/b.jsonl')}\n"
        f"{NEXT if 'unit failed' in said[0] else MEND}exit      6 (source or sink unavailable)\n"
    ))  # fmt: skip
    assert away.tree("out") == {"a.jsonl/x": b"x", "b.jsonl": A_OUT}
    away.remove("out/a.jsonl/x")
    away.remove_folder("out/a.jsonl")
    assert project.run()[0] == 0
    assert away.tree("out") == {"a.jsonl": A_OUT, "b.jsonl": A_OUT}


@pytest.fixture
def mounted():
    """Mounts that are gone afterwards; `mount` is for root, and not everywhere."""
    made = []

    def mount(target, *words):
        done = subprocess.run(["mount", *words, str(target)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"mount is refused here: {done.stderr.strip()}")
        made.append(str(target))

    def end(target):
        made.remove(str(target))
        subprocess.run(["umount", str(target)], check=True)

    mount.end = end
    yield mount
    for each in made:
        subprocess.run(["umount", each], check=True)


@remote.s3_servers.NEEDS_WEED
def test_a_full_disk_under_what_waits_for_a_bucket(project, servers, tmp_path, mounted):
    place = place_of("s3", servers, tmp_path)
    project.write_at(place)
    place.put("in/a.csv", "sku,qty\n" + "".join(f"{n:01000},1\n" for n in range(7000)))
    place.put("in/b.csv", A)
    (project.folder / ".engine").mkdir(0o700)
    mounted(project.folder / ".engine", "-t", "tmpfs", "-o", "size=5M,mode=700", "none")
    code, said = project.run()
    assert re.sub(r"`/\S*?(?=\.engine/)|\.[0-9a-f]{12}(?=\.1\.)", "`", said) == (
        "failed    feed: 1 unit failed, 1 unit committed in T\nbooks     read 2 = written 2\n"
        "failed    in/a.csv: [C103] `.engine/stagings/.a.csv-c4868070bf23`.1.part.spools` cannot be written: the disk is full "
        f"(free space and run again: nothing is lost)\noutput    {place.show('out/b.jsonl')}\n"
        f"{NEXT}exit      6 (source or sink unavailable)\n"
    )
    assert (code, place.place.left(), place.tree("out")) == (6, [], {"b.jsonl": A_OUT})
    assert list((project.folder / ".engine/stagings").iterdir()) == []
    subprocess.run(["mount", "-o", "remount,size=50M", str(project.folder / ".engine")], check=True)
    assert project.run()[0] == 0
    assert place.tree("out")["a.jsonl"].count(b"\n") == 7000


def test_an_output_that_another_program_holds(project, mounted):
    """Linux lets nobody hold a file against a rename but who mounts something on it."""
    here = Folder(project.folder)
    project.write()
    here.put("in/a.csv", A)
    here.put("in/b.csv", A)
    here.put("out/a.jsonl", "his")
    mounted(project.folder / "out/a.jsonl", "--bind", str(project.folder / "feed.yaml"))
    assert project.run() == (6, (
        "failed    feed: 1 unit committed, 1 unit held in T\nbooks     read 2 = written 2\n"
        "failed    in/a.csv: [C105] `out/a.jsonl` failed: Device or resource busy (run again)\noutput    out/b.jsonl\n"
        f"{MEND}exit      6 (source or sink unavailable)\n"
    ))  # fmt: skip
    mounted.end(project.folder / "out/a.jsonl")
    assert here.tree("out")["a.jsonl"] == b"his"
    assert project.run()[0] == 0
    assert here.tree("out") == {"a.jsonl": A_OUT, "b.jsonl": A_OUT}


def test_a_reader_that_holds_an_output_open_keeps_what_it_has(project, place):
    if place.kind == "s3":
        return  # an object is read in ranges: see the suite of stores
    project.write_at(place)
    place.put("in/a.csv", A)
    place.put("out/a.jsonl", "old " * 1000)
    with open(place.home / "out/a.jsonl", "rb") as reader:
        assert reader.read(4) == b"old "
        assert project.run()[0] == 0
        assert reader.read() == b"old " * 999
    assert place.tree("out") == {"a.jsonl": A_OUT}


# --- too many


def test_100_000_partitions_are_refused_before_they_are_a_burden(project, place):
    if place.kind == "sftp":
        return  # a staging is a folder there as here, and each file takes five requests
    project.write_at(place, sink={"type": "files", "connection": "drop", "path": "out/{record.sku}/{unit.stem}.jsonl"})
    place.put("in/a.csv", "sku,qty\n" + "".join(f"{n},1\n" for n in range(100_000)))
    code, said, peak = measured_run(project.folder)
    assert re.sub(r"(?m), run [\w-]+|in [\d.]+ s|^in/a.csv: [\d,]+ records.*\n", "", said) == (
        "failed    feed: 1 unit failed \nbooks     read 0 = written 0\n"
        "failed    in/a.csv: [D206] the unit has more than 10,000 partitions: `out/10000/a.jsonl` is one more "
        "(name fewer in `path`, or raise `limits.partitions`)\n"
        f"{NEXT}exit      4 (rejects above the limit, or a unit refused or failed on its data)\n"
    )
    assert code == 4
    assert peak < (150 if place.kind == "s3" else 100)
    assert place.tree("out") == {}
    assert [str(path) for path in project.folder.rglob("*.part*")] == []


def measured_run(folder):
    """The exit code of a run in a process of its own, what it says, and its peak memory in MB."""
    program = (
        "import sys; from engine.cli import main; code = main(['run', 'feed.yaml']); "
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))); sys.exit(code)"
    )  # a child's `ru_maxrss` is at least what its parent had
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=folder, env=environment)
    return done.returncode, done.stderr, int(done.stdout) / 1024
