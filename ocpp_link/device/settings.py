"""What the back office may configure, in neutral terms; dialects show it as keys or variables."""

from __future__ import annotations

import msgspec

DEFAULT_MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
)


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Kept over restarts. A field that a newer release wrote and this one lacks is ignored."""

    heartbeat_interval_s: int = 86_400
    connection_timeout_s: int = 120
    """From authorisation until the car is plugged in; the core keeps the time."""
    sample_interval_s: int = 60
    """Between samples of a transaction; 0 = none."""
    sampled_measurands: tuple[str, ...] = DEFAULT_MEASURANDS
    ping_interval_s: int = 30
    """WebSocket pings; 0 = none."""
    message_attempts: int = 3
    message_retry_s: int = 60
    authorize_remote: bool = False
    """Ask the back office about the token of a remote start too."""
    stop_on_invalid: bool = True
    authorize_offline: bool = True
    """Let tokens start that were accepted here before, while the back office is away."""
