"""The messages of the wire to ring 1, as values. Their bytes are in firmware_bridge/table.py."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from evse.model import BoardAnalog, BoardIdentity, BoardStatus, CommandStatus, Permit

NO_SESSION = 0
"""Value of `session` while the board has accepted no hello since it started."""


class HelloRequest(msgspec.Struct, frozen=True, gc=False):
    proto: int
    schema_hash: int
    session: int


class Hello(msgspec.Struct, frozen=True, gc=False):
    proto: int
    schema_hash: int
    session: int
    t_ms: int
    identity: BoardIdentity


class PermitMessage(msgspec.Struct, frozen=True, gc=False):
    evse: int
    session: int
    heard_ms: int
    held_ms: int
    permit: Permit


class Command(msgspec.Struct, frozen=True, gc=False):
    session: int
    id: int
    evse: int
    verb: int
    arg: int


class CommandResult(msgspec.Struct, frozen=True, gc=False):
    session: int
    id: int
    status: CommandStatus


class StatusMessage(msgspec.Struct, frozen=True, gc=False):
    evse: int
    session: int
    seq: int
    t_ms: int
    status: BoardStatus


class AnalogMessage(msgspec.Struct, frozen=True, gc=False):
    evse: int
    session: int
    seq: int
    analog: BoardAnalog


class LinkStats(msgspec.Struct, frozen=True, gc=False):
    """The board's end of the link; all counters since its start, modulo 2**32."""

    session: int
    frames: int
    bad_frames: int
    malformed: int
    permits: int
    permits_refused: int
    permits_late: int
    rtt_ms: int | None
    turns: int = 0
    late_turns: int = 0
    worst_us: int = 0
    overslept: int = 0


Message: TypeAlias = (
    HelloRequest
    | Hello
    | PermitMessage
    | Command
    | CommandResult
    | StatusMessage
    | AnalogMessage
    | LinkStats
)
