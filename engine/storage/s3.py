"""Files in a bucket: the `s3` connection and its store."""

from __future__ import annotations

import dataclasses
import errno
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Annotated, Any, BinaryIO, ClassVar, Final, cast

from engine.errors import OptionError, StoreError
from engine.kinds import Stat, Store
from engine.registry import Doc, component
from engine.storage import globs
from engine.storage.ranges import RangedFile
from engine.storage.refusals import not_there
from engine.storage.retries import Network, without_user
from engine.storage.s3_client import Account, Said, client_of, etag_of
from engine.storage.s3_copies import copy
from engine.storage.s3_publishing import MultipartPublishing, nanoseconds

_ENDPOINT: Final = re.compile(r"https?://[^/?#@\s]+/?")


@component(
    "s3",
    "connection",
    examples=[
        {"type": "s3", "bucket": "acme-drop", "region": "eu-central-1"},
        {"type": "s3", "bucket": "drop", "endpoint": "https://minio.example.com:9000", "profile": "minio"},
    ],
)
class S3(Network):
    """A bucket of S3, or of a server that speaks its protocol; paths that use the connection are keys in it.

    Without `key` and `secret` the credentials are those of the environment: `AWS_ACCESS_KEY_ID`, a profile, the role of
    the machine. They need the rights to list the bucket, to get, put and delete objects, and to list and abort uploads.

    **Listing** asks for all keys below the folders that a glob names outright, a request for each 1,000, never from a
    cache. A key that ends in `/` stands for a folder and is no file. **Reading** takes ranges of 8 MiB, one ahead, of
    the one version that was listed (its ETag): an object that is replaced meanwhile is read again, a connection that
    breaks is taken up where it broke. **Writing** sends each output as one multipart upload in parts of 8 MiB, which
    the server compares with a checksum, and completes it when the unit is published: a reader sees the old object or
    the new one. `engine-attempt` in an object's metadata says which attempt wrote it. **Moving**, and so archiving, is
    a copy on the server and a delete, as S3 has nothing else; each file of an archive is copied twice.

    An output takes 64 KiB of memory while it is open, more of it waits in the state folder; parts on their way take
    16 MiB for the bucket. Uploads that a lost state folder leaves behind cost storage until they are aborted: `engine
    state gc --yes` does, once nobody else writes there, or give the bucket a lifecycle rule
    (`AbortIncompleteMultipartUpload`) of more days than a run may wait to be taken up.
    """

    keeps_facts: ClassVar[bool] = True

    bucket: Annotated[str, Doc("The bucket.", min=1)]
    endpoint: Annotated[str, Doc("The server, such as `https://minio.example.com:9000`; none: Amazon's.")] = ""
    region: Annotated[str, Doc("The region, such as `eu-central-1`; none: that of the environment.")] = ""
    key: Annotated[str, Doc("The access key id, such as `${env:S3_KEY}`.", secret=True)] = field(default="", repr=False)
    secret: Annotated[str, Doc("The secret access key, such as `${secret:S3_SECRET}`.", secret=True)] = field(
        default="", repr=False
    )
    token: Annotated[str, Doc("The session token of temporary credentials.", secret=True)] = field(
        default="", repr=False
    )
    profile: Annotated[str, Doc("A profile of `~/.aws/config` that holds the credentials.")] = ""
    path_style: Annotated[
        bool | None, Doc("Whether the bucket is part of the path and not of the host; with an `endpoint` it is.")
    ] = None
    ca_file: Annotated[str, Doc("A PEM file of the authorities to trust; none: those of the system.")] = ""

    def __post_init__(self) -> None:
        if self.endpoint and not _ENDPOINT.fullmatch(self.endpoint):
            raise OptionError(
                "S337", f"`{without_user(self.endpoint)}` is not an endpoint", "write `https://host`, or with a `:port`"
            )
        if bool(self.key) != bool(self.secret):
            raise OptionError("S202", "`key` and `secret` belong together", "give both, or neither")

    def store(self, folder: str) -> Store:
        """Its objects."""
        path_style = bool(self.endpoint) if self.path_style is None else self.path_style
        told = {each.name: getattr(self, each.name) for each in dataclasses.fields(Account) if hasattr(self, each.name)}
        endpoint = self.endpoint.rstrip("/")
        ca_file = self.ca_file and os.path.join(folder, self.ca_file)
        return S3Store(Account(**{**told, "path_style": path_style, "endpoint": endpoint, "ca_file": ca_file}))


class S3Store(MultipartPublishing):
    """The objects of one bucket; a path is a key, byte for byte."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.client = client_of(account)

    @property
    def address(self) -> Mapping[str, str]:
        """Its bucket and its server."""
        return {"type": "s3", "bucket": self.account.bucket, "endpoint": self.account.endpoint}

    def where(self, path: str) -> str:
        """The server, the bucket and the key."""
        return f"{self.account.place}/{_key(path)}"

    def show(self, path: str) -> str:
        """As every S3 tool writes it."""
        return self.client.show(path)

    # --- reading

    def glob(self, pattern: str, exclude: Sequence[str] = ()) -> Iterator[Stat]:
        """The objects that match, in the order of their keys."""
        yield from globs.found(pattern, exclude, _key, self._find)

    def _find(self, pattern: str) -> Iterator[Stat]:
        if not globs.is_glob(pattern):
            found = self.stat(pattern)
            if found:
                yield found
            return
        for said in self._listed(globs.prefix(pattern)):
            if not said["Key"].endswith("/") and globs.matches(said["Key"], pattern):
                yield Stat(said["Key"], said["Size"], nanoseconds(said["LastModified"]), etag_of(said))

    def _listed(self, prefix: str) -> Iterator[Said]:
        """Every object whose key begins so, page by page."""
        words: dict[str, Any] = {"Prefix": prefix}
        while True:
            said = self.client.call("list_objects_v2", **words)
            yield from said.get("Contents", ())
            if not said.get("IsTruncated"):
                return
            words["ContinuationToken"] = said["NextContinuationToken"]

    def stat(self, path: str) -> Stat | None:
        """The object as it is now."""
        said = None if path.endswith("/") else self.client.head(_key(path))
        if said is None:
            return None
        return Stat(path, said["ContentLength"], nanoseconds(said["LastModified"]), etag_of(said))

    def open(self, path: str, stat: Stat | None = None) -> BinaryIO:
        """The object for reading, in any order."""
        stat = stat or self.stat(path)
        if stat is None:
            raise not_there(self.show(path))
        key, etag = _key(path), stat.etag
        file: Any = RangedFile(
            stat.size, lambda start, end, into: self.client.read(key, etag, start, end, into), self.account.retry
        )
        return cast("BinaryIO", file)

    def exists(self, path: str) -> bool:
        """Whether an object of that key is there; folders are no objects."""
        return self.client.head(_key(path)) is not None

    # --- the steps of publishing, beside those of MultipartPublishing

    def make(self, path: str, *, new: bool = False) -> None:
        """Nothing: a bucket has no folders."""

    def sync(self, paths: Sequence[str]) -> None:
        """Nothing: what the server took stays."""

    def rename(self, path: str, target: str) -> None:
        """Copy, compare, delete; what stood at the target is replaced in one step."""
        self._take(_key(path), _key(target), new=False)

    def move(self, path: str, target: str) -> None:
        """The same onto a key that is free."""
        if self.exists(target):
            raise StoreError("C104", f"`{self.show(target)}` is there already", "choose another path")
        self._take(_key(path), _key(target), new=True)

    def _take(self, key: str, target: str, *, new: bool) -> None:
        try:
            etag = copy(self.client, key, target, new=new)
            self.client.delete(key, etag)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            message = f"`{self.show(key)}` changed while it was moved"
            raise StoreError("C211", message, "run again: the newer version stays where it is") from None

    def remove(self, path: str, seen: Stat | None = None) -> None:
        """Remove an object, where it is there; only the one that was `seen`, where the server honours that."""
        try:
            self.client.delete(_key(path), seen.etag if seen else "")
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise


def _key(path: str) -> str:
    """The key of a path: what it is, without a `./` in front."""
    return path.removeprefix("./")
