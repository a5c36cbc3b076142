"""The shape of a station's configuration file: one struct a table, units in the names of the keys.

A field without a default must be in the file. Ranges and allowed values stand in the types, so
that the reader, its error messages and the documentation all take them from here.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Milliseconds = Annotated[int, Meta(ge=1, le=600_000)]

Identity = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9*\-_=+|@.]{1,48}\Z",
        description="1 to 48 of A-Z a-z 0-9 * - _ = + | @ .",
    ),
]
"""OCPP 2.0.1 identifierString, without the colon that HTTP Basic authentication cannot carry."""

EvseId = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9][A-Z0-9*]{0,30}\Z",
        description="an EVSE ID of ISO 15118-2 Annex H, such as DE*PNX*E1234567*1",
    ),
]

TokenValue = Annotated[
    str, Meta(pattern=r"^[!-~]{1,36}\Z", description="1 to 36 printable ASCII characters")
]
"""OCPP 2.0.1 IdToken.idToken."""

Label = Annotated[
    str, Meta(pattern=r"^[ -~]{1,20}\Z", description="1 to 20 printable ASCII characters")
]

DevicePath = Annotated[
    str,
    Meta(
        pattern=r"^(/[^\x00-\x1f\x7f]{1,250})?\Z",
        description='an absolute path, such as "/dev/ttyS0" or "/var/lib/pievse"',
    ),
]

Baud = Annotated[int, Meta(ge=1_200, le=4_000_000)]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""


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
    bench: bool = False
    """Native only: this machine is on a bench without mains."""
    interlock: Annotated[
        str, Meta(pattern=r"^[^\x00-\x1f\x7f]{0,200}\Z", description="one line of text")
    ] = ""
    """Native only: the external device that opens the contactor when the computer fails to."""


class MeterTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[evse.meter]`: the billing meter. Line settings that are left out are the model's own."""

    kind: Literal["modbus", "none"] = "none"
    model: Annotated[
        str, Meta(pattern=r"^[a-z0-9_]{1,40}\Z", description="a name of drivers/meters/")
    ] = "sdm630"
    port: DevicePath = ""
    unit: Annotated[int, Meta(ge=1, le=247)] = 1
    """Modbus address (Modbus over serial line 1.02, 2.2)."""
    baud: Baud | None = None
    parity: Literal["N", "E", "O"] | None = None
    stop_bits: Literal[1, 2] | None = None
    timeout_ms: Annotated[int, Meta(ge=50, le=5_000)] = 500
    """Longest wait for one answer."""
    poll_ms: Annotated[int, Meta(ge=100, le=60_000)] = 1_000
    stale_ms: Milliseconds = 5_000
    """A reading of this age is marked stale."""
    lost_ms: Milliseconds = 10_000
    """At this age the meter counts as lost."""


class PhaseSwitchTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[evse.phase_switch]`: one and three phases during a session (spec evse-core C7). Off by
    default: some cars are damaged by a switch from one phase to three."""

    mode: Literal["never", "oneway", "both"] = "never"
    """`oneway`: from three phases to one within a session, and never back."""
    delay_s: Annotated[int, Meta(ge=5, le=600)] = 10
    """How long the pilot is at X1 (or F) before the contact moves."""
    pilot: Literal["X1", "F"] = "X1"
    max_per_session: Annotated[int, Meta(ge=0, le=1_000)] = 0
    """0 = any number."""
    automatic_after_s: Annotated[int, Meta(ge=60, le=86_400)] = 600
    """At least this between two switches that a limit on the phases asks for."""


class OverCurrentTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[evse.over_current]`: a car that takes more than it is offered (spec evse-core C5)."""

    tolerance_percent: Annotated[float, Meta(ge=0, le=50)] = 10.0
    noise_a: Annotated[float, Meta(ge=0, le=5)] = 0.5
    timeout_ms: Annotated[int, Meta(ge=6_000, le=60_000)] = 7_000


class DeratingPoint(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[evse.derating]]`: from `at_c` up only `factor` of `max_current_a`, until `leave_c`."""

    at_c: Annotated[float, Meta(ge=-40, le=150)]
    factor: Annotated[float, Meta(ge=0, lt=1)]
    leave_c: Annotated[float, Meta(ge=-40, le=150)]


class VoltageTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[evse.voltage]`: the mains that may be charged on, as the meter reads them. Clauses of the
    defaults: evse/clauses.toml, [supply]."""

    low_percent: Annotated[float, Meta(ge=1, le=60)] = 15.0
    """Below the nominal voltage."""
    high_percent: Annotated[float, Meta(ge=1, le=30)] = 15.0
    dwell_ms: Milliseconds = 3_000
    """How long a voltage must be outside, and inside again, before it counts."""


class LockTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[evse.lock]`: the connector lock of a socket."""

    unlock_after_stop: bool = True
    """Unlock once a transaction has stopped and the contactor is confirmed open; else at unplug."""


class EvseTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[evse]]`: one EVSE with its one connector."""

    id: Annotated[int, Meta(ge=1, le=128)]
    """1-based; the EVSEs of a station are numbered without a gap, in the order of the file."""
    evse_id: EvseId
    connector: Literal["socket", "cable"]
    max_current_a: Annotated[float, Meta(ge=6, le=80)]
    """Rating of the hardware per phase (IEC 61851-1 Annex A offers 6 to 80 A)."""
    phases: Literal[1, 3] = 3
    nominal_voltage_v: Annotated[float, Meta(ge=100, le=300)] = 230.0
    """Between phase and neutral; turns watts into amps."""
    ventilation: bool = False
    """The site is ventilated: a car that asks for it (state D) may be charged."""
    connector_type: Literal["auto", "cType1", "cType2", "cTesla", "sType2", "sType3"] = "auto"
    """OCPP ConnectorTypeEnum; `auto` becomes cType2 or sType2."""
    phase_rotation: Literal["RST", "RTS", "SRT", "STR", "TRS", "TSR", "unknown"] = "RST"
    """Lines of the supply that L1, L2 and L3 of this EVSE are wired to (OCPP
    ConnectorPhaseRotation); for sharing a fuse. An unknown one counts on every line."""
    wake_up: bool = True
    """A car that does not answer the offer for 30 s gets one pulse of state F (IEC 61851-1
    A.5.3). Some old hybrids latch a fault on it."""
    fault_pulse_ms: Annotated[int, Meta(ge=0, le=5_000)] = 300
    """State F after a fault while charging; 0 = never (IEC 61851-1 Table A.5)."""
    fail_on_meter_errors: bool = True
    """No charging without a billing meter that answers and counts what can be."""
    raise_mrec9: bool = False
    """Nobody authorized the car in time: a fault too, beside the event. Leave it off with OCPP
    1.6, where a fault takes the connector out of order (spec evse-core E)."""
    meter: MeterTable = MeterTable()
    voltage: VoltageTable = VoltageTable()
    phase_switch: PhaseSwitchTable = PhaseSwitchTable()
    over_current: OverCurrentTable = OverCurrentTable()
    derating: tuple[DeratingPoint, ...] = ()
    """Left out: half at 65 C, a quarter at 68 C, nothing at 71 C, where the board tells its
    temperature."""
    lock: LockTable | None = None
    """Never None for a socket once loaded."""
    timing: dict[str, Milliseconds] = {}
    """Sparse changes of the guard's times, for tests on a simulated board."""


class AuthorizationTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[authorization]`: who may charge."""

    mode: Literal["free", "list", "ocpp", "door"]
    """`free`: everybody. `list`: `tokens` alone. `ocpp`: `tokens`, then the back office. `door`:
    `tokens`, then whoever provides `auth_token_validator` at the door."""
    tokens: tuple[TokenValue, ...] = ()
    """Good without asking anybody; compared without regard to case."""
    selection: Literal["FindFirst", "PlugEvents", "PlugEventsLIFO", "UserInput"] = "FindFirst"
    """Which of several EVSEs a token is for: the first with a waiting car, else the first free
    one; the car that came first; the car that came last; the one that somebody chooses."""
    connection_timeout_s: Annotated[int, Meta(ge=10, le=300)] = 60
    """An authorization lapses when no car comes for so long; first value of OCPP's
    ConnectionTimeOut."""
    plug_in_timeout: bool = False
    """With several EVSEs: a car without a token for as long is passed over from then on, except by
    a token that names its EVSE alone."""
    stop_on_reswipe: bool = True
    """The token of a transaction, presented again, ends it."""
    prioritize_authorization_over_stopping_transaction: bool = True
    """A token of the group of a running transaction starts another one while an EVSE is free, and
    ends that one only where none is. False: it ends that one."""
    ignore_faults: bool = False
    """Let a token have an EVSE that is faulted; it charges once the fault is gone."""
    master_pass_group_id: Annotated[str, Meta(max_length=36)] = ""
    """Tokens of this group end any transaction and start none; empty = there is none."""


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
    versions: Annotated[tuple[Literal["1.6"], ...], Meta(min_length=1)] = ("1.6",)
    """In order of preference."""
    ping_interval_s: Annotated[int, Meta(ge=0, le=3_600)] = 30
    """First value of WebSocketPingInterval; 0 = no pings. Less than the read deadline of 60 s that
    back offices use: a ping each 60 s beside it makes the connection flap."""
    basic_auth_key_file: DevicePath = ""
    """Names a file that holds the AuthorizationKey and nothing else."""


class RandomDelayTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[limits.random_delay]`: UK SI 2021/1467 regulation 11."""

    enabled: bool = False
    max_s: Annotated[int, Meta(ge=0, le=1_800)] = 600
    at_any_change: bool = True
    """False: only where the current starts or stops to flow."""


class LimitsTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[limits]`: limits that hold without a back office."""

    default_a: Annotated[float, Meta(ge=0, le=80)] | None = None
    """Local limit per EVSE and phase; below 6 A charging pauses."""
    ramp_a_per_s: Annotated[float, Meta(gt=0, le=80)] | None = None
    """Fastest rise of an offer; left out, at once."""
    resume_margin_a: Annotated[float, Meta(ge=0, le=10)] = 0.5
    """After a measured limit paused charging: it goes on from 6 A and this on ..."""
    resume_dwell_s: Annotated[int, Meta(ge=0, le=3_600)] = 60
    """... for so long ..."""
    resume_steady_s: Annotated[int, Meta(ge=0, le=7_200)] = 300
    """... or from 6 A for so long."""
    random_delay: RandomDelayTable = RandomDelayTable()


class MainsTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[mains]`: a meter at the supply of the whole site, for load balancing (spec hardware 2.1).
    It measures the EVSEs and everybody else on their lines."""

    mode: Literal["smart", "solar"] = "smart"
    max_mains_a: Annotated[float, Meta(ge=6, le=1_000)]
    """Per phase, for the site."""
    max_sum_a: Annotated[float, Meta(ge=6, le=3_000)] | None = None
    """Contracted sum of the three phases."""
    fallback_a: Annotated[float, Meta(ge=0, le=1_000)] = 0.0
    """What all EVSEs together may take per phase while the meter is lost; below 6 A they pause."""
    solar_import_a: Annotated[float, Meta(ge=0, le=100)] = 0.0
    """Sum of the phases that may be bought while charging from the sun."""
    solar_start_a: Annotated[float, Meta(ge=0, le=100)] = 4.0
    """Sum of the phases that must flow out before a car starts."""
    solar_stop_s: Annotated[int, Meta(ge=0, le=86_400)] = 600
    """How long a shortage of sun lasts before charging pauses."""
    meter: MeterTable


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


PosixName = Annotated[
    str,
    Meta(
        pattern=r"^@?[A-Za-z0-9_][A-Za-z0-9_.\-]{0,31}\Z",
        description="a user's name or number, or a group's after an @, such as \"@pievse-admin\"",
    ),
]


class DoorTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[door]`: who may ask what of the station, by user or group (docs/interface.md, Roles).
    Beside those named here, root and the user that runs the core are admins; whoever has no role
    is not let in."""

    group: Annotated[
        str, Meta(pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.\-]{0,31})?\Z", description="a group")
    ] = ""
    """Its members may open the socket at all. Left out, the group that the core runs in."""
    admins: tuple[PosixName, ...] = ("@pievse-admin",)
    technicians: tuple[PosixName, ...] = ("@pievse-technician",)
    ocpp: tuple[PosixName, ...] = ("pievse-ocpp",)
    """Whoever is named here is never more than this."""
    providers: tuple[PosixName, ...] = ("@pievse-provider",)
    observers: tuple[PosixName, ...] = ("@pievse-observer",)


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
    journal: JournalTable = JournalTable()
    session_log: SessionLogTable = SessionLogTable()
    door: DoorTable = DoorTable()
