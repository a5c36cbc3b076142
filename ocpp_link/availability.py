"""What the back office wants in operation (OCPP 1.6 §5.2), kept over restarts.

A change is on the disk before the core hears of it, and the core has taken it before it is
answered; what the core refuses is taken back. Whether an EVSE is enabled is the core's to say; this
is only one voice, and it is idempotent: some servers repeat themselves at every connection.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply
from ocpp_link.station import Station
from ocpp_link.status import StatusReporter

KIND = "availability"


class AvailabilityOutcome(enum.Enum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


OnOutcome = Callable[[AvailabilityOutcome], None]
Wish = dict[int, bool]
"""By connector: is it to be in operation?"""


class Availability:
    """Connector 0 is the station with all its connectors. `kept`: as before this start."""

    def __init__(self, station: Station, status: StatusReporter, kept: dict[str, bool]) -> None:
        self._station = station
        self._status = status
        self._operative: Wish = {int(name): operative for name, operative in kept.items()}
        status.station_operative = self._station_operates()
        status.is_wanted = lambda evse: self._operative.get(evse, True)
        station.occasions.core_came.append(self.core_came)
        station.occasions.transaction_ended.append(self.transaction_ended)

    def change(self, connector: int, operative: bool, on_outcome: OnOutcome) -> None:
        """Change it now where no transaction runs, and at its end where one does."""
        if connector != 0 and connector not in self._station.evses:
            on_outcome(AvailabilityOutcome.REJECTED)
            return
        evses = list(self._station.evses) if connector == 0 else [connector]
        wanted = dict.fromkeys([connector, *evses], operative)
        before = {each: self._operative.get(each, True) for each in wanted}
        self._operative |= wanted

        def concluded(outcome: AvailabilityOutcome) -> None:
            if outcome is AvailabilityOutcome.REJECTED:
                self._operative |= before
                self._keep(before, _nothing)
            self._tell_station()
            on_outcome(outcome)

        if wanted == before:
            self._apply(evses, operative, concluded)
        else:
            self._keep(wanted, lambda: self._apply(evses, operative, concluded))

    def transaction_ended(self, evse: int) -> None:
        """A change that waited for this takes place."""
        if not self._operative.get(evse, True):
            self._command(evse, operative=False)
        self._tell_station()

    def core_came(self) -> None:
        """The core may have forgotten: say again what is to be out of operation."""
        for evse in self._station.evses:
            if not self._in_transaction(evse):
                self.transaction_ended(evse)

    def _apply(self, evses: list[int], operative: bool, on_outcome: OnOutcome) -> None:
        """Tell the core of those where no transaction is in the way."""
        now = [evse for evse in evses if operative or not self._in_transaction(evse)]
        agreed = AvailabilityOutcome.ACCEPTED if now == evses else AvailabilityOutcome.SCHEDULED
        waiting, refused = len(now), False

        def done(reply: CoreReply) -> None:
            nonlocal waiting, refused
            waiting -= 1
            # What is wanted in operation is taken even where something else still forbids it.
            refused = refused or bool(reply.error) or (reply.result is False and not operative)
            if waiting == 0:
                on_outcome(AvailabilityOutcome.REJECTED if refused else agreed)

        if not now:
            on_outcome(agreed)
        for evse in now:
            self._command(evse, operative=operative, on_reply=done)

    def _keep(self, wanted: Wish, on_durable: Callable[[], None]) -> None:
        def work(database: Database) -> None:
            for connector, operative in wanted.items():
                database.put(KIND, str(connector), b"true" if operative else b"false")

        self._station.store.submit(work, lambda _: on_durable())

    def _tell_station(self) -> None:
        """Of the station as a whole, once no transaction is in the way any more."""
        self._status.station_operative = self._station_operates()
        self._status.tell(0)

    def _station_operates(self) -> bool:
        return self._operative.get(0, True) or any(map(self._in_transaction, self._station.evses))

    def _command(
        self, evse: int, *, operative: bool, on_reply: Callable[[CoreReply], None] | None = None
    ) -> None:
        method = "enable" if operative else "disable"
        asked = {"connector_id": 0, "source": "CSMS"}
        self._station.command(method, evse, asked, on_reply)

    def _in_transaction(self, evse: int) -> bool:
        return self._station.states[evse].in_transaction


def _nothing() -> None:
    """Waits for this to be durable."""
