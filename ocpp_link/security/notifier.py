"""Security events: into the log, and those that matter to the back office, in order and for sure.

An event that the back office is to hear of is kept on disk until it is acknowledged, over outages
and restarts (security whitepaper A04.FR.01, FR.02); every event goes into the security log
(A04.FR.04).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial

import msgspec

from ocpp_link.memory.database import Snapshot
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.security.events import MEASURED, TOLD, EventType, SecurityEvent
from ocpp_link.station import Station

MAX_WAITING = 256
MAX_INFO_CHARS = 255  # security whitepaper §5.15
REPEAT_MS = 60_000
REPEATS = 5
"""The same thing said more often than this within REPEAT_MS is counted and not written down: a peer
that sends rubbish a thousand times a second fills neither the log nor the queue. Of MEASURED ones
the type alone is what is said."""
MAX_TYPES = 64
"""Of which what was said last is remembered."""
RETRY_MS = 60_000
MAX_REFUSALS = 3
"""CALLERRORs after which an event is given up, so that it holds up no other one."""
UNKNOWN_THERE = frozenset({Code.NOT_IMPLEMENTED, Code.NOT_SUPPORTED})
TIMER = "security_event"

_log = logging.getLogger(__name__)


class _Waiting(msgspec.Struct):
    number: int
    event: SecurityEvent
    refusals: int = 0


class _Said(msgspec.Struct):
    info: str
    since_ms: int
    times: int = 1


class SecurityEvents:
    """`write` takes the lines of the log; it neither blocks nor raises."""

    def __init__(
        self,
        station: Station,
        kept: Snapshot,
        *,
        told: frozenset[EventType] = TOLD,
        write: Callable[[bytes], None] = lambda _line: None,
    ) -> None:
        self._station = station
        self._told = told
        self._write = write
        loaded = kept.decoded("security_event", SecurityEvent)
        self._waiting = deque(_Waiting(int(n), loaded[n]) for n in sorted(loaded, key=int))
        self._next = self._waiting[-1].number + 1 if self._waiting else 1
        self._sending = False
        self._said: dict[str, _Said] = {}
        self.given_up = 0
        self.heard: list[Callable[[SecurityEvent], None]] = []
        """Hear of every event that is written down."""
        station.on_timer[TIMER] = self.pump
        station.occasions.registered.append(self.pump)
        station.occasions.resumed.append(self.pump)

    def __len__(self) -> int:
        """How many wait for the back office."""
        return len(self._waiting)

    def event(self, type_: EventType, info: str = "") -> None:
        """Something happened. `info` in words, without any secret."""
        self.report(SecurityEvent(type_, self._station.timestamp(), info), type_ in self._told)

    def report(self, event: SecurityEvent, critical: bool | None = None) -> None:
        """As `event`, of any type and time; `critical`: the back office is to hear of it. Left
        out, the type decides."""
        said = self._damped(event.type, event.info[:MAX_INFO_CHARS])
        if said is None:
            return
        event = msgspec.structs.replace(event, info=said)
        self._write(msgspec.json.encode(event) + b"\n")
        for hear in self.heard:
            hear(event)
        told = event.type in self._told if critical is None else critical
        if told and not self._station.settings.security_events_disabled:
            self._enqueue(event)

    def pump(self) -> None:
        """Send what can be sent now."""
        while self._waiting and self._station.operational and not self._sending:
            first = self._waiting[0]
            message = self._station.dialect.security_event(first.event)
            self._sending = True
            self._station.request(message, partial(self._ended, first))

    def _damped(self, type_: str, info: str) -> str | None:
        """What to write; None for what was said a moment ago."""
        now_ms, said = self._station.clock.now_ms(), self._said.get(type_)
        again = said and (said.info == info or type_ in MEASURED)
        if said and again and now_ms - said.since_ms < REPEAT_MS:
            said.times += 1
            return None if said.times > REPEATS else info
        if len(self._said) >= MAX_TYPES:
            self._said.clear()
        self._said[type_] = _Said(info, now_ms)
        unsaid = said.times - REPEATS if said else 0
        return f"{info} (before: {unsaid} more)"[:MAX_INFO_CHARS] if unsaid > 0 else info

    def _enqueue(self, event: SecurityEvent) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._give_up(self._least())
        waiting = _Waiting(self._next, event)
        self._next += 1
        self._waiting.append(waiting)
        self._station.keep("security_event", str(waiting.number), event)
        self.pump()

    def _least(self) -> _Waiting:
        """The oldest one that is not on its way."""
        return self._waiting[1 if self._sending else 0]

    def _ended(self, waiting: _Waiting, outcome: Outcome) -> None:
        self._sending = False
        match outcome.kind:
            case OutcomeKind.RESULT:
                self._forget(waiting)
            case OutcomeKind.ERROR if outcome.code in UNKNOWN_THERE:
                self._give_up_all(f"the back office does not know the message ({outcome.code})")
            case OutcomeKind.ERROR:
                waiting.refusals += 1
                if waiting.refusals >= MAX_REFUSALS:
                    self._give_up(waiting)
                self._station.start_timer(RETRY_MS, TIMER)
                return
            case OutcomeKind.LINK_LOST:
                return  # it goes out first on the next connection
            case _:
                self._station.start_timer(RETRY_MS, TIMER)
                return
        self.pump()

    def _forget(self, waiting: _Waiting) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)
            self._station.forget("security_event", str(waiting.number))

    def _give_up(self, waiting: _Waiting) -> None:
        _log.error("the back office will not hear of %s", waiting.event.type)
        self.given_up += 1
        self._forget(waiting)

    def _give_up_all(self, why: str) -> None:
        _log.warning("%d security events are not told: %s", len(self._waiting), why)
        self.given_up += len(self._waiting)
        for waiting in list(self._waiting):
            self._forget(waiting)
