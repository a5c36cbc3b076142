"""Files over HTTP and HTTPS: GET that goes on where it stopped, PUT, and POST of a form.

Blocking. A location is a directory (OCPP 1.6 §6.25), so an upload puts `<location>/<name>`; one
with a query is signed for exactly one request and is used as it is. A server that does not let
anybody PUT is offered a form (2.0.1 N01.FR.19). Source: RFC 9110.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import re
import ssl
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin

import msgspec

from ocpp_link.files.errors import (
    AccessRefused,
    FileError,
    Interrupted,
    LocationInvalid,
    NotThere,
    ProtocolUnsupported,
    ServerUntrusted,
    TransferStalled,
)
from ocpp_link.files.jobs import Download, Limits, Trust, Upload
from ocpp_link.files.location import Location, parse
from ocpp_link.files.part_file import CHUNK_BYTES, OnProgress, PartFile
from ocpp_link.files.trust import tls_context

MAX_REDIRECTS = 5
AGENT = "PiEVSE"

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPS_METHOD = frozenset({307, 308})
_NO_PUT = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})

Headers = dict[str, str]


def download(job: Download, location: Location, part: PartFile) -> None:
    """Fetch what is missing of `part`. Raises FileError or OSError."""
    with _errors():
        for _ in range(MAX_REDIRECTS + 1):
            with _connection(location, job.trust, job.limits) as connection:
                connection.request("GET", location.target, headers=_wanted(location, part))
                with connection.getresponse() as response:
                    if response.status not in _REDIRECTS:
                        _receive(response, part)
                        return
                    location = _redirected(location, response)
        raise Interrupted(f"more than {MAX_REDIRECTS} redirects")


def upload(job: Upload, location: Location, on_progress: OnProgress) -> None:
    """Raises FileError or OSError."""
    target = location if location.query else location.file(job.name)
    with _errors():
        for _ in range(MAX_REDIRECTS + 1):
            response = _put(job, target, on_progress)
            if response.status in _NO_PUT:
                response = _post(job, location, on_progress)
            if response.status not in _KEEPS_METHOD:
                _judge(response)
                return
            target = _redirected(target, response)
        raise Interrupted(f"more than {MAX_REDIRECTS} redirects")


def _wanted(location: Location, part: PartFile) -> Headers:
    headers = {**_headers(location), "Accept-Encoding": "identity"}
    if part.size and part.validator:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": part.validator}
    return headers


def _receive(response: http.client.HTTPResponse, part: PartFile) -> None:
    length = int(response.headers.get("Content-Length") or 0)
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != part.size:
            raise Interrupted("the server sent another range than was asked for")
        total = part.size + length if found[2] == "*" else int(found[2])
        part.begin(total, part.validator)
    elif response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        part.restart()
        raise Interrupted("the server has less of it than came before")
    else:
        _judge(response)
        part.restart()
        part.begin(length, _validator(response))
    while chunk := response.read(CHUNK_BYTES):
        part.write(chunk)


def _validator(response: http.client.HTTPResponse) -> str:
    """What If-Range takes: a strong entity tag, or a date (RFC 9110 §13.1.5)."""
    tag = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified", "")


def _put(job: Upload, target: Location, on_progress: OnProgress) -> http.client.HTTPResponse:
    path = Path(job.path)
    headers = {
        **_headers(target),
        "Content-Type": "application/octet-stream",
        "Content-Length": str(path.stat().st_size),
    }
    with _connection(target, job.trust, job.limits) as connection:
        return _send(connection, "PUT", target, headers, _chunks(path, on_progress))


def _post(job: Upload, location: Location, on_progress: OnProgress) -> http.client.HTTPResponse:
    path, boundary = Path(job.path), uuid.uuid4().hex
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="uploadfile"; filename="{job.name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        **_headers(location),
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
    }

    def body() -> Iterator[bytes]:
        yield head
        yield from _chunks(path, on_progress)
        yield tail

    with _connection(location, job.trust, job.limits) as connection:
        return _send(connection, "POST", location, headers, body())


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    target: Location,
    headers: Headers,
    body: Iterator[bytes],
) -> http.client.HTTPResponse:
    """A server may refuse before it has read everything: then its answer counts."""
    connection.putrequest(method, target.target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for chunk in body:
            connection.send(chunk)
    with connection.getresponse() as response:  # its status and headers outlive it
        response.read(CHUNK_BYTES)
        return response


def _chunks(path: Path, on_progress: OnProgress) -> Iterator[bytes]:
    done, total = 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
            done += len(chunk)
            on_progress(done, total)


def _headers(location: Location) -> Headers:
    headers = {"User-Agent": AGENT}
    if location.user or location.password:
        pair = f"{location.user}:{location.password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


def _redirected(location: Location, response: http.client.HTTPResponse) -> Location:
    """Credentials stay with their server, and nobody leads from TLS to plain text."""
    there = parse(urljoin(f"{location.origin}{location.target}", response.headers["Location"]))
    if there.scheme not in ("http", "https"):
        raise LocationInvalid("a redirect that leaves HTTP")
    if location.scheme == "https" and there.scheme != "https":
        raise ServerUntrusted("a redirect from HTTPS to HTTP")
    if there.origin == location.origin and not there.user:
        return msgspec.structs.replace(there, user=location.user, password=location.password)
    return there


def _judge(response: http.client.HTTPResponse) -> None:
    """Raises the error that a status stands for."""
    status, said = response.status, f"the server answered {response.status} {response.reason}"
    if 200 <= status < 300:
        return
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise AccessRefused(said)
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise NotThere(said)
    if status in _NO_PUT:
        raise ProtocolUnsupported(said)
    raise Interrupted(said)


@contextlib.contextmanager
def _connection(
    location: Location, trust: Trust, limits: Limits
) -> Iterator[http.client.HTTPConnection]:
    """Raises OSError where it can not be made."""
    if location.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            location.host,
            location.port,
            timeout=limits.connect_timeout_s,
            context=tls_context(trust),
        )
    else:
        connection = http.client.HTTPConnection(
            location.host, location.port, timeout=limits.connect_timeout_s
        )
    try:
        connection.connect()
        connection.sock.settimeout(limits.idle_timeout_s)
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """The library's errors as those of this room."""
    try:
        yield
    except FileError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise ServerUntrusted(f"its certificate does not hold: {error.verify_message}") from error
    except TimeoutError as error:
        raise TransferStalled(f"the server does not answer: {error}") from error
    except (http.client.HTTPException, ValueError, KeyError) as error:
        raise Interrupted(f"the server does not speak HTTP: {error!r}") from error
