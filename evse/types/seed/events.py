"""The session events of one EVSE as September 2023 told them. Pure.

Beside `Error`, `AllErrorsCleared` and `PermanentFault`, which the faults bring, every older event
comes from one present event; the present ones without an older name are not told.
"""

from __future__ import annotations

import types
from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from evse.types.seed.emit import bare_token, powermeter, provided_token, signed_data, stop_reason
from evse.types.seed.session_shapes import (
    Error,
    ErrorEnum,
    SeedSessionEvent,
    SeedSessionEventEnum,
    SeedSessionStarted,
    SeedTransactionFinished,
    SeedTransactionStarted,
)
from evse.types.session import PauseReason, SessionEvent, SessionEventEnum

PERMANENT_FAULT = "evse_board_support/PermanentFault"
ERROR_CODES: Mapping[str, ErrorEnum] = types.MappingProxyType(
    {
        "evse_board_support/DiodeFault": ErrorEnum.CarDiodeFault,
        "evse_board_support/VentilationNotAvailable": ErrorEnum.VentilationNotAvailable,
        "evse_board_support/MREC2GroundFailure": ErrorEnum.RCD,
        "evse_board_support/MREC4OverCurrentFailure": ErrorEnum.OverCurrent,
        "evse_board_support/MREC10InvalidVehicleMode": ErrorEnum.Car,
        "evse_board_support/MREC14PilotFault": ErrorEnum.Car,
        "evse_board_support/MREC17EVSEContactorFault": ErrorEnum.Relais,
        "ac_rcd/Selftest": ErrorEnum.RCD,
        "ac_rcd/DC": ErrorEnum.RCD,
        "ac_rcd/AC": ErrorEnum.RCD,
        "ac_rcd/MREC2GroundFailure": ErrorEnum.RCD,
        "evse_manager/Internal": ErrorEnum.Internal,
        "evse_manager/MREC4OverCurrentFailure": ErrorEnum.OverCurrent,
    }
)
"""Code of a fault -> older code; every other is `Other`."""


class Teller(msgspec.Struct, frozen=True):
    """What the older events of an EVSE need to remember."""

    charged: bool = False
    """The transaction has charged before: the next time it is resumed."""

    def tell(self, event: SessionEvent) -> tuple[Teller, SeedSessionEvent | None]:
        """`event` in the older shape, or None where 2023 had no such event."""
        name = self._name(event)
        after = Teller(charged=self._charged_after(event.event))
        return after, None if name is None else _event(name, event)

    def _name(self, event: SessionEvent) -> SeedSessionEventEnum | None:
        if event.event is SessionEventEnum.ChargingStarted and self.charged:
            return SeedSessionEventEnum.ChargingResumed
        if _waits_for_energy(event):
            return SeedSessionEventEnum.WaitingForEnergy
        known = event.event in SeedSessionEventEnum.__members__
        return SeedSessionEventEnum(event.event.value) if known else None

    def _charged_after(self, event: SessionEventEnum) -> bool:
        if event is SessionEventEnum.ChargingStarted:
            return True
        ends = (SessionEventEnum.TransactionStarted, SessionEventEnum.SessionFinished)
        return self.charged and event not in ends


def fault_raised(uuid: str, code: str) -> SeedSessionEvent:
    """A fault of the EVSE (`interface/Name`) became active, in session `uuid` (empty: in none)."""
    if code == PERMANENT_FAULT:
        return SeedSessionEvent(uuid=uuid, event=SeedSessionEventEnum.PermanentFault)
    error = Error(error_code=ERROR_CODES.get(code, ErrorEnum.Other), vendor_error=code)
    return SeedSessionEvent(uuid=uuid, event=SeedSessionEventEnum.Error, error=error)


def faults_cleared(uuid: str) -> SeedSessionEvent:
    """No fault is active any more."""
    return SeedSessionEvent(uuid=uuid, event=SeedSessionEventEnum.AllErrorsCleared)


def _waits_for_energy(event: SessionEvent) -> bool:
    paused = event.charging_paused_evse
    return not isinstance(paused, UnsetType) and set(paused.reasons) == {PauseReason.NoEnergy}


def _event(name: SeedSessionEventEnum, event: SessionEvent) -> SeedSessionEvent:
    return SeedSessionEvent(
        uuid=event.uuid,
        event=name,
        connector_id=event.connector_id,
        session_started=_session_started(event),
        transaction_started=_transaction_started(event),
        transaction_finished=_transaction_finished(event),
    )


def _session_started(event: SessionEvent) -> SeedSessionStarted | UnsetType:
    began = event.session_started
    if isinstance(began, UnsetType):
        return UNSET
    return SeedSessionStarted(
        timestamp=event.timestamp, reason=began.reason, logging_path=began.logging_path
    )


def _transaction_started(event: SessionEvent) -> SeedTransactionStarted | UnsetType:
    began = event.transaction_started
    if isinstance(began, UnsetType):
        return UNSET
    return SeedTransactionStarted(
        timestamp=event.timestamp,
        id_tag=provided_token(began.id_tag),
        meter_value=powermeter(began.meter_value),
        signed_meter_value=signed_data(began.signed_meter_value),
        reservation_id=began.reservation_id,
    )


def _transaction_finished(event: SessionEvent) -> SeedTransactionFinished | UnsetType:
    ended = event.transaction_finished
    if isinstance(ended, UnsetType):
        return UNSET
    return SeedTransactionFinished(
        timestamp=event.timestamp,
        meter_value=powermeter(ended.meter_value),
        signed_meter_value=signed_data(ended.signed_meter_value),
        reason=UNSET if isinstance(ended.reason, UnsetType) else stop_reason(ended.reason),
        id_tag=bare_token(ended.id_tag),
    )
