"""What the back office wants in operation (OCPP 1.6 §5.2), kept over restarts.

Whether an EVSE is enabled is the core's to say; this is only one voice, and it is idempotent.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from ocpp_link.ports import CoreReply
from ocpp_link.station import Station
from ocpp_link.status import StatusReporter


class AvailabilityOutcome(enum.Enum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


OnOutcome = Callable[[AvailabilityOutcome], None]


class Availability:
    """Connector 0 is the station with all its connectors."""

    def __init__(self, station: Station, status: StatusReporter, kept: dict[str, bool]) -> None:
        self._station = station
        self._status = status
        self._operative = {int(name): operative for name, operative in kept.items()}
        status.station_operative = self._operative.get(0, True)
        station.occasions.core_came.append(self.core_came)
        station.occasions.transaction_ended.append(self.transaction_ended)

    def change(self, connector: int, operative: bool, on_outcome: OnOutcome) -> None:
        """Change it now where no transaction runs, and at its end where one does."""
        if connector != 0 and connector not in self._station.evses:
            on_outcome(AvailabilityOutcome.REJECTED)
            return
        evses = self._station.evses if connector == 0 else [connector]
        for name in {connector, *evses}:
            self._operative[name] = operative
            self._station.keep("availability", str(name), operative)
        if connector == 0:
            self._status.station_operative = operative
            self._status.tell(0)
        busy = [] if operative else [evse for evse in evses if self._in_transaction(evse)]
        self._apply([evse for evse in evses if evse not in busy], bool(busy), on_outcome)

    def transaction_ended(self, evse: int) -> None:
        """A change that waited for this takes place."""
        if not self._operative.get(evse, True):
            self._command(evse, operative=False)

    def core_came(self) -> None:
        """The core may have forgotten: say again what is to be out of operation."""
        for evse in self._station.evses:
            if not self._in_transaction(evse):
                self.transaction_ended(evse)

    def _apply(self, evses: list[int], scheduled: bool, on_outcome: OnOutcome) -> None:
        waiting = len(evses)
        refused = False

        def conclude() -> None:
            if refused:
                on_outcome(AvailabilityOutcome.REJECTED)
            elif scheduled:
                on_outcome(AvailabilityOutcome.SCHEDULED)
            else:
                on_outcome(AvailabilityOutcome.ACCEPTED)

        def done(reply: CoreReply) -> None:
            nonlocal waiting, refused
            waiting -= 1
            refused = refused or bool(reply.error) or reply.result is False
            if waiting == 0:
                conclude()

        if not evses:
            conclude()
        for evse in evses:
            self._command(evse, operative=self._operative[evse], on_reply=done)

    def _command(
        self, evse: int, *, operative: bool, on_reply: Callable[[CoreReply], None] | None = None
    ) -> None:
        method = "enable" if operative else "disable"
        asked = {"connector_id": 0, "source": "CSMS"}
        self._station.command(method, evse, asked, on_reply)

    def _in_transaction(self, evse: int) -> bool:
        return self._station.states[evse].in_transaction
