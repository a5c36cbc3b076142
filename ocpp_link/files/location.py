"""Where a file is fetched from or put to: the URL of a back office, taken apart.

User and password stand percent-encoded in it (OCPP 1.6 §8.1); they never show in a log.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

import msgspec

from ocpp_link.files.errors import LocationInvalid, ProtocolUnsupported

PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 21, "sftp": 22}
"""By scheme. FTPS is FTP that asks for TLS on its ordinary port (RFC 4217)."""
MAX_CHARS = 2_048

_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_CONTROL_INSIDE = re.compile(r"[\x00-\x1f\x7f]")


class Location(msgspec.Struct, frozen=True):
    """A place on a server. `user`, `password` are decoded, `path` and `query` as they came."""

    scheme: str
    host: str
    port: int
    path: str = "/"
    query: str = ""
    user: str = ""
    password: str = ""

    def __str__(self) -> str:
        """For people: without user, password and query, which may all be secrets."""
        return f"{self.origin}{self.path}"

    def __repr__(self) -> str:
        return f"<{self}>"

    @property
    def origin(self) -> str:
        """Scheme and server: `https://[::1]:8443`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def target(self) -> str:
        """Path and query, as an HTTP request line has them."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def ftp_path(self) -> str:
        """Relative to where a login begins; `%2F` at its start makes it absolute (RFC 1738
        §3.2.2)."""
        return unquote(self.path.removeprefix("/"))

    @property
    def sftp_path(self) -> str:
        """Absolute; below the home directory where it begins with `/~/`."""
        return unquote(self.path).removeprefix("/~/")

    def file(self, name: str) -> Location:
        """`name` in this directory."""
        path = f"{self.path.rstrip('/')}/{quote(name)}"
        return msgspec.structs.replace(self, path=path)


def parse(url: str) -> Location:
    """Raises LocationInvalid or ProtocolUnsupported, neither of which repeats a secret."""
    if len(url) > MAX_CHARS or _CONTROL.search(url):
        raise LocationInvalid("the location is too long, or holds spaces or control characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise LocationInvalid("the location is no URL") from error
    if parts.scheme not in PORTS:
        raise ProtocolUnsupported(f"no protocol {parts.scheme[:20]!r}: one of {', '.join(PORTS)}")
    location = Location(
        scheme=parts.scheme,
        host=host or "",
        port=port or PORTS[parts.scheme],
        path=parts.path or "/",
        query=parts.query,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
    decoded = (location.host, location.user, location.password, unquote(location.path))
    if not host or any(_CONTROL_INSIDE.search(text) for text in decoded):
        raise LocationInvalid("the location names no server, or hides control characters")
    return location
