"""How a fault is told at the door: the error object of the published pages (spec evse-core D)."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from evse.clock import Clock, rfc3339
from evse.fault_model import ActiveFault, FaultChange


class FaultReport(msgspec.Struct, frozen=True):
    """One error, active or cleared."""

    type: str
    """`interface/Name`."""
    sub_type: str
    uuid: str
    """The same when it is raised and when it is cleared."""
    severity: str
    message: str
    description: str
    blocks: bool
    state: str
    """`Active` or `Cleared`."""
    timestamp: str
    """When it entered that state."""


def report(fault: ActiveFault, clock: Clock, *, at_ms: int, active: bool = True) -> FaultReport:
    """`at_ms`: monotonic time of the state told; not in the future."""
    row = fault.row
    at = clock.utc() - timedelta(milliseconds=clock.now_ms() - at_ms)
    return FaultReport(
        type=row.code,
        sub_type=row.sub_type,
        uuid=fault.uuid,
        severity=row.severity.value,
        message=fault.message,
        description=fault.description,
        blocks=row.blocks,
        state="Active" if active else "Cleared",
        timestamp=rfc3339(at),
    )


def report_change(change: FaultChange, clock: Clock) -> FaultReport:
    """The value of `sys.fault`."""
    return report(change.fault, clock, at_ms=change.at_ms, active=change.active)


def report_active(fault: ActiveFault, clock: Clock) -> FaultReport:
    """A fault as it stands, for lists."""
    return report(fault, clock, at_ms=fault.raised_ms)
