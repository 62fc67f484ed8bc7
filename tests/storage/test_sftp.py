"""The `sftp` connection against real servers: OpenSSH's, OpenSSH's without its extensions, and rclone's."""

import errno
import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.errors import AccessError, EngineError, OptionError, StoreError, TransientError
from engine.hidden import Secret
from engine.kinds import Stat
from engine.storage.retries import Backoff, Retry
from engine.storage.sftp import Sftp

pytest.importorskip("asyncssh", reason="needs asyncssh: pip install 'pipeline-engine[sftp]'")


def beside(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


servers, proxies = beside("sftp_servers"), beside("sftp_proxy")
FAST = Retry(attempts=5, backoff=Backoff(0.01, 0.05))
ONCE = Retry(attempts=1)


@pytest.fixture(scope="module")
def openssh(tmp_path_factory):
    with servers.OpenSsh(tmp_path_factory.mktemp("openssh")) as server:
        yield server


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    with servers.PlainSsh(tmp_path_factory.mktemp("plain")) as server:
        yield server


@pytest.fixture(scope="module")
def rclone(tmp_path_factory):
    with servers.Rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


KINDS = [
    pytest.param("openssh", marks=servers.NEEDS_SSHD),
    pytest.param("plain", marks=servers.NEEDS_SSHD),
    pytest.param("rclone", marks=servers.NEEDS_RCLONE),
]
TWO = [KINDS[0], KINDS[2]]


@pytest.fixture
def server(request):
    return request.getfixturevalue(request.param)


def connect(server, **more):
    return Sftp(**{"retry": FAST, **server.options, **more}).store("/")


def put(store, path, data, name=".u.1.part", root="out"):
    """An output as a run makes it, published; its intent."""
    staging = store.staging(root, name)
    file = staging.open(path)
    for at in range(0, len(data), 100_000):
        file.write(data[at : at + 100_000])
    file.close()
    output = {**staging.details(path), "path": path, "bytes": len(data), "sha256": "?"}
    store.publish(output)
    staging.destroy()
    return output


def read(store, path):
    with store.open(path) as file:
        return file.read()


# --- the store


@pytest.mark.parametrize("server", KINDS, indirect=True)
def test_what_is_published_is_read_and_found_again(server):
    store, data = connect(server), os.urandom(2_000_003)
    put(store, "out/a/deep/one.csv", data)
    assert read(store, "out/a/deep/one.csv") == data
    (found,) = store.glob("out/**/*.csv")
    assert (found.path, found.size) == ("out/a/deep/one.csv", len(data))
    assert store.stat("out/a/deep") is None
    assert store.exists("out/a/deep")
    assert not store.exists("out/.u.1.part")


@pytest.mark.parametrize("server", KINDS, indirect=True)
def test_an_empty_file(server):
    store = connect(server)
    put(store, "empty/none.csv", b"")
    assert store.stat("empty/none.csv").size == 0
    assert read(store, "empty/none.csv") == b""


@pytest.mark.parametrize("server", TWO, indirect=True)
def test_a_target_is_replaced_in_one_step(server):
    store = connect(server)
    put(store, "again/one.csv", b"old", root="again")
    output = put(store, "again/one.csv", b"newer", ".u.2.part", root="again")
    assert read(store, "again/one.csv") == b"newer"
    store.publish(output)  # done before
    assert read(store, "again/one.csv") == b"newer"


@servers.NEEDS_SSHD
def test_without_posix_rename_a_target_is_replaced_only_where_a_gap_is_allowed(plain):
    store = connect(plain)
    put(store, "gap/one.csv", b"old", root="gap")
    with pytest.raises(StoreError) as caught:
        put(store, "gap/one.csv", b"new", ".u.2.part", root="gap")
    assert str(caught.value) == (
        f"error[C207]: the server cannot replace `sftp://127.0.0.1:{plain.port}/~/gap/one.csv` in one step\n"
        "   = help: set `allow_gap: true` to have it removed first, or write to new names"
    )
    assert read(store, "gap/one.csv") == b"old"
    put(connect(plain, allow_gap=True), "gap/one.csv", b"new", ".u.3.part", root="gap")
    assert read(store, "gap/one.csv") == b"new"


@pytest.mark.parametrize("server", KINDS, indirect=True)
def test_a_move_never_replaces(server):
    store = connect(server)
    put(store, "in/a.csv", b"a", root="in")
    put(store, "in/b.csv", b"b", ".u.2.part", root="in")
    store.move("in/a.csv", "done/2026/a.csv")
    assert read(store, "done/2026/a.csv") == b"a"
    with pytest.raises(StoreError) as caught:
        store.move("in/b.csv", "done/2026/a.csv")
    assert caught.value.message == f"`{store.show('done/2026/a.csv')}` is there already"
    assert read(store, "in/b.csv") == b"b"


@pytest.mark.parametrize("server", KINDS, indirect=True)
def test_what_was_discarded_is_not_published(server):
    store = connect(server)
    staging = store.staging("fence", ".u.1.part")
    file = staging.open("fence/one.csv")
    file.write(b"x")
    file.close()
    output = {**staging.details("fence/one.csv"), "path": "fence/one.csv", "bytes": 1, "sha256": "?"}
    assert not store.is_lost(output)
    store.discard(staging.address())
    store.publish(output)
    assert not store.exists("fence/one.csv")


@pytest.mark.parametrize("server", TWO, indirect=True)
def test_gone_with_its_staging_it_waits_for_a_person(server):
    store, data = connect(server), b"taken"
    staging = store.staging("taken", ".u.1.part")
    file = staging.open("taken/one.csv")
    file.write(data)
    file.close()
    sha256 = "2850c65fad5de3c17b4dae5d22b1ee7d0a8f3c1db44e1d2fb5d01dc7d6a5f7c9"
    output = {**staging.details("taken/one.csv"), "path": "taken/one.csv", "bytes": len(data), "sha256": sha256}
    store.publish(output)
    assert not store.is_lost(output), "missing from an intact staging it was published"
    store.remove("taken/one.csv")
    assert not store.is_lost(output), "also where a reader has taken it since"
    store.discard(staging.address())
    with pytest.raises(StoreError) as caught:
        store.is_lost(output)
    place = f"sftp://127.0.0.1:{server.port}/~/taken"
    assert str(caught.value) == (
        f"error[C206]: `{place}/one.csv` is not there, and its staging `{place}/.u.1.part` is gone: whether it arrived"
        f" is not known\n   = help: if a reader took it, make the folder `{place}/.u.1.part`; if not, put any file in"
        " its place; then run again"
    )
    put(store, "taken/one.csv", b"other", ".u.2.part", root="taken")
    assert store.is_lost(output), "something else stands there: it never arrived"
    store.make("taken/.u.1.part")
    assert not store.is_lost(output)


@servers.NEEDS_SSHD
def test_listing(openssh):
    store, home = connect(openssh), Path(openssh.home, "listing")
    names = ["a.csv", "b.csv", "sub/c.csv", "sub/.hidden/d.csv", ".u.1.part/e.csv", "x#1?.csv", "sp ace\nline.csv"]
    names += ["é.csv", "e\u0301.csv", os.fsdecode(b"\xff.csv")]
    for name in names:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("1")
    (home / "link.csv").symlink_to("a.csv")
    (home / "nowhere.csv").symlink_to("gone")
    (home / "linked").symlink_to("sub")
    (home / "sub/up").symlink_to("..")

    def found(pattern, *exclude):
        return [stat.path.removeprefix("listing/") for stat in store.glob(f"listing/{pattern}", exclude)]

    flat = sorted(["a.csv", "b.csv", "link.csv", "x#1?.csv", "sp ace\nline.csv", *names[-3:]])
    assert found("*.csv") == flat
    assert found("**/*.csv") == sorted([*flat, "sub/c.csv"])
    assert found("*/*.csv") == ["linked/c.csv", "sub/c.csv"]
    assert found("*/*/*.csv") == []
    assert found("{a,b}.csv", "listing/b*") == ["a.csv"]
    assert found("a.csv") == ["a.csv"]
    assert found("none/*.csv") == []
    absolute = [stat.path for stat in store.glob(f"{openssh.home}/listing/[ab].csv")]
    assert absolute == [f"{openssh.home}/listing/a.csv", f"{openssh.home}/listing/b.csv"]
    for stat in store.glob("listing/*.csv"):
        assert read(store, stat.path) == b"1"


@servers.NEEDS_RCLONE
def test_a_pattern_at_the_root(rclone):
    store = connect(rclone)
    put(store, "/root.csv", b"1", root="/")
    assert [stat.path for stat in store.glob("/*.csv")] == ["/root.csv"]


@servers.NEEDS_SSHD
def test_2500_files_are_all_listed(openssh):
    folder = Path(openssh.home, "many")
    folder.mkdir()
    for number in range(2500):
        (folder / f"f{number:05}.csv").touch()
    paths = [stat.path for stat in connect(openssh).glob("many/*.csv")]
    assert paths == [f"many/f{number:05}.csv" for number in range(2500)]


@pytest.mark.parametrize("server", KINDS, indirect=True)
def test_refusals(server):
    store = connect(server)
    put(store, "odd/file.csv", b"1", root="odd")

    def said(action):
        with pytest.raises(StoreError) as caught:
            action()
        return caught.value.code, caught.value.message

    at = f"sftp://127.0.0.1:{server.port}/~/odd"
    assert said(lambda: store.open("odd/gone.csv")) == ("C101", f"`{at}/gone.csv` is not there")
    assert said(lambda: store.make("odd/file.csv/sub")) == ("C104", f"`{at}/file.csv` is a file, a folder is needed")
    assert said(lambda: store.create("odd/file.csv/x")) == ("C104", f"`{at}/file.csv` is a file, a folder is needed")
    assert said(lambda: store.make("odd", new=True)) == ("C104", f"`{at}` is there already")
    assert said(lambda: store.staging(".", ".u.part").open("odd")) == ("C104", f"`{at}` is a folder, a file is needed")
    assert said(lambda: store.rename("odd/gone.csv", "odd/x.csv"))[0] == "C101"
    assert said(lambda: store.make("odd/" + "n" * 300))[0] == "C104"
    with pytest.raises(OSError, match=os.strerror(errno.ESTALE)):
        store.open("odd/file.csv", Stat("odd/file.csv", 7, 7))
    store.remove("odd/gone.csv")


@servers.NEEDS_SSHD
def test_a_folder_that_may_not_be_written(tmp_path):
    with servers.OpenSsh(tmp_path, flags="-R") as server, pytest.raises(StoreError) as caught:
        connect(server).make("out")
    assert str(caught.value) == (
        f"error[C102]: `sftp://127.0.0.1:{server.port}/~/out` may not be read or written by this user\n"
        "   = help: give the user of the connection the right to read, list and write there"
    )


@servers.NEEDS_SSHD
def test_a_full_disk(openssh):
    disk = Path(openssh.home, "disk")
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk: run as root")
    try:
        store = connect(openssh)
        file = store.staging("disk", ".u.1.part").open("disk/big.csv")

        def fill():
            for _ in range(40):
                file.write(os.urandom(100_000))
            file.close()

        with pytest.raises(StoreError) as caught:
            fill()
        file.abandon()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
    assert str(caught.value) == (
        f"error[C103]: `sftp://127.0.0.1:{openssh.port}/~/disk/.u.1.part/big.csv` cannot be written: the disk is full\n"
        "   = help: free space and run again: nothing is lost"
    )


# --- what befalls a connection


@pytest.mark.parametrize("server", TWO, indirect=True)
def test_a_connection_cut_while_reading_is_resumed(server):
    data = os.urandom(6_000_000)
    put(connect(server), "cut/read.bin", data, root="cut")
    with proxies.Proxy(server.port) as proxy:
        server.trust(proxy.port)
        store = connect(server, port=proxy.port)
        proxy.cut_down = 2_000_000
        assert read(store, "cut/read.bin") == data
        assert proxy.cuts == 1


@servers.NEEDS_SSHD
def test_a_connection_cut_while_writing_is_resumed(openssh):
    data = os.urandom(6_000_000)
    with proxies.Proxy(openssh.port) as proxy:
        openssh.trust(proxy.port)
        store = connect(openssh, port=proxy.port)
        for cut in (50_000, 3_000_000, 5_900_000):
            proxy.cut_up = cut
            put(store, "cut/write.bin", data, f".u.{cut}.part", root="cut")
            store.exists("cut")
            proxy.cut()
        assert proxy.cuts == 3
    assert Path(openssh.home, "cut/write.bin").read_bytes() == data


@servers.NEEDS_RCLONE
def test_a_server_that_cannot_go_on_writing_says_so(rclone):
    data = os.urandom(6_000_000)
    with proxies.Proxy(rclone.port) as proxy:
        rclone.trust(proxy.port)
        store = connect(rclone, port=proxy.port)
        proxy.cut_up = 5_500_000
        with pytest.raises(StoreError):
            put(store, "cut/write.bin", data, root="cut")
        store.remove("cut/.u.1.part")
        put(store, "cut/write.bin", data, root="cut")
        assert read(store, "cut/write.bin") == data


@servers.NEEDS_SSHD
def test_what_the_server_lost_is_noticed(openssh):
    """A server that was restarted may have forgotten what it acknowledged."""
    with proxies.Proxy(openssh.port) as proxy:
        openssh.trust(proxy.port)
        store = connect(openssh, port=proxy.port)
        file = store.staging("forgot", ".u.1.part").open("forgot/x.bin")
        file.write(b"a" * 1_000_000)
        file.park()
        proxy.cut()
        Path(openssh.home, "forgot/.u.1.part/x.bin").write_bytes(bytes(1_000_000))
        file.write(b"b")
        with pytest.raises(StoreError) as caught:
            file.close()
    shown = f"sftp://127.0.0.1:{proxy.port}/~/forgot/.u.1.part/x.bin"
    assert caught.value.code == "C204"
    assert caught.value.message == f"`{shown}` is not what was written: 1,000,001 of 1,000,001 bytes arrived whole"


@servers.NEEDS_SSHD
def test_a_parked_file_goes_on(openssh):
    store = connect(openssh)
    staging = store.staging("park", ".u.1.part")
    files = [staging.open(f"park/{number}.csv") for number in range(3)]
    for turn in range(4):
        for number, file in enumerate(files):
            file.write(f"{number}.{turn}\n".encode())
            file.park()
    for file in files:
        file.close()
    assert Path(openssh.home, "park/.u.1.part/2.csv").read_text() == "2.0\n2.1\n2.2\n2.3\n"


@servers.NEEDS_SSHD
def test_a_file_that_is_replaced_while_the_connection_is_lost_is_stale(openssh):
    path = Path(openssh.home, "stale.bin")
    path.write_bytes(os.urandom(6_000_000))
    with proxies.Proxy(openssh.port) as proxy:
        openssh.trust(proxy.port)
        store = connect(openssh, port=proxy.port)
        with store.open("stale.bin") as file:
            file.read(1000)
            proxy.cut()
            path.write_bytes(os.urandom(6_000_001))
            with pytest.raises(OSError, match=os.strerror(errno.ESTALE)):
                file.read()


@servers.NEEDS_SSHD
def test_a_server_killed_and_restarted(tmp_path):
    server = servers.OpenSsh(tmp_path).start()
    try:
        store = connect(server, retry=Retry(attempts=20, backoff=Backoff(0.1, 0.2)))
        put(store, "a.csv", b"1", root=".")
        server.stop()
        threading.Timer(0.5, server.start).start()
        assert read(store, "a.csv") == b"1"
        server.stop()
        with pytest.raises(TransientError) as caught:
            connect(server, retry=Retry(attempts=2, backoff=Backoff(0.01, 0.02))).stat("a.csv")
    finally:
        server.stop()
    assert str(caught.value) == (
        f"error[C201]: `127.0.0.1:{server.port}` cannot be reached: Connect call failed ('127.0.0.1', {server.port}),"
        " 2 times in a row\n   = help: see whether the connection's address is right and the server is up"
    )


@servers.NEEDS_SSHD
def test_a_silent_server(openssh):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(TransientError) as caught:
            connect(openssh, port=port, retry=ONCE, timeout=0.3).stat("a")
        assert time.monotonic() - began < 5
    assert str(caught.value) == (
        f"error[C203]: `127.0.0.1:{port}` did not answer within 0.3 s\n   = help: see whether it is up, or raise `timeout`"
    )


# --- who is let in, and to whom


def refusal(server, **more):
    with pytest.raises(EngineError) as caught:
        connect(server, retry=ONCE, **more).stat("a")
    assert isinstance(caught.value, AccessError)
    assert caught.value.exit_code == 7
    assert "sesame" not in repr(caught.getrepr(showlocals=False)) + repr(caught.value.__context__)
    return str(caught.value)


def fingerprint(path):
    return subprocess.run(["ssh-keygen", "-lf", path], check=True, capture_output=True, text=True).stdout.split()[1]


def public(path):
    return " ".join(Path(f"{path}.pub").read_text().split()[:2])


@servers.NEEDS_SSHD
def test_an_unknown_host_key(openssh, tmp_path):
    known = tmp_path / "known"
    known.write_text(f"other.example.com {public(openssh.host_key)}\n")
    assert refusal(openssh, known_hosts=str(known)) == (
        f"error[A110]: the host key of `127.0.0.1:{openssh.port}` is not known: ssh-ed25519"
        f" {fingerprint(openssh.host_key)}\n   = help: ask the server's owner whether it is his, then add to `{known}`:"
        f" `[127.0.0.1]:{openssh.port} {public(openssh.host_key)}`"
    )


@servers.NEEDS_SSHD
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_changed_host_key(openssh, tmp_path, kind):
    other, known = servers.make_key(str(tmp_path / "other"), kind=kind), tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{openssh.port} {public(other)}\n")
    assert refusal(openssh, known_hosts=str(known)) == (
        f"error[A111]: the host key of `127.0.0.1:{openssh.port}` changed: it is ssh-ed25519"
        f" {fingerprint(openssh.host_key)}, `{known}` has ssh-{kind} {fingerprint(other)}\n"
        "   = help: somebody may stand between you and the server: ask its owner; only if he confirms the new key,"
        f" replace the old line by `[127.0.0.1]:{openssh.port} {public(openssh.host_key)}`"
    )


@servers.NEEDS_SSHD
def test_a_revoked_host_key(openssh, tmp_path):
    known = tmp_path / "known"
    known.write_text(Path(openssh.known_hosts).read_text() + f"@revoked * {public(openssh.host_key)}\n")
    assert refusal(openssh, known_hosts=str(known)) == (
        f"error[A111]: the host key of `127.0.0.1:{openssh.port}` is revoked in `{known}`: ssh-ed25519"
        f" {fingerprint(openssh.host_key)}\n"
        "   = help: whoever has it is not the server any more: ask its owner for the new one"
    )


@servers.NEEDS_SSHD
def test_the_users_own_known_hosts(openssh, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "A110" in refusal(openssh, known_hosts="")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/known_hosts").write_text(Path(openssh.known_hosts).read_text())
    assert connect(openssh, known_hosts="", retry=ONCE).stat("none") is None


@servers.NEEDS_SSHD
def test_known_hosts_that_cannot_be_used(openssh, tmp_path):
    assert refusal(openssh, known_hosts=str(tmp_path / "none")) == (
        f"error[A112]: the known hosts in `{tmp_path}/none` cannot be used: it is not there\n"
        "   = help: mend `known_hosts`"
    )
    (tmp_path / "odd").write_text("one-word\n")
    assert "a line of it is no entry" in refusal(openssh, known_hosts=str(tmp_path / "odd"))


@servers.NEEDS_SSHD
def test_keys(openssh, tmp_path):
    key = servers.make_key(str(tmp_path / "key"), "sesame")
    assert refusal(openssh, key_file=key) == (
        f"error[A112]: `{key}` is encrypted\n   = help: give its `passphrase`, as `${{secret:NAME}}`"
    )
    assert refusal(openssh, key_file=key, passphrase=Secret("sesam")) == (
        f"error[A112]: the `passphrase` does not open `{key}`\n   = help: give the one that the key was made with"
    )
    assert refusal(openssh, key_file=key, passphrase=Secret("sesame")) == (
        f"error[A101]: `127.0.0.1:{openssh.port}` refuses the credentials: it does not know the key `{key}` of user"
        " `root`\n   = help: check those of the connection"
    )
    openssh.authorize(key)
    assert connect(openssh, key_file=key, passphrase=Secret("sesame")).stat("none") is None
    assert refusal(openssh, key_file=f"{key}.pub") == (
        f"error[A112]: `{key}.pub` holds no private key\n   = help: name the private key, not its `.pub`"
    )
    assert refusal(openssh, key_file=f"{tmp_path}/none") == (
        f"error[A112]: `{tmp_path}/none` cannot be read: No such file or directory\n"
        "   = help: the path starts at the file that says it"
    )


@servers.NEEDS_RCLONE
def test_passwords(rclone):
    assert connect(rclone, password=Secret(rclone.password)).stat("none") is None
    assert refusal(rclone, password=Secret("sesame")) == (
        f"error[A101]: `127.0.0.1:{rclone.port}` refuses the credentials: user `feeds` or the password is wrong\n"
        "   = help: check those of the connection"
    )


@servers.NEEDS_SSHD
def test_the_agent(openssh, monkeypatch, tmp_path):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert refusal(openssh, key_file="") == (
        f"error[A113]: there is nothing to log in with at `127.0.0.1:{openssh.port}`\n"
        "   = help: give the connection its credentials, as `${env:NAME}` or `${file:path}`"
    )
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        while not (tmp_path / "agent").exists():
            time.sleep(0.01)
        assert "A113" in refusal(openssh, key_file="")
        stranger = servers.make_key(str(tmp_path / "stranger"))
        subprocess.run(["ssh-add", "-q", stranger], check=True, capture_output=True)
        assert refusal(openssh, key_file="") == (
            f"error[A101]: `127.0.0.1:{openssh.port}` refuses the credentials: it knows no key that the SSH agent has"
            " for user `root`\n   = help: check those of the connection"
        )
        subprocess.run(["ssh-add", "-q", openssh.key], check=True, capture_output=True)
        assert connect(openssh, key_file="").stat("none") is None
    finally:
        agent.kill()
        agent.wait()


@servers.NEEDS_SSHD
def test_a_jump_host(openssh, tmp_path):
    with servers.OpenSsh(tmp_path / "jump") as jump:
        both = tmp_path / "known"
        both.write_text(Path(openssh.known_hosts).read_text() + Path(jump.known_hosts).read_text())
        jump.authorize(openssh.key)
        way = f"root@127.0.0.1:{jump.port}"
        store = connect(openssh, jump=way, known_hosts=str(both))
        put(store, "jumped.csv", b"1", root=".")
        assert Path(openssh.home, "jumped.csv").read_bytes() == b"1"
        own = jump_options(jump)
        assert connect(openssh, jump=own).stat("jumped.csv").size == 1
        assert f"the host key of `127.0.0.1:{jump.port}` is not known" in refusal(openssh, jump=way)
        assert f"the host key of `127.0.0.1:{openssh.port}` is not known" in refusal(
            openssh, jump=way, known_hosts=jump.known_hosts
        )
        with pytest.raises(TransientError) as caught:
            connect(openssh, jump=own, port=1, retry=ONCE).stat("a")
        assert caught.value.message == (
            f"`127.0.0.1:1 through `127.0.0.1:{jump.port}`` cannot be reached: Connection refused"
        )


def jump_options(jump):
    from engine.storage.sftp import Jump

    return Jump(host="127.0.0.1", port=jump.port, user="root", key_file=jump.key, known_hosts=jump.known_hosts)


def test_options_that_do_not_go_together():
    with pytest.raises(OptionError, match="`password` stands beside `key_file`"):
        Sftp(host="h", user="u", password=Secret("p"), key_file="k")
    with pytest.raises(OptionError, match="`a b@c:x` is not a host"):
        Sftp(host="h", user="u", jump="a b@c:x")


def test_the_address_and_the_repr_hold_no_secret():
    made = Sftp(host="h", user="u", password=Secret("sesame"))
    store = made.store("/")
    assert dict(store.address) == {"type": "sftp", "host": "h", "port": "22", "user": "u"}
    assert "sesame" not in repr(made) + repr(made.login("/")) + repr(vars(store))
    assert store.show("/a/b.csv") == "sftp://h/a/b.csv"
    assert store.show("a/../b.csv") == "sftp://h/~/b.csv"
    assert store.where("./b.csv") == store.where("b.csv")


# --- size


@servers.NEEDS_SSHD
def test_50_mb_both_ways_in_flat_memory(openssh, tmp_path):
    """In a process of its own: what it takes beyond its start is a few megabytes, whatever the size."""
    program = """
import hashlib, resource, sys
from engine.storage.sftp import Sftp
host, port, known, key = sys.argv[1:]
store = Sftp(host=host, port=int(port), user="root", known_hosts=known, key_file=key).store("/")
block = bytes(range(256)) * 4096
def through(count, name):
    staging, digest = store.staging("flat", name), hashlib.sha256()
    file = staging.open("flat/big.bin")
    for _ in range(count):
        file.write(block)
        digest.update(block)
    file.close()
    store.publish({**staging.details("flat/big.bin"), "path": "flat/big.bin"})
    staging.destroy()
    back = hashlib.sha256()
    with store.open("flat/big.bin") as file:
        while data := file.read(1 << 20):
            back.update(data)
    assert back.digest() == digest.digest()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
through(8, ".u.1.part")
before = through(8, ".u.2.part")
print(through(50, ".u.3.part") - before)
"""
    words = [sys.executable, "-c", program, "127.0.0.1", str(openssh.port), openssh.known_hosts, openssh.key]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 24 * 1024
    assert not done.stderr


def test_nothing_heavy_is_imported_before_it_is_needed():
    program = (
        "import sys, engine.storage.sftp; print(sorted({'asyncssh', 'fsspec', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == "[]\n", done.stderr
