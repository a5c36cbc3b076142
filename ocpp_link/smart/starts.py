"""The TxProfiles of remote starts, until their transactions run or it is clear that none will.

1.6 §5.16.2: the profile is for the transaction that the remote start brings about, and for no other
one that somebody starts there in between.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ocpp_link.smart.profiles import Installed, ProfileTable
from ocpp_link.station import Station

START_SLACK_MS = 60_000
"""Beyond the connection timeout the token may still be asked about: one CALL and another."""
TIMER = "remote_profile"


class WaitingProfiles:
    """`drop` removes profiles, `bound` hears of one that has its transaction now."""

    def __init__(
        self,
        station: Station,
        table: ProfileTable,
        *,
        drop: Callable[[list[int]], object],
        bound: Callable[[int], None],
    ) -> None:
        self._station = station
        self._table = table
        self._drop = drop
        self._bound = bound
        self._authorized: set[int] = set()
        """EVSEs whose remote start the core has authorized."""
        station.on_timer[TIMER] = self._waited
        station.occasions.transaction_started.append(self.transaction_started)
        station.occasions.evse_changed.append(self._evse_changed)

    def wait(self, evse: int) -> None:
        """A profile has been installed for the next transaction of an EVSE."""
        wait_ms = self._station.settings.connection_timeout_s * 1_000 + START_SLACK_MS
        self._station.start_timer(wait_ms, TIMER, evse)
        if self._station.states[evse].authorized:
            self._authorized.add(evse)

    def abandon(self, evse: int) -> None:
        """The remote start came to nothing; so does its profile."""
        waiting = self._waiting(evse)
        self._forget(evse)
        self._drop([entry.profile.id for entry in waiting])

    def transaction_started(self, evse: int) -> None:
        """Bind what waits for it. Whoever else starts does so without the profile."""
        waiting, state = self._waiting(evse), self._station.states[evse]
        self._forget(evse)
        for entry in waiting:
            if state.token.casefold() == entry.token.casefold():
                self._table.replace(msgspec.structs.replace(entry, session=state.session, token=""))
                self._bound(entry.profile.id)
            else:
                self._drop([entry.profile.id])

    def _waiting(self, evse: int) -> list[Installed]:
        return [entry for entry in self._table if entry.waits and entry.evse == evse]

    def _evse_changed(self, evse: int) -> None:
        """An authorization that is gone without a transaction takes its profile along."""
        if self._waiting(evse):
            if self._station.states[evse].authorized:
                self._authorized.add(evse)
            elif evse in self._authorized:
                self.abandon(evse)

    def _waited(self, evse: int) -> None:
        if evse not in self._authorized:
            self.abandon(evse)

    def _forget(self, evse: int) -> None:
        self._authorized.discard(evse)
        self._station.timers.cancel((TIMER, evse))
