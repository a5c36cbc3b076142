"""What the back office says of a token once its transaction runs (OCPP 1.6 §3.5.4, §4.8, §9.1.14;
2.0.1 E05, C15).

The verdict is remembered; one that is not good ends the transaction, or its energy, at once or
after so much as is allowed since its start. A group that only now became known is told the core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from evse.types.authorization import AuthorizationStatus
from evse.types.session import StopTransactionReason
from ocpp_link.memory.database import Snapshot
from ocpp_link.ports import CoreReply
from ocpp_link.records import EvseState, RecordKind, TxAnswer, TxRecord, Verdict
from ocpp_link.station import Station
from ocpp_link.tokens.cache import is_valid
from ocpp_link.tokens.known import KnownTokens

if TYPE_CHECKING:
    from ocpp_link.status import StatusReporter

KIND = "allowance"
LIST_CONFLICT = "LocalListConflict"


class Allowance(msgspec.Struct, frozen=True):
    """A transaction on a token that is not good may run until its register says so much."""

    session: str
    until_wh: float


class Invalidation:
    """Hears the answers to transactions' records (Transactions.answers)."""

    def __init__(
        self, station: Station, known: KnownTokens, status: StatusReporter, kept: Snapshot
    ) -> None:
        self._station = station
        self._known = known
        self._status = status
        self._allowed = {
            int(evse): allowance for evse, allowance in kept.decoded(KIND, Allowance).items()
        }
        station.occasions.metered.append(self._metered)
        station.occasions.transaction_ended.append(self._ended)
        self._conflict = False
        known.list.on_accepted.append(self._list_changed)

    def heard(self, record: TxRecord, answer: TxAnswer) -> None:
        """The back office processed a record."""
        verdict = answer.verdict
        if verdict is None or not record.token:
            return
        self._note_conflict(record.token, verdict)
        self._known.remember(record.token, verdict)
        state = self._station.states.get(record.evse)
        running = state is not None and state.in_transaction and state.session == record.session
        if state is None or not running or record.kind is RecordKind.FINISHED:
            return
        if not is_valid(verdict):
            self._invalid(state, record)
        elif verdict.parent:
            self._tell_group(record, verdict.parent)

    def _note_conflict(self, token: str, verdict: Verdict) -> None:
        """§3.5.2: told until the next list. A token that is busy elsewhere is good all the same."""
        listed = self._known.list.get(token.casefold())
        busy = verdict.status is AuthorizationStatus.ConcurrentTx
        if listed is not None and not busy and is_valid(listed) != is_valid(verdict):
            self._conflict = True
            self._status.warn(0, LIST_CONFLICT)

    def _list_changed(self, _tokens: list[str]) -> None:
        if self._conflict:
            self._conflict = False
            self._status.warn(0, "")

    def _invalid(self, state: EvseState, record: TxRecord) -> None:
        settings = self._station.settings
        if settings.stop_on_invalid:
            self._station.stop_transaction(state.evse, StopTransactionReason.DeAuthorized)
            return
        until_wh = record.meter.energy_Wh_import.total + settings.max_energy_on_invalid_wh
        known = self._allowed.get(state.evse)
        if known is None or known.session != state.session:
            allowance = self._allowed[state.evse] = Allowance(state.session, until_wh)
            self._station.keep(KIND, str(state.evse), allowance)
        self._metered(state.evse)

    def _tell_group(self, record: TxRecord, parent: str) -> None:
        """So that another token of the group may end it (§3.10)."""
        params = {"evse": record.evse, "id_token": record.token, "parent_id_token": parent}
        self._station.core.call("authorization.set_group", params, _unheeded)

    def _metered(self, evse: int) -> None:
        """No more energy once the allowance is used up; without a meter there is none."""
        allowance = self._allowed.get(evse)
        if allowance is None:
            return
        meter = self._station.meters.get(evse)
        used_up = meter is None or meter.energy_Wh_import.total >= allowance.until_wh
        if used_up and self._station.states[evse].in_transaction:

            def done(reply: CoreReply) -> None:
                if not reply.error:
                    self._forget(evse)

            self._station.command("pause_charging", evse, on_reply=done)

    def _ended(self, evse: int) -> None:
        if evse in self._allowed:
            self._forget(evse)

    def _forget(self, evse: int) -> None:
        self._allowed.pop(evse, None)
        self._station.forget(KIND, str(evse))


def _unheeded(_reply: CoreReply) -> None:
    """A core that went has ended the transaction."""
