"""The times of the link, as one injected value: product by default, stretched in simulation."""

from __future__ import annotations

import msgspec


class LinkTiming(msgspec.Struct, frozen=True):
    """All in milliseconds but `command_tries`. Both ends should have the same."""

    hello_retry_ms: int = 500
    """The host repeats an unanswered or refused hello this often."""
    silence_ms: int = 600
    """No STATUS of an EVSE for this long: the link is down. Three heartbeats fit in."""
    heartbeat_ms: int = 180
    """The board repeats an unchanged STATUS this often (the rule is 200, less one guard period)."""
    command_timeout_ms: int = 100
    command_tries: int = 3
    permit_age_ms: int = 1000
    """The board refuses a permit whose host has heard nothing of it for longer than this, so
    that permits which waited in a buffer cannot feed the lease of a dead core."""
    stats_ms: int = 1000
    """The board sends LINK_STATS this often within a session."""

    def __post_init__(self) -> None:
        if self.silence_ms <= 2 * self.heartbeat_ms:
            raise ValueError(
                f"silence_ms {self.silence_ms} must be more than two heartbeats"
                f" of {self.heartbeat_ms} ms, or one lost frame takes the link down"
            )
