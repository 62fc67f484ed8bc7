"""`engine check --connect`, and what secrets are asked of: a server, folders, and a command of the operator's."""

import importlib.util
import json
import os
from pathlib import Path

import pytest

from engine.cli import main
from engine.errors import StoreError
from engine.spec import secrets
from engine.storage.local import LocalStore
from engine.storage.s3 import S3, S3Store

STORAGE = Path(__file__).parents[1] / "storage"


def beside(name):
    spec = importlib.util.spec_from_file_location(name, STORAGE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


servers, s3_servers = beside("sftp_servers"), beside("servers")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENGINE_STATE", raising=False)
    Path("engine.yaml").write_text("{}\n")
    return tmp_path


@pytest.fixture(scope="module")
def openssh(tmp_path_factory):
    with servers.OpenSsh(tmp_path_factory.mktemp("openssh")) as server:
        yield server


@pytest.fixture(scope="module")
def readonly(tmp_path_factory):
    with servers.OpenSsh(tmp_path_factory.mktemp("readonly"), flags="-R") as server:
        yield server


def spec(server, **more):
    options = {"type": "sftp", **server.options, "retry": {"attempts": 1}, **more}
    lines = "\n".join(f"    {key}: {json.dumps(value)}" for key, value in options.items())
    Path("feed.yaml").write_text(
        f"connections:\n  drop:\n{lines}\n"
        "source: {type: files, connection: drop, path: in/*.csv}\n"
        "sink: {type: files, connection: drop, path: 'out/{unit.stem}.jsonl'}\n"
        "archive: {success: 'done/{unit.name}'}\n"
    )


def check(capsys, *words):
    code = main(["check", "--connect", *words, "feed.yaml"])
    said = capsys.readouterr()
    return code, said.out, said.err


@servers.NEEDS_SSHD
def test_everything_is_reached(openssh, capsys):
    spec(openssh)
    Path(openssh.home, "in").mkdir(exist_ok=True)
    Path(openssh.home, "in/a.csv").write_text("id\n1\n")
    at = f"sftp://127.0.0.1:{openssh.port}/~"
    shown = (
        f"connected {at}/in/*.csv: 1 file\n"
        f"connected {at}/out: can be written\nconnected {at}/done: can be written\nok: 1 pipeline\n"
    )
    assert check(capsys) == (0, "", shown)
    assert sorted(os.listdir(openssh.home)) == ["done", "in", "out"]
    assert os.listdir(f"{openssh.home}/out") == []
    Path(openssh.home, "in/a.csv").unlink()
    code, _, said = check(capsys)
    assert code == 0
    source = "source: {type: files, connection: drop, path: in/*.csv}"
    line = str(Path("feed.yaml").read_text().splitlines().index(source) + 1)
    gutter = " " * len(line)
    assert said.split("\n", 2)[2] == (
        f"warning[C220]: no file matches `{at}/in/*.csv`\n{gutter} --> feed.yaml:{line}:47\n{gutter} |\n"
        f"{line} | {source}\n{gutter} | {' ' * 46}^^^^^^^^\n"
        f"{gutter} = help: see whether the path is right, or the sender is late\n\n1 warning\nok: 1 pipeline\n"
    )


@servers.NEEDS_SSHD
def test_a_server_that_cannot_be_trusted_is_said_once(openssh, capsys):
    Path("none").touch()
    spec(openssh, known_hosts="none")
    code, out, said = check(capsys, "--json")
    assert code == 7
    (problem,) = json.loads(out)
    assert (problem["code"], problem["line"], problem["column"]) == ("A110", 3, 5)
    assert problem["message"].startswith(
        f"the host key of `127.0.0.1:{openssh.port}` is not known: ssh-ed25519 SHA256:"
    )
    assert said == ""


@servers.NEEDS_SSHD
def test_a_sink_that_may_not_be_written(readonly, capsys):
    spec(readonly)
    code, out, _ = check(capsys, "--json")
    assert code == 6
    found = [(problem["code"], problem["level"], problem["message"]) for problem in json.loads(out)]
    at = f"sftp://127.0.0.1:{readonly.port}/~"
    assert found == [
        ("C220", "warning", f"no file matches `{at}/in/*.csv`"),
        ("C102", "error", f"`{at}/out` may not be read or written by this user"),
        ("C102", "error", f"`{at}/done` may not be read or written by this user"),
    ]


@servers.NEEDS_SSHD
def test_a_server_that_is_down_is_asked_once(openssh, capsys):
    spec(openssh, port=1)
    code, out, _ = check(capsys, "--json")
    assert code == 6
    assert [problem["code"] for problem in json.loads(out)] == ["C201"]


LOCAL = (
    "source: {type: files, path: in/*.csv}\n"
    "sink: {type: files, path: 'out/{unit.stem}.jsonl'}\n"
    "rejects: {path: 'bad/{unit.stem}.csv'}\n"
    "archive: {success: 'done/{unit.name}'}\n"
)


def denied(*_):
    raise StoreError("C102", "`it` may not be read or written by this user", "give the user of this process the right")


@pytest.mark.parametrize(
    ("step", "found"),
    [("publish", ["sink", "rejects", "archive"]), ("remove", ["sink", "rejects", "archive"]), ("move", ["archive"])],
)
def test_what_a_run_does_is_tried(capsys, monkeypatch, step, found):
    Path("feed.yaml").write_text(LOCAL)
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, step, denied)
        code, out, _ = check(capsys, "--json")
    problems = [each for each in json.loads(out) if each["code"] == "C102"]
    assert (code, [LOCAL.splitlines()[each["line"] - 1].split(":")[0] for each in problems]) == (6, found)
    if step != "remove":
        assert [os.listdir(folder) for folder in ("out", "bad", "done")] == [[], [], []]
        assert check(capsys)[0] == 0
        assert [os.listdir(folder) for folder in ("out", "bad", "done")] == [[], [], []]


@s3_servers.NEEDS_RCLONE
def test_a_bucket_is_left_as_it_was(capsys, monkeypatch, tmp_path):
    server = s3_servers.Rclone(tmp_path / "s3").start()
    try:
        Path("feed.yaml").write_text(
            f"connections: {{drop: {json.dumps({'type': 's3', **server.options})}}}\n"
            "source: {type: files, connection: drop, path: in/*.csv}\n"
            "sink: {type: files, connection: drop, path: 'out/{unit.stem}.jsonl'}\n"
            "archive: {success: 'done/{unit.name}'}\n"
        )
        store = S3(**server.options).store("")
        assert check(capsys)[0] == 0
        assert (list(store.glob("**/.*")), list(store.orphans(""))) == ([], [])
        monkeypatch.setattr(S3Store, "publish", denied)
        assert check(capsys)[0] == 6
        assert (list(store.glob("**/.*")), list(store.orphans(""))) == ([], [])
    finally:
        server.stop()


def test_folders_of_this_machine_and_lookups(capsys, here):
    Path("in").mkdir()
    Path("in/a.csv").write_text("id\n1\n")
    Path("feed.yaml").write_text(
        "connections: {data: {type: local, base: data}}\n"
        "lookups: {names: {type: files, connection: data, path: names.csv, index: id}}\n"
        "source: {type: files, path: in/*.csv}\n"
        "mapping: {fields: {id: {source: id, resolver: {type: lookup, table: names}}}}\n"
        "sink: {type: files, path: 'out/{unit.stem}.jsonl'}\n"
    )
    code, _, said = check(capsys)
    assert code == 0
    assert "connected in/*.csv: 1 file\n" in said
    assert "connected out: can be written\n" in said
    assert "warning[C220]: no file matches `data/names.csv`\n  --> feed.yaml:2:56" in said
    assert os.listdir("out") == []
    Path("out").rmdir()
    Path("out").write_text("")
    code, _, said = check(capsys)
    assert code == 6
    assert "error[C104]: `out" in said


# --- secrets


def of_command(monkeypatch, command, name="db/password"):
    monkeypatch.setenv("ENGINE_SECRET_COMMAND", command)
    Path("feed.yaml").write_text(
        f"vars: {{token: '${{secret:{name}}}'}}\n"
        "source: {type: files, path: in/*.csv}\nsink: {type: files, path: 'out/{unit.stem}.jsonl'}\n"
    )


def test_a_secret_is_asked_of_the_operators_command(monkeypatch, capsys, here):
    Path("ask").write_text('#!/bin/sh\necho $# "$1" "$2" >> asked\nprintf \'sesame of %s\\n\' "$2"\n')
    Path("ask").chmod(0o755)
    of_command(monkeypatch, "./ask 'a b'")
    assert secrets.of_command("db/password") == "sesame of db/password"
    assert secrets.of_command("db/password") == "sesame of db/password"
    assert Path("asked").read_text() == "2 a b db/password\n", "asked once, without a shell"
    assert main(["show", "feed.yaml"]) == 0
    assert '"token": "***"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "name", "said"),
    [
        ("", "a", "there is no command that knows the secret `a`"),
        ("/bin/sh -c 'echo sesame; echo sesame >&2; exit 3'", "a", "the command for the secret `a` ended with 3"),
        ("/bin/true", "a", "the command for the secret `a` printed nothing"),
        ("/bin/none", "a", "the command for the secret `a` cannot be run: No such file or directory"),
        ("/bin/sh 'open", "a", "the command for the secret `a` cannot be used: No closing quotation"),
        ("/bin/sleep", "9", "the command for the secret `9` took longer than 0.2 s"),
        ("/bin/echo", "-n", "`-n` is not a name for a secret"),
        ("/bin/echo", "a b; c", "`a b; c` is not a name for a secret"),
        (r"/usr/bin/printf \\377\\n%s", "a", "the command for the secret `a` cannot be used: it is not UTF-8"),
    ],
)
def test_a_secret_that_is_not_told(monkeypatch, capsys, command, name, said):
    monkeypatch.setattr(secrets, "PATIENCE", 0.2)
    of_command(monkeypatch, command, name)
    assert main(["check", "feed.yaml"]) == 3
    shown = capsys.readouterr().err
    assert shown.startswith(f"error[S304]: {said}\n  --> feed.yaml:1:16\n")
    assert "sesame" not in shown
