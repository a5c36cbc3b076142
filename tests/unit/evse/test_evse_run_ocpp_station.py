"""What the OCPP process is told of the station's supply, by the configuration."""

from __future__ import annotations

from pathlib import Path

from evse.config.load import parse
from evse.run.ocpp import link_config
from ocpp_link.ports import StationInfo

HEAD = """
[station]
identity = "TEST-1"
fuse_a = 40
[board]
kind = "simulated"
[authorization]
mode = "ocpp"
[ocpp]
url = "ws://127.0.0.1:9/ocpp"
"""
EVSE = """
[[evse]]
id = {n}
evse_id = "DE*PNX*E000{n}*1"
connector = "cable"
max_current_a = 32.0
phases = {phases}
phase_rotation = "{rotation}"
{more}
"""


def told(*evses: str) -> StationInfo:
    config = parse(HEAD + "".join(evses))
    return link_config(config, state_dir=Path(), door=Path("core.sock")).station


def evse(n: int, rotation: str, phases: int = 3, more: str = "") -> str:
    return EVSE.format(n=n, rotation=rotation, phases=phases, more=more)


def test_a_power_for_the_station_is_spread_over_the_lines_that_its_evses_load() -> None:
    assert told(evse(1, "RST"), evse(2, "STR")).lines == 3
    assert told(evse(1, "RST", 1), evse(2, "STR", 1)).lines == 2
    assert told(evse(1, "unknown", 1), evse(2, "unknown", 1)).lines == 1


def test_the_fuse_is_told() -> None:
    assert told(evse(1, "RST"), evse(2, "RST")).fuse_a == 40


def test_9_4_4_phases_are_switched_where_the_configuration_lets_them() -> None:
    """OCPP 1.6 §9.4.4, ConnectorSwitch3to1PhaseSupported."""
    one, two = told(
        evse(1, "RST"), evse(2, "RST", more='[evse.phase_switch]\nmode = "oneway"')
    ).evses
    assert (one.switches_phases, two.switches_phases) == (False, True)
