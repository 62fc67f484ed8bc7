"""What S3 servers and the libraries below s3fs refuse, in our words; nothing that was sent is quoted.

The codes are those of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; a HEAD has no body, so its
code is the status alone.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, Protocol

from engine.errors import StoreError
from engine.storage import refusals

ABSENT: Final = ("NoSuchKey", "NotFound", "404")
DENIED: Final = ("AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden", "MethodNotAllowed", "403", "405")
WRONG: Final = (
    "SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidSecurity", "NotSignedUp", "RequestTimeTooSkewed",
    "AuthorizationHeaderMalformed", "MissingSecurityHeader", "UnrecognizedClientException",
)  # fmt: skip
EXPIRED: Final = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "RequestExpired")
FULL: Final = ("InsufficientStorage", "XMinioStorageFull", "QuotaExceeded", "507")
BUSY: Final = (
    "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded", "InternalError",
    "ServiceUnavailable", "OperationAborted", "RequestTimeout", "BadDigest", "XAmzContentSHA256Mismatch", "429",
)  # fmt: skip
CHANGED: Final = ("PreconditionFailed", "InvalidRange", "412", "416")
SHOWN: Final = 200


class Place(Protocol):
    """What messages say of an account."""

    @property
    def place(self) -> str: ...

    @property
    def server(self) -> str: ...

    @property
    def bucket(self) -> str: ...

    @property
    def timeout(self) -> float: ...


class UploadGone(StoreError):
    """The multipart upload is completed, or aborted: only the object itself can tell."""


def translated(error: BaseException, account: Place, shown: str) -> BaseException:
    """What went wrong with a request for `shown`, as one of ours; an error that is nobody's comes back as it is."""
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        return _said(error, account, shown)
    if isinstance(error, OSError) and error.errno == errno.ESTALE:
        return error
    return next((say(error, account, shown) for kinds, say in _failures() if isinstance(error, kinds)), error)


Say = Callable[[Any, Place, str], BaseException]


@cache
def _failures() -> Sequence[tuple[tuple[type, ...], Say]]:
    """Kinds of failures without an answer, the narrower ones first."""
    from aiohttp import ClientError
    from botocore import exceptions as aws

    return (
        ((TimeoutError, aws.ReadTimeoutError, aws.ConnectTimeoutError),
         lambda error, account, shown: refusals.silent(account.place, account.timeout)),
        ((aws.SSLError,), lambda error, account, shown: refusals.untrusted(account.place, _reason(error))),
        ((aws.EndpointConnectionError, aws.ProxyConnectionError),
         lambda error, account, shown: refusals.unreachable(account.place, _reason(error))),
        ((aws.NoCredentialsError, aws.PartialCredentialsError),
         lambda error, account, shown: refusals.without_credentials(account.place)),
        ((aws.HTTPClientError, aws.IncompleteReadError, ClientError, OSError, EOFError),
         lambda error, account, shown: refusals.lost(account.place)),
        ((aws.ProfileNotFound, aws.CredentialRetrievalError, aws.SSOError),
         lambda error, account, shown: refusals.not_admitted(account.place, _cut(str(error)))),
        ((aws.BotoCoreError, ValueError), lambda error, account, shown: refusals.refused(shown, _cut(str(error)))),
    )  # fmt: skip


def _said(error: Any, account: Place, shown: str) -> BaseException:
    """An answer of the server that is an error."""
    code, message = _words(error)
    for codes, say in _ANSWERS:
        if code in codes:
            return say(code, account, shown)
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return refusals.busy(account.place, code)
    return refusals.refused(shown, _cut(f"{code} {message}".strip()))


def _no_bucket(code: str, account: Place, shown: str) -> StoreError:
    message = f"there is no bucket `{account.bucket}` at `{account.server}`"
    return StoreError("C210", message, "check `bucket` and `endpoint`; it is not made")


def _upload_gone(code: str, account: Place, shown: str) -> StoreError:
    message = f"the upload of `{shown}` is gone: it was aborted, or completed"
    return UploadGone("C209", message, "run again: the unit is done again")


def _full(code: str, account: Place, shown: str) -> StoreError:
    message = f"`{shown}` cannot be written: the server has no space left for it"
    return StoreError("C103", message, "free space and run again: nothing is lost")


_ANSWERS: Final[Sequence[tuple[Sequence[str], Say]]] = (
    (("NoSuchBucket",), _no_bucket),
    (("NoSuchUpload",), _upload_gone),
    (CHANGED, lambda code, account, shown: OSError(errno.ESTALE, os.strerror(errno.ESTALE))),
    (WRONG, lambda code, account, shown: refusals.not_admitted(account.place, code)),
    (EXPIRED, lambda code, account, shown: refusals.expired(account.place, code)),
    (ABSENT, lambda code, account, shown: refusals.not_there(shown)),
    (DENIED, lambda code, account, shown: refusals.denied(shown)),
    (FULL, _full),
    (BUSY, lambda code, account, shown: refusals.busy(account.place, code)),
)


def _words(error: Any) -> tuple[str, str]:
    """The code and the words of an answer."""
    said = error.response.get("Error", {})
    return str(said.get("Code", "")), str(said.get("Message", ""))


def _reason(error: Any) -> str:
    """Why nobody was reached, without the library's own words around it."""
    import socket

    cause = error.kwargs.get("error")
    system = getattr(cause, "os_error", None) or getattr(cause, "certificate_error", None) or cause
    if isinstance(system, socket.gaierror):
        return "its name is not known"
    if isinstance(system, OSError) and system.errno and system.errno > 0:
        return os.strerror(system.errno)
    return _cut(str(getattr(system, "verify_message", "") or system))


def _cut(text: str) -> str:
    return " ".join(text.split())[:SHOWN]
