"""How uploads become objects: completing one is its publishing, aborting it its fence."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple

from engine.storage.refusals import not_whole
from engine.storage.s3_client import Said
from engine.storage.s3_refusals import UploadGone
from engine.storage.s3_uploads import ATTEMPT, S3Staging, spools


class Orphan(NamedTuple):
    """An upload that is neither completed nor aborted: its object's path, its id, when it began (nanoseconds)."""

    path: str
    upload: str
    began_ns: int


class MultipartPublishing:
    """The steps of publishing for a store whose stagings are multipart uploads; each may have been done before."""

    def staging(self: Any, root: str, name: str, ledger: str = "") -> S3Staging:
        """A staging of that name; nothing of it is made yet."""
        return S3Staging(self, root, name, ledger)

    def is_lost(self: Any, output: Mapping[str, Any]) -> bool:
        """Whether its unit must be done again: the upload is gone, and the object is not this attempt's."""
        try:
            self.client.call("list_parts", Key=output["path"], UploadId=output["upload"], MaxParts=1)
        except UploadGone:
            return not _carries(self.client.head(output["path"]), output)
        return False

    def publish(self: Any, output: Mapping[str, Any]) -> None:
        """Complete the upload; where it is gone, or the answer got lost, the object itself says what became of it.

        Once the server said that it is whole, a reader may have taken it before it is looked at.
        """
        parts = [{"PartNumber": number, "ETag": mark} for number, mark in enumerate(output["parts"], 1)]
        words = {"Key": output["path"], "UploadId": output["upload"], "MultipartUpload": {"Parts": parts}}
        try:
            self.client.call("complete_multipart_upload", **words)
        except UploadGone:
            if not _carries(self.client.head(output["path"]), output):
                raise
        found = self.client.head(output["path"])
        if found and _mark(found) == output["attempt"] and not _carries(found, output):
            raise not_whole(self.show(output["path"]), found["ContentLength"], output["size"])

    def discard(self: Any, staging: Mapping[str, Any]) -> None:
        """Abort every open upload of the keys in its ledger, whoever began it: a key belongs to one unit."""
        ledger = str(staging["ledger"])
        keys = _noted(ledger)
        if keys:
            for orphan in self.orphans(_shared_start(keys)):
                if orphan.path in keys:
                    self.abort(orphan.path, orphan.upload)
        with suppress(FileNotFoundError):
            os.unlink(ledger)
        shutil.rmtree(spools(ledger), ignore_errors=True)

    def orphans(self: Any, prefix: str, known: Collection[str] = ()) -> Iterator[Orphan]:
        """The open uploads of keys that begin so, but for those whose ids are known."""
        words: dict[str, Any] = {"Prefix": prefix}
        while True:
            try:
                said = self.client.call("list_multipart_uploads", **words)
            except UploadGone:  # which rclone says where nobody began one yet
                return
            for each in said.get("Uploads", ()):
                if each["UploadId"] not in known:
                    yield Orphan(each["Key"], each["UploadId"], nanoseconds(each["Initiated"]))
            if not said.get("IsTruncated"):
                return
            words |= {"KeyMarker": said["NextKeyMarker"], "UploadIdMarker": said["NextUploadIdMarker"]}

    def abort(self: Any, path: str, upload: str) -> None:
        """End an upload for good; one that is gone is fine."""
        with suppress(UploadGone):
            self.client.call("abort_multipart_upload", Key=path, UploadId=upload)


def _carries(found: Said | None, output: Mapping[str, Any]) -> bool:
    """Whether an object is what this attempt staged."""
    return found is not None and found["ContentLength"] == output["size"] and _mark(found) == output["attempt"]


def _mark(found: Said) -> str:
    """The attempt that wrote an object."""
    return str(found.get("Metadata", {}).get(ATTEMPT, ""))


def _noted(ledger: str) -> set[str]:
    """The keys of a ledger; a line that a kill cut off began no upload."""
    keys = set()
    with suppress(FileNotFoundError), open(ledger, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                keys.add(str(json.loads(line)))
    return keys


def _shared_start(keys: Collection[str]) -> str:
    """What all keys begin with."""
    pairs = zip(min(keys), max(keys), strict=False)
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def nanoseconds(moment: datetime) -> int:
    """A time of a server, since 1970."""
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000
