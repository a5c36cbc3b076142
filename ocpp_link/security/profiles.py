"""Security profiles: upwards only, on trial first (security whitepaper A05). Pure.

    0  plain, and whatever the URL says
    1  HTTP Basic, plain
    2  TLS and HTTP Basic
    3  TLS with certificates on both sides

A new profile is on trial until the first connection with it stands. It is given up when none comes
to be in time (A05.FR.08); once one stood there is no way back but the owner's, in the configuration
of the station (A00.FR.005).
"""

from __future__ import annotations

import re

import msgspec

BASIC, TLS_BASIC, TLS_CERTIFICATE = 1, 2, 3
MIN_KEY_BYTES, MAX_KEY_BYTES = 16, 20  # security whitepaper A00.FR.205
MAX_PLAIN_CHARS = 40  # OCPP 2.0.1 part 2 A00.FR.205
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){16,20}")


class Standing(msgspec.Struct, frozen=True):
    """Where a station is with its profile; kept over restarts."""

    configured: int
    """What the owner's configuration said when this began."""
    proven: int
    """In use, or the one to return to."""
    trial: int | None = None
    """Accepted, and no connection has stood with it yet."""

    @property
    def in_use(self) -> int:
        """To connect with."""
        return self.proven if self.trial is None else self.trial


class Means(msgspec.Struct, frozen=True):
    """What the station has got to secure a connection with, at the time."""

    key: bool
    root: bool
    certificate: bool


def at_start(kept: Standing | None, configured: int, *, is_owners_word: bool = True) -> Standing:
    """What was reached holds, unless the owner has named another profile since. One that only
    follows from what else is configured (`is_owners_word` False) raises, and never lowers."""
    if kept is None:
        return Standing(configured, configured)
    if kept.configured == configured or (not is_owners_word and configured <= kept.proven):
        return kept
    return Standing(configured, configured)


def objection(standing: Standing, wanted: int, means: Means) -> str:
    """Why the profile can not be changed to `wanted` by the back office; empty where it can."""
    if wanted <= standing.in_use:
        return "a profile can only be raised"  # A05.FR.01
    if wanted in (BASIC, TLS_BASIC) and not means.key:
        return "there is no AuthorizationKey"  # A05.FR.02
    if wanted in (TLS_BASIC, TLS_CERTIFICATE) and not means.root:
        return "no valid root of the back office is installed"  # A05.FR.03
    if wanted == TLS_CERTIFICATE and not means.certificate:
        return "the station has no valid certificate"  # A05.FR.04
    return ""


def begun(standing: Standing, wanted: int) -> Standing:
    """The back office was told that it is accepted."""
    return msgspec.structs.replace(standing, trial=wanted)


def connected(standing: Standing) -> Standing:
    """A connection stands with the profile in use: for the one on trial there is no way back."""
    return msgspec.structs.replace(standing, proven=standing.in_use, trial=None)


def given_up(standing: Standing) -> Standing:
    """No connection came to be with the one on trial."""
    return msgspec.structs.replace(standing, trial=None)


def keys_of(text: str) -> tuple[bytes, ...]:
    """What an AuthorizationKey may mean as a password, the likeliest first (A00.FR.205): 32 to 40
    hexadecimal digits are the bytes that they spell, and for a back office which got that wrong
    the digits themselves; 16 to 20 other bytes are themselves. Raises ValueError for any other
    text: one with control characters or a length between."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text), text.encode()
    key = text.encode()
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ValueError("16 to 20 characters, or 32 to 40 hexadecimal digits")
    if not text.isprintable():
        raise ValueError("a control character")
    return (key,)


def plain_key_of(text: str) -> tuple[bytes, ...]:
    """A BasicAuthPassword of OCPP 2.0.1: 16 to 40 characters, and they are the password (part 2
    §1.2, A00.FR.205). Raises ValueError for any other text."""
    if not MIN_KEY_BYTES <= len(text) <= MAX_PLAIN_CHARS or not text.isprintable():
        raise ValueError("16 to 40 characters")
    return (text.encode(),)


def url_for(profile: int, url: str, secure_url: str = "", mutual_url: str = "") -> str:
    """Where a profile connects to. The scheme follows the profile from 2 on; below, the URL's own
    counts (profile 0 may well be wss://)."""
    wanted = {TLS_BASIC: secure_url, TLS_CERTIFICATE: mutual_url or secure_url}.get(profile) or url
    if profile < TLS_BASIC or wanted.startswith("wss://"):
        return wanted
    return f"wss://{wanted.removeprefix('ws://')}"
