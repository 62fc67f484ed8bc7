"""The `s3` connection: what its servers refuse, how uploads end, and whole runs over two real servers."""

import errno
import importlib.util
import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.cli import main
from engine.delivery.journal import Journal
from engine.errors import AccessError, OptionError, StoreError, TransientError
from engine.hidden import Secret
from engine.kinds import Stat
from engine.storage import s3_uploads
from engine.storage.retries import Backoff, Retry, forget_unreachable
from engine.storage.s3 import S3
from engine.storage.s3_copies import copy
from engine.storage.s3_uploads import PART, part_size
from engine.storage.spool import IN_MEMORY, Spool
from engine.storage.stores import at


def beside(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


servers = beside("servers")
FAST = Retry(attempts=3, backoff=Backoff(0.01, 0.02))
CANARY = "s3cr3t-canary"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(servers.Weed, id="weed", marks=servers.NEEDS_WEED),
        pytest.param(servers.Rclone, id="rclone", marks=servers.NEEDS_RCLONE),
    ],
)
def server(request, tmp_path_factory):
    made = request.param(tmp_path_factory.mktemp("s3")).start()
    yield made
    made.stop()


def store_of(server, **options):
    return S3(**{**server.options, "retry": FAST, "timeout": 5, **options}).store("")


def put(store, key, data, **more):
    store.client.call("put_object", Key=key, Body=data, **more)


def staged(store, tmp_path, key, data=b"x", name=".u.1.part"):
    staging = store.staging("", name, str(tmp_path / "ledgers" / name))
    file = staging.open(key)
    file.write(data)
    file.close()
    return staging, {"path": key, **staging.details(key), "bytes": len(data)}


# --- what servers refuse, in real


def asked(store):
    """Every kind of request, and the text of each refusal."""

    def write():
        store.staging("", ".n.1.part").open("a.csv").close()

    texts = set()
    for ask in (lambda: list(store.glob("*.csv")), lambda: store.stat("a.csv"), lambda: store.open("a.csv"), write):
        forget_unreachable()  # each as the first that finds it out
        with pytest.raises(StoreError) as raised:
            ask()
        texts.add((type(raised.value), raised.value.exit_code, str(raised.value)))
    return texts


def test_credentials_that_are_wrong(server):
    place = f"http://127.0.0.1:{server.port}/drop"
    help = "\n   = help: check those of the connection"
    text = f"error[A101]: `{place}` refuses the credentials: "
    for options, code in (({"secret": CANARY}, "SignatureDoesNotMatch"), ({"key": CANARY}, "InvalidAccessKeyId")):
        assert asked(store_of(server, **options)) == {(AccessError, 7, text + code + help)}


def test_a_bucket_that_is_missing(server):
    text = (
        f"error[C210]: there is no bucket `nowhere` at `http://127.0.0.1:{server.port}`\n"
        "   = help: check `bucket` and `endpoint`; it is not made"
    )
    assert asked(store_of(server, bucket="nowhere")) == {(StoreError, 6, text)}


def test_a_server_that_is_not_there():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    text = (
        f"error[C201]: `http://127.0.0.1:{port}/drop` cannot be reached: Connection refused, 3 times in a row\n"
        "   = help: see whether the connection's address is right and the server is up"
    )
    options = {"bucket": "drop", "endpoint": f"http://127.0.0.1:{port}", "key": "k", "secret": CANARY, "retry": FAST}
    assert asked(S3(**options).store("")) == {(TransientError, 6, text)}


def test_a_name_that_is_not_known():
    store = S3(bucket="drop", endpoint="http://nowhere.invalid", key="k", secret=CANARY, retry=Retry(attempts=1)).store(
        ""
    )
    with pytest.raises(TransientError) as raised:
        store.stat("a")
    assert raised.value.message == "`http://nowhere.invalid/drop` cannot be reached: its name is not known"


def test_a_server_that_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"http://127.0.0.1:{silent.getsockname()[1]}"
        retry = Retry(attempts=2, backoff=Backoff(0.01, 0.01))
        store = S3(bucket="drop", endpoint=place, key="k", secret=CANARY, retry=retry, timeout=0.3).store("")
        with pytest.raises(TransientError) as raised:
            list(store.glob("*"))
    assert str(raised.value) == (
        f"error[C203]: `{place}/drop` did not answer within 0.3 s, 2 times in a row\n"
        "   = help: see whether it is up, or raise `timeout`"
    )


def test_nothing_to_log_in_with(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(AccessError) as raised:
        S3(bucket="drop", endpoint="http://127.0.0.1:1", retry=FAST, region="eu-west-1").store("").stat("a")
    assert str(raised.value) == (
        "error[A113]: there is nothing to log in with at `http://127.0.0.1:1/drop`\n"
        "   = help: give the connection its credentials, as `${env:NAME}` or `${file:path}`"
    )


# --- what no server of ours does: canned answers


class Canned(BaseHTTPRequestHandler):
    """Answers from `server.answers`: status, code, message and headers, the last one again and again."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        status, code, message, headers = self.server.answers[0]
        if len(self.server.answers) > 1:
            self.server.answers.pop(0)
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode() if code else b""
        body = b"" if self.command == "HEAD" else body
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

    def log_message(self, *words):
        pass


@pytest.fixture
def canned():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Canned)
    server.seen, server.place = [], f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def canned_store(canned, *answers, **more):
    canned.answers = [(*answer, {})[:4] if len(answer) == 3 else answer for answer in answers]
    options = {
        "endpoint": canned.place,
        "bucket": "drop",
        "key": "k",
        "secret": Secret(CANARY),
        "token": Secret("t-" + CANARY),
    }
    return S3(**options, region="us-east-1", retry=FAST, timeout=5, **more).store("")


ANSWERS = [
    ((400, "ExpiredToken", "The provided token has expired."), "A102", 7,
     "`{place}/drop` refuses the credentials, their time is over: ExpiredToken",
     "get new ones: a session token ends after some hours"),
    ((403, "RequestTimeTooSkewed", "x"), "A101", 7,
     "`{place}/drop` refuses the credentials: RequestTimeTooSkewed", "check those of the connection"),
    ((403, "AccessDenied", "User: arn:aws:iam::1 is not authorized"), "C102", 6,
     "`s3://drop/a.csv` may not be read or written by this user",
     "give the user of the connection the right to read, list and write there"),
    ((503, "SlowDown", "Please reduce your request rate."), "C205", 6,
     "`{place}/drop` cannot do it now: SlowDown, 3 times in a row", "run again later"),
    ((500, "", ""), "C205", 6, "`{place}/drop` cannot do it now: 500, 3 times in a row", "run again later"),
    ((507, "XMinioStorageFull", "full"), "C103", 6,
     "`s3://drop/a.csv` cannot be written: the server has no space left for it", "free space and run again: nothing is lost"),
    ((400, "KeyTooLongError", "Your key is too long"), "C208", 6,
     "`s3://drop/a.csv` is refused by its server: KeyTooLongError Your key is too long", "look at the connection and the path"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "code", "exit_code", "message", "help"), ANSWERS)
def test_answers_that_refuse(canned, answer, code, exit_code, message, help):
    store = canned_store(canned, answer)
    with pytest.raises(StoreError) as raised:
        store.staging("", ".n.1.part").open("a.csv").close()
    error = raised.value
    assert (error.code, error.exit_code, error.message, error.help) == (
        code, exit_code, message.format(place=canned.place), help,
    )  # fmt: skip
    assert CANARY not in f"{error!r} {error} {error.__cause__!r} {error.__suppress_context__}"
    assert error.__suppress_context__


def test_a_head_has_no_words_and_a_listing_has(canned):
    store = canned_store(canned, (400, "", ""), (400, "ExpiredToken", "x"))
    with pytest.raises(AccessError) as raised:
        store.stat("a.csv")
    assert raised.value.code == "A102"
    assert canned.seen[-1][:1] == ("GET",)


def test_busy_servers_are_asked_again(canned):
    store = canned_store(canned, (503, "SlowDown", ""), (503, "", ""), (404, "", ""), (200, "", ""))
    assert store.stat("a.csv") is None


def test_nothing_expects_a_100(canned):
    """aiohttp would wait for ever where a server answers a PUT at once."""
    store = canned_store(canned, (400, "EntityTooLarge", "no"))
    with pytest.raises(StoreError):
        store.client.call("upload_part", 3, Key="a", UploadId="u", PartNumber=1, Body=b"abc")
    assert "Expect" not in canned.seen[0][2]
    assert canned.seen[0][2]["Content-Length"] == "3"


def test_an_answer_that_is_another_object(canned):
    """A server that ignores If-Match gives the new object: its mark tells."""
    headers = {"ETag": '"new"', "Content-Length": "3", "Last-Modified": "Tue, 24 Nov 2026 12:00:00 GMT"}
    store = canned_store(canned, (200, "", "", {**headers, "ETag": '"old"'}), (206, "", "", headers))
    stat = store.stat("a.csv")
    with store.open("a.csv", stat) as file, pytest.raises(OSError) as raised:  # noqa: PT011
        file.read(10)
    assert raised.value.errno == errno.ESTALE
    assert canned.seen[-1][2]["If-Match"] == '"old"'


def test_what_a_store_shows_of_its_secrets():
    connection = S3(bucket="b", key=Secret(CANARY), secret=Secret(CANARY), token=Secret(CANARY))
    store = connection.store("")
    assert CANARY not in f"{connection!r} {store.account!r} {store.address} {store.where('a')} {store.show('a')}"
    assert "hunter2" not in repr(S3(bucket="b", key="hunter2", secret="hunter2"))  # noqa: S106


REFUSED = [
    (
        {"endpoint": "minio.example.com"},
        "S337",
        "`minio.example.com` is not an endpoint",
        "write `https://host`, or with a `:port`",
    ),
    (
        {"endpoint": "https://me:pw@host"},
        "S337",
        "`https://***@host` is not an endpoint",
        "write `https://host`, or with a `:port`",
    ),
    ({"key": "k"}, "S202", "`key` and `secret` belong together", "give both, or neither"),
]


@pytest.mark.parametrize(("options", "code", "message", "help"), REFUSED)
def test_options_that_are_refused(options, code, message, help):
    with pytest.raises(OptionError) as raised:
        S3(bucket="b", **options)
    assert (raised.value.code, raised.value.message, raised.value.help) == (code, message, help)


# --- uploads


def test_ten_thousand_parts_hold_the_largest_object():
    sizes = [part_size(number) for number in range(1, 10_001)]
    assert sizes[:5000] == [PART] * 5000
    assert sizes == sorted(sizes)
    assert sum(sizes) >= 5 * 2**40
    assert max(sizes[:-1]) <= 5 * 2**30 or max(sizes) <= 8 * 2**30


def test_parts_are_even_and_no_write_is_held_back(server, tmp_path):
    store = store_of(server)
    staging = store.staging("", ".u.1.part", str(tmp_path / "ledger"))
    file = staging.open("even.bin")
    file.write(b"a" * (2 * PART + 5))
    file.write(b"b" * 3)
    file.close()
    upload = staging.details("even.bin")["upload"]
    said = store.client.call("list_parts", Key="even.bin", UploadId=upload)
    assert [part["Size"] for part in said["Parts"]] == [PART, PART, 8]
    assert not os.path.exists(tmp_path / "ledger.spools") or os.listdir(tmp_path / "ledger.spools") == []
    staging.destroy()
    assert list(store.orphans("even")) == []


def test_the_key_stands_in_the_ledger_before_the_upload_begins(server, tmp_path, monkeypatch):
    store = store_of(server)
    staging = store.staging("", ".u.1.part", str(tmp_path / "deep" / "ledger"))
    file = staging.open("a\nb.csv")
    assert not (tmp_path / "deep").exists()  # nothing is begun that nobody wrote
    monkeypatch.setattr(store.client, "call", lambda *words, **more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        file.close()
    assert (tmp_path / "deep" / "ledger").read_text() == '"a\\nb.csv"\n'
    file.abandon()


def is_gone(store, output):
    """Whether the upload is gone and nothing stands in its place: was it aborted, or taken by a reader?"""
    with pytest.raises(StoreError) as raised:
        store.is_lost(output)
    shown = store.show(output["path"])
    return str(raised.value) == (
        f"error[C206]: `{shown}` is not there, and its upload is gone: whether it arrived is not known\n"
        f"   = help: if a reader took it, put an empty object there with `engine-attempt: {output['attempt']}` in its "
        "metadata; if not, put any other; then run again"
    )


def test_a_person_says_whether_an_object_arrived(server, tmp_path):
    store = store_of(server)
    _, output = staged(store, tmp_path, "taken.csv", b"mine")
    store.publish(output)
    assert not store.is_lost(output)
    store.remove("taken.csv")
    assert is_gone(store, output)
    put(store, "taken.csv", b"", Metadata={"engine-attempt": output["attempt"]})
    assert not store.is_lost(output)
    store.publish(output)
    put(store, "taken.csv", b"")
    assert store.is_lost(output)


def test_uploads_of_an_intent_that_is_held_outlive_older_ledgers(server, tmp_path):
    store = store_of(server)
    older, _ = staged(store, tmp_path, "kept.csv", b"old", ".k.1.part")
    _, newer = staged(store, tmp_path, "kept.csv", b"new", ".k.2.part")
    store.discard(older.address(), {newer["upload"]})
    assert [orphan.upload for orphan in store.orphans("kept")] == [newer["upload"]]
    store.publish(newer)
    assert store.stat("kept.csv").size == 3


def test_a_new_object_replaces_nothing(server, tmp_path):
    store = store_of(server)
    _, output = staged(store, tmp_path, "way.csv", b"mine")
    put(store, "way.csv", b"theirs")
    with pytest.raises(StoreError) as raised:
        store.publish({**output, "new": True})
    assert str(raised.value) == (
        "error[D307]: `s3://drop/way.csv` is there since the unit began, and its `overwrite` lets nothing be replaced\n"
        "   = help: take it away and run again: the unit is published then"
    )
    assert store.stat("way.csv").size == 6
    store.remove("way.csv")
    for _ in range(2):  # done before is fine
        store.publish({**output, "new": True})


def test_only_the_version_that_was_seen_is_removed(canned):
    for answer in ((204, "", ""), (412, "PreconditionFailed", "another one")):
        canned_store(canned, answer).remove("a.csv", Stat("a.csv", 1, 0, "abc"))
        assert canned.seen[-1][2]["If-Match"] == '"abc"'


def test_a_ledger_that_was_cut_off(server, tmp_path):
    store = store_of(server)
    staging, output = staged(store, tmp_path, "cut.csv")
    with open(staging.ledger, "ab") as ledger:
        ledger.write(b'"cut.cs')
    store.discard(staging.address())
    assert is_gone(store, output)
    assert not os.path.exists(staging.ledger)


def test_two_engines_on_one_key_fence_each_other(server, tmp_path):
    ours, theirs = store_of(server), store_of(server)
    _, first = staged(ours, tmp_path, "fenced.csv", b"first", ".a.1.part")
    other, second = staged(theirs, tmp_path, "fenced.csv", b"second", ".b.1.part")
    theirs.discard(other.address())  # a claimer that finds the other's attempt unfinished, too
    for store, output in ((ours, first), (theirs, second)):
        assert is_gone(store, output)
        with pytest.raises(StoreError) as raised:
            store.publish(output)
        assert str(raised.value) == (
            "error[C209]: the upload of `s3://drop/fenced.csv` is gone: it was aborted, or completed\n"
            "   = help: run again: the unit is done again"
        )
    assert ours.stat("fenced.csv") is None


def test_an_upload_that_somebody_else_published_over(server, tmp_path):
    store = store_of(server)
    _, output = staged(store, tmp_path, "over.csv", b"mine")
    store.publish(output)
    put(store, "over.csv", b"theirs")
    assert store.is_lost(output)
    with pytest.raises(StoreError):
        store.publish(output)
    assert store.stat("over.csv").size == 6


def test_orphans_are_found_and_aborted(server, tmp_path):
    store = store_of(server)
    _, known = staged(store, tmp_path, "or/known.csv", name=".k.1.part")
    _, lost = staged(store, tmp_path, "or/lost.csv", name=".l.1.part")
    found = list(store.orphans("or/", {known["upload"]}))
    assert [(orphan.path, orphan.upload) for orphan in found] == [("or/lost.csv", lost["upload"])]
    assert found[0].began_ns > 1.7e18
    store.abort(found[0].path, found[0].upload)
    store.abort(found[0].path, found[0].upload)
    assert is_gone(store, lost)
    assert not store.is_lost(known)


def test_a_part_that_is_not_whole_is_sent_again(canned, monkeypatch, tmp_path):
    store = canned_store(canned, (400, "BadDigest", "The Content-MD5 you specified did not match"))
    file = s3_uploads.S3File(
        store.staging("", "n", str(tmp_path / "l")), "a", s3_uploads.NO_FACTS, Spool(str(tmp_path / "s"))
    )
    file._upload = "u"
    file.write(b"abc")
    with pytest.raises(TransientError) as raised:
        file.close()
    assert raised.value.message == f"`{canned.place}/drop` cannot do it now: BadDigest, 3 times in a row"
    assert canned.seen[0][2]["Content-MD5"] == "kAFQmDzST7DWlj99KOF/cg=="
    file.abandon()


def test_a_spool_holds_little_memory(tmp_path):
    spool = Spool(str(tmp_path / "deep" / "spool"))
    spool.write(b"a" * IN_MEMORY)
    assert not (tmp_path / "deep").exists()
    spool.write(b"b")
    spool.park()
    assert (tmp_path / "deep" / "spool").stat().st_mode & 0o777 == 0o600
    spool.write(b"c" * 10)
    assert spool.size == IN_MEMORY + 11
    assert spool.take() == b"a" * IN_MEMORY + b"b" + b"c" * 10
    assert spool.size == 0
    spool.write(b"d")
    spool.park()
    assert spool.take() == b"d"
    spool.drop()
    assert list((tmp_path / "deep").iterdir()) == []


# --- copies


def test_an_object_too_large_for_one_request(server):
    if isinstance(server, servers.Rclone):
        return  # which copies no parts
    store = store_of(server)
    put(store, "large.bin", b"L" * (12 * 2**20), Metadata={"kept": "yes"}, ContentType="text/csv")
    copy(store.client, "large.bin", "copied.bin", new=False, largest=2**20, piece=5 * 2**20)
    said = store.client.head("copied.bin")
    assert (said["ContentLength"], said["Metadata"], said["ContentType"]) == (12 * 2**20, {"kept": "yes"}, "text/csv")
    assert list(store.orphans("copied")) == []


def test_an_object_that_is_replaced_while_it_is_moved(server, monkeypatch):
    store = store_of(server)
    put(store, "moved.csv", b"old")
    real = store.client.call

    def replacing(method, size=0, **words):
        said = real(method, size, **words)
        if method == "copy_object":
            real("put_object", Key="moved.csv", Body=b"newer")
        return said

    monkeypatch.setattr(store.client, "call", replacing)
    with pytest.raises(StoreError) as raised:
        store.rename("moved.csv", "held.csv")
    assert str(raised.value) == (
        "error[C211]: `s3://drop/moved.csv` changed while it was moved\n"
        "   = help: run again: the newer version stays where it is"
    )
    assert (store.stat("moved.csv").size, store.stat("held.csv").size) == (5, 3)


# --- whole runs


SPEC = """\
connections:
  drop: {{type: s3, bucket: drop, endpoint: '{endpoint}', region: us-east-1, key: '${{env:K}}', secret: '${{env:S}}',
         retry: {{attempts: 3, backoff: 10ms..20ms}}}}
source: {{type: files, connection: drop, path: '{root}/in/*.csv'}}
mapping: {{fields: {{id: id, qty: {{source: qty, resolver: int}}}}}}
sink: {{type: files, connection: drop, path: '{root}/out/{{unit.stem}}.jsonl'}}
archive: {{success: '{root}/done/{{unit.name}}', partial: '{root}/part/{{unit.name}}'}}
limits: {{max_rejects: 50%}}
"""


@pytest.fixture
def spec(server, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("K", servers.KEY)
    monkeypatch.setenv("S", servers.SECRET)
    monkeypatch.delenv("ENGINE_STATE", raising=False)
    root = request.node.name.split("[")[0]
    Path("engine.yaml").write_text("{}\n")
    Path("spec.yaml").write_text(SPEC.format(endpoint=server.options["endpoint"], root=root))
    return root


def test_a_run_from_a_bucket_to_a_bucket(server, spec, capsys):
    store = store_of(server)
    put(store, f"{spec}/in/a b.csv", b"id,qty\nA,1\nB,2\n")
    put(store, f"{spec}/in/c.csv", b"id,qty\nC,3\nD,x\n")
    assert main(["run", "spec.yaml", "--report", "report.json"]) == 0, capsys.readouterr().err
    keys = {stat.path.removeprefix(f"{spec}/"): stat for stat in store.glob(f"{spec}/**/*")}
    assert sorted(keys) == ["done/a b.csv", "out/a b.jsonl", "out/c.jsonl", "part/c.csv"]
    with store.open(f"{spec}/out/a b.jsonl") as file:
        assert file.read() == b'{"id":"A","qty":1}\n{"id":"B","qty":2}\n'
    report = json.loads(Path("report.json").read_text())
    assert report["status"] == "ok_with_rejects"
    assert {output["path"] for unit in report["units"] for output in unit["outputs"]} == {
        f"s3://drop/{spec}/out/a b.jsonl", f"s3://drop/{spec}/out/c.jsonl",
    }  # fmt: skip
    assert list(store.orphans(f"{spec}/")) == []
    assert os.listdir(".engine/stagings") == []
    assert main(["run", "spec.yaml"]) == 0
    everything = "".join(path.read_bytes().decode("latin-1") for path in Path().rglob("*") if path.is_file())
    said = capsys.readouterr()
    assert servers.SECRET not in everything + said.out + said.err


def test_a_run_that_cannot_write_is_done_by_the_next(server, spec, monkeypatch, capsys):
    store = store_of(server)
    put(store, f"{spec}/in/a.csv", b"id,qty\nA,1\n")
    real = type(store.client).once

    def failing(self, method, size=0, **words):
        if method == "complete_multipart_upload":
            raise TransientError("C202", "the connection to `x` was lost", "run again")
        return real(self, method, size, **words)

    with monkeypatch.context() as patch:
        patch.setattr(type(store.client), "once", failing)
        assert main(["run", "spec.yaml"]) == 6
    assert [stat.path for stat in store.glob(f"{spec}/**/*")] == [f"{spec}/in/a.csv"]
    assert "C202" in capsys.readouterr().err
    assert main(["run", "spec.yaml"]) == 0
    assert [stat.path for stat in store.glob(f"{spec}/**/*")] == [f"{spec}/done/a.csv", f"{spec}/out/a.jsonl"]


def killed_before_its_commit(store, spec, monkeypatch):
    put(store, f"{spec}/in/a.csv", b"id,qty\nA,1\n")
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "commit", lambda self, intents: 1 / 0 if intents else [])
        with pytest.raises(ZeroDivisionError):
            main(["run", "spec.yaml"])


def test_what_a_reader_took_before_the_commit_is_not_sent_again(server, spec, monkeypatch, capsys):
    monkeypatch.setenv("ENGINE_TRACEBACK", "1")
    store, out = store_of(server), f"{spec}/out/a.jsonl"
    killed_before_its_commit(store, spec, monkeypatch)
    store.remove(out)
    for _ in range(2):
        assert main(["run", "spec.yaml"]) == 6
        said = capsys.readouterr().err
        assert "C206" in said
        assert store.stat(out) is None
    mark = said.split("engine-attempt: ")[1].split("`")[0]
    put(store, out, b"", Metadata={"engine-attempt": mark})
    assert main(["run", "spec.yaml"]) == 0
    assert [stat.path for stat in store.glob(f"{spec}/**/*")] == [f"{spec}/done/a.csv", out]


def test_our_own_tidying_leaves_the_upload_of_a_held_intent(server, spec, monkeypatch, capsys):
    store, kind = store_of(server), type(store_of(server))

    def busy(self, *words):
        raise TransientError("C205", "busy", "run again")

    Path("spec.yaml").write_text(Path("spec.yaml").read_text().replace("50%", "0"))
    with monkeypatch.context() as patch:
        patch.setattr(kind, "discard", busy)
        put(store, f"{spec}/in/a.csv", b"id,qty\nA,x\n")
        assert main(["run", "spec.yaml"]) in (4, 6)  # refused, and its upload cannot be aborted
        with patch.context() as more:
            more.setattr(kind, "publish", busy)
            put(store, f"{spec}/in/a.csv", b"id,qty\nA,1\n")
            assert main(["run", "spec.yaml"]) == 6
    with monkeypatch.context() as patch:
        patch.setattr(kind, "publish", busy)
        assert main(["run", "spec.yaml"]) == 6
    store.remove(f"{spec}/in/a.csv")  # it cannot be done again
    assert main(["run", "spec.yaml"]) == 0, capsys.readouterr().err
    assert [stat.path for stat in store.glob(f"{spec}/**/*")] == [f"{spec}/out/a.jsonl"]


def test_uploads_of_a_state_that_is_lost(server, spec, tmp_path, capsys):
    store = store_of(server)
    staged(store, tmp_path, f"{spec}/out/left.jsonl", name=".gone.1.part")
    staged(store, tmp_path, f"{spec}/elsewhere.jsonl", name=".other.1.part")

    def left():
        return sorted(orphan.path for orphan in store.orphans(f"{spec}/"))

    for state in ("lost", "kept"):
        for words in (["--older", "0s"], ["--older", "0s", "--dry-run", "--yes"], ["--yes"]):
            assert main(["state", "gc", "spec.yaml", *words]) == 0
            said = capsys.readouterr()
            assert (f"stray    s3://drop/{spec}/out/left.jsonl\n" == said.out) is ("0s" in words), (state, words)
        assert main(["state", "gc", "spec.yaml", "--older", "0s"]) == 0
        assert capsys.readouterr().err == (
            "0 things removed\n1 stray: uploads below the outputs that no state knows; `--yes` aborts them\n"
        )
        assert left() == [f"{spec}/elsewhere.jsonl", f"{spec}/out/left.jsonl"]
        assert main(["run", "spec.yaml"]) == 0
        capsys.readouterr()
    assert main(["state", "gc", "spec.yaml", "--older", "0s", "--yes"]) == 0
    assert capsys.readouterr().err == "1 thing removed\n"
    assert left() == [f"{spec}/elsewhere.jsonl"]


def test_a_run_with_a_wrong_secret(spec, monkeypatch, capsys):
    monkeypatch.setenv("S", CANARY)
    assert main(["run", "spec.yaml"]) == 7
    said = capsys.readouterr()
    assert "error[A101]" in said.err
    assert CANARY not in said.out + said.err


def test_an_address_that_no_connection_leads_to():
    with pytest.raises(AccessError) as raised:
        at({"type": "s3", "bucket": "gone", "endpoint": "http://old.example.com"})
    assert str(raised.value) == (
        "error[A106]: what an older run left at `s3 gone http://old.example.com` cannot be reached: "
        "no connection of this spec leads there\n"
        "   = help: give the spec back the connection of that run; it goes on from there"
    )
