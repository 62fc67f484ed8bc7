"""One holder at a time, named to the others, gone with its process."""

import json
import os
import signal
import stat
import threading
import time
from pathlib import Path

import pytest

from engine.errors import LockedError, StoreError
from engine.state.locks import Flock

OWNER = {"pid": 4711, "host": "build-3", "started_at": "2024-05-01T10:00:00Z"}
HELP = "\n   = help: wait for it with `--wait`, or stop it: the lock is free as soon as that process ends, even killed"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "orders.lock")


@pytest.fixture
def holding(path, child):
    """Starts a process that holds the lock until it is killed; returns it once it has it."""

    def start(then="sys.stdin.read()"):
        script = 'lock = Flock.acquire(sys.argv[1], {"pid": os.getpid(), "host": "here"})\nprint("held", flush=True)\n'
        process = child(script + then, path)
        assert process.stdout.readline() == "held\n"
        return process

    return start


def ended(process, number):
    process.send_signal(number)
    process.communicate()
    return process.returncode


def test_the_second_is_told_who_holds_it(path):
    with Flock.acquire(path, OWNER):
        with pytest.raises(LockedError) as caught:
            Flock.acquire(path, {"pid": 1})
        assert (
            str(caught.value)
            == f"error[D101]: the lock {path} is held by process 4711 on build-3, since 2024-05-01T10:00:00Z{HELP}"
        )
        assert caught.value.exit_code == 8
        assert json.loads(Path(path).read_text(encoding="utf-8")) == OWNER
    with Flock.acquire(path, {"pid": 2}):
        pass


@pytest.mark.parametrize(
    ("content", "who"),
    [
        ("", "a process that left no name"),
        ('{"pid":', "a process that left no name"),
        ("[1]", "a process that left no name"),
        ('{"host": "x"}', "a process that left no name on x"),
        ('{"pid": "' + "9" * 100 + '"}', "process " + "9" * 60),
    ],
)
def test_an_owner_that_cannot_be_read_is_no_obstacle(path, content, who):
    with Flock.acquire(path, OWNER):
        Path(path).write_text(content, encoding="utf-8")
        with pytest.raises(LockedError) as caught:
            Flock.acquire(path, OWNER)
        assert caught.value.message == f"the lock {path} is held by {who}"


def test_release_frees_it_once_and_takes_the_name_away(path):
    lock = Flock.acquire(path, OWNER)
    lock.release()
    assert Path(path).read_text(encoding="utf-8") == ""
    with Flock.acquire(path, OWNER):
        lock.release()
        with pytest.raises(LockedError):
            Flock.acquire(path, OWNER)


def test_the_file_is_private(path):
    with Flock.acquire(path, OWNER):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_waiting_ends_with_the_time(path):
    with Flock.acquire(path, OWNER):
        start = time.monotonic()
        with pytest.raises(LockedError) as caught:
            Flock.acquire(path, OWNER, wait=0.2)
        assert 0.2 <= time.monotonic() - start < 2
        assert caught.value.message.endswith("since 2024-05-01T10:00:00Z (waited 0.2 s)")


def test_waiting_ends_with_the_lock(path):
    lock = Flock.acquire(path, OWNER)
    timer = threading.Timer(0.15, lock.release)
    timer.start()
    with Flock.acquire(path, {"pid": 2}, wait=20):
        assert json.loads(Path(path).read_text(encoding="utf-8")) == {"pid": 2}
    timer.join()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_holder_holds_nothing(path, holding, number):
    process = holding()
    with pytest.raises(LockedError, match=f"is held by process {process.pid} on here\n"):
        Flock.acquire(path, OWNER)
    assert ended(process, number) == -number
    with Flock.acquire(path, OWNER):  # at once
        pass


def test_children_do_not_inherit_it(path, holding):
    process = holding(
        'print(subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, close_fds=False).pid, flush=True); sys.stdin.read()',
    )
    sleeper = int(process.stdout.readline())
    try:
        ended(process, signal.SIGKILL)
        os.kill(sleeper, 0)  # it lives
        with Flock.acquire(path, OWNER):
            pass
    finally:
        os.kill(sleeper, signal.SIGKILL)


def test_a_lock_on_a_removed_file_is_not_taken(path, monkeypatch):
    import fcntl

    real = fcntl.flock

    def removed_meanwhile(handle, how):
        monkeypatch.setattr(fcntl, "flock", real)
        real(handle, how)
        os.unlink(path)

    monkeypatch.setattr(fcntl, "flock", removed_meanwhile)
    with Flock.acquire(path, OWNER, wait=1), pytest.raises(LockedError):
        Flock.acquire(path, OWNER)


def test_a_lock_that_cannot_be_made_is_an_error(tmp_path):
    with pytest.raises(StoreError) as caught:
        Flock.acquire(str(tmp_path / "absent" / "x.lock"), OWNER)
    assert (
        str(caught.value)
        == f"error[D508]: the lock {tmp_path}/absent/x.lock cannot be taken: No such file or directory"
    )


def test_an_owner_that_cannot_be_written_does_not_cost_the_lock(path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with Flock.acquire(path, OWNER), pytest.raises(LockedError, match=r"by a process that left no name\n"):
        Flock.acquire(path, OWNER)
