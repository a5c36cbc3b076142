"""Statistics of the host's end of the link."""

from __future__ import annotations

import msgspec

from firmware_bridge.command_lane import CommandLane
from firmware_bridge.message_stream import MessageReader
from firmware_bridge.messages import LinkStats
from firmware_bridge.permit_lane import PermitLane
from firmware_bridge.telemetry_inbox import TelemetryInbox


class HostLinkStats(msgspec.Struct, frozen=True):
    """Counters since the session object was made."""

    frames: int
    bad_frames: int
    resyncs: int
    malformed: int
    """Good frames that are no message."""
    unexpected: int
    """Messages that do not belong there now: of another session, late, or from a host."""
    status_lost: int
    analog_lost: int
    repeated: int
    """STATUS and ANALOG that came again, or after a newer one."""
    permits_sent: int
    permits_replaced: int
    """Overtaken by a newer one before they left."""
    permits_withheld: int
    """Asked for while the link was down."""
    command_retries: int
    commands_lost: int
    links_up: int
    rtt_ms: int | None
    """Last round trip of a hello or command that was sent once."""
    rtt_max_ms: int | None
    board: LinkStats | None
    """The board's own counters, as last told."""


class Tally:
    """What the host session itself counts and measures."""

    def __init__(self) -> None:
        self.unexpected = 0
        self.links_up = 0
        self.board: LinkStats | None = None
        self.rtt_ms: int | None = None
        self.rtt_max_ms: int | None = None

    def add_round_trip(self, rtt_ms: int | None) -> None:
        """One that could not be measured (None) changes nothing."""
        if rtt_ms is not None:
            self.rtt_ms = rtt_ms
            self.rtt_max_ms = max(rtt_ms, self.rtt_max_ms or 0)


def gather(
    reader: MessageReader,
    inbox: TelemetryInbox,
    permits: PermitLane,
    commands: CommandLane,
    tally: Tally,
) -> HostLinkStats:
    """The counters of all parts, as they are now."""
    return HostLinkStats(
        frames=reader.frames.frames,
        bad_frames=reader.frames.errors,
        resyncs=reader.frames.resyncs,
        malformed=reader.malformed,
        unexpected=tally.unexpected + commands.unexpected_results,
        status_lost=inbox.status_lost,
        analog_lost=inbox.analog_lost,
        repeated=inbox.repeated,
        permits_sent=permits.sent,
        permits_replaced=permits.replaced,
        permits_withheld=permits.withheld,
        command_retries=commands.retries,
        commands_lost=commands.lost,
        links_up=tally.links_up,
        rtt_ms=tally.rtt_ms,
        rtt_max_ms=tally.rtt_max_ms,
        board=tally.board,
    )
