"""Where the back office is: what people write into a URL field, as one connection URL. Pure."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

MAX_IDENTITY_CHARS = 48  # OCPP 2.0.1 part 4 §3.1.1
LEGACY_IDENTITY_CHARS = 25
"""Back offices that grew up with 1.6 keep the identity where chargePointSerialNumber fits: 25."""
DEFAULT_PORTS = {"ws": 80, "wss": 443}
_PLAIN_IDENTITY = re.compile(r"[A-Za-z0-9*\-_=+|@.]+\Z")  # identifierString, without its colon
_UNSEEN = re.compile(r"[\x00-\x20\x7f]")


class Address(msgspec.Struct, frozen=True):
    """A connection URL and its parts. It holds no secret: user names are refused."""

    url: str
    host: str
    """A name, or an IP address without brackets."""
    port: int
    secure: bool

    @property
    def is_literal(self) -> bool:
        """The host is an IP address, so that no name needs to be looked up."""
        try:
            ipaddress.ip_address(self.host.partition("%")[0])
        except ValueError:
            return False
        return True

    @property
    def place(self) -> str:
        """Host and port for a sentence."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def address(url: str, identity: str) -> Address:
    """The CSMS's URL with the station's identity appended, percent-encoded (OCPP-J 1.6 §3.1.1).

    A URL without a scheme is taken as ws://; slashes at its end do not count; scheme and host are
    written small; a query stays behind the identity. Raises ValueError, in words, for what can not
    be a URL of a WebSocket, and for an identity that `identity_problem` names.
    """
    if problem := identity_problem(identity):
        raise ValueError(problem)
    parts = _split(url)
    host = parts.hostname or ""
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    path = f"{parts.path.rstrip('/')}/{quote(identity, safe='')}"
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if port == DEFAULT_PORTS[parts.scheme] else f"{shown}:{port}"
    whole = parts._replace(netloc=netloc, path=path, fragment="").geturl()
    return Address(whole, host, port, parts.scheme == "wss")


def identity_problem(identity: str) -> str:
    """Why this can not be a station's identity; empty where it can (OCPP 2.0.1 part 4 §3.1.1)."""
    if not identity:
        return "the identity is empty"
    if ":" in identity:
        return (
            f"the identity {identity!r} holds a colon: in basic authentication all behind it would "
            "be password"
        )
    if len(identity) > MAX_IDENTITY_CHARS:
        return f"the identity has {len(identity)} characters; allowed: {MAX_IDENTITY_CHARS}"
    if any(not character.isprintable() for character in identity):
        return f"the identity {identity!r} holds a control character"
    return ""


def cautions(url: str, identity: str) -> list[str]:
    """What is allowed and still goes wrong with some back offices, in sentences."""
    found = []
    if len(identity) > LEGACY_IDENTITY_CHARS:
        found.append(
            f"the identity has {len(identity)} characters: older back offices store "
            f"{LEGACY_IDENTITY_CHARS}"
        )
    if not _PLAIN_IDENTITY.match(identity):
        found.append(
            f"the identity {identity!r} holds characters that must be percent-encoded in the URL: "
            "not every back office decodes them"
        )
    if _split(url).path.rstrip("/").endswith(f"/{quote(identity, safe='')}"):
        found.append("the URL ends with the identity already, and it is appended once more")
    return found


def _split(url: str) -> SplitResult:
    """Raises ValueError."""
    text = url.strip()
    if _UNSEEN.search(text):
        raise ValueError(f"{url!r} holds a space or a control character")
    parts = urlsplit(text if "://" in text else f"ws://{text}")
    if parts.scheme in ("http", "https"):
        better = {"http": "ws", "https": "wss"}[parts.scheme]
        raise ValueError(f"{url!r} begins with {parts.scheme}://; a WebSocket's begins {better}://")
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is no ws:// or wss:// URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the URL holds a user name: identity and key are configured beside it")
    if parts.fragment:
        raise ValueError(f"{url!r} holds a fragment; a WebSocket's URL has none (RFC 6455 §3)")
    try:
        usable = parts.port is None or parts.port > 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"the port in {url!r} is none of 1 to 65535")
    return parts
