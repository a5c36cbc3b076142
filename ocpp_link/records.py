"""The neutral facts that the link keeps: independent of any version of OCPP, rendered when sent."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from evse.types.authorization import AuthorizationStatus
from evse.types.powermeter import Powermeter, SignedMeterValue
from evse.types.session import StopTransactionReason


class RecordKind(enum.StrEnum):
    STARTED = "started"
    UPDATED = "updated"
    """Something about the transaction changed that is no sample; versions that tell of such
    things by other means have no message for it."""
    SAMPLE = "sample"
    FINISHED = "finished"


class SampleContext(enum.StrEnum):
    """Why a sample was taken; the spellings are those of every OCPP version."""

    PERIODIC = "Sample.Periodic"
    CLOCK = "Sample.Clock"
    BEGIN = "Transaction.Begin"
    END = "Transaction.End"
    INTERRUPTION_BEGIN = "Interruption.Begin"
    INTERRUPTION_END = "Interruption.End"
    TRIGGER = "Trigger"
    OTHER = "Other"


class Trigger(enum.StrEnum):
    """Why a transaction is told of; the spellings are those of 2.0.1 (part 2 §3.82)."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    STOP_AUTHORIZED = "StopAuthorized"
    REMOTE_START = "RemoteStart"
    REMOTE_STOP = "RemoteStop"
    RESET = "ResetCommand"
    UNLOCK = "UnlockCommand"
    ABNORMAL_CONDITION = "AbnormalCondition"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    METER_VALUE_CLOCK = "MeterValueClock"
    ENERGY_LIMIT = "EnergyLimitReached"
    TIME_LIMIT = "TimeLimitReached"
    TRIGGER = "Trigger"


class EvseStatus(enum.StrEnum):
    """What a connector is doing, in the finest terms of any version (those of OCPP 1.6)."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class TxRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that the back office must learn about a transaction, exactly in order.

    (`session`, `kind`, `seq`) names it for ever: the core's sequence number for what the core
    told, the wall-clock millisecond for a sample that the link took.
    """

    session: str
    """Empty for a sample outside a transaction."""
    kind: RecordKind
    seq: int
    evse: int
    timestamp: str
    meter: Powermeter
    token: str = ""
    token_type: str = ""
    """IdTokenType of the `evse_manager` page; empty = not known."""
    reason: StopTransactionReason | None = None
    number: int = 0
    """Of this record among those of its transaction, from 0, without gaps."""
    trigger: Trigger | None = None
    status: EvseStatus | None = None
    """What the EVSE was doing then."""
    offline: bool = False
    """It happened while the back office was out of reach."""
    remote_start_id: int | None = None
    reservation_id: int | None = None
    context: SampleContext = SampleContext.PERIODIC
    offered_a: float | None = None
    """What the station offered when the sample was taken, A per phase."""
    offered_w: float | None = None
    """The same over all phases that it offers, at the nominal voltage."""
    import_interval_wh: float | None = None
    """Since the sample before it of the same context, or since the transaction began."""
    export_interval_wh: float | None = None
    start_wh: float | None = None
    """Of the end: the import register at the transaction's start."""
    start_signed: SignedMeterValue | None = None
    """Of the end: what the meter signed of the start, where what it signed of the end lacks it."""
    is_for_end: bool = False
    """It is told once more with the transaction's end."""
    samples: tuple[TxRecord, ...] = ()
    """Of the end: what is told once more with it, from the start on, thinned out where it is much;
    the end itself is not among them."""
    clock: str = ""
    """Of the boot of the computer whose doubtful clock told the times; empty = they hold."""


class StoredRecord(msgspec.Struct, frozen=True):
    row: int
    record: TxRecord


class EvseState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the link remembers of one EVSE, over its own restarts."""

    evse: int
    session: str = ""
    """Of the open session; empty when there is none."""
    status: EvseStatus = EvseStatus.AVAILABLE
    status_at: str = ""
    info: str = ""
    enabled: bool = True
    reserved: bool = False
    """A reservation stands that no session has used."""
    plugged: bool = False
    authorized: bool = False
    authorized_last: bool = False
    """Somebody was authorized when the car was there already."""
    in_transaction: bool = False
    ended: bool = False
    """The session's transaction is over: the car must leave before another one starts."""
    started_at: str = ""
    """Wall time of the transaction's start."""
    token: str = ""
    """That the transaction was started with."""
    start_wh: float | None = None
    """The import register at the transaction's start."""
    interrupted: bool = False
    """The station holds a transaction back that was charging."""
    records: int = 0
    """How many records the transaction has had: the number of the next one."""
    clock: str = ""
    """As in TxRecord, of `status_at` and `started_at`."""
    told_at: str = ""
    """Wall time of what was queued last of the transaction."""
    told_clock: str = ""
    """As in TxRecord, of `told_at`."""


class StatusReport(msgspec.Struct, frozen=True):
    """What the back office is to be told of a connector (0 = the station)."""

    connector: int
    status: EvseStatus
    error: str = "NoError"
    """ChargePointErrorCode (OCPP 1.6 §7.6)."""
    info: str = ""
    timestamp: str = ""
    vendor_id: str = ""
    vendor_error: str = ""


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the back office says of a token."""

    status: AuthorizationStatus
    parent: str = ""
    expiry: str = ""
    """Wall time after which it no longer holds; empty = never."""
    evses: tuple[int, ...] = ()
    """Where alone the token may charge; empty = everywhere."""


class BootStatus(enum.StrEnum):
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class BootAnswer(msgspec.Struct, frozen=True):
    status: BootStatus
    interval_s: int
    current_time: str = ""
    """The back office's clock; empty = not told."""


class TxAnswer(msgspec.Struct, frozen=True):
    """What the back office answered to a record."""

    transaction_id: int | None = None
    """Where it is the back office that gives ids."""
    verdict: Verdict | None = None
    """On the token that the record named."""


class Message(msgspec.Struct, frozen=True):
    """A CALL to make: action and payload in one OCPP version."""

    action: str
    payload: dict[str, Any]
