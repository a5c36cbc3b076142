"""Where to connect, and when to try again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlsplit

import msgspec

STABLE_MS = 60_000
"""A connection that lasted this long makes the next wait short again."""


class BackoffSettings(msgspec.Struct, frozen=True):
    """Names and meaning of OCPP 2.0.1 part 2, OCPPCommCtrlr.RetryBackOff…"""

    wait_minimum_s: float = 2.0
    random_range_s: float = 3.0
    repeat_times: int = 5
    """How often the wait doubles; 2 s then end at 64 s."""


class Backoff:
    """How long to wait after each failure, for ever. `random` returns a number in [0, 1)."""

    def __init__(self, settings: BackoffSettings, random: Callable[[], float]) -> None:
        self._settings = settings
        self._random = random
        self._failures = 0

    def wait_s(self) -> float:
        """The wait after one more failure."""
        settings = self._settings
        base_s = settings.wait_minimum_s * 2.0 ** min(self._failures, settings.repeat_times)
        self._failures += 1
        return base_s + settings.random_range_s * self._random()

    def survived(self, lasted_ms: int) -> None:
        """A connection ended after `lasted_ms`."""
        if lasted_ms >= STABLE_MS:
            self._failures = 0


def endpoint(url: str, identity: str) -> str:
    """The CSMS's URL and the station's identity as one WebSocket URL (OCPP-J 1.6 §3.1.1).

    A URL without a scheme is taken as ws://. Raises ValueError for what cannot be a URL, or an
    identity that is empty or holds a colon (it is a user name in basic authentication).
    """
    if not identity or ":" in identity:
        raise ValueError(f"the identity {identity!r} is empty or holds a colon")
    whole = url if "://" in url else f"ws://{url}"
    parts = urlsplit(whole)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"{url!r} is no ws:// or wss:// URL")
    return f"{whole.rstrip('/')}/{quote(identity, safe='')}"
