"""What the `evse-ocpp` process is started with."""

from __future__ import annotations

from pathlib import Path

import msgspec

from evse.door.roles import Access
from ocpp_link.device.settings import Settings
from ocpp_link.files.config import FilesConfig
from ocpp_link.ports import StationInfo
from ocpp_link.pricing.config import PricingConfig
from ocpp_link.security.config import SecurityConfig
from ocpp_link.wire.frame_log import Level
from ocpp_link.wire.reconnect import BackoffSettings


class FrameLogConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where what crosses the wire is written down, and how much of it."""

    path: Path
    level: Level = Level.ALL
    max_bytes: int = 512 * 1024
    files: int = 3
    hide_tokens: bool = False


class LinkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is started with."""

    url: str
    """Of the CSMS, without the identity."""
    identity: str
    door: Path
    """The core's socket."""
    socket: Path | None = None
    """The link's own; None: it has none."""
    access: Access | None = None
    """Who is what there; None: its own user and root are admins, and nobody else is let in."""
    group: str = ""
    """Of the socket."""
    database: Path
    station: StationInfo
    boot_id: str = "unknown"
    """Of this boot of the computer."""
    sets_clock: bool = False
    """By the back office's time."""
    units: bool = False
    """Whatever needs a privilege is a systemd unit that is started by name (docs/units.md)."""
    basic_auth_key: bytes = b""
    """Password of HTTP Basic, with the identity as user; empty: none is sent."""
    versions: tuple[str, ...] = ("1.6",)
    """Of OCPP, in order of preference."""
    settings: Settings = Settings()
    """In effect until the CSMS changes them."""
    interface: str = ""
    """To go out through: the name of a network interface, or a local IP address."""
    frame_log: FrameLogConfig | None = None
    """None: frames are not written down."""
    files: FilesConfig | None = None
    """None: nothing is fetched or uploaded."""
    backoff: BackoffSettings | None = None
    """Between attempts to connect; None: as the settings have it."""
    pricing: PricingConfig | None = None
    """None: the station shows no prices."""
    security: SecurityConfig = SecurityConfig()
    """Its URL, identity, key and interface are those above."""

    @property
    def secured(self) -> SecurityConfig:
        """All that the engine has to know of how the link is secured."""
        return msgspec.structs.replace(
            self.security,
            url=self.url,
            identity=self.identity,
            key=self.basic_auth_key,
            interface=self.interface,
        )
