"""The catalogue of faults (faults.toml) and which of them the board and the meter show now.

Pure. How long a fault then stays, and what follows from it, is evse/fault_model.py.
"""

from __future__ import annotations

import enum
import functools
import tomllib
from importlib import resources
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from evse.board_faults import WARNINGS, BoardFault, Wiring
from evse.model import BoardStatus, LockState, LockTarget, Reason

MREC_VENDOR = "https://chargex.inl.gov"
"""Publishes the Minimum Required Error Codes (spec evse-core D)."""
VENDOR_CODE_CHARS = 50
"""OCPP 1.6 StatusNotification.req: vendorErrorCode is a CiString50."""

Ocpp16Code = Literal[
    "ConnectorLockFailure",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "ReaderFailure",
    "UnderVoltage",
]
"""ChargePointErrorCode (OCPP 1.6 §7.6), those that a fault of ours can be."""
Ocpp2Reason = Literal[
    "EmergencyStop", "GroundFault", "Other", "OvercurrentFault", "PowerLoss", "PowerQuality",
    "Timeout",
]  # fmt: skip
"""ReasonEnumType (OCPP 2.0.1 Part 2 §3.69), those that a fault of ours can be."""


class Severity(enum.StrEnum):
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


class CoreCondition(enum.StrEnum):
    """What the core, or somebody at its door, sees and neither a trip nor the board itself tells.
    One whose fault stands until the car is unplugged, or until a restart, need only show once."""

    BOARD_LOST = "board_lost"
    LOCK_FAILED = "lock_failed"
    UNLOCK_FAILED = "unlock_failed"
    SUPPLY = "supply"
    """The board's own supply sags (evse/supply.py)."""
    POWER_LOSS = "power_loss"
    OVER_VOLTAGE = "over_voltage"
    UNDER_VOLTAGE = "under_voltage"
    """Of the mains, by the meter (evse/supply.py)."""
    OVER_CURRENT = "over_current"
    """The car takes more than it is offered (evse/energy/current_guard.py)."""
    HOT = "hot"
    """Less is offered because of a temperature (evse/energy/derating.py)."""
    METER_LOST = "meter_lost"
    METER_IMPLAUSIBLE = "meter_implausible"
    """Its counter can not be billed from (evse/metering/plausibility.py)."""
    METER_ODD = "meter_odd"
    """Its other values contradict one another."""
    METER_START_FAILED = "meter_start_failed"
    """It gave no reading, or no signature, to begin a transaction with."""
    METER_NOT_SIGNING = "meter_not_signing"
    """It did not sign the last transaction's begin or end (evse/metering/signed.py)."""
    AUTHORIZATION_TIMEOUT = "authorization_timeout"
    SET_FAULTED = "set_faulted"
    """Somebody declared the EVSE out of order."""
    JOURNAL_NOT_WRITTEN = "journal_not_written"
    """The disk takes no events (evse/journal)."""
    READER_LOST = "reader_lost"
    """A reader of cards can not be used (evse/run/rfid.py)."""
    INTERNAL = "internal"


Identity = tuple[str, str]
"""(type, sub_type): one of these can be active once."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row of the catalogue; the keys are explained at its head."""

    code: Annotated[str, Meta(pattern=r"^[a-z_]+/[A-Za-z0-9]+\Z")]
    """`interface/Name` of the published error pages."""
    sub_type: str = ""
    severity: Severity
    blocks: bool
    clears: Literal["cause", "unplug", "delay", "restart"]
    delay_ms: Annotated[int, Meta(ge=0)] = 0
    says: str
    """The second half of a sentence that begins with `because`."""
    hint: str
    note: str = ""
    """Where we differ from the published page, and why."""
    raised_by: tuple[str, ...] = ()
    not_raised_by: str = ""
    blocks_if: Annotated[str, Meta(pattern=r"^[a-z0-9_]*\Z")] = ""
    mrec: Annotated[int, Meta(ge=0, le=26)] = 0
    ocpp16: Ocpp16Code = "OtherError"
    ocpp2_reason: Ocpp2Reason = "Other"

    @property
    def identity(self) -> Identity:
        return self.code, self.sub_type

    @property
    def vendor_id(self) -> str:
        """OCPP 1.6 vendorId; empty where the code is nobody's."""
        return MREC_VENDOR if self.mrec else ""

    @property
    def vendor_code(self) -> str:
        """OCPP 1.6 vendorErrorCode, and techCode of an OCPP 2.x event."""
        if self.mrec:
            return f"CX{self.mrec:03}"
        name = self.code.partition("/")[2]
        return (f"{name}/{self.sub_type}" if self.sub_type else name)[:VENDOR_CODE_CHARS]


@functools.cache
def catalogue() -> tuple[Fault, ...]:
    """All rows, in the file's order."""
    text = resources.files("evse").joinpath("faults.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["fault"], tuple[Fault, ...])


def of_reason(reason: Reason) -> Fault | None:
    """The fault that a trip of the guard raises."""
    return _raised_by().get(f"trip {reason.name}")


def of_board(flag: BoardFault) -> Fault:
    """The fault that one flag of the board raises."""
    return _raised_by()[f"board {flag.name}"]


def of_wiring(flag: Wiring) -> Fault:
    """The fault that one doubt of the board about its own wires raises."""
    return _raised_by()[f"wiring {flag.name}"]


def of_condition(condition: CoreCondition) -> Fault:
    """The fault that the core raises by itself."""
    return _raised_by()[f"core {condition.value}"]


@functools.cache
def of_code(code: str, sub_type: str = "") -> Fault:
    """A row by its identity. Raises KeyError."""
    for fault in catalogue():
        if fault.identity == (code, sub_type):
            return fault
    raise KeyError(f"{code} {sub_type}".rstrip())


@functools.cache
def _raised_by() -> dict[str, Fault]:
    return {cause: fault for fault in catalogue() for cause in fault.raised_by}


@functools.cache
def _with_companions(fault: Fault) -> tuple[Fault, ...]:
    """A fault and those that are told beside it."""
    return (fault, *(f for f in catalogue() if f"with {fault.code}" in f.raised_by))


@functools.cache
def settings() -> frozenset[str]:
    """The settings of an EVSE on which it depends whether a fault blocks."""
    return frozenset(fault.blocks_if for fault in catalogue() if fault.blocks_if)


@functools.cache
def events() -> frozenset[CoreCondition]:
    """Conditions that need only show once: their faults stand until the car is unplugged."""
    return frozenset(c for c in CoreCondition if of_condition(c).clears == "unplug")


def stopped_by(before: BoardStatus, now: BoardStatus) -> BoardStatus:
    """`now`, with the flags that stopped the board for as long as it has not been acknowledged:
    a cause that went by is still the cause."""
    kept = before.faults & ~WARNINGS
    both = before.reason is now.reason is Reason.BOARD_FAULT
    if not both or not kept or now.faults & ~WARNINGS:
        return now
    return replace(now, faults=now.faults | kept)


def conditions(
    status: BoardStatus, shown: frozenset[CoreCondition], *, jammed_for: LockTarget
) -> tuple[Fault, ...]:
    """What shows now, each once: ring 1's first cause, what else the board reports, the lock, and
    what the core sees by itself (`shown`). `jammed_for`: what was wanted of the lock when it
    jammed; a lock that was to stay as it was failed nobody. Of a lost board `status` is the last
    that was heard: what was wrong then stands until it is known to be gone."""
    healthy = not status.reason.is_trip and not status.faults and not status.wiring
    if healthy and not shown and status.lock is not LockState.JAMMED:
        return ()
    board = _of_board(status.reason, status.faults, status.wiring)
    found = (*board, *_of_lock(status, jammed_for))
    found += tuple(_with_companions(of_condition(c)) for c in CoreCondition if c in shown)
    return tuple(dict.fromkeys(fault for group in found for fault in group))


@functools.lru_cache(maxsize=32)
def _of_board(reason: Reason, faults: BoardFault, wiring: Wiring) -> tuple[tuple[Fault, ...], ...]:
    """Flags that name the cause of BOARD_FAULT stand in its place."""
    named = reason is Reason.BOARD_FAULT and faults & ~WARNINGS
    tripped = None if named or not reason.is_trip else of_reason(reason)
    rows = (*(() if tripped is None else (tripped,)), *(of_board(flag) for flag in faults))
    rows += tuple(of_wiring(flag) for flag in wiring)
    return tuple(_with_companions(row) for row in rows)


def _of_lock(status: BoardStatus, jammed_for: LockTarget) -> tuple[tuple[Fault, ...], ...]:
    if status.lock is not LockState.JAMMED or jammed_for is LockTarget.KEEP:
        return ()
    unlock = jammed_for is LockTarget.UNLOCK
    condition = CoreCondition.UNLOCK_FAILED if unlock else CoreCondition.LOCK_FAILED
    return (_with_companions(of_condition(condition)),)


def may_acknowledge(reason: Reason, *, plugged: bool) -> bool:
    """May the core ask the guard to forget this trip? The guard still checks the cause."""
    fault = of_reason(reason)
    if fault is None or fault.clears == "restart":
        return False
    return fault.clears != "unplug" or not plugged
