"""Files on an SFTP server: the `sftp` connection."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, cast

from engine.errors import OptionError
from engine.kinds import Store
from engine.registry import Doc, component
from engine.storage.retries import Network
from engine.storage.sftp_login import SSH_PORT, Login
from engine.storage.sftp_session import session_of
from engine.storage.sftp_store import SftpStore

_HOST: Final = re.compile(r"(?:([^@]+)@)?([^@:\[\]]+|\[[^\]]+\])(?::([0-9]{1,5}))?")


@dataclass(frozen=True, kw_only=True)
class Jump:
    """An SSH server on the way: the connection to the SFTP server goes through it."""

    host: Annotated[str, Doc("Its name or address.", min=1)]
    port: Annotated[int, Doc("Its port.", min=1, max=65535)] = SSH_PORT
    user: Annotated[str, Doc("The login there; none: the connection's `user`.")] = ""
    password: Annotated[str | None, Doc("The password there.", secret=True)] = None
    key_file: Annotated[str, Doc("The private key for it; none: as for the connection.")] = ""
    passphrase: Annotated[str | None, Doc("What opens `key_file`.", secret=True)] = None
    known_hosts: Annotated[str, Doc("The file that has its host key; none: the connection's.")] = ""


@component(
    "sftp",
    "connection",
    examples=[
        {"type": "sftp", "host": "sftp.example.com", "user": "feeds", "key_file": "keys/feeds"},
        {"type": "sftp", "host": "sftp.example.com", "user": "feeds", "password": "${env:SFTP_PASSWORD}"},
    ],
)
class Sftp(Network):
    """Files on an SFTP server (SSH file transfer, version 3, as OpenSSH and most others speak it).

    A path that begins with `/` starts at the server's root, any other at the folder of the login. A file is
    one version by its size and time; SFTP has whole seconds, so a run waits until a file is older than that.
    A link to a file is that file, as on this machine.

    The server proves who it is before anything is told to it: its host key must be in `known_hosts`. An
    unknown key and a changed one are refused, with the fingerprint and the line to add. The user logs in by
    `key_file` where one is given, else by `password` (also where the server asks for it interactively), else
    by the keys of the SSH agent. `~/.ssh/config` and the keys beside it are not read.

    An output is uploaded into a hidden folder beside its target, in requests that overlap; it is synced where
    the server can (`fsync@openssh.com`), its size is checked, and it takes its name in one step
    (`posix-rename@openssh.com`). On a server without that a target that is there can only be removed first: for a
    moment there is none, so this needs `allow_gap: true`. Nothing is ever copied on the server, so a target, its
    staging and an archive must be on one file system of it.

    A lost connection is opened again: reading goes on where it was, writing from the first byte that was not
    acknowledged, and then what was written is read back and compared. One connection serves all pipelines of the
    process that log in alike, with up to 4 MiB on the way in each file. Needs the extra `sftp`.
    """

    rooted: ClassVar[bool] = True

    host: Annotated[str, Doc("The server's name or address.", min=1)]
    port: Annotated[int, Doc("Its port.", min=1, max=65535)] = SSH_PORT
    user: Annotated[str, Doc("The login.", min=1)]
    password: Annotated[str | None, Doc("The password of the login.", secret=True)] = None
    key_file: Annotated[str, Doc("The private key of the login; a relative path starts at the file that says it.")] = ""
    passphrase: Annotated[str | None, Doc("What opens `key_file`, where it is encrypted.", secret=True)] = None
    known_hosts: Annotated[
        str, Doc("The file of host keys, as OpenSSH writes it; none: `~/.ssh/known_hosts` of this user.")
    ] = ""
    jump: Annotated[
        Jump | str | None, Doc("An SSH server on the way, `user@host:port` or a map; its host key is verified too.")
    ] = None
    allow_gap: Annotated[
        bool, Doc("Replace a target by removing it first, on a server that cannot do so in one step.")
    ] = False

    def __post_init__(self) -> None:
        if self.password is not None and self.key_file:
            raise OptionError(
                "S202", "`password` stands beside `key_file`", "keep one; what opens the key is `passphrase`"
            )
        if isinstance(self.jump, str) and not _HOST.fullmatch(self.jump):
            raise OptionError("S208", f"`{self.jump}` is not a host", "write `user@host:port`")

    def store(self, folder: str) -> Store:
        """The files of the server; it is asked when something is asked of them."""
        session = session_of(self.login(folder), self.retry, float(self.timeout))
        return cast("Store", SftpStore(session, allow_gap=self.allow_gap))

    def login(self, folder: str) -> Login:
        """How to get in, with paths that start at a folder."""
        key, known = _absolute(folder, self.key_file), _absolute(folder, self.known_hosts)
        jump = self._jump(folder)
        return Login(self.host, self.port, self.user, self.password, key, self.passphrase, known, jump)

    def _jump(self, folder: str) -> Login | None:
        if self.jump is None:
            return None
        jump = _jump_of(self.jump) if isinstance(self.jump, str) else self.jump
        known = jump.known_hosts or self.known_hosts
        own = jump.password is not None or jump.key_file
        key = jump.key_file if own else self.key_file
        password, passphrase = (jump.password, jump.passphrase) if own else (self.password, self.passphrase)
        paths = _absolute(folder, key), passphrase, _absolute(folder, known)
        return Login(jump.host, jump.port, jump.user or self.user, password, *paths)


def _jump_of(text: str) -> Jump:
    """`user@host:port` in its parts."""
    user, host, port = cast("re.Match[str]", _HOST.fullmatch(text)).groups()
    return Jump(host=host.strip("[]"), port=int(port or SSH_PORT), user=user or "")


def _absolute(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, os.path.expanduser(path))) if path else ""
