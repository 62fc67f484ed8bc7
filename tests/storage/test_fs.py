"""The `fs` connection, and how every network connection tries again."""

import os

import pytest

from engine.errors import OptionError, StoreError, TransientError
from engine.hidden import Secret, hidden
from engine.storage import retries
from engine.storage.fs import Fs
from engine.storage.fs_facts import etag_of, mtime_of
from engine.storage.ranges import RangedFile
from engine.storage.retries import Backoff, Retry

REFUSED = [
    ({"protocol": "file"}, "`file` has a connection of its own", "write `{type: local, ..}`"),
    ({"protocol": "s3a"}, "`s3a` has a connection of its own", "write `{type: s3, ..}`"),
    ({"protocol": "simplecache::file"}, "`simplecache::file` is not a protocol", "write one name, such as `gcs`"),
    ({"protocol": "../x"}, "`../x` is not a protocol", "write one name, such as `gcs`"),
    (
        {"protocol": "zip"},
        "`zip` leads to this machine, or to another protocol",
        "name the protocol of the place itself",
    ),
    (
        {"protocol": "reference"},
        "`reference` leads to this machine, or to another protocol",
        "name the protocol of the place itself",
    ),
    (
        {"protocol": "gcs", "options": {"target_protocol": "file"}},
        "the option `target_protocol` leads to this machine, or to another protocol",
        "name the protocol of the place itself",
    ),
]


@pytest.mark.parametrize(("options", "message", "help"), REFUSED)
def test_protocols_that_are_refused(options, message, help):
    with pytest.raises(OptionError) as raised:
        Fs(**options)
    assert (raised.value.code, raised.value.message, raised.value.help) == ("S337", message, help)


def refusal(call):
    with pytest.raises(StoreError) as raised:
        call()
    return raised.value


def test_a_library_that_is_missing():
    error = refusal(lambda: Fs(protocol="dropbox", base="b").store("").stat("a"))
    assert str(error) == (
        "error[C214]: the protocol `dropbox` needs a library that is not installed\n"
        '   = help: fsspec says: DropboxFileSystem requires "dropboxdrivefs","requests" and ""dropbox" to be installed'
    )
    assert refusal(lambda: Fs(protocol="drop_box").store("").stat("a")).message == "fsspec knows no protocol `drop_box`"


def test_no_path_leaves_the_base():
    store = Fs(protocol="memory", base="/drop/here/").store("")
    assert store.show("a.csv") == "memory://drop/here/a.csv"
    for path in ("../a", "a/../../b", "/a"):
        assert str(refusal(lambda path=path: store.stat(path))) == (
            f"error[C104]: `{path}` leaves the folder of its connection\n   = help: write it relative to `base`"
        )


def test_what_a_protocol_says_never_shows_an_option(monkeypatch):
    store = Fs(protocol="memory", options={"token": Secret("hunter2")}).store("")
    monkeypatch.setattr("engine.storage.fs.filesystem", lambda protocol, options: 1 / 0)
    assert refusal(lambda: store.stat("a")).message == (
        "`memory://a` is refused by its server: ZeroDivisionError: division by zero"
    )

    def failing(protocol, options):
        raise RuntimeError("login with hunter2 failed")

    monkeypatch.setattr("engine.storage.fs.filesystem", failing)
    error = refusal(lambda: store.stat("a"))
    assert error.message == "`memory://a` is refused by its server: RuntimeError: login with *** failed"
    assert "hunter2" not in f"{store.address} {store.where('a')} {store._connection!r}"


def test_an_address_tells_where_and_never_who():
    options = {"host": "feeds:hunter2@ftp.example.com", "port": 2121, "endpoint_url": "https://u:hun/ter2@h:9/p?sig=1"}
    store = Fs(protocol="memory", base="drop", options=hidden(options)).store("")
    assert store.address == {
        "type": "fs", "protocol": "memory", "base": "drop", "host": "ftp.example.com", "port": "2121",
        "endpoint_url": "https://h:9/p",
    }  # fmt: skip
    assert store.where("a.csv") == "memory://ftp.example.com:2121:https://h:9/p/drop/a.csv"
    places = [{"host": "h", "port": 1}, {"host": "h", "port": 2}, {"account_name": "a"}, {"account_name": "b"}, {}]
    assert len({Fs(protocol="memory", options=each).store("").where("x") for each in places}) == len(places)


def test_a_protocol_repeats_no_part_of_a_login(monkeypatch):
    def failing(protocol, options):
        raise RuntimeError(f"no {options['host'].reveal()}: hunter2 hunter%2F3 12345678 deep-one")

    options = {
        "host": "feeds:hunter2@ftp.example.com",
        "password": "hunter/3",
        "pin": 12345678,
        "x": [{"y": "deep-one"}],
    }
    store = Fs(protocol="memory", options=hidden(options)).store("")
    monkeypatch.setattr("engine.storage.fs.filesystem", failing)
    assert refusal(lambda: store.stat("a")).message == (
        "`memory://a` is refused by its server: RuntimeError: no ***:***@ftp.example.com: *** *** *** ***"
    )


def handles():
    return len(os.listdir("/proc/self/fd"))


def test_files_that_are_parked_hold_no_handle(tmp_path):
    store = Fs(protocol="memory", base=f"drop-{tmp_path.name}").store("")
    store.stat("a")
    staging = store.staging("", ".u.1.part", str(tmp_path / "stagings/.u.1.part"))
    before, files = handles(), [staging.open(f"{number}.csv") for number in range(20)]
    for file in files * 2:
        file.write(b"x" * 70_000)
        file.park()
    assert handles() == before
    for file in files[:10]:
        file.close()
    assert store.stat(staging.details("9.csv")["staged"]).size == 140_000
    assert len(os.listdir(tmp_path / "stagings/.u.1.part.spools")) == 10
    files[10].abandon()
    store.discard(staging.address())
    assert os.listdir(tmp_path / "stagings") == []
    assert handles() == before


def test_facts_of_protocols():
    assert mtime_of({"LastModified": "2026-01-02T03:04:05.000001Z"}) == 1767323045000001000
    assert mtime_of({"mtime": 5}) == 5_000_000_000
    assert mtime_of({"modify": "yesterday", "created": 1.5}) == 1_500_000_000
    assert mtime_of({}) == 0
    assert etag_of({"ETag": '"a"'}) == "a"
    assert etag_of({}) == ""


# --- trying again


def test_waits_are_random_up_to_a_bound_that_doubles(monkeypatch):
    bounds = []
    monkeypatch.setattr(retries.random, "uniform", lambda low, high: bounds.append((low, high)) or high)
    backoff = Backoff.parse("500ms..3s")
    assert [backoff.wait(failures) for failures in (1, 2, 3, 4, 400)] == [0.5, 1, 2, 3, 3]
    assert {low for low, _ in bounds} == {0}


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        ("5s", "`5s` is not a range of durations", "write two, such as `1s..30s`"),
        ("5s..1s", "`5s..1s` ends before it begins", "write `1s..5s`"),
        ("1s..2", "`2` is not a duration", "write a number and a unit (ms, s, m, h, d), such as `7d`"),
    ],
)
def test_waits_that_are_no_range(text, message, help):
    with pytest.raises(OptionError) as raised:
        Backoff.parse(text)
    assert (raised.value.code, raised.value.message, raised.value.help) == ("S208", message, help)


def test_only_what_may_pass_is_tried_again(monkeypatch):
    slept = []
    monkeypatch.setattr(retries.time, "sleep", slept.append)
    monkeypatch.setattr(retries.random, "uniform", lambda low, high: high)
    left = [TransientError("C205", "busy", "run again later", wait=7), TransientError("C202", "lost", "run again")]

    def call():
        if left:
            raise left.pop(0)
        return "done"

    assert Retry(attempts=3, backoff=Backoff(1, 30)).run(call) == "done"
    assert slept == [7, 2]
    left[:] = [StoreError("C101", "gone")] * 2
    assert refusal(lambda: Retry().run(call)).code == "C101"
    assert len(left) == 1
    left[:] = [TransientError("C202", "lost", "run again")] * 9
    assert str(refusal(lambda: Retry(attempts=4).run(call))) == (
        "error[C202]: lost, 4 times in a row\n   = help: run again"
    )
    assert len(left) == 5


def test_a_ranged_file_that_goes_nowhere_gives_up_and_one_that_moves_does_not():
    data = bytes(range(200)) * 100

    def crumbs(start, end, into):
        into.extend(data[start : min(end, start + 3000)])
        raise TransientError("C202", "lost", "run again")

    retry = Retry(attempts=2, backoff=Backoff(0, 0))
    with RangedFile(len(data), crumbs, retry, width=7000) as file:
        assert file.read() == data

    def nothing(start, end, into):
        raise TransientError("C202", "lost", "run again")

    with RangedFile(len(data), nothing, retry) as file:
        assert refusal(lambda: file.read(1)).message == "lost, 2 times in a row"


def test_two_ranges_are_held_at_most():
    asked, held = [], []

    def fetch(start, end, into):
        asked.append(start)
        into.extend(bytes(end - start))

    with RangedFile(100_000, fetch, Retry(), width=1000) as file:
        while file.read(100):
            held.append(len(asked) - file.tell() // 1000)
    assert sorted(asked) == list(range(0, 100_000, 1000))
    assert max(held) <= 2
