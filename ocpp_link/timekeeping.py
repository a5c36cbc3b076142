"""The wall clock: whether it can be believed, and what is done once the back office tells the time.

A computer without a battery for its clock wakes up in 1970, or where it was switched off. What
happens before the back office has told the time is noted with the boot of the computer under whose
clock it was (`mark`), and leaves with its times mended by what that clock was wrong. A clock that
may not be set is corrected here: whatever leaves is told in the corrected time.

Sources: OCPP 1.6 §4.2, §4.2.1, §4.6; spec ocpp §0 (5), pitfalls 7 and 41.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from evse.clock import Clock, parse_time, rfc3339
from ocpp_link.memory.database import Snapshot
from ocpp_link.occasions import Occasions
from ocpp_link.ports import SystemPort

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""No release of this program is older: an earlier clock is wrong."""
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""Own: a back office that tells a later time is wrong, and no calendar may end while it is used."""
THRESHOLD_MS = 2_000
"""A smaller difference is left to the network's delays."""
CORRECT_EVERY_MS = 60_000
"""Own: a back office of several machines whose clocks differ moves the clock no more often than
this, however often it tells the time."""
AT_ONCE_MS = 3_600_000
"""Own: a greater difference is corrected at once all the same; no two machines differ by that."""
KEEP_KNOWN_S = 3_600
"""How often the time is noted for the next start, at most."""
MENDS = 8
"""Boots of the computer whose wrong clocks are remembered."""
KIND = "clock"

Mends = dict[str, int]
"""By boot of the computer: what is to be added to its doubtful times, ms."""
Keep = Callable[[str, str, object], None]

_log = logging.getLogger(__name__)


class LinkClock:
    """The computer's clock, with what it is known to be wrong."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.correction_ms = 0

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def utc(self) -> datetime:
        return self._clock.utc() + timedelta(milliseconds=self.correction_ms)

    def corrected(self, timestamp: str) -> str:
        """A time that this computer told, as it leaves."""
        return shifted(timestamp, self.correction_ms)


class Timekeeper:
    """`keep` remembers a value over restarts (Station.keep)."""

    def __init__(
        self,
        clock: LinkClock,
        system: SystemPort,
        kept: Snapshot,
        occasions: Occasions,
        keep: Keep,
    ) -> None:
        self._clock = clock
        self._system = system
        self._occasions = occasions
        self._keep = keep
        self._mends = kept.decoded(KIND, Mends, "mends").get("mends", {})
        known = kept.decoded(KIND, datetime, "known").get("known", EARLIEST)
        self._known = max(known, EARLIEST)
        self._began = self._zero()
        self._corrected_ms: int | None = None
        """When the clock was corrected last."""
        self.trusted = clock.utc() >= self._known

    def mark_of(self, timestamp: str) -> str:
        """What to note with a time of this computer: empty where it can be believed."""
        early = parse_time(timestamp) < EARLIEST
        doubtful = early or not (self.trusted or self._was_set())
        return self._system.boot_id if doubtful else ""

    def mended(self, timestamp: str, mark: str) -> str:
        """A noted time, in the time that is known now."""
        return shifted(timestamp, self._mends.get(mark, 0)) if mark else timestamp

    def told(self, current_time: str, asked_ms: int) -> None:
        """The back office told its time in the answer to what was sent at `asked_ms`."""
        try:
            theirs = parse_time(current_time)
        except ValueError:
            _log.warning("the back office's time %r can not be read", current_time[:40])
            return
        theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
        if not EARLIEST <= theirs < LATEST:
            _log.warning("the back office's time %s is not believed", current_time[:40])
            return
        took_ms = self._clock.now_ms() - asked_ms
        offset_ms = (theirs - self._clock.utc()) // timedelta(milliseconds=1)
        if not self.trusted:
            self._mend(offset_ms + (self._zero() - self._began) // timedelta(milliseconds=1))
        if abs(offset_ms) > THRESHOLD_MS + took_ms and self._may_correct(offset_ms):
            self._corrected_ms = self._clock.now_ms()
            self._set(offset_ms)
        self._note(theirs)

    def _may_correct(self, offset_ms: int) -> bool:
        """A small difference waits for the next answer after a minute."""
        last_ms = self._corrected_ms
        rested = last_ms is None or self._clock.now_ms() - last_ms >= CORRECT_EVERY_MS
        return rested or abs(offset_ms) > AT_ONCE_MS

    def _zero(self) -> datetime:
        """The wall time at which the monotonic clock began: it moves when the wall clock is set."""
        return self._clock.utc() - timedelta(milliseconds=self._clock.now_ms())

    def _was_set(self) -> bool:
        """Somebody else set the clock since, to a time that can be (NTP)."""
        moved = abs(self._zero() - self._began) > timedelta(milliseconds=THRESHOLD_MS)
        return moved and self._clock.utc() >= self._known

    def _mend(self, offset_ms: int) -> None:
        """What was noted since the start was wrong by this."""
        self.trusted = True
        others = {k: v for k, v in self._mends.items() if k != self._system.boot_id}
        self._mends = dict([*others.items(), (self._system.boot_id, offset_ms)][-MENDS:])
        self._keep(KIND, "mends", self._mends)

    def _set(self, offset_ms: int) -> None:
        """The correction is for a clock that stays as it is."""
        wanted = self._clock.utc() + timedelta(milliseconds=offset_ms)
        corrected_ms = self._clock.correction_ms + offset_ms

        def done(why: str) -> None:
            self._clock.correction_ms = corrected_ms if why else 0
            how = f"corrected in what is told ({why})" if why else "set"
            _log.warning("the clock was %.1f s wrong: %s", -offset_ms / 1_000, how)
            for hear in self._occasions.clock_set:
                hear(offset_ms)

        self._system.set_time(wanted, done)

    def _note(self, now: datetime) -> None:
        if (now - self._known).total_seconds() >= KEEP_KNOWN_S:
            self._known = now
            self._keep(KIND, "known", now)


def shifted(timestamp: str, by_ms: int) -> str:
    """An RFC 3339 time, so much later."""
    return rfc3339(parse_time(timestamp) + timedelta(milliseconds=by_ms)) if by_ms else timestamp
