"""Types of the `evse_manager` page (spec B1): the session and its events."""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.authorization import ProvidedIdToken
from evse.types.base import Closed, DateTime, Open
from evse.types.board_support import Telemetry as Telemetry  # published on this page, too
from evse.types.powermeter import Powermeter, SignedMeterValue


class StopTransactionReason(enum.StrEnum):
    EmergencyStop = "EmergencyStop"
    EVDisconnected = "EVDisconnected"
    HardReset = "HardReset"
    Local = "Local"
    Other = "Other"
    PowerLoss = "PowerLoss"
    Reboot = "Reboot"
    Remote = "Remote"
    SoftReset = "SoftReset"
    UnlockCommand = "UnlockCommand"
    DeAuthorized = "DeAuthorized"
    EnergyLimitReached = "EnergyLimitReached"
    GroundFault = "GroundFault"
    LocalOutOfCredit = "LocalOutOfCredit"
    MasterPass = "MasterPass"
    OvercurrentFault = "OvercurrentFault"
    PowerQuality = "PowerQuality"
    SOCLimitReached = "SOCLimitReached"
    StoppedByEV = "StoppedByEV"
    TimeLimitReached = "TimeLimitReached"
    Timeout = "Timeout"
    ReqEnergyTransferRejected = "ReqEnergyTransferRejected"
    EVSEDisabled = "EVSEDisabled"


class StopTransactionRequest(Open, frozen=True):
    reason: StopTransactionReason
    id_tag: ProvidedIdToken | UnsetType = UNSET
    """Only where a token stopped it at the station."""


class StartSessionReason(enum.StrEnum):
    EVConnected = "EVConnected"
    Authorized = "Authorized"


class PauseChargingEVSEReasonEnum(enum.StrEnum):
    """Why the station, not the car, holds a session back."""

    UserPause = "UserPause"
    Error = "Error"
    NoEnergy = "NoEnergy"


PauseReason = PauseChargingEVSEReasonEnum
"""Its name within the core."""


class SessionEventEnum(enum.StrEnum):
    Authorized = "Authorized"
    Deauthorized = "Deauthorized"
    Enabled = "Enabled"
    Disabled = "Disabled"
    SessionStarted = "SessionStarted"
    AuthRequired = "AuthRequired"
    TransactionStarted = "TransactionStarted"
    PrepareCharging = "PrepareCharging"
    ChargingStarted = "ChargingStarted"
    ChargingPausedEV = "ChargingPausedEV"
    ChargingPausedEVSE = "ChargingPausedEVSE"
    StoppingCharging = "StoppingCharging"
    ChargingFinished = "ChargingFinished"
    TransactionFinished = "TransactionFinished"
    SessionFinished = "SessionFinished"
    ReservationStart = "ReservationStart"
    ReservationEnd = "ReservationEnd"
    PluginTimeout = "PluginTimeout"
    SwitchingPhases = "SwitchingPhases"
    SessionResumed = "SessionResumed"


class SessionStarted(Closed, frozen=True):
    reason: StartSessionReason
    meter_value: Powermeter
    id_tag: ProvidedIdToken | UnsetType = UNSET
    signed_meter_value: SignedMeterValue | UnsetType = UNSET
    reservation_id: int | UnsetType = UNSET
    logging_path: str | UnsetType = UNSET


class SessionFinished(Closed, frozen=True):
    meter_value: Powermeter


class TransactionStarted(Closed, frozen=True):
    id_tag: ProvidedIdToken
    meter_value: Powermeter
    signed_meter_value: SignedMeterValue | UnsetType = UNSET
    reservation_id: int | UnsetType = UNSET


class TransactionFinished(Closed, frozen=True):
    meter_value: Powermeter
    start_signed_meter_value: SignedMeterValue | UnsetType = UNSET
    signed_meter_value: SignedMeterValue | UnsetType = UNSET
    reason: StopTransactionReason | UnsetType = UNSET
    id_tag: ProvidedIdToken | UnsetType = UNSET


class ChargingPausedEVSEReasons(Closed, frozen=True):
    reasons: Annotated[tuple[PauseReason, ...], Meta(min_length=1, max_length=3)]


class ChargingStateChangedEvent(Closed, frozen=True):
    meter_value: Powermeter


class AuthorizationEvent(Closed, frozen=True):
    meter_value: Powermeter


class EnableSource(enum.StrEnum):
    Unspecified = "Unspecified"
    LocalAPI = "LocalAPI"
    LocalKeyLock = "LocalKeyLock"
    ServiceTechnician = "ServiceTechnician"
    RemoteKeyLock = "RemoteKeyLock"
    MobileApp = "MobileApp"
    FirmwareUpdate = "FirmwareUpdate"
    CSMS = "CSMS"


class EnableState(enum.StrEnum):
    Unassigned = "Unassigned"
    Disable = "Disable"
    Enable = "Enable"


class EnableDisableSource(Open, frozen=True):
    enable_source: EnableSource
    enable_state: EnableState
    enable_priority: Annotated[int, Meta(ge=0, le=10_000)]


class SessionEvent(Closed, frozen=True):
    """One event of a session. `uuid` is empty for what belongs to no session."""

    uuid: str
    event: SessionEventEnum
    timestamp: DateTime
    connector_id: int | UnsetType = UNSET
    session_started: SessionStarted | UnsetType = UNSET
    session_finished: SessionFinished | UnsetType = UNSET
    transaction_started: TransactionStarted | UnsetType = UNSET
    transaction_finished: TransactionFinished | UnsetType = UNSET
    charging_paused_evse: ChargingPausedEVSEReasons | UnsetType = UNSET
    charging_state_changed_event: ChargingStateChangedEvent | UnsetType = UNSET
    authorization_event: AuthorizationEvent | UnsetType = UNSET
    source: EnableDisableSource | UnsetType = UNSET


class Limits(Closed, frozen=True):
    """Limits of an EVSE now: A (per phase) and phases."""

    max_current: float
    nr_of_phases_available: Annotated[int, Meta(ge=1, le=3)]
    uuid: str | UnsetType = UNSET
