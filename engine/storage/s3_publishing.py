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

from engine.errors import StoreError
from engine.storage.refusals import in_the_way, not_whole
from engine.storage.s3_client import Said
from engine.storage.s3_refusals import UploadGone
from engine.storage.s3_uploads import ATTEMPT, S3Staging
from engine.storage.spool import spools


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
        """Whether its unit must be done again: the upload is gone, and another object stands there.

        Where none does the upload was aborted, or it was completed and a reader took the object: the server does not
        tell, and doing the unit again could deliver it twice.
        """
        try:
            self.client.call("list_parts", Key=output["path"], UploadId=output["upload"], MaxParts=1)
        except UploadGone:
            found = self.client.head(output["path"])
            if found is None:
                raise _unknown(self.show(output["path"]), output) from None
            return not _arrived(found, output)
        return False

    def publish(self: Any, output: Mapping[str, Any]) -> None:
        """Complete the upload; where it is gone, or the answer got lost, the object itself says what became of it.

        Once the server said that it is whole, a reader may have taken it before it is looked at.
        """
        parts = [{"PartNumber": number, "ETag": mark} for number, mark in enumerate(output["parts"], 1)]
        words = {"Key": output["path"], "UploadId": output["upload"], "MultipartUpload": {"Parts": parts}}
        if output.get("new"):
            _check_free(self.client.head(output["path"]), self.show(output["path"]), output)
        try:
            self.client.call("complete_multipart_upload", **words)
        except UploadGone:
            if not _arrived(self.client.head(output["path"]), output):
                raise
            return
        found = self.client.head(output["path"])
        if found and _is_marked(found, output) and not _carries(found, output):
            raise not_whole(self.show(output["path"]), found["ContentLength"], output["size"])

    def discard(self: Any, staging: Mapping[str, Any], keep: Collection[str] = ()) -> None:
        """Abort the open uploads of the keys in its ledger, whoever began them: a key belongs to one unit.

        Those in `keep` stay: a newer attempt, whose intent is held up, is going to complete them.
        """
        ledger = str(staging["ledger"])
        keys = _noted(ledger)
        if keys:
            for orphan in self.orphans(_shared_start(keys), keep):
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


def _arrived(found: Said | None, output: Mapping[str, Any]) -> bool:
    """Whether it was published: an empty object with its mark is a person's word for that."""
    return _carries(found, output) or (found is not None and not found["ContentLength"] and _is_marked(found, output))


def _is_marked(found: Said, output: Mapping[str, Any]) -> bool:
    return _mark(found) == str(output["attempt"])


def _check_free(found: Said | None, shown: str, output: Mapping[str, Any]) -> None:
    """Raise where something else stands at the key of an output that may replace nothing."""
    if found is not None and not _is_marked(found, output):
        raise in_the_way(shown)


def _unknown(shown: str, output: Mapping[str, Any]) -> StoreError:
    message = f"`{shown}` is not there, and its upload is gone: whether it arrived is not known"
    help = (
        f"if a reader took it, put an empty object there with `{ATTEMPT}: {output['attempt']}` in its metadata; "
        "if not, put any other; then run again"
    )
    return StoreError("C206", message, help)


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
