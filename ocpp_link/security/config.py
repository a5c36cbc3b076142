"""How the owner configured the link's security."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ocpp_link.security.certificates import KeyType
from ocpp_link.security.events import TOLD, EventType

MAX_CHAIN_CHARS = 10_000  # security whitepaper §7.3
MAX_ROOTS = 64


class SecurityConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Holds a secret: never logged."""

    url: str = "ws://localhost"
    """Of the CSMS, without the identity."""
    identity: str = ""
    profile: int = 0
    profile_is_named: bool = True
    """By the owner; False: it follows from what else is configured."""
    key: bytes = b""
    """Password of HTTP Basic until the back office gives one; empty: none."""
    secure_url: str = ""
    """For security profiles 2 and 3, where it is not `url` with wss:// before it."""
    mutual_url: str = ""
    """For security profile 3, where it is another one again."""
    interface: str = ""
    system_roots: bool = True
    wildcards: bool = False
    ciphers: str = ""
    """Empty: those of wire/tls.py."""
    additional_root_check: bool = False
    max_roots: int = MAX_ROOTS
    max_chain_chars: int = MAX_CHAIN_CHARS
    key_type: KeyType = KeyType.P256
    csms_roots: Path | None = None
    """A PEM file whose roots are taken over once; so are the next three."""
    manufacturer_roots: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    directory: Path | None = None
    """For certificates, keys and credentials; None: there are none beyond this process."""
    log: Path | None = None
    told: frozenset[EventType] = TOLD

    def __repr__(self) -> str:
        return f"SecurityConfig({self.url}, profile {self.profile})"
