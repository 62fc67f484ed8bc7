"""Copies inside a bucket: made by the server, of the version that was looked at, with all that is kept beside it."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Any, Final

from engine.errors import StoreError
from engine.storage.refusals import not_there, not_whole
from engine.storage.s3_client import S3Client, Said, etag_of

LARGEST: Final = 5 * 2**30
"""What one request copies (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html)."""
PIECE: Final = 2**30
KEPT: Final = ("Metadata", "ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage", "CacheControl")


def copy(client: S3Client, key: str, target: str, *, new: bool, largest: int = LARGEST, piece: int = PIECE) -> str:
    """Copy an object and compare; gives the ETag of what was copied.

    With `new` the target must be free. OSError ESTALE where the object is replaced meanwhile, StoreError where it is
    gone.
    """
    found = _found(client, key)
    if found["ContentLength"] <= largest:
        _in_one(client, key, target, found, new=new)
    else:
        _in_pieces(client, key, target, found, piece)
    made = client.head(target)
    if made is None or made["ContentLength"] != found["ContentLength"]:
        raise not_whole(client.show(target), made["ContentLength"] if made else 0, found["ContentLength"])
    if etag_of(_found(client, key)) != etag_of(found):  # where the condition is not honoured
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
    return etag_of(found)


def _found(client: S3Client, key: str) -> Said:
    found = client.head(key)
    if found is None:
        raise not_there(client.show(key))
    return found


def _source(client: S3Client, key: str, found: Said) -> dict[str, Any]:
    where = {"Bucket": client.account.bucket, "Key": key}
    return {"CopySource": where, "CopySourceIfMatch": f'"{etag_of(found)}"'}


def _in_one(client: S3Client, key: str, target: str, found: Said, *, new: bool) -> None:
    words: dict[str, Any] = {"Key": target, **_source(client, key, found), **({"IfNoneMatch": "*"} if new else {})}
    try:
        client.call("copy_object", **words)
    except OSError:
        made = client.head(target) if new else None
        if made is None:
            raise
        if etag_of(made) != etag_of(found):  # else an answer got lost: it is this copy
            raise StoreError("C104", f"`{client.show(target)}` is there already", "choose another path") from None


def _in_pieces(client: S3Client, key: str, target: str, found: Said, piece: int) -> None:
    """A copy of what is too large for one request, as a multipart upload; given up in whole where a part fails."""
    kept = {name: found[name] for name in KEPT if found.get(name)}
    upload = client.call("create_multipart_upload", Key=target, **kept)["UploadId"]
    words = {"Key": target, "UploadId": upload}
    try:
        parts = []
        for number, start in enumerate(range(0, found["ContentLength"], piece), 1):
            end = min(start + piece, found["ContentLength"]) - 1
            source = {**_source(client, key, found), "CopySourceRange": f"bytes={start}-{end}"}
            said = client.call("upload_part_copy", piece, PartNumber=number, **source, **words)
            parts.append({"PartNumber": number, "ETag": said["CopyPartResult"]["ETag"]})
        client.call("complete_multipart_upload", MultipartUpload={"Parts": parts}, **words)
    except BaseException:
        with suppress(StoreError):
            client.call("abort_multipart_upload", **words)
        raise
