"""Statistics of the host's end of the link."""

from __future__ import annotations

import msgspec

from firmware_bridge.messages import LinkStats


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


class RoundTrip:
    """The last and the longest of the round trips that could be measured."""

    def __init__(self) -> None:
        self.last_ms: int | None = None
        self.max_ms: int | None = None

    def add(self, rtt_ms: int | None) -> None:
        if rtt_ms is not None:
            self.last_ms = rtt_ms
            self.max_ms = max(rtt_ms, self.max_ms or 0)
