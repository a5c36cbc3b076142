"""What the back office wants done from afar: start, stop, unlock.

Nothing here answers the request itself; see the dialects.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from evse.types.authorization import ProvidedIdToken
from evse.types.session import StopTransactionReason
from ocpp_link.ports import CoreReply
from ocpp_link.records import EvseState
from ocpp_link.station import Station

_log = logging.getLogger(__name__)


class Remote:
    """Acts on behalf of the back office."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def evse_to_start(self, connector: int | None) -> int | None:
        """An EVSE that a remote start could mean, as far as is known here; the core decides."""
        if not self._station.boot.accepted or not self._station.core_up:
            return None
        plugged_first = sorted(
            self._station.evses, key=lambda evse: not self._station.states[evse].plugged
        )
        candidates = plugged_first if connector is None else [connector]
        states = self._station.states
        free = (evse for evse in candidates if evse in states and _may_start(states[evse]))
        return next(free, None)

    def start(self, token: ProvidedIdToken, on_failed: Callable[[], None] | None = None) -> None:
        """Present the token to the core, which asks about it where that is configured. `on_failed`:
        it was refused at once."""
        if not self._station.settings.authorize_remote:
            token = msgspec.structs.replace(token, prevalidated=True)
        params = {"token": msgspec.to_builtins(token)}

        def presented(reply: CoreReply) -> None:
            """The back office was answered before: what becomes of it shows in the statuses."""
            if reply.error or reply.result == "Rejected":
                why = reply.error or "the core rejected it"
                _log.warning("a remote start came to nothing: %s", why)
                if on_failed is not None:
                    on_failed()

        self._station.core.call("auth_token_provider.present", params, presented)

    def stop(self, evse: int) -> None:
        self._station.stop_transaction(evse, StopTransactionReason.Remote)

    def unlock(self, evse: int, on_done: Callable[[bool], None]) -> None:
        """Unlock the connector (each EVSE has one); a transaction ends by it."""

        def done(reply: CoreReply) -> None:
            on_done(not reply.error and reply.result is True)

        self._station.command("force_unlock", evse, {"connector_id": 1}, done)


def _may_start(state: EvseState) -> bool:
    """No transaction and none just ended (the car must leave first), and nobody is authorized."""
    return state.enabled and not (state.in_transaction or state.ended or state.authorized)
