"""Getting into an SSH server: it is known by its host key before it is told anything, then the user logs in.

A host key is looked up in a file of known hosts and never taken on trust. The user's own `~/.ssh/config` and the keys
beside it are not read: a spec reaches what it says, on every machine the same.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from engine.errors import AccessError, StoreError
from engine.hidden import revealed
from engine.storage import refusals

if TYPE_CHECKING:
    import asyncssh

SSH_PORT: Final = 22
KEEP_ALIVE: Final = 15.0
"""Seconds of silence after which the other side is asked whether it is still there; three such are the end."""
CIPHERS: Final = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
"""Taken first where the server has them: a packet is one call, and the records' own thread goes on meanwhile."""
AGENT: Final = "SSH_AUTH_SOCK"
USER_HOSTS: Final = "~/.ssh/known_hosts"


@dataclass(frozen=True)
class Login:
    """Where a server is and how to get in; paths are absolute. Equal ones share their session."""

    host: str
    port: int
    user: str
    password: Any = None
    key_file: str = ""
    passphrase: Any = None
    known_hosts: str = ""
    jump: Login | None = None

    @property
    def place(self) -> str:
        """The server for messages."""
        return f"{self.host}:{self.port}"


async def log_in(login: Login, patience: float) -> asyncssh.SSHClientConnection:
    """A connection, through its jump host where it has one; AccessError where a key or a credential is refused."""
    try:
        import asyncssh
    except ImportError:
        help = "pip install 'pipeline-engine[sftp]'"
        raise StoreError(
            "C214", "an `sftp` connection needs the library asyncssh, which is not installed", help
        ) from None

    tunnel = await log_in(login.jump, patience) if login.jump else None
    try:
        known = _known_hosts(login)
        async with _offered(login) as offered:
            made = await asyncssh.connect(
                login.host, login.port, tunnel=tunnel, username=login.user, known_hosts=known, config=None,
                gss_auth=False, gss_kex=False, host_based_auth=False, x509_trusted_certs=None,
                connect_timeout=patience, login_timeout=patience, keepalive_interval=KEEP_ALIVE,
                encryption_algs=CIPHERS, **offered,
            )  # fmt: skip
    except BaseException as error:
        raised = await _refusal(login, tunnel, error, patience)
        if tunnel:
            tunnel.abort()
        if raised is error:
            raise
        raise raised from None  # the library's errors may quote what was sent
    if tunnel:
        made.set_extra_info(tunnel=tunnel)
    return made


@asynccontextmanager
async def _offered(login: Login) -> AsyncIterator[dict[str, Any]]:
    """What the server is offered while the login goes on, and nothing else."""
    nothing: dict[str, Any] = {"password": None, "client_keys": None, "agent_path": None}
    if login.key_file:
        yield {**nothing, "client_keys": [_key(login)]}
    elif login.password is not None:
        yield {**nothing, "password": revealed(login.password)}
    else:
        async with _agent_keys() as keys:
            if not keys:
                raise refusals.without_credentials(login.place)
            yield {**nothing, "client_keys": keys}


@asynccontextmanager
async def _agent_keys() -> AsyncIterator[Sequence[Any]]:
    """The keys that the user's SSH agent holds; none where there is no agent."""
    import asyncssh

    if not os.environ.get(AGENT):
        yield ()
        return
    agent = asyncssh.SSHAgentClient(os.environ[AGENT])
    try:
        try:
            keys = list(await agent.get_keys())
        except (OSError, ValueError):
            keys = []
        yield keys
    finally:
        agent.close()


def _key(login: Login) -> Any:
    """The user's private key, decrypted."""
    import asyncssh

    passphrase = None if login.passphrase is None else revealed(login.passphrase)
    try:
        return asyncssh.read_private_key(login.key_file, passphrase)
    except OSError as error:
        message, help = (
            f"`{login.key_file}` cannot be read: {error.strerror}",
            "the path starts at the file that says it",
        )
    except asyncssh.KeyEncryptionError:
        message, help = f"the `passphrase` does not open `{login.key_file}`", "give the one that the key was made with"
    except asyncssh.KeyImportError as error:
        if "assphrase must be" in str(error):
            message, help = f"`{login.key_file}` is encrypted", "give its `passphrase`, as `${secret:NAME}`"
        else:
            message, help = f"`{login.key_file}` holds no private key", "name the private key, not its `.pub`"
    raise AccessError("A112", message, help)


# --- the host's key


def _known_hosts(login: Login) -> asyncssh.SSHKnownHosts:
    """The keys of hosts that the user trusts; no file of his own is as good as an empty one."""
    import asyncssh

    path = login.known_hosts or os.path.expanduser(USER_HOSTS)
    try:
        return asyncssh.read_known_hosts(path)
    except FileNotFoundError:
        if not login.known_hosts:
            return asyncssh.import_known_hosts("")
        reason = "it is not there"
    except OSError as error:
        reason = error.strerror or "it cannot be read"
    except ValueError:
        reason = "a line of it is no entry"
    raise AccessError("A112", f"the known hosts in `{path}` cannot be used: {reason}", "mend `known_hosts`")


async def _refusal(
    login: Login, tunnel: asyncssh.SSHClientConnection | None, error: BaseException, patience: float
) -> BaseException:
    """What kept us out, as an error with a code and something to do."""
    import asyncssh

    if isinstance(error, asyncssh.PermissionDenied):
        return refusals.not_admitted(login.place, _said(login))
    if isinstance(error, TimeoutError) or (isinstance(error, asyncssh.ConnectionLost) and "timeout" in str(error)):
        return refusals.silent(login.place, patience)
    in_handshake = isinstance(
        error, (asyncssh.DisconnectError, ConnectionResetError)
    )  # also where kinds of keys differ
    if in_handshake and (raised := await _untrusted(login, tunnel, patience)):
        return raised
    if isinstance(error, (asyncssh.Error, OSError)):
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
        through = f" through `{login.jump.place}`" if login.jump else ""
        return refusals.unreachable(login.place + through, reason)
    return error


def _said(login: Login) -> str:
    """What the server did not take."""
    if login.key_file:
        return f"it does not know the key `{login.key_file}` of user `{login.user}`"
    if login.password is not None:
        return f"user `{login.user}` or the password is wrong"
    return f"it knows no key that the SSH agent has for user `{login.user}`"


async def _untrusted(login: Login, tunnel: asyncssh.SSHClientConnection | None, patience: float) -> AccessError | None:
    """An unknown host or a changed one: the key that it shows, and what to do about it. None where it is neither."""
    import asyncssh

    try:
        from asyncio import timeout  # 75 ms, with all that it brings

        async with timeout(patience):
            key = await asyncssh.get_server_host_key(login.host, login.port, tunnel=tunnel or (), config=None)
    except (asyncssh.Error, OSError, TimeoutError):
        return None
    known, _, revoked, *_ = asyncssh.match_known_hosts(_known_hosts(login), login.host, "", login.port)
    if key is None or (key in known and key not in revoked):
        return None
    where = login.known_hosts or USER_HOSTS
    name = login.host if login.port == SSH_PORT else f"[{login.host}]:{login.port}"
    line = f"{name} {key.export_public_key().decode().strip()}"
    shown = f"{key.get_algorithm()} {key.get_fingerprint()}"
    if key in revoked:
        message = f"the host key of `{login.place}` is revoked in `{where}`: {shown}"
        return AccessError("A111", message, "whoever has it is not the server any more: ask its owner for the new one")
    if known:
        message = f"the host key of `{login.place}` changed: it is {shown}, `{where}` has {_listed(known)}"
        help = (
            "somebody may stand between you and the server: ask its owner; "
            f"only if he confirms the new key, replace the old line by `{line}`"
        )
        return AccessError("A111", message, help)
    message = f"the host key of `{login.place}` is not known: {shown}"
    return AccessError("A110", message, f"ask the server's owner whether it is his, then add to `{where}`: `{line}`")


def _listed(keys: Sequence[asyncssh.SSHKey]) -> str:
    return ", ".join(f"{key.get_algorithm()} {key.get_fingerprint()}" for key in keys)
