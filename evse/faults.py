"""The catalogue of faults (faults.toml) and which of them are active on an EVSE."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

import msgspec

from evse.model import BoardStatus, LockState, LockTarget, Reason

BOARD_LOST = "evse_board_support/CommunicationFault"
METER_LOST = "powermeter/CommunicationFault"
LOCK_FAILED = "connector_lock/ConnectorLockFailedLock"
UNLOCK_FAILED = "connector_lock/ConnectorLockFailedUnlock"


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the catalogue."""

    code: str
    """`interface/Name` of the published error pages."""
    blocks: bool
    clears: str
    says: str
    hint: str
    reason: str = ""


@functools.cache
def catalogue() -> tuple[Fault, ...]:
    """All rows, in the file's order."""
    text = resources.files("evse").joinpath("faults.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["fault"], tuple[Fault, ...])


@functools.cache
def of_reason(reason: Reason) -> Fault | None:
    """The fault that a trip of the guard raises."""
    return next((f for f in catalogue() if f.reason == reason.name), None)


@functools.cache
def of_code(code: str) -> Fault:
    """The row of a fault that no trip raises. Raises KeyError."""
    for fault in catalogue():
        if fault.code == code and not fault.reason:
            return fault
    raise KeyError(code)


def active(
    status: BoardStatus, *, board_lost: bool, meter_lost: bool, jammed_for: LockTarget
) -> tuple[Fault, ...]:
    """What is wrong now, the guard's first cause first. `jammed_for`: what was wanted of the lock
    when it jammed; a lock that was to stay as it was failed nobody."""
    if board_lost:
        return (of_code(BOARD_LOST),)
    found = []
    if status.reason.is_trip and (tripped := of_reason(status.reason)):
        found.append(tripped)
    if status.lock is LockState.JAMMED and jammed_for is not LockTarget.KEEP:
        found.append(of_code(UNLOCK_FAILED if jammed_for is LockTarget.UNLOCK else LOCK_FAILED))
    if meter_lost:
        found.append(of_code(METER_LOST))
    return tuple(found)


def may_acknowledge(reason: Reason, *, plugged: bool) -> bool:
    """May the core ask the guard to forget this trip? The guard still checks the cause."""
    fault = of_reason(reason)
    return fault is not None and (fault.clears == "cause" or not plugged)
