"""How outputs go to S3: one explicit multipart upload each, which only publishing completes.

Until it is completed nobody sees it; once it is aborted nobody can complete it: so the upload is staging and fence.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from engine.kinds import NO_FACTS, Facts, Staged
from engine.storage.local import make_private
from engine.storage.ranges import in_background
from engine.storage.refusals import store_error
from engine.storage.s3_client import S3Client
from engine.storage.spool import Spool, spools

if TYPE_CHECKING:
    from concurrent.futures import Future

ATTEMPT: Final = "engine-attempt"
"""The name in an object's metadata under which its attempt is found."""
PART: Final = 8 * 2**20
EVEN_PARTS: Final = 5000
"""Parts of one size, which some servers insist on; from then on it doubles every 500, as an object may have 10,000."""
DOUBLES: Final = 500


class Uploads(Protocol):
    """What a staging needs of its store."""

    client: S3Client

    @property
    def address(self) -> Mapping[str, str]: ...

    def show(self, path: str) -> str: ...

    def discard(self, staging: Mapping[str, Any], keep: Collection[str] = ()) -> None: ...


def part_size(number: int) -> int:
    """Bytes of a part by its number, from 1."""
    return PART << (max(0, number - EVEN_PARTS + DOUBLES - 1) // DOUBLES)


class S3Staging:
    """The open uploads of one attempt. Their keys stand in its ledger before they begin, so that a kill loses none."""

    def __init__(self, store: Uploads, root: str, name: str, ledger: str = "") -> None:
        self.store = store
        self.root = root
        self.name = name
        self.files: list[str] = []
        self._ledger = os.path.abspath(ledger) if ledger else ""
        self._details: dict[str, dict[str, Any]] = {}

    @property
    def ledger(self) -> str:
        """The file that names the keys; beside it stand the spools."""
        if not self._ledger:
            self._ledger = os.path.join(tempfile.mkdtemp(prefix="engine-"), self.name)
        return self._ledger

    def open(self, path: str, facts: Facts = NO_FACTS) -> Staged:
        """A file that will stand at `path` once it is published."""
        self.files.append(path)
        spool = Spool(os.path.join(spools(self.ledger), str(len(self.files))))
        return S3File(self, path, facts, spool)

    def note(self, path: str) -> None:
        """Write down that an upload of this key may be open from now on."""
        try:
            if not os.path.exists(self.ledger):
                make_private(os.path.dirname(self.ledger))
            handle = os.open(self.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(json.dumps(path).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise store_error(error, self.ledger) from error

    def keep(self, path: str, upload: str, parts: list[str], size: int) -> None:
        """What publishing will need of a file that is closed."""
        self._details[path] = {"attempt": self.name, "upload": upload, "parts": parts, "size": size}

    def details(self, path: str) -> Mapping[str, Any]:
        """The upload and its parts."""
        return self._details[path]

    def folders(self) -> set[str]:
        """None: what a server took stays."""
        return set()

    def destroy(self) -> None:
        """Abort its uploads."""
        if self.files:
            self.store.discard(self.address())
        self.files.clear()

    def address(self) -> dict[str, Any]:
        """What finds its uploads again."""
        return {"store": dict(self.store.address), "ledger": self.ledger}


class S3File:
    """A file being uploaded: parts go while it is written, two at a time; what is not yet a part waits in a spool."""

    def __init__(self, staging: S3Staging, path: str, facts: Facts, spool: Spool) -> None:
        self._staging = staging
        self._client = staging.store.client
        self._path = path
        self._facts = facts
        self._spool = spool
        self._upload = ""
        self._sent: list[Future[str]] = []
        self._seen = 0
        self._size = 0

    def write(self, data: bytes) -> object:
        """Take bytes."""
        left = memoryview(data)
        while left:
            room = part_size(len(self._sent) + 1) - self._spool.size
            self._put(left[:room])
            left = left[room:]
        self._size += len(data)
        return len(data)

    def _put(self, data: memoryview) -> None:
        try:
            self._spool.write(data)
            if self._spool.size == part_size(len(self._sent) + 1):
                self._send(self._spool.take())
        except OSError as error:
            raise store_error(error, spools(self._staging.ledger)) from error

    def _send(self, data: bytes) -> None:
        """One part, as soon as fewer than two of this bucket are on their way; what failed before is said now."""
        if not self._upload:
            self._begin()
        while self._seen < len(self._sent) and self._sent[self._seen].done():
            self._sent[self._seen].result()
            self._seen += 1
        self._client.slots.acquire()
        number = len(self._sent) + 1
        self._sent.append(in_background(lambda: self._deliver(number, data)))

    def _begin(self) -> None:
        self._staging.note(self._path)
        metadata = {name: _ascii(value) for name, value in self._facts.metadata.items()}
        words: dict[str, Any] = {"Key": self._path, "Metadata": {**metadata, ATTEMPT: self._staging.name}}
        if self._facts.content_type:
            words["ContentType"] = self._facts.content_type
        self._upload = self._client.call("create_multipart_upload", **words)["UploadId"]

    def _deliver(self, number: int, data: bytes) -> str:
        """A part that the server compares with its checksum; gives its mark."""
        try:
            digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
            words = {"Key": self._path, "UploadId": self._upload, "PartNumber": number, "ContentMD5": digest}
            return str(self._client.call("upload_part", len(data), Body=data, **words)["ETag"])
        finally:
            self._client.slots.release()

    def park(self) -> None:
        """Let go of memory and of the spool's handle."""
        self._spool.park()

    def close(self) -> None:
        """Send what is left; all of it is on the server then, and nothing of it visible."""
        if self._spool.size or not self._sent:
            self._send(self._spool.take())
        parts = [sent.result() for sent in self._sent]
        self._spool.drop()
        self._staging.keep(self._path, self._upload, parts, self._size)

    def abandon(self) -> None:
        """Wait for the parts on their way, so that none arrives behind the abort."""
        for sent in self._sent:
            sent.exception()
        self._spool.drop()


def _ascii(text: str) -> str:
    """A text as S3 keeps it beside an object: other than ASCII as RFC 2047 writes it, which S3 itself answers with."""
    if text.isascii() and text.isprintable():
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="
