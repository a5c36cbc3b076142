"""What a session remembers: the part that survives a restart, and the events built from it."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET

from evse.clock import rfc3339
from evse.model import MeterReading, Reason
from evse.session.availability import Rows
from evse.types.authorization import ProvidedIdToken
from evse.types.powermeter import (
    Current,
    Energy,
    Frequency,
    Power,
    Powermeter,
    SignedMeterValue,
    Voltage,
)
from evse.types.session import (
    AuthorizationEvent,
    ChargingPausedEVSEReasons,
    ChargingStateChangedEvent,
    EnableDisableSource,
    PauseReason,
    SessionEvent,
    SessionEventEnum,
    SessionFinished,
    SessionStarted,
    StartSessionReason,
    StopTransactionReason,
    StopTransactionRequest,
    TransactionFinished,
    TransactionStarted,
)

CHARGING_STATE_EVENTS = frozenset(
    {
        SessionEventEnum.ChargingStarted,
        SessionEventEnum.ChargingPausedEV,
        SessionEventEnum.ChargingPausedEVSE,
    }
)


class Snapshot(msgspec.Struct):
    """The durable part of one EVSE's state, written with every event (journal.py)."""

    uuid: str = ""
    """Of the running session; empty = none."""
    transaction: bool = False
    token: ProvidedIdToken | None = None
    evse_disabled: bool = False
    """disable(0); see `enable` and `disable` in session.py."""
    connector_disabled: bool = False
    meter: Powermeter | None = None
    """Last value known; at most CHECKPOINT_MS old while a transaction runs."""
    assignments: Rows = ()
    """Who wants the EVSE on or off, where the caller named itself (availability.py)."""
    reserved: int | None = None
    """Reservation that stands on the EVSE; no session has used it yet."""
    reservation_id: int | None = None
    """Of the running session."""
    standing_trip: Reason = Reason.NONE
    """Stands until the car is unplugged, also over a power cut (board.py)."""
    signed: bool = False
    """The meter has signed the transaction's begin, and has to be told of its end."""
    boot_id: str = ""
    """Of the computer when the session began: another one after a restart means a power cut."""

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, body: bytes) -> Snapshot:
        """Raises msgspec.DecodeError or UnicodeDecodeError for what no version of us wrote."""
        return msgspec.json.decode(body, type=cls)


def powermeter(reading: MeterReading, utc: datetime) -> Powermeter:
    """A reading in the shape of the interface page."""
    one_v, two_v, three_v = _given(reading.voltage_v)
    one_a, two_a, three_a = _given(reading.current_a)
    return Powermeter(
        timestamp=rfc3339(utc),
        energy_Wh_import=Energy(total=reading.energy_import_wh),
        energy_Wh_export=UNSET
        if reading.energy_export_wh is None
        else Energy(total=reading.energy_export_wh),
        power_W=_power(reading),
        voltage_V=Voltage(L1=one_v, L2=two_v, L3=three_v),
        current_A=Current(L1=one_a, L2=two_a, L3=three_a),
        frequency_Hz=UNSET if reading.frequency_hz is None else Frequency(L1=reading.frequency_hz),
    )


def not_below(known: Powermeter | None, heard: Powermeter) -> Powermeter:
    """`heard`, with the imported energy of `known` where the register reads less than that."""
    if known is None or heard.energy_Wh_import.total >= known.energy_Wh_import.total:
        return heard
    return msgspec.structs.replace(heard, energy_Wh_import=known.energy_Wh_import)


def _power(reading: MeterReading) -> Power | msgspec.UnsetType:
    if reading.power_w is None:
        return UNSET
    one_w, two_w, three_w = _given(reading.power_phase_w)
    return Power(total=reading.power_w, L1=one_w, L2=two_w, L3=three_w)


_Given = float | msgspec.UnsetType


def _given(
    phases: tuple[float | None, float | None, float | None],
) -> tuple[_Given, _Given, _Given]:
    one, two, three = phases
    if one is None or two is None or three is None:
        return (
            UNSET if one is None else one,
            UNSET if two is None else two,
            UNSET if three is None else three,
        )
    return one, two, three


class EventWriter:
    """Builds the session events of one EVSE from its snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def meter(self, utc: datetime) -> Powermeter:
        """The last known value; zero for an EVSE that never had one."""
        if self._snapshot.meter is not None:
            return self._snapshot.meter
        return Powermeter(timestamp=rfc3339(utc), energy_Wh_import=Energy(total=0.0))

    @property
    def _reservation_id(self) -> int | msgspec.UnsetType:
        known = self._snapshot.reservation_id
        return UNSET if known is None else known

    def reservation(self, event: SessionEventEnum, utc: datetime) -> SessionEvent:
        """ReservationStart and ReservationEnd belong to no session."""
        return SessionEvent(uuid="", event=event, timestamp=rfc3339(utc))

    def plain(
        self,
        event: SessionEventEnum,
        utc: datetime,
        *,
        connector_id: int | None = None,
        source: EnableDisableSource | msgspec.UnsetType = UNSET,
    ) -> SessionEvent:
        """An event that carries nothing beside what its kind always carries."""
        meter = self.meter(utc)
        authorizes = event in (SessionEventEnum.Authorized, SessionEventEnum.Deauthorized)
        return SessionEvent(
            uuid=self._snapshot.uuid,
            event=event,
            timestamp=rfc3339(utc),
            connector_id=UNSET if connector_id is None else connector_id,
            charging_state_changed_event=ChargingStateChangedEvent(meter_value=meter)
            if event in CHARGING_STATE_EVENTS
            else UNSET,
            authorization_event=AuthorizationEvent(meter_value=meter) if authorizes else UNSET,
            source=source,
        )

    def paused(self, reasons: frozenset[PauseReason], utc: datetime) -> SessionEvent:
        plain = self.plain(SessionEventEnum.ChargingPausedEVSE, utc)
        why = ChargingPausedEVSEReasons(reasons=tuple(sorted(reasons)))
        return msgspec.structs.replace(plain, charging_paused_evse=why)

    def session_started(
        self, reason: StartSessionReason, utc: datetime, log_path: str | None = None
    ) -> SessionEvent:
        token = self._snapshot.token
        started = SessionStarted(
            reason=reason,
            meter_value=self.meter(utc),
            id_tag=token
            if token is not None and reason is StartSessionReason.Authorized
            else UNSET,
            reservation_id=self._reservation_id,
            logging_path=UNSET if log_path is None else log_path,
        )
        plain = self.plain(SessionEventEnum.SessionStarted, utc)
        return msgspec.structs.replace(plain, session_started=started)

    def session_finished(self, utc: datetime) -> SessionEvent:
        plain = self.plain(SessionEventEnum.SessionFinished, utc)
        finished = SessionFinished(meter_value=self.meter(utc))
        return msgspec.structs.replace(plain, session_finished=finished)

    def transaction_started(
        self,
        token: ProvidedIdToken,
        utc: datetime,
        signed: SignedMeterValue | msgspec.UnsetType = UNSET,
    ) -> SessionEvent:
        plain = self.plain(SessionEventEnum.TransactionStarted, utc)
        started = TransactionStarted(
            id_tag=token,
            meter_value=self.meter(utc),
            signed_meter_value=signed,
            reservation_id=self._reservation_id,
        )
        return msgspec.structs.replace(plain, transaction_started=started)

    def transaction_finished(
        self,
        stop: StopTransactionRequest,
        utc: datetime,
        signed: SignedMeterValue | msgspec.UnsetType = UNSET,
        signed_start: SignedMeterValue | msgspec.UnsetType = UNSET,
    ) -> SessionEvent:
        """`signed` holds the start, too; `signed_start` is for an end that was not signed."""
        plain = self.plain(SessionEventEnum.TransactionFinished, utc)
        finished = TransactionFinished(
            meter_value=self.meter(utc),
            start_signed_meter_value=UNSET if signed else signed_start,
            signed_meter_value=signed,
            reason=stop.reason,
            id_tag=stop.id_tag,
        )
        return msgspec.structs.replace(plain, transaction_finished=finished)


def end_of_interrupted(snapshot: Snapshot, boot_id: str) -> StopTransactionReason:
    """Why a transaction found open at start had ended: another boot of the computer means that
    the power was cut; the same boot, that only the program went down (OCPP 1.6 7.36: `Reboot`
    is a local restart such as a watchdog's)."""
    cut = snapshot.boot_id != boot_id
    return StopTransactionReason.PowerLoss if cut else StopTransactionReason.Reboot
