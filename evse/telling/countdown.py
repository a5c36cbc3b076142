"""`uk_random_delay.countdown`: the random delay that holds an EVSE's limit back, second by second.

Only where `[limits.random_delay]` is enabled. The delay itself: evse/energy/random_delay.py.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from evse.clock import Clock, earliest, rfc3339
from evse.energy.random_delay import MS_PER_S, Delay
from evse.ports import Publisher
from evse.session.session import Session
from evse.types.uk_random_delay import CountDown

COUNTDOWN = "uk_random_delay.countdown"


class Countdowns:
    """The last countdown of each EVSE; told at the start and on change alone."""

    def __init__(self, publish: Publisher, clock: Clock) -> None:
        self._publish = publish
        self._clock = clock
        self._running: dict[int, tuple[int, str]] = {}
        """EVSE -> end of its delay, and when that began."""
        self._told: dict[int, CountDown] = {}

    def note(self, evse: int, session: Session) -> None:
        """Tell it where another second has passed, or it began or ended."""
        now_ms, delay = self._clock.now_ms(), session.offer.delay
        found = countdown(delay, now_ms, self._began(evse, delay))
        if found != self._told.get(evse):
            self._told[evse] = found
            self._publish(COUNTDOWN, evse, found)

    def _began(self, evse: int, delay: Delay) -> str | UnsetType:
        if delay.ends_ms is None:
            self._running.pop(evse, None)
            return UNSET
        running = self._running.get(evse)
        if running is None or running[0] != delay.ends_ms:
            running = self._running[evse] = delay.ends_ms, rfc3339(self._clock.utc())
        return running[1]

    @property
    def next_deadline_ms(self) -> int | None:
        """When the next second of a running delay is over."""
        now_ms = self._clock.now_ms()
        return earliest(
            *(
                now_ms + ((ends_ms - now_ms - 1) % MS_PER_S) + 1
                for ends_ms, _ in self._running.values()
            )
        )


def countdown(delay: Delay, now_ms: int, began: str | UnsetType) -> CountDown:
    """A delay in the shape of the interface."""
    return CountDown(
        countdown_s=delay.remaining_s(now_ms),
        current_limit_after_delay_A=delay.wanted_a,
        current_limit_during_delay_A=delay.applied_a,
        start_time=began,
    )
