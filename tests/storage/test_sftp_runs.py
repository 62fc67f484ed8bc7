"""Whole runs over SFTP: the server goes away, the engine is killed; what a reader sees, and what the next run does."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.storage.sftp_login import Login, log_in

ROOT = Path(__file__).parents[2]
ROWS = 60_000
WANTED = "".join(f'{{"id":"{number}","text":"{"x" * 40}"}}\n' for number in range(ROWS))


def beside(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


servers, proxies = beside("sftp_servers"), beside("sftp_proxy")
pytestmark = servers.NEEDS_SSHD


@pytest.fixture
def server(tmp_path):
    with servers.OpenSsh(tmp_path / "server") as made:
        Path(made.home, "in").mkdir()
        rows = "".join(f"{number},{'x' * 40}\n" for number in range(ROWS))
        for name in ("a", "b"):
            Path(made.home, f"in/{name}.csv").write_text("id,text\n" + rows)
            os.utime(f"{made.home}/in/{name}.csv", (1_700_000_000, 1_700_000_000))
        yield made


def project(tmp_path, server, port, attempts=8):
    (tmp_path / "engine.yaml").write_text("{}\n")
    options = {**server.options, "type": "sftp", "port": port}
    options["retry"] = {"attempts": attempts, "backoff": "50ms..200ms"}
    spec = {
        "connections": {"drop": options},
        "source": {"type": "files", "connection": "drop", "path": "in/*.csv"},
        "sink": {"type": "files", "connection": "drop", "path": "out/{unit.stem}.jsonl"},
        "archive": {"success": "done/{unit.name}"},
    }
    (tmp_path / "feed.yaml").write_text(json.dumps(spec))


def start(tmp_path):
    words = [sys.executable, "-m", "engine", "run", "feed.yaml", "--report", "report.json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)


def end(process, code):
    said = process.communicate(timeout=60)[1]
    assert process.returncode == code, said
    return said


def staged(server):
    return [path for path in Path(server.home).rglob("*.part/**/*") if path.is_file()]


def wait_for(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never came to this")


def delivered(server):
    """Whole files and nothing else."""
    for name in ("a", "b"):
        assert Path(server.home, f"out/{name}.jsonl").read_text() == WANTED
    assert sorted(os.listdir(f"{server.home}/out")) == ["a.jsonl", "b.jsonl"]
    assert sorted(os.listdir(f"{server.home}/done")) == ["a.csv", "b.csv"]
    assert os.listdir(f"{server.home}/in") == []


def test_connections_cut_over_and_over(server, tmp_path):
    with proxies.Proxy(server.port) as proxy:
        server.trust(proxy.port)
        project(tmp_path, server, proxy.port)
        process = start(tmp_path)
        for size in (1, 1_000_000, 3_000_000):
            wait_for(
                lambda size=size: (
                    sum(path.stat().st_size for path in staged(server)) >= size or process.poll() is not None
                )
            )
            proxy.cut()
        said = end(process, 0)
    assert "2 units committed" in said
    delivered(server)


def test_a_server_that_is_restarted_in_the_middle(server, tmp_path):
    project(tmp_path, server, server.port, attempts=30)
    process = start(tmp_path)
    wait_for(lambda: staged(server))
    server.stop()
    threading.Timer(0.3, server.start).start()
    end(process, 0)
    delivered(server)


def test_a_server_that_stays_away(server, tmp_path):
    project(tmp_path, server, server.port, attempts=2)
    process = start(tmp_path)
    wait_for(lambda: staged(server))
    server.stop()
    said = end(process, 6)
    assert f"`127.0.0.1:{server.port}` cannot be reached" in said or f"`127.0.0.1:{server.port}` was lost" in said
    assert "exit      6 (source or sink unavailable)" in said
    out = Path(server.home, "out")
    assert [name for name in os.listdir(out) if not name.startswith(".")] == []
    server.start()
    end(start(tmp_path), 0)
    delivered(server)


@pytest.mark.parametrize("moment", ["staging", "published"])
def test_an_engine_that_is_killed(server, tmp_path, moment):
    project(tmp_path, server, server.port)
    process = start(tmp_path)
    out = Path(server.home, "out")
    wait_for(lambda: staged(server) if moment == "staging" else (out / "a.jsonl").exists())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for name in ("a", "b"):
        path = out / f"{name}.jsonl"
        assert not path.exists() or path.read_text() == WANTED
    end(start(tmp_path), 0)
    delivered(server)


def test_a_library_that_is_missing(monkeypatch):
    import asyncio

    from engine.errors import StoreError

    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(StoreError) as caught:
        asyncio.run(log_in(Login("h", 22, "u"), 1))
    assert str(caught.value) == (
        "error[C214]: an `sftp` connection needs the library asyncssh, which is not installed\n"
        "   = help: pip install 'pipeline-engine[sftp]'"
    )
