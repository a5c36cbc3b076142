"""A whole configuration file, and the tables of the station itself: who it is, what runs ring 1,
and what it keeps on record.

A field without a default must be in the file.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from evse.config.access import AuthorizationTable, DoorTable
from evse.config.energy import LimitsTable, MainsTable
from evse.config.evse import EvseTable
from evse.config.ocpp import OcppTable
from evse.config.rfid import RfidTable
from evse.config.values import Baud, DevicePath, Identity, Label, Table


class StationTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[station]`: who this station is. Lengths are those of the OCPP 1.6 BootNotification."""

    identity: Identity
    """How the back office calls this station; last part of the OCPP URL."""
    vendor: Label = "PiEVSE"
    model: Label = "Pi AC"
    serial: Annotated[
        str, Meta(pattern=r"^[ -~]{0,25}\Z", description="up to 25 printable ASCII characters")
    ] = ""
    fuse_a: Annotated[float, Meta(ge=6, le=1_000)] | None = None
    """Fuse of the supply line per phase, for all EVSEs of the station together. Where it carries
    less than the sum of their `max_current_a`, they share it."""
    fuse_turn_s: Annotated[int, Meta(ge=120, le=86_400)] = 900
    """Where the fuse is too small for 6 A to everybody: how long a turn lasts."""


class BoardTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[board]`: what runs ring 1 (pilot, contactor, interlocks)."""

    kind: Literal["simulated", "serial", "native"]
    port: DevicePath = ""
    baud: Baud = 115_200
    profile: Annotated[
        str,
        Meta(pattern=r"^[^\x00-\x1f\x7f]{0,200}\Z", description="a board profile's name or path"),
    ] = ""
    """Native only: which wire goes where; a name of drivers/board/profiles/, or the path of a file
    of one's own."""
    bench: bool = False
    """Native only: this machine is on a bench without mains."""
    interlock: Annotated[
        str, Meta(pattern=r"^[^\x00-\x1f\x7f]{0,200}\Z", description="one line of text")
    ] = ""
    """Native only: the external device that opens the contactor when the computer fails to."""


class JournalTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[journal]`: the durable record of events (docs/journal.md)."""

    keep_days: Annotated[int, Meta(ge=1, le=3_650)] = 365
    """Events that every consumer has acknowledged; others stay a year at least."""
    max_mb: Annotated[int, Meta(ge=8, le=4_096)] = 128
    """Beyond it the oldest events go, whoever has read them."""


class SessionLogTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[session_log]`: a folder a session with what happened, line by line (docs/journal.md)."""

    enabled: bool = False
    directory: DevicePath = ""
    """Left out, `sessions` in the state directory."""
    html: bool = True
    """Beside the CSV file, a page to look at, once the session has ended."""
    keep_days: Annotated[int, Meta(ge=1, le=3_650)] = 365


class StationConfig(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole configuration file; valid by itself and across its tables."""

    station: StationTable
    board: BoardTable
    evses: Annotated[tuple[EvseTable, ...], Meta(min_length=1, max_length=8)] = msgspec.field(
        name="evse"
    )
    authorization: AuthorizationTable
    ocpp: OcppTable | None = None
    limits: LimitsTable = LimitsTable()
    mains: MainsTable | None = None
    rfid: Annotated[tuple[RfidTable, ...], Meta(max_length=8)] = ()
    journal: JournalTable = JournalTable()
    session_log: SessionLogTable = SessionLogTable()
    door: DoorTable = DoorTable()
