"""The neutral facts that the link keeps: independent of any version of OCPP, rendered when sent."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from evse.types.authorization import AuthorizationStatus
from evse.types.powermeter import Powermeter
from evse.types.session import StopTransactionReason


class RecordKind(enum.StrEnum):
    STARTED = "started"
    SAMPLE = "sample"
    FINISHED = "finished"


class SampleContext(enum.StrEnum):
    """Why a sample was taken; the spellings are those of every OCPP version."""

    PERIODIC = "Sample.Periodic"
    TRIGGER = "Trigger"


class TxRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that the back office must learn about a transaction, exactly in order.

    (`session`, `kind`, `seq`) names it for ever: the core's sequence number for what the core
    told, the wall-clock millisecond for a sample that the link took.
    """

    session: str
    """Empty for a sample outside a transaction, which is never queued."""
    kind: RecordKind
    seq: int
    evse: int
    timestamp: str
    meter: Powermeter
    token: str = ""
    reason: StopTransactionReason | None = None
    reservation_id: int | None = None
    context: SampleContext = SampleContext.PERIODIC
    offered_a: float | None = None
    """What the station offered when the sample was taken, A per phase."""


class StoredRecord(msgspec.Struct, frozen=True):
    row: int
    record: TxRecord


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
    in_transaction: bool = False
    ended: bool = False
    """The session's transaction is over: the car must leave before another one starts."""
    started_at: str = ""
    """Wall time of the transaction's start."""


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


class BootStatus(enum.StrEnum):
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class BootAnswer(msgspec.Struct, frozen=True):
    status: BootStatus
    interval_s: int


class StartAnswer(msgspec.Struct, frozen=True):
    transaction_id: int
    verdict: Verdict


class Message(msgspec.Struct, frozen=True):
    """A CALL to make: action and payload in one OCPP version."""

    action: str
    payload: dict[str, Any]
