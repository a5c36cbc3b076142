"""An EVSE's tables in the configuration file: `[[evse]]` and those inside it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from evse.config.values import Baud, DevicePath, EvseId, Milliseconds, Table


class MeterTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[evse.meter]`: the billing meter. Line settings that are left out are the model's own."""

    kind: Literal["modbus", "none"] = "none"
    model: Annotated[
        str, Meta(pattern=r"^[a-z0-9_]{1,40}\Z", description="a name of drivers/metering/meters/")
    ] = "sdm630"
    port: DevicePath = ""
    unit: Annotated[int, Meta(ge=1, le=247)] = 1
    """Modbus address (Modbus over serial line 1.02, 2.2)."""
    signed: bool = False
    """The meter signs the begin and the end of each transaction (OCMF), with its own key."""
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
    timing: dict[str, Milliseconds] = msgspec.field(default_factory=dict)
    """Sparse changes of the guard's times, for tests on a simulated board."""
