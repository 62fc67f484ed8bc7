"""Secrets are planted wherever a spec can be given one; nothing that the engine prints or writes may hold any of them.

Each spec fails in a way of its own, or succeeds, over each kind of connection; every command that takes a spec is run
over it, with and without tracebacks, and everything is searched: outputs, talk, logs, reports, rejects, the state.
"""

import http.server
import importlib.util
import json
import os
import threading
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest

from engine.cli import main
from engine.spec.compile import load

ROOT = Path(__file__).parent


def beside(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "storage" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sftp, s3 = beside("sftp_servers"), beside("servers")

CANARY = "canary-"
"""What every planted secret holds."""

MAPPING = """
mapping:
  fields:
    id: {source: id, resolver: int, required: true}
    signed: {source: name, resolver: {type: hmac, key: '${env:HMAC_KEY}'}}
"""
ENDS = """
source: {type: files, connection: place, path: in/*.csv}
sink: {type: files, connection: place, path: 'out/{unit.stem}.jsonl'}
archive: {success: 'done/{unit.name}', error: 'bad/{unit.name}'}
"""
VARS = "vars: {token: {secret: true, default: canary-default}, told: '${secret:told}', kept: '${file:secret.txt}'}\n"
RETRY = "retry: {attempts: 1}, timeout: 5s"


def spec(connection, ends=ENDS, mapping=MAPPING):
    return f"connections:\n  place: {{{connection}, {RETRY}}}\n{VARS}{mapping}{ends}"


def sftp_of(server, **login):
    said = {**server.options, **login}
    return "type: sftp, " + ", ".join(f"{key}: '{value}'" if key != "port" else f"port: {value}" for key, value in said.items() if value is not None)  # fmt: skip


def s3_of(server, secret):
    options = server.options
    return f"type: s3, bucket: {options['bucket']}, endpoint: '{options['endpoint']}', region: us-east-1, key: '{options['key']}', secret: '{secret}'"


@pytest.fixture(scope="module")
def openssh(tmp_path_factory):
    with sftp.OpenSsh(tmp_path_factory.mktemp("openssh")) as server:
        server.phrased = sftp.make_key(f"{server.folder}/phrased", "canary-phrase")
        server.authorize(server.phrased)
        yield fill(server)


@pytest.fixture(scope="module")
def rclone(tmp_path_factory):
    server = sftp.Rclone(tmp_path_factory.mktemp("rclone"))
    server.password = "canary-command of sftp"  # noqa: S105 - what the test searches for
    with fill(server):
        yield server


@pytest.fixture(scope="module")
def rclone_s3(tmp_path_factory):
    server = s3.Rclone(tmp_path_factory.mktemp("s3")).start()
    yield server
    server.stop()


def fill(server):
    folder = Path(server.home, "in")
    folder.mkdir()
    (folder / "a.csv").write_text("id,name\n1,a\nx,b\n")
    return server


@pytest.fixture(scope="module")
def web():
    """A web server that wants a password and repeats what it is told."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = f"refused {self.headers.get('Authorization')} {self.path}".encode()
            self.send_response(500 if "broken" in self.path else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def planted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENGINE_STATE", raising=False)
    for name in ("SFTP_PASSWORD", "S3_SECRET", "HMAC_KEY", "HTTP_PASSWORD", "PHRASE"):
        monkeypatch.setenv(name, f"canary-env of {name.lower()}")
    monkeypatch.setenv("RIGHT_PHRASE", "canary-phrase")
    Path("secrets").mkdir()
    Path("secrets/ask").write_text("#!/bin/sh\nprintf 'canary-command of %s' \"$1\"\necho canary-stderr >&2\n")
    Path("secrets/ask").chmod(0o755)
    Path("secrets/fail").write_text("#!/bin/sh\necho canary-output\necho canary-stderr >&2\nexit 1\n")
    Path("secrets/fail").chmod(0o755)
    monkeypatch.setenv("ENGINE_SECRET_COMMAND", f"{tmp_path}/secrets/ask")
    Path("secret.txt").write_text("canary-file\n")
    Path("engine.yaml").write_text("{}\n")
    Path("in").mkdir()
    Path("in/a.csv").write_text("id,name\n1,a\nx,b\n")


COMMANDS = [
    ["check", "SPEC"],
    ["check", "--json", "SPEC"],
    ["check", "--connect", "SPEC"],
    ["show", "SPEC"],
    ["show", "SPEC", "--graph"],
    ["explain", "SPEC"],
    ["explain", "SPEC", "id"],
    ["preview", "SPEC"],
    ["run", "SPEC", "--dry-run"],
    ["run", "SPEC", "--report", "report.json"],
    ["run", "SPEC", "--set", "token=canary-set"],
    ["run", "SPEC", "--set", "tokn=canary-set"],
    ["rejects", "ls", "SPEC"],
    ["rejects", "show", "SPEC"],
    ["rejects", "ls", "SPEC", "--json"],
    ["map", "SPEC", "in/a.csv"],
]


def everything(capsys, caplog, commands=COMMANDS):
    """All that comes of the commands over `feed.yaml`: what is said, how each ends, what is left on the disk."""
    said, codes = [], []
    for words in commands:
        try:
            codes.append(main([each.replace("SPEC", "feed.yaml") for each in words]))
        except Exception:  # noqa: BLE001 - with ENGINE_TRACEBACK faults come through
            said.append(traceback.format_exc())
            codes.append(1)
        shown = capsys.readouterr()
        said += [shown.out, shown.err]
    said += [repr(record.__dict__) for record in caplog.records]
    for path in Path().rglob("*"):
        if path.is_file() and path.parts[0] not in ("secrets", "secret.txt", "feed.yaml"):
            said.append(path.read_bytes().decode("latin-1"))
    return "\n".join(said), codes


def hold(capsys, caplog, monkeypatch, text, run):
    """No canary is anywhere; the plain run of the spec ends as it is meant to."""
    Path("feed.yaml").write_text(text)
    for trace in ("", "1"):
        monkeypatch.setenv("ENGINE_TRACEBACK", trace)
        shown, codes = everything(capsys, caplog)
        found = [line for line in shown.splitlines() if CANARY in line]
        assert not found
        assert "feed" in shown
        if not trace:
            assert codes[COMMANDS.index(["run", "SPEC", "--report", "report.json"])] == run, shown[-3000:]
    return shown


def test_local(capsys, caplog, monkeypatch):
    hold(capsys, caplog, monkeypatch, spec("type: local").replace(f", {RETRY}", ""), 0)


def test_local_with_rejects(capsys, caplog, monkeypatch):
    text = spec("type: local").replace(f", {RETRY}", "") + "limits: {max_rejects: 0}\n"
    hold(capsys, caplog, monkeypatch, text, 4)


@sftp.NEEDS_RCLONE
@pytest.mark.parametrize(
    ("password", "run"),
    [("${env:SFTP_PASSWORD}", 7), ("${file:secret.txt}", 7), ("${secret:sftp}", 0), ("canary-in-the-file", 7)],
)
def test_sftp_passwords(capsys, caplog, monkeypatch, rclone, password, run):
    hold(capsys, caplog, monkeypatch, spec(sftp_of(rclone, password=password)), run)


@sftp.NEEDS_SSHD
@pytest.mark.parametrize(
    ("phrase", "run"), [("${env:PHRASE}", 7), ("${env:RIGHT_PHRASE}", 0), ("canary-in-the-file", 7)]
)
def test_sftp_passphrases(capsys, caplog, monkeypatch, openssh, phrase, run):
    hold(capsys, caplog, monkeypatch, spec(sftp_of(openssh, key_file=openssh.phrased, passphrase=phrase)), run)


@sftp.NEEDS_SSHD
def test_sftp_that_is_not_there(capsys, caplog, monkeypatch, openssh):
    connection = sftp_of(openssh, port=1, key_file=None, password="${env:SFTP_PASSWORD}")  # noqa: S106 - names one
    hold(capsys, caplog, monkeypatch, spec(connection), 6)
    jump = f"jump: {{host: 127.0.0.1, port: {openssh.port}, password: '${{secret:jump}}'}}"
    hold(capsys, caplog, monkeypatch, spec(f"{sftp_of(openssh)}, {jump}"), 7)


@s3.NEEDS_RCLONE
@pytest.mark.parametrize("secret", ["${env:S3_SECRET}", "${secret:s3}", "canary-in-the-file"])
def test_s3_with_a_wrong_secret(capsys, caplog, monkeypatch, rclone_s3, secret):
    hold(capsys, caplog, monkeypatch, spec(s3_of(rclone_s3, secret)), 7)


def test_s3_that_is_not_there(capsys, caplog, monkeypatch):
    connection = "type: s3, bucket: b, endpoint: 'http://127.0.0.1:1', region: r, key: k, secret: '${env:S3_SECRET}', token: '${secret:token}'"
    hold(capsys, caplog, monkeypatch, spec(connection), 6)


@pytest.mark.parametrize(
    ("path", "auth", "run"),
    [
        ("a.csv", "auth: {type: basic, username: u, password: '${env:HTTP_PASSWORD}'}", 7),
        ("a.csv", "auth: {type: bearer, token: '${secret:http}'}", 7),
        ("a.csv", "auth: {type: bearer, token: canary-in-the-file}", 7),
        ("broken.csv", "headers: {X-Key: '${file:secret.txt}'}", 6),
    ],
)
def test_http(capsys, caplog, monkeypatch, web, path, auth, run):
    ends = f"source: {{type: files, connection: place, path: {path}}}\nsink: {{type: files, path: 'out/{{unit.stem}}.jsonl'}}\n"
    hold(capsys, caplog, monkeypatch, spec(f"type: http, url: 'http://{web}', {auth}", ends), run)


def test_a_protocol_that_repeats_its_options(capsys, caplog, monkeypatch):
    from fsspec.implementations.memory import MemoryFileSystem

    def failing(self, *_, **__):
        said = self.storage_options
        raise ValueError(f"401 for {said['host']} https://x/?sig={quote(said['token'])} {said}")

    monkeypatch.setattr(MemoryFileSystem, "find", failing)
    monkeypatch.setattr(MemoryFileSystem, "info", failing)
    monkeypatch.setattr(MemoryFileSystem, "makedirs", failing)
    monkeypatch.setenv("FS_TOKEN", "canary-env/of fs")
    monkeypatch.setenv("FS_HOST", "u:canary-login@h")
    options = "host: '${env:FS_HOST}', token: '${env:FS_TOKEN}', more: {keys: ['${secret:fs}'], password: canary-told}"
    shown = hold(
        capsys, caplog, monkeypatch, spec(f"type: fs, protocol: memory, base: drop, options: {{{options}}}"), 6
    )
    assert "401 for ***:***@h" in shown


def test_options_and_headers_are_secrets(tmp_path):
    ends = ENDS.replace("*.csv", "a.csv").split("sink")[0] + "sink: {type: files, path: 'out/{unit.stem}.jsonl'}\n"
    Path("feed.yaml").write_text(spec("type: fs, protocol: memory, options: {a: '${env:HMAC_KEY}', b: [c]}", ends))
    assert repr(load("feed.yaml")[0].source_end.store()._connection.options) == "{'a': ***, 'b': [***]}"
    Path("feed.yaml").write_text(spec("type: http, url: 'http://h', headers: {A: '${env:HMAC_KEY}'}", ends))
    assert repr(load("feed.yaml")[0].source_end.store().site.headers) == "(('A', ***),)"


def test_a_url_with_a_password(capsys, caplog, monkeypatch, web):
    ends = "source: {type: files, connection: place, path: a.csv}\nsink: {type: files, path: 'out/{unit.stem}.jsonl'}\n"
    hold(capsys, caplog, monkeypatch, spec(f"type: http, url: 'http://u:canary-in-a-url@{web}'", ends), 3)


def test_a_command_that_fails(capsys, caplog, monkeypatch):
    from engine.spec import secrets

    secrets._asked.cache_clear()
    monkeypatch.setenv("ENGINE_SECRET_COMMAND", os.path.abspath("secrets/fail"))
    hold(capsys, caplog, monkeypatch, spec("type: local").replace(f", {RETRY}", ""), 3)


@pytest.mark.parametrize(
    "text",
    [
        "connections:\n  place: {type: sftp, host: h, user: u, password: canary-one, prot: 3}\n" + ENDS,
        "connections:\n  place: {type: sftp, host: h, user: u, password: [canary-two]}\n" + ENDS,
        "connections:\n  place: {type: sftp, host: h, user: u, password: 'canary-three}\n" + ENDS,
        "connections:\n  place: {type: sftp, host: h, user: u, password: canary-four, key_file: k}\n" + ENDS,
        "connections:\n  place: {type: s3, secret: canary-five, bucket: 3}\n" + ENDS,
        spec("type: local").replace(f", {RETRY}", "") + "name: '{vars.kept}'\n",
        spec("type: local", mapping="\nmapping: {fields: {a: $vars.token, b: $vars.kept, c: '${secret:x}'}}\n"),
        spec("type: local").replace("in/*.csv", "in/{vars.kept}/*.csv").replace(f", {RETRY}", ""),
        VARS.replace("canary-default}", "canary-default, type: int}") + ENDS,
    ],
)
def test_specs_that_do_not_check(capsys, caplog, monkeypatch, text):
    hold(capsys, caplog, monkeypatch, text, 3)


def test_the_canaries_are_planted(capsys, caplog):
    """The search would find one: a mapping may of course write what it reads from an open variable."""
    Path("feed.yaml").write_text(
        "vars: {open: '${env:HMAC_KEY}'}\nmapping: {fields: {a: $vars.open}}\n"
        "source: {type: files, path: in/*.csv}\nsink: {type: files, path: 'out/{unit.stem}.jsonl'}\n"
    )
    shown, codes = everything(capsys, caplog, [["run", "SPEC"]])
    assert codes == [0]
    assert json.dumps("canary-env of hmac_key") in shown
