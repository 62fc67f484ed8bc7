"""Requests to one web server: who asks, what is followed, what is tried again, and its refusals in our words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from engine.errors import EngineError, StoreError
from engine.hidden import revealed
from engine.storage import refusals
from engine.storage.retries import Retry

if TYPE_CHECKING:
    import httpx

MOST_REDIRECTS: Final = 10
NO_HEAD: Final = (400, 403, 405, 501)
ABSENT: Final = (404, 410)


@dataclass(frozen=True)
class Site:
    """What paths are below, and how to ask for them. Equal ones share their connections."""

    url: str
    auth: Any
    headers: tuple[tuple[str, Any], ...]
    allow_hosts: tuple[str, ...]
    ca_file: str
    timeout: float
    retry: Retry


@cache
def requests_of(site: Site) -> Requests:
    """The requests of a site: one client a process."""
    return Requests(site)


class Requests:
    """What a web server is asked. Nothing is opened before the first."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._client: httpx.Client | None = None

    def head(self, url: str) -> httpx.Response | None:
        """What a server says of a file, None where it has none; asked for its first byte where HEAD is not served."""
        return self.site.retry.run(lambda: self._head(url), self.site.url)

    def _head(self, url: str) -> httpx.Response | None:
        with self.asked("HEAD", url) as said:
            if said.status_code not in NO_HEAD:
                return None if said.status_code in ABSENT else self._taken(url, said)
        with self.asked("GET", url, {"Range": "bytes=0-0"}) as said:
            if said.status_code == 416:  # an empty file
                return said
            return None if said.status_code in ABSENT else self._taken(url, said)

    @contextmanager
    def asked(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """An answer whose body has not been read; ours where nothing came, or a redirect leads elsewhere."""
        said = self.send(method, url, headers or {})
        try:
            yield said
        finally:
            said.close()

    def send(self, method: str, url: str, headers: Mapping[str, str]) -> httpx.Response:
        """The answer behind the redirects."""
        target = url
        for _ in range(MOST_REDIRECTS):
            with self.refusals(url):
                said = self._send(method, target, headers)
            if not said.has_redirect_location:
                return said
            said.close()
            target = urljoin(target, said.headers["location"])
            if not self._may_follow(target):
                host = urlsplit(target).hostname
                message = f"`{url}` answers with a redirect to `{host}`, which `allow_hosts` does not name"
                raise StoreError("C213", message, f"where you trust it, write `allow_hosts: [{host}]`")
        raise refusals.refused(url, f"more than {MOST_REDIRECTS} redirects")

    def _send(self, method: str, url: str, headers: Mapping[str, str]) -> httpx.Response:
        if self._client is None:
            self._client = _client(self.site)
        own = self._own_headers() if self._is_own(url) else {}
        request = self._client.build_request(method, url, headers={"Accept-Encoding": "identity", **own, **headers})
        return self._client.send(request, stream=True)

    def _own_headers(self) -> dict[str, str]:
        """What only the connection's own origin is told."""
        import httpx

        auth, told = self.site.auth, {name: revealed(value) for name, value in self.site.headers}
        if auth.type == "bearer":
            told["Authorization"] = f"Bearer {revealed(auth.token)}"
        if auth.type == "api_key":
            told[auth.header] = revealed(auth.key)
        if auth.type == "basic":
            basic = httpx.BasicAuth(auth.username, revealed(auth.password))
            told["Authorization"] = basic._auth_header  # noqa: SLF001 - its only way to make one
        return told

    def _is_own(self, url: str) -> bool:
        mine, other = urlsplit(self.site.url), urlsplit(url)
        return (mine.scheme, mine.hostname, _port(mine)) == (other.scheme, other.hostname, _port(other))

    def _may_follow(self, url: str) -> bool:
        """Its own origin, or an allowed host that is asked no less safely."""
        mine, other = urlsplit(self.site.url), urlsplit(url)
        downgraded = mine.scheme == "https" and other.scheme != "https"
        allowed = other.hostname in (mine.hostname, *self.site.allow_hosts) and other.scheme in ("http", "https")
        return self._is_own(url) or (allowed and not downgraded)

    def _taken(self, url: str, said: httpx.Response) -> httpx.Response:
        """An answer that is a file; what else came is raised."""
        if said.is_success:
            return said
        raise self.refusal(url, said)

    def refusal(self, url: str, said: httpx.Response) -> StoreError:
        """An answer that is an error."""
        place, status = self.site.url, said.status_code
        if status in ABSENT:
            return refusals.not_there(url)
        if status in (401, 407):
            return refusals.not_admitted(place, str(status))
        if status == 403:
            return refusals.denied(url)
        if status in (408, 425, 429) or status >= 500:
            return refusals.busy(place, str(status), _seconds(said.headers.get("retry-after", "")))
        return refusals.refused(url, f"status {status}")

    @contextmanager
    def refusals(self, url: str) -> Iterator[None]:
        """Whatever the library raises, as one of ours: its own may quote what was sent."""
        import httpx

        try:
            yield
        except EngineError:
            raise
        except httpx.TimeoutException:
            raise refusals.silent(self.site.url, self.site.timeout) from None
        except httpx.ConnectError as error:
            raise self._unreached(error) from None
        except httpx.TransportError:
            raise refusals.lost(self.site.url) from None
        except (httpx.InvalidURL, httpx.HTTPError, ValueError) as error:
            raise refusals.refused(url, type(error).__name__) from None

    def _unreached(self, error: BaseException) -> StoreError:
        import ssl

        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return refusals.untrusted(self.site.url, cause.verify_message)
            cause = cause.__cause__ or cause.__context__
        return refusals.unreachable(self.site.url, str(error).partition("] ")[2] or str(error))


def _client(site: Site) -> httpx.Client:
    import ssl

    import httpx

    verify: Any = True
    if site.ca_file:
        try:
            verify = ssl.create_default_context(cafile=site.ca_file)
        except OSError as error:  # ssl's own errors are such
            raise refusals.store_error(error, site.ca_file) from None
    return httpx.Client(verify=verify, timeout=site.timeout, follow_redirects=False)


def _port(parts: Any) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _seconds(text: str) -> float:
    """How long a server asks to be left alone, where it says so in seconds."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
