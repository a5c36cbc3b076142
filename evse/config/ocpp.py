"""The back office's table in the configuration file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from evse.config.files import FilesTable
from evse.config.security import SecurityTable
from evse.config.values import DevicePath, Table


class FrameLogTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[ocpp.frame_log]`: what crosses the wire, for `evse ocpp log`. Secrets are never in it."""

    level: Literal["off", "errors", "all"] = "all"
    file_kb: Annotated[int, Meta(ge=16, le=100_000)] = 512
    files: Annotated[int, Meta(ge=1, le=20)] = 3
    """Of `file_kb` each; the oldest is given up for a new one."""
    hide_tokens: bool = False
    """Who charged is not told, either."""


class PricingTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[ocpp.pricing]`: a display follows `pricing.*` at the link's door. Left out, the
    back office is told that there is none."""

    languages: Annotated[
        tuple[
            Annotated[
                str,
                Meta(
                    pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}\Z",
                    description='a language tag such as "en" or "de-AT"',
                ),
            ],
            ...,
        ],
        Meta(max_length=20),
    ] = ()
    """That it shows price texts in."""


class OcppTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[ocpp]`: the back office."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^wss?://[^\s/@?#\"]+(/[^\s@?#\"]*)?\Z",
            max_length=512,
            description="ws:// or wss://, a host, and no user name, query or fragment",
        ),
    ]
    """Without the identity, which is appended."""
    identity: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9*\-_=+|@.]{0,48}\Z", description="as [station] identity")
    ] = ""
    """Left out, that of `[station]`; never empty once loaded."""
    versions: Annotated[tuple[Literal["1.6", "2.0.1"], ...], Meta(min_length=1)] = ("1.6",)
    """In order of preference."""
    ping_interval_s: Annotated[int, Meta(ge=0, le=3_600)] = 30
    """First value of WebSocketPingInterval; 0 = no pings. Less than the read deadline of 60 s that
    back offices use: a ping each 60 s beside it makes the connection flap."""
    basic_auth_key_file: DevicePath = ""
    """Names a file that holds the AuthorizationKey and nothing else."""
    security: SecurityTable = SecurityTable()
    interface: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9._:@-]{0,45}\Z",
            description='a network interface, such as "wwan0", or a local IP address',
        ),
    ] = ""
    """To go out through; empty: as the system routes."""
    sets_clock: bool = False
    """Set the computer's clock by what the back office tells. For a computer that has no other
    source of time; needs CAP_SYS_TIME. Without it only what is told is corrected."""
    frame_log: FrameLogTable = FrameLogTable()
    pricing: PricingTable | None = None
    files: FilesTable = FilesTable()
