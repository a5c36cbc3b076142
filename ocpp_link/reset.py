"""Reset at the back office's word: what runs is ended, told where that is possible, then restarted.

The answer is on its way before anything is done (pitfall 47). Why the transactions ended survives
the restart, also where the core could not be asked; why the station restarted is in its next
BootNotification. A restart that does not come is tried again, and then told as a failure.

Sources: OCPP 1.6 §5.14, §9.1.22; 2.0.1 B11, B12.
"""

from __future__ import annotations

import enum
import logging

from evse.types.session import StopTransactionReason
from ocpp_link.ports import BootReason, RestartKind
from ocpp_link.registration import Registration
from ocpp_link.station import Station
from ocpp_link.status import StatusReporter
from ocpp_link.transactions.delivery import Transactions
from ocpp_link.transactions.session_events import SessionEvents

ANSWER_MS = 500
"""For the answer, and for the last statuses, to leave."""
WATCH_MS = 250
"""Between two looks at whether all has ended."""
GRACEFUL_MS = 60_000
"""For transactions to end and for their ends to be delivered. What is not, waits on the disk."""
FORCED_MS = 10_000
"""For transactions to end: the contactor opens within 6 s."""
RESTART_MS = 30_000
"""A restart that has not come by then has failed."""

_log = logging.getLogger(__name__)


class ResetMode(enum.Enum):
    GRACEFUL = "graceful"
    """End transactions, deliver their ends, restart the application."""
    FORCED = "forced"
    """End transactions where that goes quickly, restart all hardware."""
    WHEN_IDLE = "when idle"
    """As graceful, once no transaction runs any more."""


class ResetAnswer(enum.Enum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


_URGENCY = {ResetMode.WHEN_IDLE: 0, ResetMode.GRACEFUL: 1, ResetMode.FORCED: 2}
_REASON = {
    ResetMode.GRACEFUL: StopTransactionReason.SoftReset,
    ResetMode.WHEN_IDLE: StopTransactionReason.SoftReset,
    ResetMode.FORCED: StopTransactionReason.HardReset,
}


class Reset:
    """One at a time; a more urgent one takes over."""

    def __init__(
        self,
        station: Station,
        *,
        registration: Registration,
        transactions: Transactions,
        events: SessionEvents,
        status: StatusReporter,
    ) -> None:
        self._station = station
        self._registration = registration
        self._transactions = transactions
        self._events = events
        self._status = status
        self._mode: ResetMode | None = None
        self._cause = BootReason.REMOTE_RESET
        self._give_up_ms: int | None = None
        """When what has not ended by then is left; None while nothing is being ended."""
        self._ending: set[str] = set()
        """Sessions whose transactions the core was asked to end."""
        self._tries = 0
        station.on_timer["reset_begin"] = self._begin
        station.on_timer["reset_watch"] = self._watch
        station.on_timer["reset_restart"] = self._restart
        station.on_timer["reset_failed"] = self._failed

    @property
    def under_way(self) -> bool:
        return self._mode is not None

    def ask(self, mode: ResetMode, cause: BootReason = BootReason.REMOTE_RESET) -> ResetAnswer:
        """Reset the station; begins after the caller has answered. Asking again changes nothing,
        unless it is more urgent now."""
        busy = any(state.in_transaction for state in self._station.states.values())
        scheduled = mode is ResetMode.WHEN_IDLE and busy
        if self._mode is None or _URGENCY[mode] > _URGENCY[self._mode]:
            self._mode, self._cause = mode, cause
            self._give_up_ms = None
            self._tries = 0
            self._station.start_timer(0, "reset_begin")
        return ResetAnswer.SCHEDULED if scheduled else ResetAnswer.ACCEPTED

    def _begin(self) -> None:
        """End what runs, unless it may end by itself."""
        if self._mode is None:
            return
        self._status.warn(0, "")
        if self._mode is not ResetMode.WHEN_IDLE:
            limit_ms = FORCED_MS if self._mode is ResetMode.FORCED else GRACEFUL_MS
            self._give_up_ms = self._station.clock.now_ms() + limit_ms
            self._ending.clear()
        self._watch()

    def _end_running(self, reason: StopTransactionReason) -> None:
        """Each once; one that begins in the meantime too."""
        for evse in self._running():
            session = self._station.states[evse].session
            if session not in self._ending:
                self._ending.add(session)
                self._events.will_end(session, reason)
                self._station.stop_transaction(evse, reason)

    def _watch(self) -> None:
        if self._mode is not None and self._give_up_ms is not None:
            self._end_running(_REASON[self._mode])
        now_ms = self._station.clock.now_ms()
        late = self._give_up_ms is not None and now_ms >= self._give_up_ms
        if self._settled() or late:
            self._announce()
        else:
            self._station.start_timer(WATCH_MS, "reset_watch")

    def _settled(self) -> bool:
        """Nothing runs; what has ended is delivered, where somebody takes it and that matters."""
        if self._running():
            return False
        delivers = self._mode is not ResetMode.FORCED and self._station.operational
        return not delivers or len(self._transactions.queue) == 0

    def _announce(self) -> None:
        self._registration.expect_restart(self._cause)
        for hear in self._station.occasions.resetting:
            hear(self._cause.value)
        self._station.start_timer(ANSWER_MS, "reset_restart")

    def _restart(self) -> None:
        forced = self._mode is ResetMode.FORCED
        kind = RestartKind.HARDWARE if forced else RestartKind.APPLICATION
        self._tries += 1
        self._station.start_timer(RESTART_MS, "reset_failed")
        self._station.system.restart(kind, self._refused)

    def _refused(self, why: str) -> None:
        _log.error("the station did not restart: %s", why)
        self._station.start_timer(0, "reset_failed")

    def _failed(self) -> None:
        """Still here: once more, as often as configured, then it is told."""
        if self._mode is None:
            return
        if self._tries <= self._station.settings.reset_retries:
            self._station.start_timer(RESTART_MS, "reset_restart")
            self._station.timers.cancel(("reset_failed",))
            return
        self._mode = None
        self._registration.restart_failed()
        self._status.warn(0, "ResetFailure")

    def _running(self) -> list[int]:
        return [evse for evse, state in self._station.states.items() if state.in_transaction]
