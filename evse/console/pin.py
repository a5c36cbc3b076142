"""The console's PIN: kept as a hash, tried a few times only. Pure.

The count of tries is a value that the owner stores before it looks at the PIN, so that ending
the console in between gains nothing.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

MIN_LETTERS = 6
MAX_LETTERS = 64
TRIES = 5
WAIT_MS = 60_000
"""After TRIES wrong ones."""
IDLE_MS = 600_000
"""An unlocked console that nobody types at locks itself."""
_N, _R, _P = 1 << 14, 8, 1
"""scrypt's cost: 16 MiB, about half a second on the smallest computer."""


class Hashed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A PIN as it is stored, with the cost it was hashed at."""

    salt: bytes
    key: bytes
    n: int = _N
    r: int = _R
    p: int = _P


class Tries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Wrong ones in a row, and until when (monotonic) no other one is looked at."""

    wrong: int = 0
    until_ms: int = 0


def hashed(pin: str, salt: bytes) -> Hashed:
    """Raises ValueError for a PIN that is too short, too long, or has what a line can not hold."""
    if not MIN_LETTERS <= len(pin) <= MAX_LETTERS:
        raise ValueError(f"a PIN has {MIN_LETTERS} to {MAX_LETTERS} letters or digits")
    if not all("!" <= letter <= "~" for letter in pin):
        raise ValueError("a PIN is of ASCII letters, digits and signs, without a blank")
    return Hashed(salt, _key(pin, salt, _N, _R, _P))


def matches(pin: str, stored: Hashed) -> bool:
    key = _key(pin, stored.salt, stored.n, stored.r, stored.p)
    return hmac.compare_digest(key, stored.key)


def wait_ms(tries: Tries, now_ms: int) -> int:
    """Until the next try is looked at; 0 = now. A clock that began anew waits no longer."""
    return min(max(0, tries.until_ms - now_ms), WAIT_MS)


def counted(tries: Tries, now_ms: int) -> Tries:
    """One more, taken as wrong until it is found right."""
    wrong = tries.wrong + 1
    return Tries(0, now_ms + WAIT_MS) if wrong >= TRIES else Tries(wrong)


def _key(pin: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=n, r=r, p=p, maxmem=64 << 20, dklen=32)
