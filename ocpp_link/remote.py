"""What the back office wants done from afar: start, stop, unlock.

Whether a start is possible the core says; its word is the answer, and where it asks about the
token first, the answer goes out before the question does. A start that is under way keeps its
EVSE from another one. Source: OCPP 1.6 §5.11, §5.12, §5.18; 2.0.1 F01 to F05.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from evse.types.authorization import IdToken, IdTokenType, ProvidedIdToken
from evse.types.session import StopTransactionReason
from ocpp_link.ports import CoreReply
from ocpp_link.records import EvseState
from ocpp_link.reservations import Reservations
from ocpp_link.station import Station
from ocpp_link.tokens.authorization import Authorization

UNDER_WAY_MS = 45_000
"""The core gives a validator 40 s; by then the EVSE is authorized, or the start is forgotten."""
TIMER = "remote_start"

_log = logging.getLogger(__name__)


class Remote:
    """Acts on behalf of the back office."""

    def __init__(
        self, station: Station, authorization: Authorization, reservations: Reservations
    ) -> None:
        self._station = station
        self._authorization = authorization
        self._reservations = reservations
        self._starts: dict[str, _Start] = {}
        """Under way, by the token in lower case."""
        self._taken = {evse for evse, state in station.states.items() if state.authorized}
        station.on_timer[TIMER] = self._forget
        station.occasions.evse_changed.append(self._evse_changed)
        authorization.on_asked.append(self._asked)
        authorization.on_refused.append(self._refused)

    def evse_to_start(self, connector: int | None, token: str = "") -> int | None:
        """An EVSE that a remote start could mean, as far as is known here; the core decides. None
        also for a `token` with a start under way, and where others are promised what is free."""
        if not self._station.boot.accepted or not self._station.core_up:
            return None
        named = {start.evse for start in self._starts.values()}
        states = self._station.states
        free = [evse for evse in states if _may_start(states[evse]) and evse not in named]
        unnamed = sum(start.evse is None for start in self._starts.values())
        if token.casefold() in self._starts or len(free) <= unnamed:
            return None
        plugged_first = sorted(free, key=lambda evse: not states[evse].plugged)
        return next((evse for evse in plugged_first if connector in (None, evse)), None)

    def start(
        self,
        token: ProvidedIdToken,
        on_failed: Callable[[], None] | None = None,
        *,
        on_answer: Callable[[bool], None] | None = None,
    ) -> None:
        """Present the token to the core. `on_answer` hears once whether it is attempted, before
        anything is asked about the token; `on_failed` hears that it came to nothing."""
        name = token.id_token.value.casefold()
        evse = token.connectors[0] if isinstance(token.connectors, tuple) else None
        start = self._starts[name] = _Start(evse, on_failed, on_answer)
        self._station.start_timer(UNDER_WAY_MS, TIMER, name)
        params = {"token": msgspec.to_builtins(self._as_known(token, evse))}

        def presented(reply: CoreReply) -> None:
            refused = bool(reply.error) or reply.result == "Rejected"
            start.answer(not refused)
            if refused and self._starts.get(name) is start:
                _log.warning("a remote start came to nothing: %s", reply.error or "rejected")
                self._failed(name)

        self._station.core.call("auth_token_provider.present", params, presented)

    @property
    def may_stop(self) -> bool:
        """Is there anybody to end a transaction, and may the back office want it?"""
        return self._station.boot.accepted and self._station.core_up

    def stop(self, evse: int) -> None:
        self._station.stop_transaction(evse, StopTransactionReason.Remote)

    def unlock(self, evse: int, on_done: Callable[[bool], None]) -> None:
        """Unlock the connector (each EVSE has one); a transaction ends by it."""

        def done(reply: CoreReply) -> None:
            on_done(not reply.error and reply.result is True)

        self._station.command("force_unlock", evse, {"connector_id": 1}, done)

    # --- inside -----------------------------------------------------------------------------------

    def _as_known(self, token: ProvidedIdToken, evse: int | None) -> ProvidedIdToken:
        """With the group that is known here, and good without asking where nobody wants it asked
        about and no reservation depends on its group (1.6 §5.13)."""
        value = token.id_token.value
        parent = self._authorization.parent_of(value)
        if parent:
            group = IdToken(value=parent, type=IdTokenType.Central)
            token = msgspec.structs.replace(token, parent_id_token=group)
        group_matters = not parent and self._reservations.depends_on_group(value, evse)
        if self._station.settings.authorize_remote or group_matters:
            return token
        return msgspec.structs.replace(token, prevalidated=True)

    def _asked(self, token: str) -> None:
        """The core takes the start up and asks: the back office is answered first."""
        start = self._starts.get(token.casefold())
        if start is not None:
            start.answer(True)

    def _refused(self, token: str) -> None:
        if token.casefold() in self._starts:
            self._failed(token.casefold())

    def _failed(self, name: str) -> None:
        start = self._starts[name]
        self._forget(name)
        if start.on_failed is not None:
            start.on_failed()

    def _evse_changed(self, evse: int) -> None:
        """An EVSE that has been authorized is no longer promised."""
        if not self._station.states[evse].authorized:
            self._taken.discard(evse)
        elif evse not in self._taken:
            self._taken.add(evse)
            found = (name for name, start in self._starts.items() if start.evse in (None, evse))
            if (name := next(found, None)) is not None:
                self._forget(name)

    def _forget(self, name: str) -> None:
        del self._starts[name]
        self._station.timers.cancel((TIMER, name))


class _Start:
    """A remote start under way; `evse` None: the core chooses."""

    def __init__(
        self,
        evse: int | None,
        on_failed: Callable[[], None] | None,
        on_answer: Callable[[bool], None] | None,
    ) -> None:
        self.evse = evse
        self.on_failed = on_failed
        self._on_answer = on_answer

    def answer(self, attempted: bool) -> None:
        """Once; what follows is not heard."""
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            on_answer(attempted)


def _may_start(state: EvseState) -> bool:
    """Nobody charges there or is authorized. A session that ended may leave room for another one:
    the core knows whether its car has left (spec evse-core C2, Finished)."""
    return state.enabled and not (state.in_transaction or state.authorized)
