"""When to try again. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

STABLE_MS = 60_000
"""A connection that lasted this long makes the next wait short again: one that is let in and
thrown out at once must not count as a success."""


class BackoffSettings(msgspec.Struct, frozen=True):
    """Names and meaning of OCPP 2.0.1 part 2, OCPPCommCtrlr.RetryBackOff…"""

    wait_minimum_s: float = 2.0
    random_range_s: float = 3.0
    repeat_times: int = 5
    """How often the wait doubles; 2 s then end at 64 s, and up to 3 s more."""
    longest_s: float = 300.0
    """No wait is longer, whatever the others come to: a station that stays away for a quarter of an
    hour is taken for dead."""


class Backoff:
    """How long to wait after each failure, for ever (OCPP 2.0.1 part 4 §5.3).

    `settings` is asked at each wait, so that a change is in effect at the next one. `random`
    returns a number in [0, 1).
    """

    def __init__(
        self, settings: BackoffSettings | Callable[[], BackoffSettings], random: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._random = random
        self._last: tuple[BackoffSettings, float] | None = None
        self.failures = 0
        """Since the last connection that stood for STABLE_MS."""

    def wait_s(self) -> float:
        """The wait after one more failure."""
        settings = (
            self._settings if isinstance(self._settings, BackoffSettings) else (self._settings())
        )
        doublings, self.failures = self.failures, self.failures + 1
        if doublings > settings.repeat_times and self._last and self._last[0] == settings:
            return self._last[1]
        base_s = settings.wait_minimum_s * 2.0 ** min(doublings, settings.repeat_times)
        wait_s = min(base_s + settings.random_range_s * self._random(), settings.longest_s)
        self._last = settings, wait_s
        return wait_s

    def survived(self, lasted_ms: int) -> None:
        """A connection ended after `lasted_ms`."""
        if lasted_ms >= STABLE_MS:
            self.failures = 0

    def begin_anew(self) -> None:
        """What failed before does not count: another endpoint is called from now on."""
        self.failures = 0
