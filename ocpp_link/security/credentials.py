"""The file of the station's AuthorizationKey and its security profile.

It is not in the database, so that a database which is given up as damaged does not take them along:
without the key the back office turns the station away, and a profile must not sink.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from ocpp_link.security.files import set_aside, write
from ocpp_link.security.profiles import Standing

_log = logging.getLogger(__name__)


class Credentials(msgspec.Struct, frozen=True):
    """Holds a secret: never logged."""

    standing: Standing
    passwords: tuple[bytes, ...] = ()
    """What the AuthorizationKey of the back office may mean, the likeliest first; empty: it gave
    none."""
    beside: str = ""
    """SHA-256 of the configured key at that time: a configuration that changed since wins."""

    def __repr__(self) -> str:
        return f"Credentials({self.standing})"


class CredentialFile:
    """`path` None: nothing is kept beyond this object, for simulations."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept: Credentials | None = None

    def load(self) -> Credentials | None:
        """None where there is none. A file that can not be read is set aside: the configuration
        counts again."""
        if self._path is None:
            return self._kept
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Credentials)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            set_aside(self._path, self._path.parent / "set-aside", f"can not be read ({error})")
            return None

    def save(self, credentials: Credentials) -> None:
        """Blocking. Raises OSError."""
        self._kept = credentials
        if self._path is not None:
            write(self._path, msgspec.json.encode(credentials), private=True)
