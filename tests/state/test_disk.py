"""What the store on disk refuses, repairs and says: planted entries, other formats, damage, full disks, mounts."""

import os
import pickle
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.state import disk, opening
from engine.state.kv import KV, Entry


@pytest.fixture
def folder(tmp_path):
    """A state folder with one entry, closed."""
    path = str(tmp_path / "state")
    with KV.open(path) as kv:
        kv.set("n", "k", "v")
    return path


def sql(folder, statement, *values):
    with closing(sqlite3.connect(f"{folder}/cache.db", isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def refused(folder, use=lambda kv: kv.get("n", "k")):
    """The whole text of the error that opening and using a store gives."""
    with pytest.raises(StoreError) as caught, KV.open(folder) as kv:
        use(kv)
    return str(caught.value)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


FOREIGN_HELP = "\n   = help: nothing of it was run; bring the state folder back from a copy, or move it away and start without memory of earlier runs"
USES = {
    "get": lambda kv: kv.get("n", "k"),
    "has": lambda kv: kv.has("n", "k"),
    "list": lambda kv: list(kv.list("n")),
    "set": lambda kv: kv.set("n", "k", 1),
    "delete": lambda kv: kv.delete("n", "k"),
    "incr": lambda kv: kv.incr("n", "k"),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_planted_pickle_is_refused_and_not_run(folder, tmp_path, use):
    bomb = pickle.dumps(Bomb(str(tmp_path / "ran")))
    sql(folder, "UPDATE Cache SET mode = 4, value = ? WHERE key = '1:n:k'", bomb)
    assert (
        refused(folder, use)
        == "error[D502]: the state store holds an entry that this engine did not write: '1:n:k' has a value of mode 4, not JSON text"
        + FOREIGN_HELP
    )
    assert not (tmp_path / "ran").exists()
    assert sql(folder, "SELECT mode FROM Cache WHERE key = '1:n:k'") == [(4,)]


@pytest.mark.parametrize("mode", [0, 2, 3, 4])
def test_a_value_in_a_file_is_refused_and_the_file_stays(folder, tmp_path, mode):
    victim = tmp_path / "victim"
    victim.write_bytes(pickle.dumps(Bomb(str(tmp_path / "ran"))))
    for use in USES.values():
        sql(
            folder,
            "UPDATE Cache SET mode = ?, value = NULL, filename = '../victim' WHERE key = '1:n:k'",
            mode,
        )
        assert "error[D502]" in refused(folder, use)
    assert victim.exists()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("wrong", ["mode = 4", "mode = 0", "filename = '../victim'"])
def test_good_text_under_a_wrong_kind_is_refused(folder, wrong):
    sql(folder, f"UPDATE Cache SET {wrong} WHERE key = '1:n:k'")
    for use in USES.values():
        assert "error[D502]" in refused(folder, use)


def test_a_planted_pickled_key_is_refused_at_opening(folder, tmp_path):
    sql(
        folder,
        "INSERT INTO Cache (key, raw, mode, value) VALUES (?, 0, 1, 'x')",
        pickle.dumps(Bomb(str(tmp_path / "ran"))),
    )
    assert (
        refused(folder)
        == "error[D502]: the state store holds an entry that this engine did not write: a key that is not text"
        + FOREIGN_HELP
    )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("key", [7, 1.5, b"1:n:k", b""])
def test_other_kinds_of_keys_are_refused_at_opening(folder, key):
    sql(folder, "INSERT INTO Cache (key, raw, mode, value) VALUES (?, 1, 1, 'x')", key)
    assert "a key that is not text" in refused(folder)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_text_key_that_is_marked_as_pickled_is_refused(folder, use):
    sql(folder, "INSERT INTO Cache (key, raw, mode, value) VALUES ('1:n:k', 0, 1, '{}')")
    assert "a key that is not text" in refused(folder, use)


FOREIGN_VALUES = {
    "blob": (b"{}", None, "'1:n:k' has a value of mode 1, not JSON text"),
    "number": (7, None, "'1:n:k' has a value of mode 1, not JSON text"),
    "not JSON": ("{", None, "'1:n:k' has a value that is not JSON"),
    "too deep": ("[" * 100_000, None, "'1:n:k' has a value that is not JSON"),
    "no envelope": ("[]", None, "'1:n:k' has no version"),
    "no version": ('{"d":1}', None, "'1:n:k' has no version"),
    "text version": ('{"v":"1","d":1}', None, "'1:n:k' has no version"),
    "no value": ('{"v":1}', None, "'1:n:k' has no version"),
    "null": ("null", None, None),
    "expiry": ('{"v":1,"d":1}', 1.0, "'1:n:k' expires by itself"),
}


@pytest.mark.parametrize(
    ("value", "expires", "found"),
    [case for case in FOREIGN_VALUES.values() if case[2]],
    ids=[name for name, case in FOREIGN_VALUES.items() if case[2]],
)
def test_other_values_are_refused(folder, value, expires, found):
    sql(folder, "UPDATE Cache SET value = ?, expire_time = ? WHERE key = '1:n:k'", value, expires)
    for use in USES.values():
        assert (
            refused(folder, use)
            == f"error[D502]: the state store holds an entry that this engine did not write: {found}{FOREIGN_HELP}"
        )


def test_later_fields_of_the_envelope_are_read_past(folder):
    sql(folder, """UPDATE Cache SET value = '{"v":3,"d":1,"tags":[]}' WHERE key = '1:n:k'""")
    with KV.open(folder) as kv:
        assert kv.get("n", "k") == Entry(1, 3)


def test_pickle_is_not_even_loaded_for_a_healthy_store(folder, monkeypatch):
    monkeypatch.setattr("diskcache.core.pickle", None)
    with KV.open(folder) as kv:
        kv.set("n", "k", {"a": "x" * 100_000})
        assert len(kv.get("n", "k").value["a"]) == 100_000
    assert sorted(os.listdir(folder)) == ["cache.db"]


def test_the_serializer_has_no_other_way_in():
    serializer = disk.JsonDisk("/nowhere")
    for refusal in (
        lambda: serializer.put(1),
        lambda: serializer.put((1,)),
        lambda: serializer.store(1, True),
        serializer.filename,
    ):
        with pytest.raises(TypeError, match=r"^the state"):
            refusal()
    for refusal in (
        lambda: serializer.get(b"", False),
        lambda: serializer.fetch(4, None, b"", False),
        lambda: serializer.remove("../x"),
    ):
        with pytest.raises(StoreError) as caught:
            refusal()
        assert caught.value.code == "D502"
    assert serializer.get("a", True) == "a"
    assert serializer.fetch(*serializer.store([1], False)[1:], False) == [1]


def test_a_newer_format_is_refused_and_left_alone(folder):
    sql(folder, """UPDATE Cache SET value = '{"v":1,"d":2}' WHERE key = 'format'""")
    sql(folder, "UPDATE Settings SET value = 7 WHERE key = 'cull_limit'")
    assert refused(folder) == (
        f"error[D501]: the state store in {folder} has format 2, and this engine reads 1: a newer engine wrote it, this one is too old\n"
        "   = help: upgrade the engine, or set ENGINE_STATE to another folder"
    )
    assert sql(folder, "SELECT value FROM Settings WHERE key = 'cull_limit'") == [(7,)]


@pytest.mark.parametrize(
    "content",
    [b"not a database, but long enough to have a header " * 100, b"", b"SQLite format 3\0" + b"\xff" * 5000],
)
def test_a_file_that_is_no_store_is_refused_with_a_way_out(folder, content):
    Path(folder, "cache.db").write_bytes(content)
    text = refused(folder)
    assert text.startswith(f"error[D503]: the state store in {folder} is damaged, or is none: ")
    assert text.endswith(
        "\n   = help: bring the folder back from a copy, or move it away and run again: the engine then starts "
        "without memory (units are done again, cursors begin anew, known keys are new)"
    )
    assert Path(folder, "cache.db").read_bytes() == content


def test_a_store_without_its_format_is_damaged(folder):
    sql(folder, "DELETE FROM Cache WHERE key = 'format'")
    assert "D503" in refused(folder)
    assert "it names no format" in refused(folder)


def test_a_page_that_was_overwritten_is_an_error_and_not_an_absence(folder):
    with KV.open(folder) as kv, kv.transaction() as tx:
        for number in range(500):
            tx.set("n", f"{number:05}", "x" * 300)
    size = os.path.getsize(f"{folder}/cache.db")
    with open(f"{folder}/cache.db", "r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size // 2))
    assert refused(folder, lambda kv: [kv.get("n", f"{number:05}") for number in range(500)]).startswith("error[D503]")


@pytest.mark.parametrize(
    "wrong",
    [
        {
            "sqlite_synchronous": 0,
            "eviction_policy": "least-recently-used",
            "cull_limit": 10,
            "size_limit": 1,
            "statistics": 1,
            "tag_index": 1,
        },
        {"sqlite_journal_mode": "delete"},
        {"sqlite_writable_schema": 1, "disk_evil": 1, "close": 1},
        {"count": 99},
    ],
)
def test_settings_in_the_store_do_not_count(folder, wrong):
    for key, value in wrong.items():
        sql(folder, "INSERT OR REPLACE INTO Settings VALUES (?, ?)", key, value)
    if "sqlite_journal_mode" in wrong:
        sql(folder, "PRAGMA journal_mode = delete")
    with KV.open(folder) as kv:
        assert kv._store.facts() == {
            "journal_mode": "wal",
            "synchronous": 2,
            "eviction_policy": "none",
            "cull_limit": 0,
        }
        assert kv.get("n", "k").value == "v"
    stored = dict(sql(folder, "SELECT key, value FROM Settings"))
    assert {**stored, **disk.SETTINGS} == stored
    assert stored.keys() == disk.SETTINGS.keys() | disk.COUNTERS.keys()


def test_a_thread_that_comes_later_syncs_too(folder):
    found = []

    def use(kv):
        kv.set("n", "k", 1)
        found.append(kv._store._sql("PRAGMA synchronous").fetchone()[0])

    with KV.open(folder) as kv:
        sql(folder, "UPDATE Settings SET value = 0 WHERE key = 'sqlite_synchronous'")
        thread = threading.Thread(target=use, args=(kv,))
        thread.start()
        thread.join()
    assert found == [2]


def test_a_file_system_that_gives_other_settings_is_refused(folder, monkeypatch):
    monkeypatch.setattr(disk.Store, "facts", lambda self: {"journal_mode": "delete"})
    assert refused(folder) == (
        f"error[D509]: the state store in {folder} works with journal_mode = delete, expected wal\n"
        "   = help: put the state on a local disk of another kind; this one would forget what was committed"
    )


def test_nothing_is_ever_evicted(folder):
    with KV.open(folder) as kv:
        with kv.transaction() as tx:
            for number in range(3000):
                tx.set("n", f"{number:05}", "x" * 1000)
        assert sum(1 for _ in kv.list("n")) == 3001


def test_the_folder_is_private_and_its_parents_are_made(tmp_path):
    path = tmp_path / "a" / "b" / ".engine"
    with KV.open(str(path)) as kv:
        kv.set("n", "k", 1)
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {0o600}


def test_opening_an_existing_store_writes_nothing(folder):
    before = Path(folder, "cache.db").read_bytes()
    with KV.open(folder) as kv:
        assert kv.get("n", "k").value == "v"
        assert os.path.getsize(f"{folder}/cache.db-wal") == 0
    assert Path(folder, "cache.db").read_bytes() == before


def test_a_store_opens_while_another_process_writes(folder, child):
    with KV.open(folder) as kv, kv.transaction() as tx:
        tx.set("n", "k", "new")
        with child('print(KV.open(sys.argv[1]).get("n", "k").value)', folder) as process:
            assert process.communicate(timeout=20)[0] == "v\n"


def test_eight_processes_make_one_store(tmp_path, child):
    script = 'kv = KV.open(sys.argv[1])\nkv.incr("n", "count")'
    processes = [child(script, tmp_path / "state") for _ in range(8)]
    assert [process.communicate() and process.returncode for process in processes] == [0] * 8
    with KV.open(str(tmp_path / "state")) as kv:
        assert kv.get("n", "count").value == 8
    assert os.listdir(tmp_path / "state") == ["cache.db"]


def test_a_creator_that_died_is_in_nobodys_way(tmp_path):
    making = tmp_path / "state" / ".making"
    making.mkdir(parents=True)
    (making / "cache.db").write_bytes(b"half")
    with KV.open(str(tmp_path / "state")) as kv:
        assert kv.set("n", "k", 1) == 1


def test_a_full_disk_is_named_and_loses_nothing(folder):
    with KV.open(folder) as kv:
        kv._store._sql(f"PRAGMA max_page_count = {kv._store._sql('PRAGMA page_count').fetchone()[0]}")

        def grow():
            with kv.transaction() as tx:
                tx.set("n", "first", 1)
                tx.set("n", "big", "x" * 1_000_000)

        with pytest.raises(StoreError) as caught:
            grow()
        assert (
            str(caught.value)
            == f"error[D505]: the disk that holds the state store in {folder} is full\n   = help: free space and run again, nothing is lost"
        )
        assert caught.value.exit_code == 6
        assert [key for key, _ in kv.list("n")] == ["k"]
        kv._store._sql("PRAGMA max_page_count = 1000000")
        kv.set("n", "big", "x" * 1_000_000)


def test_a_busy_store_is_an_error(folder, monkeypatch):
    monkeypatch.setattr(disk, "PATIENCE", 0.05)
    with KV.open(folder) as kv, KV.open(folder) as other, kv.transaction():
        with pytest.raises(StoreError) as caught:
            other.set("n", "k", 1)
        assert (
            str(caught.value)
            == f"error[D507]: the state store in {folder} is busy: another process has kept it for 60 s\n   = help: run again when the other process has ended"
        )


def test_an_interrupted_begin_and_a_failed_commit_do_not_stay_open(folder, monkeypatch):
    with KV.open(folder) as kv:
        store = kv._store

        def write(fails):
            with kv.transaction() as tx:
                tx.set("n", "k", "never")
                if fails:
                    raise ZeroDivisionError

        for damage in ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"):

            def interrupted(statement, *values, run=store._con.execute, damage=damage):
                if statement == damage != "BEGIN IMMEDIATE":
                    raise KeyboardInterrupt
                result = run(statement, *values)
                if statement == damage:
                    raise KeyboardInterrupt
                return result

            with monkeypatch.context() as patch:
                patch.setattr(disk.Store, "_sql", property(lambda self, run=interrupted: run))
                with pytest.raises(ZeroDivisionError if damage == "ROLLBACK" else KeyboardInterrupt):
                    write(fails=damage == "ROLLBACK")
            assert kv.get("n", "k").value == "v"
            assert not store._con.in_transaction
        kv.set("n", "k", "next")
        with KV.open(folder) as other:
            assert other.get("n", "k").value == "next"
            assert other.set("n", "k", "free") == 3


def test_a_transaction_that_was_left_open_is_not_joined(folder):
    with KV.open(folder) as kv, KV.open(folder) as other:
        kv._store._sql("BEGIN IMMEDIATE")
        kv._store._txn_id = threading.get_ident()
        kv._store._abandon()
        with kv.transaction() as tx:
            tx.set("n", "k", "next")
            assert other.get("n", "k").value == "v"
        assert other.get("n", "k").value == "next"


def test_a_read_that_fails_is_not_an_absence(folder, monkeypatch):
    def broken(statement, *values):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = "SQLITE_IOERR_READ"
        raise error

    with KV.open(folder) as kv:
        with monkeypatch.context() as patch:
            patch.setattr(disk.Store, "_sql", property(lambda self: broken))
            for use in (*USES.values(), lambda kv: kv.transaction().__enter__()):
                with pytest.raises(StoreError) as caught:
                    use(kv)
                assert (
                    str(caught.value)
                    == f"error[D508]: the state store in {folder} cannot be read or written: disk I/O error"
                )
        assert kv.get("n", "k").value == "v"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    assert (
        refused(str(tmp_path / "file" / "state"))
        == f"error[D508]: the state folder {tmp_path}/file/state cannot be made: File exists"
    )
    assert (
        refused(str(tmp_path / "file"))
        == f"error[D508]: the state folder {tmp_path}/file cannot be made: Not a directory"
    )


def test_a_folder_named_like_a_variable_is_not_expanded(tmp_path):
    assert refused(f"{tmp_path}/$HOME/state") == (
        f"error[D508]: the state folder {tmp_path}/$HOME/state has the name of an environment variable in its path\n"
        "   = help: rename the folder, or set ENGINE_STATE to another one"
    )
    with KV.open(f"{tmp_path}/$no_such/~/state") as kv:
        kv.set("n", "k", 1)
    assert Path(f"{tmp_path}/$no_such/~/state/cache.db").exists()


MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/local ext4 rw 0 0
me@host: /mnt/my\\040box fuse.sshfs rw 0 0
//nas/share /mnt/nas cifs rw 0 0
/dev/vdc /mnt/nas ext4 rw 0 0
C: /mnt/c 9p rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind", "point"),
    [
        ("/home/me/.engine", "nfs4", "/home"),
        ("/home", "nfs4", "/home"),
        ("/mnt/my box/p/.engine", "fuse.sshfs", "/mnt/my box"),
        ("/mnt/c/work", "9p", "/mnt/c"),
    ],
)
def test_a_network_file_system_is_refused_with_another_way(path, kind, point):
    with pytest.raises(StoreError) as caught:
        opening.refuse_network(path, MOUNTS)
    assert (
        str(caught.value)
        == f"error[D504]: the state folder {path} is on a network file system ({kind} at {point})\n   = help: put the state on a local disk, or use a Redis state backend"
    )


@pytest.mark.parametrize("path", ["/", "/var/x", "/homer/x", "/home/local/p/.engine", "/mnt/nas/x", "/mnt/cc"])
def test_a_local_file_system_is_not(path):
    opening.refuse_network(path, MOUNTS)
    opening.refuse_network(path, "")


def test_opening_asks_where_the_folder_is(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "mounts", lambda: "nas:/x / nfs rw 0 0\n")
    assert "error[D504]" in refused(str(tmp_path / "state"))
    assert not (tmp_path / "state").exists()
