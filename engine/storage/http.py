"""Files behind a web server: the `http` connection and its store, which reads them by name."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, BinaryIO, ClassVar, Final, Literal, NoReturn, cast
from urllib.parse import quote

from engine.errors import OptionError, StoreError
from engine.kinds import Staging, Stat, Store
from engine.registry import Doc, component
from engine.storage import globs
from engine.storage.http_files import HttpFile, etag_of, mtime_of, size_of
from engine.storage.http_requests import Site, requests_of
from engine.storage.refusals import not_there
from engine.storage.retries import Network, without_user

_URL: Final = re.compile(r"https?://[^/?#@\s]+(/[^?#\s]*)?")
NEEDED: Final = {"basic": ("username", "password"), "bearer": ("token",), "api_key": ("key",)}


@dataclass(frozen=True, kw_only=True)
class Auth:
    """How a client shows who it is. `basic` needs `username` and `password`, `bearer` a `token`, `api_key` a `key`."""

    type: Annotated[Literal["none", "basic", "bearer", "api_key"], Doc("The way.")] = "none"
    username: Annotated[str, Doc("The user of `basic`.")] = ""
    password: Annotated[str, Doc("The password of `basic`, such as `${secret:WEB}`.", secret=True)] = field(
        default="", repr=False
    )
    token: Annotated[str, Doc("The token of `bearer`.", secret=True)] = field(default="", repr=False)
    key: Annotated[str, Doc("The key of `api_key`.", secret=True)] = field(default="", repr=False)
    header: Annotated[str, Doc("The header that carries the key of `api_key`.", min=1)] = "X-API-Key"

    def __post_init__(self) -> None:
        missing = [name for name in NEEDED.get(self.type, ()) if not getattr(self, name)]
        if missing:
            message = f"`auth` of type `{self.type}` needs `{missing[0]}`"
            raise OptionError("S202", message, f"write `{{type: {self.type}, {missing[0]}: ..}}`")

    def __str__(self) -> str:
        return f"{{type: {self.type}}}"


@component(
    "http",
    "connection",
    examples=[
        {"type": "http", "url": "https://example.com/feeds"},
        {"type": "http", "url": "https://example.com", "auth": {"type": "bearer", "token": "${env:WEB_TOKEN}"}},
    ],
)
class Http(Network):
    """Files of a web server, read by name: `path: orders.csv` behind `url: https://example.com/feeds`.

    A path names one file, as a web server lists nothing; a source with a glob, and every sink or archive, is refused.
    What is read is the one version that was looked at (its `ETag`, or `Last-Modified`): a file that is replaced
    meanwhile is read again. A connection that breaks is taken up where it broke, with a range where the server has
    them, else by reading over what came before; a server that gives neither of the two marks fails the unit instead.
    Without `Content-Length` a file is read to its end as it comes.

    Certificates are verified. A redirect to another host is followed only where `allow_hosts` names it, and then
    without credentials and headers.
    """

    only_reads: ClassVar[bool] = True

    url: Annotated[str, Doc("What paths are relative to, such as `https://example.com/feeds`.")]
    auth: Annotated[Auth, Doc("How the client shows who it is.")] = Auth()
    headers: Annotated[dict[str, str], Doc("Headers of every request.", secret=True)] = field(
        default_factory=dict, repr=False
    )
    allow_hosts: Annotated[list[str], Doc("Hosts beside that of `url` to which a redirect may lead.")] = ()  # type: ignore[assignment]
    ca_file: Annotated[str, Doc("A PEM file of the authorities to trust; none: the usual ones.")] = ""

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            help = "write `https://host/folder`; credentials go into `auth`"
            raise OptionError("S337", f"`{without_user(self.url)}` is not the URL of a folder", help)

    def store(self, folder: str) -> Store:
        """Its files."""
        site = Site(
            url=self.url.rstrip("/"),
            auth=self.auth,
            headers=tuple(self.headers.items()),
            allow_hosts=tuple(self.allow_hosts),
            ca_file=self.ca_file and os.path.join(folder, self.ca_file),
            timeout=self.timeout,
            retry=self.retry,
        )
        return HttpStore(site)


class HttpStore:
    """The files below one URL."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.requests = requests_of(site)

    @property
    def address(self) -> Mapping[str, str]:
        """Its URL."""
        return {"type": "http", "url": self.site.url}

    def where(self, path: str) -> str:
        """The URL of a path."""
        return f"{self.site.url}/{quote(_inside(path))}"

    def show(self, path: str) -> str:
        """The URL of a path."""
        return self.where(path)

    # --- reading

    def glob(self, pattern: str, exclude: Sequence[str] = ()) -> Iterator[Stat]:
        """The file of that name; StoreError where the pattern may mean more than one."""
        left_out = [one for each in exclude for one in globs.expand(each)]
        for path in map(_inside, globs.expand(pattern)):
            if globs.is_glob(path):
                message = f"`{self.site.url}` cannot be searched for `{pattern}`: a web server lists no files"
                raise StoreError("C212", message, "name each file: `path: '{a,b}.csv'`")
            found = self.stat(path)
            if found and not any(globs.matches(path, each) for each in left_out):
                yield found

    def stat(self, path: str) -> Stat | None:
        """The file as it is now."""
        said = self.requests.head(self.where(path))
        return None if said is None else Stat(path, size_of(said), mtime_of(said), etag_of(said))

    def open(self, path: str, stat: Stat | None = None) -> BinaryIO:
        """The file for reading, in any order."""
        stat = stat or self.stat(path)
        if stat is None:
            raise not_there(self.show(path))
        file: Any = HttpFile(self.requests, self.where(path), stat)
        return cast("BinaryIO", file)

    def exists(self, path: str) -> bool:
        """Whether a file of that name is there."""
        return self.stat(path) is not None

    # --- what a web server does not do

    def make(self, path: str, *, new: bool = False) -> None:
        """Nothing is made here."""
        self._refuse(path)

    def sync(self, paths: Sequence[str]) -> None:
        """Nothing is to be synced."""

    def staging(self, root: str, name: str, ledger: str = "") -> Staging:
        """Nothing is written here."""
        self._refuse(root)

    def is_lost(self, output: Mapping[str, Any]) -> bool:
        """Nothing is written here."""
        return True

    def publish(self, output: Mapping[str, Any]) -> None:
        """Nothing is written here."""
        self._refuse(output["path"])

    def discard(self, staging: Mapping[str, Any], keep: Collection[str] = ()) -> None:
        """Nothing is written here."""

    def rename(self, path: str, target: str) -> None:
        """Nothing is moved here."""
        self._refuse(path)

    def move(self, path: str, target: str) -> None:
        """Nothing is moved here."""
        self._refuse(path)

    def remove(self, path: str, seen: Stat | None = None) -> None:
        """Nothing is removed here."""
        self._refuse(path)

    def _refuse(self, path: str) -> NoReturn:
        message = f"`{self.show(path)}` cannot be written, moved or removed: an `http` connection only reads"
        raise StoreError("C212", message, "use another connection for sinks and archives")


def _inside(path: str) -> str:
    """The path below the URL; StoreError where it leaves it."""
    clean = path.removeprefix("./")
    if path.startswith("/") or ".." in path.split("/"):
        raise StoreError("C212", f"`{path}` leaves the URL of its connection", "write it relative to `url`")
    return clean
