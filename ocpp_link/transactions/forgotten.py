"""What the core forgot before it was told here: sessions may have ended unheard.

Whether an open session is over, the EVSE's next event tells: one of another session says that the
end was lost. Where the core's journal knows no event of the EVSE at all, none will come.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from evse.types.session import SessionEvent
from ocpp_link.ports import CoreReply
from ocpp_link.station import Station

SESSION_EVENT = "evse_manager.session_event"


class ForgottenEvents:
    """`end_lost` is called with each EVSE whose open session ended unheard."""

    def __init__(self, station: Station, end_lost: Callable[[int], None]) -> None:
        self._station = station
        self._end_lost = end_lost
        self._doubtful: dict[int, str] = {}
        """By EVSE: the session that was open when events were missed."""

    def missed(self) -> None:
        """Events that the core has forgotten were never told here."""
        for evse, state in self._station.states.items():
            if state.session:
                self._doubtful[evse] = state.session
                wanted = {"variable": SESSION_EVENT, "evse": evse}
                self._station.core.call("get", wanted, partial(self._newest_is, evse))

    def before(self, evse: int, event: SessionEvent) -> None:
        """This event is taken next."""
        if event.uuid and evse in self._doubtful and self._doubtful.pop(evse) != event.uuid:
            self._end_lost(evse)

    def _newest_is(self, evse: int, reply: CoreReply) -> None:
        """The EVSE's newest event in the core's journal; with one, it is told here, too."""
        if not reply.error and reply.result is None and self._doubtful.pop(evse, ""):
            self._end_lost(evse)
