"""One answer of a server: opened over https, from the host that was asked, and given up when it stalls."""

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import IO
from urllib.parse import urlsplit

from benchmarks.data.download.archives import without_secrets

_TIMEOUT = 30.0  # seconds without a byte
_WINDOW, _SLOWEST = 60.0, 64 * 1024  # so many seconds should bring so many bytes
_BLOCK = 2**18
_NO_SUCH_RANGE = 416
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_HERE = ("127.0.0.1", "::1", "localhost")


class Interrupted(Exception):
    """An attempt that ended early; the next one may go on after `pause` seconds, 0 where the server names none.

    useless: whether what was fetched before is of no use.
    """

    def __init__(self, why: str, pause: float = 0.0, *, useless: bool = False) -> None:
        super().__init__(why)
        self.pause, self.useless = pause, useless


@dataclass(frozen=True)
class Resource:
    """What to fetch.

    size: its bytes, where they are known.
    limit: bytes that it may have at most.
    hosts: where it may be redirected to, beside its own host.
    verified: whether a checksum is known, so that plain http will do.
    """

    url: str
    size: int | None
    limit: int
    hosts: frozenset[str] = frozenset()
    verified: bool = False

    def __str__(self) -> str:
        return without_secrets(self.url)

    def refuse_insecure(self, url: str) -> None:
        """Refuse an address that cannot be fetched from, or not so that what comes can be trusted.

        Raises:
            ValueError: `url` is no https, and the file has no known checksum; or it has a user or a password.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{without_secrets(url)!r} is no https URL")
        if "@" in parts.netloc:
            remedy = "fetch it yourself, and put it into the folder under its own name"
            raise ValueError(f"{without_secrets(url)} would need the user or password in its address: {remedy}")
        if parts.scheme == "http" and not self.verified and parts.hostname not in _HERE:
            raise ValueError(f"{without_secrets(url)} is not encrypted, and its file has no known checksum: use https")


def connect(resource: Resource, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    """The server's answer, of status 200 or 206.

    Raises:
        Interrupted: it may answer later.
        ValueError: it redirects to another host, or the address is none.
        OSError: it refuses, or cannot be trusted.
    """
    resource.refuse_insecure(resource.url)
    request = urllib.request.Request(resource.url, headers={"User-Agent": "caption-zoo", **headers})
    opener = urllib.request.build_opener(_SameHost(resource))
    try:
        response: http.client.HTTPResponse = opener.open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        what, after = f"{error.code} {error.reason}", error.headers.get("Retry-After", "")
        if error.code in _TRANSIENT:
            raise Interrupted(what, float(after) if after.isdecimal() else 0.0) from None
        if error.code == _NO_SUCH_RANGE:
            raise Interrupted(what, useless=True) from None
        raise OSError(f"{resource}: {what}") from None
    except (http.client.InvalidURL, UnicodeError):  # whose text has what is secret in it
        raise ValueError(f"{str(resource)!r}, or where it redirects to, is no URL: see its port and signs") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise OSError(f"{resource}: its certificate is not valid: {reason.verify_message}") from None
        raise Interrupted(f"it cannot be reached ({reason or type(error).__name__})") from None
    if response.status not in (http.client.OK, http.client.PARTIAL_CONTENT):
        response.close()
        raise OSError(f"{resource}: {response.status} {response.reason}")
    return response


def blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """What comes, as it comes.

    Raises:
        Interrupted: the connection broke, or next to nothing comes.
    """
    since, count = time.monotonic(), 0
    try:
        while block := response.read1(_BLOCK):
            yield block
            count += len(block)
            if time.monotonic() - since > _WINDOW:
                if count < _SLOWEST:
                    raise Interrupted(f"{count:,} bytes came in {_WINDOW:.0f} seconds")
                since, count = time.monotonic(), 0
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(f"the connection broke ({error or type(error).__name__})") from None


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to the same host, or to one that was allowed."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        host = urlsplit(newurl).hostname
        if host not in {urlsplit(self._resource.url).hostname, *self._resource.hosts}:
            raise ValueError(f"{self._resource} redirects to {host}: allow that with --allow-host {host}")
        self._resource.refuse_insecure(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
