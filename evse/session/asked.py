"""What people and links ask of one EVSE's session: names and outcomes of the interface page.

An ask that may not be granted says so and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from evse.faults import CoreCondition
from evse.model import CommandVerb, SelfTest
from evse.session import availability
from evse.session.external_limits import UNNAMED, Lifetime
from evse.session.forced_unlock import ForcedUnlock
from evse.session.phase_switch import ONE, THREE
from evse.session.self_test import SelfTestRun
from evse.session.told import ToldSession
from evse.types.authorization import IdToken, ProvidedIdToken
from evse.types.energy import ExternalLimits
from evse.types.evse_manager import SwitchThreePhasesWhileChargingResult
from evse.types.session import (
    EnableDisableSource,
    EnableState,
    SessionEventEnum,
    StartSessionReason,
    StopTransactionReason,
    StopTransactionRequest,
)

FOR_EVER = Lifetime()
_TAKES_NO_TOKEN = frozenset({"booting", "stopping", "finished", "disabled"})
"""While booting, an interrupted session must be closed before another one begins."""


class AskedSession(ToldSession):
    """A session that answers."""

    def authorize(self, token: ProvidedIdToken, reservation_id: int | None = None) -> bool:
        """An accepted token, and the reservation that it was made for. False where it is ignored
        (spec §A1.3 authorize_response)."""
        if self.has_room:
            self.departure.cleared = True
            self.settle()
        if self.stop or self.disable_wanted or self.state in _TAKES_NO_TOKEN:
            return False
        if self.authorized and self.record.token is not None:
            return self.record.token.id_token.same_as(token.id_token)
        self.record.token = token
        if reservation_id is not None:
            self.record.reservation_id = reservation_id
        if not self.record.uuid:
            self.use_reservation()
            self._begin_session(StartSessionReason.Authorized)
        self.authorized, self._withdrawn = True, False
        self._emit(self._write.plain(SessionEventEnum.Authorized, self._clock.utc()))
        self.settle()
        return True

    def withdraw_authorization(self) -> None:
        """Ends an authorization, or the wait for one; a transaction and a repetition ignore it."""
        waits = self.record.uuid and self.state in ("idle", "waiting_auth")
        if not waits or self._withdrawn:
            return
        was_authorized, self.authorized = self.authorized, False
        self._withdrawn = True
        self._emit(self._write.plain(SessionEventEnum.Deauthorized, self._clock.utc()))
        if self.state == "idle":
            self._end_waiting()
        elif not was_authorized:
            self._emit(self._write.plain(SessionEventEnum.PluginTimeout, self._clock.utc()))
            if self.config.raise_mrec9:
                self._shown.add(CoreCondition.AUTHORIZATION_TIMEOUT)
        self._forget_signature()
        self.record.token = None
        self.settle()

    def _end_waiting(self) -> None:
        """No car came for the token; nor, then, for what had been reserved."""
        if self.record.reservation_id is not None:
            self._tell_reservation(SessionEventEnum.ReservationEnd)
        self._end_session()

    def reserve(self, reservation_id: int) -> bool:
        """False unless the EVSE is free, in order, and not reserved for another id."""
        if self.record.reserved is not None:
            return self.record.reserved == reservation_id
        free = self.state == "idle" and not (self.board.plugged or self.record.uuid)
        if not free or self.fault_model.blocked or self.disable_wanted:
            return False
        self.record.reserved = reservation_id
        self._tell_reservation(SessionEventEnum.ReservationStart)
        self.settle()
        return True

    def cancel_reservation(self) -> None:
        """Nothing happens where none stands."""
        self.end_reservation()
        self.settle()

    def set_faulted(self) -> None:
        """Out of order until the station is started anew. The same twice is as good as once."""
        self.show(CoreCondition.SET_FAULTED, True)

    def enable(self, connector_id: int) -> bool:
        """enable(0) leaves a connector's own disablement; enable(1) lifts both. False while
        something else keeps it off or out of order, and while its board does not answer."""
        self.record.evse_disabled = False
        if connector_id:
            self.record.connector_disabled = False
        self.record.assignments = availability.without(self.record.assignments, connector_id)
        return self._availability(connector_id) and self._may_be_enabled

    def disable(self, connector_id: int) -> bool:
        """By nobody in particular: above all that `assign` says. Always true: a board that can
        not be told opens by itself, and shows F once it answers."""
        if connector_id:
            self.record.connector_disabled = True
        else:
            self.record.evse_disabled = True
        return self._availability(connector_id)

    def assign(self, connector_id: int, wanted: EnableDisableSource) -> bool:
        """One source among several wants it on or off, or has no opinion any more. True when
        the EVSE is as it wants; events only where that changes."""
        self.record.assignments = availability.assign(
            self.record.assignments,
            wanted.enable_source,
            connector_id,
            wanted.enable_state,
            wanted.enable_priority,
        )
        self._availability(connector_id, wanted)
        if wanted.enable_state is EnableState.Disable:
            return self.disable_wanted
        return self._may_be_enabled

    @property
    def _may_be_enabled(self) -> bool:
        """Nobody wants it off, its board answers, and nothing is wrong that only a repair ends."""
        out_of_order = any(row.blocks and row.clears == "restart" for row in self.faults)
        unheard = self.board.is_lost and self.state != "booting"
        return not (self.disable_wanted or out_of_order or unheard)

    def pause_charging(self) -> bool:
        """False without a transaction."""
        if self.record.transaction:
            self.user_pause = True
            self.settle()
        return self.record.transaction

    def resume_charging(self) -> bool:
        """False where there is no pause of ours to end."""
        if not (self.record.transaction and self.user_pause):
            return False
        self.user_pause = False
        self.settle()
        return True

    def stop_transaction(self, request: StopTransactionRequest) -> bool:
        """False without a transaction; the first reason wins."""
        if not self.record.transaction:
            return False
        if self.stop is None:
            self.stop = request
            self.authorized = False
            self.settle()
        return True

    def force_unlock(self, connector_id: int, reply: Callable[[bool], None]) -> None:
        """Ends a transaction, waits for the contactor, unlocks; `reply` gets the true outcome."""
        if connector_id not in (0, 1) or self.config.lock is None or self._unlock is not None:
            reply(False)
            return
        self.stop_transaction(StopTransactionRequest(reason=StopTransactionReason.UnlockCommand))
        self.departure.released = True
        self._unlock = ForcedUnlock(reply, self._clock.now_ms())
        self.settle()

    def release_plug(self) -> bool:
        """Its token was presented: let the plug of a finished session go. False where nothing but
        the car holds it."""
        barred = self.bars_plug
        if barred:
            self.departure.released = True
            self.settle()
        return barred

    def set_group(self, group: IdToken) -> None:
        """Of the token that the EVSE is authorized by, where it is learnt only now."""
        if self.record.token is not None:
            self.record.token = replace(self.record.token, parent_id_token=group)
            self._ports.checkpoint(self.record.encode())

    def set_departure(self, *, ends_transaction: bool, frees_plug: bool) -> None:
        """What unplugging at the car's end does, from now on (departure.py)."""
        self.departure.ends_transaction = ends_transaction
        self.departure.frees_plug = frees_plug
        self.settle()

    def test_rcd(self, reply: Callable[[bool], None]) -> None:
        """Run the self-test of the residual-current device now; `reply` gets whether it passed.
        False at once where there is none, beside another run, and during a transaction."""
        fitted = self.status.self_test is not SelfTest.NOT_FITTED
        busy = self.record.transaction or self.status.energised or self._self_test is not None
        if busy or not fitted or self.board.is_lost:
            reply(False)
            return
        self._self_test = SelfTestRun(reply, self._clock.now_ms())
        self._ports.command(CommandVerb.RCD_SELF_TEST)
        self.settle()

    def switch_three_phases(self, three_phases: bool) -> SwitchThreePhasesWhileChargingResult:
        """Success: the way there has begun, or there is nothing to do."""
        result = self.phases.request(
            THREE if three_phases else ONE,
            transaction=self.record.transaction,
            lost=self.board.is_lost,
        )
        self.settle()
        return result

    def cancel_random_delay(self) -> None:
        """A person wants the current now (SI 2021/1467 regulation 11)."""
        self.offer.cancel_delay()
        self.settle()

    def set_external_limits(
        self, limits: ExternalLimits, source: str = UNNAMED, life: Lifetime = FOR_EVER
    ) -> None:
        """Replaces what `source` set before. Raises ValueError, and then changes nothing
        (external_limits.py)."""
        self.offer.external.put(source, limits, life)
        self.settle()

    def _availability(
        self, connector_id: int, source: EnableDisableSource | UnsetType = UNSET
    ) -> bool:
        """What follows may be announced only once charging has been torn down."""
        self._addressed, self._source = connector_id or None, source
        self._ports.checkpoint(self.record.encode())
        self.settle()
        return True
