"""One message of each kind, fixed: the hellos carry a fixed hash, so that only bytes count."""

from __future__ import annotations

from evse.model import (
    BoardAnalog,
    BoardIdentity,
    BoardStatus,
    Capability,
    CommandStatus,
    CommandVerb,
    LockState,
    LockTarget,
    Permit,
    PilotState,
    Reason,
    SelfTest,
)
from firmware_bridge.messages import (
    AnalogMessage,
    Command,
    CommandResult,
    Hello,
    HelloRequest,
    LinkStats,
    Message,
    PermitMessage,
    StatusMessage,
)

SESSION = 0xCAFE0001
CAPABILITIES = Capability.LOCK | Capability.RCD | Capability.OPENS_ON_LOST_LEASE
CHARGING = BoardStatus(
    pilot=PilotState.C,
    duty_bp=2666,
    coil=True,
    mirror_closed=True,
    lock=LockState.LOCKED,
    cable_a=32,
    self_test=SelfTest.PASSED,
    lease_live=True,
)
TRIPPED = BoardStatus(
    pilot=PilotState.B,
    lock=LockState.JAMMED,
    cable_a=20,
    rcd_tripped=True,
    self_test=SelfTest.FAILED,
    reason=Reason.RCD,
    forced_unlock=True,
    vetoed_unlock=True,
)

GOLDEN: tuple[Message, ...] = (
    HelloRequest(1, 0x01020304, SESSION),
    Hello(
        1,
        0x01020304,
        SESSION,
        60_000,
        BoardIdentity("virtual", "1.2.3", 0xB0071D00, CAPABILITIES, 0xC0FFEE, 2),
    ),
    PermitMessage(1, SESSION, 60_000, 12, Permit(7, True, 2666, LockTarget.LOCK)),
    PermitMessage(2, SESSION, 60_180, 65_535, Permit(2**32 - 1, False, 10_000)),
    Command(SESSION, 513, 1, CommandVerb.FORCE_UNLOCK, 0),
    CommandResult(SESSION, 513, CommandStatus.REFUSED),
    StatusMessage(1, SESSION, 65_535, 60_180, CHARGING),
    StatusMessage(2, 0, 1, 2**32 - 1, TRIPPED),
    AnalogMessage(1, SESSION, 9, BoardAnalog(8980, -11_900, 251, 12_010, -11_950, 16_000, 350)),
    AnalogMessage(2, SESSION, 10, BoardAnalog(5990, -12_000, -55)),
    LinkStats(SESSION, 100, 2, 1, 90, 3, 4, 5),
    LinkStats(SESSION, 100, 0, 0, 90, 0, 0, None),
)
