"""Which meter a command means: named by its model and port, or taken from a configuration."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from drivers.errors import MeterMapError, MeterUnreachable
from drivers.metering.bus import ModbusBus
from drivers.metering.catalogue import load_map
from drivers.metering.doctor import Diagnosis
from drivers.metering.map import Line, MeterMap
from drivers.metering.settings import line_settings
from drivers.metering.signs import Sign
from evse.cli.bounds import whole
from evse.cli.places import asked_by_default, load_or_explain, somebody_at
from evse.config.evse import MeterTable
from evse.config.meters import fitted

DEFAULT = MeterTable()
BAUD, TIMEOUT = whole(1_200, 4_000_000), whole(20, 5_000)


class NotNamed(ValueError):
    """What was given does not name a meter."""


class Target(msgspec.Struct, frozen=True):
    """One meter on its line."""

    model: str
    meter_map: MeterMap
    port: str
    unit: int
    line: Line
    timeout_ms: int

    @property
    def words(self) -> str:
        return f"{self.meter_map.model}, unit {self.unit} at {self.port} ({self.line.words})"

    def bus(self) -> ModbusBus:
        return ModbusBus(self.port, self.line, timeout_ms=self.timeout_ms)


def add_target(parser: argparse.ArgumentParser) -> None:
    """The options; what is left out is as delivered, or as configured."""
    parser.add_argument("--model", help="a name of `evse meter models`")
    parser.add_argument("--port", help="serial port, /dev/serial/by-id/... or /dev/ttyUSB0")
    parser.add_argument("--unit", type=whole(1, 247), help="Modbus address (default: as delivered)")
    parser.add_argument("--baud", type=BAUD, help="baud rate (default: as delivered)")
    parser.add_argument("--parity", choices=["N", "E", "O"])
    parser.add_argument("--stop-bits", type=int, choices=[1, 2])
    parser.add_argument("--timeout-ms", type=TIMEOUT, help=f"for an answer ({DEFAULT.timeout_ms})")
    parser.add_argument("--config", type=Path, help="take all that from a station.toml")
    parser.add_argument(
        "--evse", default="1", metavar="N", help="whose meter: its number, or mains (1)"
    )


def target_of(arguments: argparse.Namespace) -> Target | None:
    """The meter meant, or None after what is missing was printed."""
    try:
        return _target(arguments)
    except (NotNamed, MeterMapError) as error:
        if str(error):
            print(error, file=sys.stderr)
        return None


def _target(arguments: argparse.Namespace) -> Target:
    table = _configured(arguments)
    named = {
        key: getattr(arguments, key)
        for key in ("model", "port", "baud", "parity", "stop_bits", "timeout_ms")
        if getattr(arguments, key) is not None
    }
    missing = [key for key in ("model", "port") if key not in named]
    if arguments.config is None and missing:
        wanted = " and ".join(f"--{key}" for key in missing)
        raise NotNamed(f"name the meter: {wanted}, or --config station.toml")
    table = msgspec.structs.replace(table, **named)
    if not table.port:
        raise NotNamed("the configuration names no port (its meter is simulated): give --port")
    meter_map = load_map(table.model)
    line = line_settings(table, meter_map)
    unit = arguments.unit or (table.unit if arguments.config else meter_map.delivered.unit)
    if unit is None:
        raise NotNamed(f"the {meter_map.model} has no usual address: give --unit")
    return Target(table.model, meter_map, table.port, unit, line, table.timeout_ms)


def _configured(arguments: argparse.Namespace) -> MeterTable:
    if arguments.config is None:
        return DEFAULT
    config = load_or_explain(arguments.config)
    if config is None:
        raise NotNamed  # why has been printed
    meters = dict(fitted(config))
    if arguments.evse not in meters:
        there = ", ".join(meters) or "none"
        raise NotNamed(f"{arguments.config}: --evse {arguments.evse} has no meter; there: {there}")
    return meters[arguments.evse]


def advice(found: Diagnosis | None) -> str:
    """The doctor's words; where a running station holds the port, how to look instead."""
    if found is None:
        return ""
    if found.sign is Sign.PORT_HELD and somebody_at(asked_by_default()):
        return (
            f"{found.says}: the station is running and reads its meters itself. Look there with "
            "`evse console` (`meter` shows the last reading), or stop it first."
        )
    return found.words


def explain(error: Exception, found: Diagnosis | None) -> None:
    """Print why there is no reading; a port that can not be used is told by its remedy alone."""
    if found is None or not isinstance(error, MeterUnreachable):
        print(error, file=sys.stderr)
    if found is not None:
        arrow = "" if isinstance(error, MeterUnreachable) else "-> "
        print(f"{arrow}{advice(found)}", file=sys.stderr)
